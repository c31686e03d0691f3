// Package lease holds the one fact that keeps two members from acting at once: until when this member may act.
//
// A lease is written by whoever talks to the leader and read by applications before every act, from any goroutine,
// without a lock and without a message. An unbroken stretch of holding is a Term. A lease that ran out and was granted
// again is a new Term, so whatever was activated under the earlier one can never act again, however late it wakes up.
//
// It promises nothing about other members' clocks: the leader waits for the lease and a margin on its own clock, and
// only the rates of the two clocks have to agree.
//
// The clock is Go's monotonic one, which stands still on Linux while the whole machine is suspended, so that the rest of
// a lease is still there when the machine wakes. NoticeSuspend ends such a lease. Holds reads no other clock than the
// monotonic one, so between the waking and the next NoticeSuspend it still says yes.
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
	slept  time.Duration // how long the machine had been suspended when the member asked for it
	lapsed bool          // somebody has seen the end
}

// A Lease is one member's permission to act. The zero value has never been granted, and notices no suspend. One goroutine
// extends it, any read it.
type Lease struct {
	held      atomic.Pointer[holding]
	suspended func() time.Duration // nil: nobody looks
	allowed   time.Duration
}

// New returns a lease that was never granted. Suspended tells for how long the machine has been suspended in all, as
// Suspended of this package does. A lease ends when this has grown by more than allowed since the member asked for it.
func New(suspended func() time.Duration, allowed time.Duration) *Lease {
	return &Lease{suspended: suspended, allowed: allowed}
}

// Extend is Grant to a member that asks now.
func (l *Lease) Extend(now, until time.Time) Term {
	var slept time.Duration
	if l.suspended != nil {
		slept = l.suspended()
	}
	return l.Grant(now, until, slept)
}

// Grant moves the end of the lease to until, never backwards, and returns the term that is held then. It begins a new
// term when the earlier one had ended by now, or when somebody has seen its end. An end that has passed grants nothing.
// Slept is how long the machine had been suspended when the member asked for this, or less.
func (l *Lease) Grant(now, until time.Time, slept time.Duration) Term {
	for {
		seen := l.held.Load()
		was := seen
		if was == nil {
			was = &holding{}
		}
		if !until.After(now) || !until.After(was.until) {
			return was.term
		}
		next := &holding{term: was.term, until: until, slept: slept}
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
func (l *Lease) Holds(term Term) bool { return l.holds(term, time.Now) }

// holds reads the clock last. Whoever is held up between the two reads then hears that the lease has ended, if it has.
func (l *Lease) holds(term Term, clock func() time.Time) bool {
	for {
		held := l.held.Load()
		if held == nil || term == 0 || held.term != term || held.lapsed {
			return false
		}
		if clock().Before(held.until) {
			return true
		}
		// The writer may have read the clock before this end and be about to extend it. It must not, now that the end was
		// seen. If it was quicker than this mark, look again.
		if l.held.CompareAndSwap(held, held.ended()) {
			return false
		}
	}
}

// NoticeSuspend ends the term that is held if the machine has been suspended since it was granted, and says whether it
// did so. It takes two or three system calls. Whoever is about to do what cannot be undone calls it before Holds.
func (l *Lease) NoticeSuspend() bool {
	if l.suspended == nil {
		return false
	}
	for {
		held := l.held.Load() // before the clock, so that a grant from after the suspend is not ended by it
		if held == nil || held.lapsed || l.suspended()-held.slept <= l.allowed {
			return false
		}
		if l.held.CompareAndSwap(held, held.ended()) {
			return true
		}
	}
}

// Lapse ends the term that is held. What is granted later is another term.
func (l *Lease) Lapse() {
	for {
		held := l.held.Load()
		if held == nil || held.lapsed || l.held.CompareAndSwap(held, held.ended()) {
			return
		}
	}
}

func (h *holding) ended() *holding {
	end := *h
	end.lapsed = true
	return &end
}
