package genleader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// patience is how long a call waits whose context has no deadline.
const patience = 5 * time.Second

type readMessage struct {
	seq    uint64
	answer chan outcome
}

// ReadIndex returns an index of the log such that a member which has applied it reads linearizably: it sees everything
// that was acknowledged to anybody before the call began. Any member may ask; WaitApplied then waits for the index here.
// It costs the leader one exchange with a majority, which all that ask at the same time share.
//
// ErrNoLeader means that no leader could prove before the deadline that it still leads; ErrBehind that one could, and this
// member has not applied the log so far yet; ErrNotAsked that ctx had ended before; ErrOverloaded that too many wait for
// this group's turn; ErrStopped that the group has ended here.
// A context without a deadline gets one of five seconds. What ended ctx is wrapped too.
func (g *Group) ReadIndex(ctx context.Context) (uint64, error) {
	if err := notEnded(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	w := g.waiterFor(ctx)
	defer w.timer.Stop()
	read := readMessage{seq: g.seq.Add(1), answer: w.answer}
	if err := g.ask(read); err != nil {
		return 0, err
	}
	out := g.await(ctx, read.seq, w, outcome{err: ErrNoLeader})
	if errors.Is(out.err, ErrStopped) {
		return 0, ErrStopped
	}
	if out.err != nil {
		deadline, _ := ctx.Deadline()
		return 0, withCause(ctx, deadline, out.err)
	}
	return out.index, nil
}

// overtime is a grace period after a caller's deadline, in which the group may still report the outcome.
const overtime = 50 * time.Millisecond

// await blocks until request seq is answered. When ctx ends first, await cancels the request, and returns the outcome
// that the group reports. If a callback keeps the group from reporting within overtime, await returns late. If the
// group has ended, it returns ErrStopped. A leader call that the group has not taken yet was never asked: await returns
// ErrNoLeader.
func (g *Group) await(ctx context.Context, seq uint64, w *waiting, late outcome) outcome {
	late.late = true
	select {
	case out := <-w.answer:
		return out
	case <-w.timer.C: // ctx does not end
		if g.arrivals.withdraw(seq) {
			return outcome{err: ErrNoLeader}
		}
		g.tell(abandoned{seq: seq})
		return late
	case <-g.gone:
	case <-ctx.Done():
		if g.arrivals.withdraw(seq) {
			return outcome{err: ErrNoLeader}
		}
		g.tell(abandoned{seq: seq})
		w.timer.Reset(overtime)
		select {
		case out := <-w.answer:
			return out
		case <-w.timer.C:
			return late
		case <-g.gone:
		}
	}
	select {
	case out := <-w.answer:
		return out
	default:
		return outcome{err: ErrStopped, late: !g.arrivals.withdraw(seq)}
	}
}

func withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, patience)
}

// WaitApplied returns once this member has applied the log up to index. It fails with ErrBehind when ctx ends first, and
// with ErrStopped when the group does. A context without a deadline gets one of five seconds.
func (g *Group) WaitApplied(ctx context.Context, index uint64) error {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	reached, forget := g.progress.await(index)
	if reached == nil {
		return nil
	}
	defer forget()
	select {
	case <-reached:
		return nil
	case <-g.gone:
		return ErrStopped
	case <-ctx.Done():
		return fmt.Errorf("%w: entry %d, of which it has %d (%w)", ErrBehind, index, g.Applied(), context.Cause(ctx))
	}
}

// Applied is the index of the last that this member has applied of the log, of any kind; whatever FromLeader did with it
// and with everything before has been done. It never falls. Indexes count each broadcast, and everything else that is in
// the log; they are no less than raft's own, which Inspect tells.
func (g *Group) Applied() uint64 { return g.progress.applied.Load() }

// FreshAsOf is an instant of this process's clock: everything that was acknowledged to anybody before it is applied
// here. It moves with the leader's heartbeats and stands still without a leader that has a majority. It is zero if
// nothing is known yet.
func (g *Group) FreshAsOf() time.Time {
	if asOf := g.progress.fresh.Load(); asOf != nil {
		return *asOf
	}
	return time.Time{}
}

// progress is how far this member has applied the log, for readers of any goroutine.
type progress struct {
	applied atomic.Uint64
	fresh   atomic.Pointer[time.Time]
	waiters atomic.Int64 // length of waiting, which the one that applies looks at without the lock

	mu      sync.Mutex
	waiting []*waiter
}

type waiter struct {
	index   uint64
	reached chan struct{}
}

func (p *progress) freshen(asOf time.Time) { p.fresh.Store(&asOf) }

func (p *progress) advance(index uint64) {
	if index <= p.applied.Load() {
		return
	}
	p.applied.Store(index)
	if p.waiters.Load() == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = slices.DeleteFunc(p.waiting, func(w *waiter) bool {
		if w.index <= index {
			close(w.reached)
		}
		return w.index <= index
	})
	p.waiters.Store(int64(len(p.waiting)))
}

// await returns a channel that is closed when index is applied, and what to do when nobody waits for it any more; no
// channel if it is applied already.
func (p *progress) await(index uint64) (reached <-chan struct{}, forget func()) {
	if p.applied.Load() >= index {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &waiter{index: index, reached: make(chan struct{})}
	p.waiting = append(p.waiting, w)
	p.waiters.Store(int64(len(p.waiting)))
	if p.applied.Load() >= index { // advance may not have seen that somebody waits
		p.waiting = p.waiting[:len(p.waiting)-1]
		p.waiters.Store(int64(len(p.waiting)))
		return nil, nil
	}
	return w.reached, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiting = slices.DeleteFunc(p.waiting, func(other *waiter) bool { return other == w })
		p.waiters.Store(int64(len(p.waiting)))
	}
}
