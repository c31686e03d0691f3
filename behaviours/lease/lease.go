// Package lease holds the one fact that keeps two members from acting at once: until when this member may act.
//
// A lease is written by whoever talks to the leader and read by applications before every act, from any goroutine,
// without a lock and without a message. An unbroken stretch of holding is a Term. A lease that ran out and was granted
// again is a new Term, so whatever was activated under the earlier one can never act again, however late it wakes up.
//
// It promises nothing about other members' clocks: the leader waits for the lease and a margin on its own clock, and
// only the rates of the two clocks have to agree. The clock is Go's monotonic one; on Linux it stands still while the
// whole machine is suspended, and a suspended machine must therefore be fenced by other means.
package lease

import (
	"sync/atomic"
	"time"
)

// A Term counts unbroken holdings of one lease. It never decreases; zero is held by nobody.
type Term uint64

type holding struct {
	term   Term
	until  time.Time
	lapsed bool // somebody has seen the end
}

// A Lease is one member's permission to act. The zero value has never been granted. One goroutine extends it, any read it.
type Lease struct {
	held atomic.Pointer[holding]
}

// Extend moves the end of the lease to until, never backwards, and returns the term that is held then. It begins a new
// term when the earlier one had ended by now, or when somebody has seen its end. An end that has passed grants nothing.
func (l *Lease) Extend(now, until time.Time) Term {
	for {
		seen := l.held.Load()
		was := seen
		if was == nil {
			was = &holding{}
		}
		if !until.After(now) || !until.After(was.until) {
			return was.term
		}
		next := &holding{term: was.term, until: until}
		if was.lapsed || !now.Before(was.until) {
			next.term++
		}
		if l.held.CompareAndSwap(seen, next) {
			return next.term
		}
	}
}

// Current returns the latest term and when it ends or ended. Both are zero for a lease that was never granted.
func (l *Lease) Current() (Term, time.Time) {
	held := l.held.Load()
	if held == nil {
		return 0, time.Time{}
	}
	return held.term, held.until
}

// Holds says whether what was activated under term may still act at this instant. Once it has said no to a term that
// was granted it never says yes to it again.
func (l *Lease) Holds(term Term) bool { return l.holdsAt(term, time.Now()) }

func (l *Lease) holdsAt(term Term, now time.Time) bool {
	for {
		held := l.held.Load()
		if held == nil || term == 0 || held.term != term || held.lapsed {
			return false
		}
		if now.Before(held.until) {
			return true
		}
		// The writer may have read the clock before this end and be about to extend it. It must not, now that the end was
		// seen. If it was quicker than this mark, look again.
		if l.held.CompareAndSwap(held, &holding{term: held.term, until: held.until, lapsed: true}) {
			return false
		}
	}
}
