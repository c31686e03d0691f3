package gdict

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

const (
	// An attempt gets half of the time that is left, so that there is another one if it went wrong: but not less than
	// minAttempt, and not more than maxAttempt.
	minAttempt = 200 * time.Millisecond
	maxAttempt = DefaultTimeout
	// pauseBefore is the time before the second attempt; it doubles up to maxPause.
	pauseBefore = 5 * time.Millisecond
	maxPause    = 200 * time.Millisecond
)

// A writer gives each write of a Dict its place in a session, so that it can be repeated and is done once.
type writer struct {
	mu      sync.Mutex
	caller  Caller // nil before attach
	current *clientSession
}

// A clientSession is the caller's side of one session: its id, and which of its writes are acknowledged, that is, will
// not be repeated.
type clientSession struct {
	mu           sync.Mutex
	caller       Caller
	id           uint64
	born         uint64
	next         uint64 // the first write that was not begun
	acknowledged uint64 // all before it are acknowledged
	ahead        [sessionWindow / 64]uint64
}

func (w *writer) attach(caller Caller) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.caller, w.current = caller, nil
}

// take begins a write. If there is no session, or if it has no room because one of its writes takes very long, take
// begins another one. rev is a past revision: the session did not exist before it.
func (w *writer) take(rev uint64) (*clientSession, requestID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.caller == nil {
		return nil, requestID{}, ErrNotAttached
	}
	if w.current != nil {
		if t, ok := w.current.take(); ok {
			return w.current, t, nil
		}
	}
	w.current = &clientSession{caller: w.caller, id: rand.Uint64() | 1, born: rev, next: 1, acknowledged: 1} // an id is not zero
	t, _ := w.current.take()
	return w.current, t, nil
}

// drop begins no more writes in a session that is gone.
func (w *writer) drop(gone *clientSession) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == gone {
		w.current = nil
	}
}

func (c *clientSession) take() (requestID, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next-c.acknowledged >= sessionWindow {
		return requestID{}, false
	}
	t := requestID{session: c.id, seq: c.next, acknowledged: c.acknowledged, born: c.born}
	c.next++
	return t, true
}

// acknowledge says that seq will not be repeated.
func (c *clientSession) acknowledge(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if seq < c.acknowledged {
		return
	}
	c.ahead[seq%sessionWindow/64] |= 1 << (seq % 64)
	for c.acknowledged < c.next {
		word, bit := &c.ahead[c.acknowledged%sessionWindow/64], uint64(1)<<(c.acknowledged%64)
		if *word&bit == 0 {
			return
		}
		*word &^= bit
		c.acknowledged++
	}
}

// pending is one write on its way.
type pending struct {
	session   *clientSession
	requestID requestID
	what      op // for errors
	request   []byte
	term      uint64 // in which alone it may be done; zero: any
	open      bool   // an attempt was made of which nobody knows whether it did anything
}

// send brings the write to the leader, again and again until there is an answer, ctx ends or the time has come.
func (p *pending) send(ctx context.Context, end time.Time) (result, error) {
	pause := pauseBefore
	for {
		done, again, err := p.attempt(ctx, end)
		switch {
		case again && waits(ctx, end, pause):
			pause = min(2*pause, maxPause)
			continue
		case err == nil && done.err == nil:
			p.session.acknowledge(p.requestID.seq)
			return done, nil
		case err == nil && !p.open, err == nil && !done.unlogged && !errors.Is(done.err, ErrSessionExpired):
			p.session.acknowledge(p.requestID.seq)
			return result{}, done.err // decided, also if an earlier attempt did so
		case err == nil:
			err = done.err
		case !p.open:
			p.session.acknowledge(p.requestID.seq)
			return result{}, fmt.Errorf("gdict: %v: %w", p.what, err)
		}
		return result{}, &UncertainError{write: *p, err: err, cause: endedBy(ctx, end)}
	}
}

