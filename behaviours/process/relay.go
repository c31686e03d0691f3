package process

import (
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A waiter is whom a relay stands for.
type waiter interface {
	answered(out outcome) bool // at most once; says whether the answer was taken
	expired()                  // instead: its time is over
	closed(r *relay)           // in any case: the relay waits no more
}

// A relay waits for the answer to one call in the place of somebody who does not stand still for it: an actor that asked,
// or a caller on another member.
type relay struct {
	plane  *plane
	port   *Port // set if the target is on another member
	ref    Ref   // of the call
	waiter waiter
	to     *actor.PID
	proc   actor.Process // the target; nil if it is on another member
	me     *actor.PID    // for a target that is a plain actor

	probes bool // it is an inspection
	open   atomic.Bool

	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration // how long it waits, from when timer was made
}

var (
	_ actor.Process = (*relay)(nil)
	_ caller        = (*relay)(nil)
)

// newRelay returns an open relay for a target of this system. Arm it before the call is sent.
func (p *plane) newRelay(ref Ref, w waiter, to *actor.PID, proc actor.Process) *relay {
	r := &relay{plane: p, ref: ref, waiter: w, to: to, proc: proc}
	r.open.Store(true)
	r.me, _ = p.system.ProcessRegistry.Add(r, p.callPrefix+"relay/"+strconv.FormatUint(p.seq.Add(1), 36))
	return r
}

func (r *relay) from() From { return From{r, r.ref.Seq} }

// arm lets the relay wait for within, and look after a target that is slow to answer, as a slot does.
func (r *relay) arm(within time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = within
	if r.proc == nil {
		r.timer = time.AfterFunc(within, r.expire)
		return
	}
	r.timer = time.AfterFunc(min(within, watchAfter), r.watch)
}

func (r *relay) incarnation() uint64 { return r.ref.Incarnation }
func (r *relay) waits(uint64) bool   { return r.open.Load() }

func (r *relay) deliver(_ uint64, out outcome) bool { return r.close() && r.waiter.answered(out) }

func (r *relay) watch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.open.Load() {
		return
	}
	r.timer = time.AfterFunc(r.left-watchAfter, r.expire)
	r.proc.SendSystemMessage(r.to, &actor.Watch{Watcher: r.me})
}

func (r *relay) expire() {
	if r.close() {
		r.waiter.expired()
	}
}

// close makes sure that no answer is taken any more, and says whether one could have been until now.
func (r *relay) close() bool {
	if !r.open.CompareAndSwap(true, false) {
		return false
	}
	r.waiter.closed(r)
	r.mu.Lock()
	r.timer.Stop()
	r.mu.Unlock()
	if r.proc != nil {
		r.plane.system.ProcessRegistry.Remove(r.me)
		r.proc.SendSystemMessage(r.to, &actor.Unwatch{Watcher: r.me})
	}
	return true
}

// SendUserMessage takes the reply of a plain actor that answers with ctx.Respond.
func (r *relay) SendUserMessage(_ *actor.PID, envelope any) {
	msg := actor.UnwrapEnvelopeMessage(envelope)
	if _, dead := msg.(*actor.DeadLetterResponse); dead {
		r.deliver(0, outcome{err: &ExitError{Who: r.to, Reason: ErrNoProc}})
		return
	}
	if r.probes {
		r.deliver(0, outcome{err: notOurs(r.to)})
		return
	}
	r.deliver(0, outcome{value: msg})
}

// SendSystemMessage learns of the target's end.
func (r *relay) SendSystemMessage(_ *actor.PID, msg any) {
	if gone, ok := msg.(*actor.Terminated); ok {
		r.deliver(0, outcome{err: r.plane.goneError(r.to, r.proc, gone)})
	}
}

// Stop does nothing: a relay ends by itself.
func (r *relay) Stop(*actor.PID) {}