// attempt sends the write once. It says whether it should be sent again if there is time: it got no answer.
func (p *pending) attempt(ctx context.Context, end time.Time) (done result, again bool, err error) {
	now := time.Now() // and not end less what is left: end may lie further ahead than any duration is long
	left := end.Sub(now)
	mine := now.Add(min(max(left/2, min(left, minAttempt)), maxAttempt))
	answer, err := p.session.caller.LeaderCallWithin(ctx, genleader.Bounds{Until: mine, Term: p.term}, p.request)
	switch {
	case err == nil:
		if done, err = decodeReply(answer); err != nil {
			p.open = true
		}
		return done, false, err
	case errors.Is(err, genleader.ErrUncertain):
		p.open = true
		return result{}, !errors.Is(err, genleader.ErrStopped), err
	default:
		// Nothing was done. It is worth another attempt only if it was this one's time that had ended.
		return result{}, errors.Is(err, genleader.ErrNoLeader) && !time.Now().Before(mine), err
	}
}

// waits pauses, and tells whether there is still time.
func waits(ctx context.Context, end time.Time, pause time.Duration) bool {
	if ctx.Err() != nil || time.Until(end) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// inTime returns an error if there is no time left to begin anything in.
func inTime(ctx context.Context, end time.Time) error {
	if cause := endedBy(ctx, end); cause != nil {
		return fmt.Errorf("the context had ended before it began, and nothing was done: %w", cause)
	}
	return nil
}

// endedBy returns what has ended ctx or the time until end, or nil.
func endedBy(ctx context.Context, end time.Time) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !time.Now().Before(end) {
		return context.DeadlineExceeded
	}
	return nil
}

// deadline is until when a write may take: as long as ctx says, or DefaultTimeout.
func deadline(ctx context.Context) time.Time {
	if end, bounded := ctx.Deadline(); bounded {
		return end
	}
	return time.Now().Add(DefaultTimeout)
}

// An UncertainError says that a write had no answer before its context ended: it may have been done or not. It wraps
// genleader.ErrUncertain and what ended the wait. It is also the way to go on: see Retry.
type UncertainError struct {
	write pending
	err   error // of the last attempt
	cause error // what had ended the wait; nil if the last attempt did
}

func (e *UncertainError) Error() string {
	if e.openItself() {
		return fmt.Sprintf("gdict: %v: it may have been done or not: %v", e.write.what, e.err)
	}
	return fmt.Sprintf("gdict: %v: an earlier attempt may have been done, the last one was not: %v", e.write.what, e.err)
}

// Unwrap returns genleader.ErrUncertain and what ended the last attempt or the wait.
func (e *UncertainError) Unwrap() []error {
	switch {
	case e.openItself():
		return []error{genleader.ErrUncertain, e.err}
	case e.cause != nil:
		return []error{genleader.ErrUncertain, e.cause}
	default:
		return []error{genleader.ErrUncertain}
	}
}

// openItself tells whether the last attempt's own error leaves open what was done. If not, that attempt did nothing, but
// an earlier one may have: then nobody must find its error and believe that nothing was done at all.
func (e *UncertainError) openItself() bool {
	return errors.Is(e.err, genleader.ErrUncertain) || errors.Is(e.err, ErrSessionExpired) || errors.Is(e.err, ErrBadReply)
}

// Retry sends the same write again, until ctx ends. It is done once, however often it is sent: if an earlier attempt was
// done, Retry returns what that one came to. A write that is no transaction is returned as one of one operation; its
// error is the write's own. If the answer is uncertain again, Retry may be called again. It may be called from any
// goroutine.
//
// What was decided is kept only for some time: while no more than MaxSessions other dictionaries write, and 64 KiB of
// replies have not come since. After that the error wraps ErrSessionExpired, and ErrUncertain: it is not known whether
// the write was done, but this attempt did not do it.
func (e *UncertainError) Retry(ctx context.Context) (TxnResult, error) {
	again, end := e.write, deadline(ctx)
	if err := inTime(ctx, end); err != nil {
		return TxnResult{}, &UncertainError{write: again, err: err, cause: endedBy(ctx, end)}
	}
	done, err := again.send(ctx, end)
	if err != nil {
		return TxnResult{}, err
	}
	return txnResult(done), nil
}
