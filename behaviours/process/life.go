package process

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A phase is where an incarnation is in its life. It only rises.
type phase int

const (
	unborn  phase = iota
	live          // handles messages
	exiting       // called Exit; the stop is on its way
	ended         // Terminate has run; waits for children, or for its supervisor after a panic
	buried        // gone; what is left in the mailbox is refused
)

// life is what an incarnation has besides its machine. Only the actor's own turn touches it.
type life struct {
	plane   *plane
	proc    actor.Process // identity: unlike a PID, never reused
	self    *actor.PID
	phase   phase
	reason  error
	isReady bool
	begun   func() // called when isReady becomes true; may be nil
	orphan  bool   // nobody supervises it
	nursed  bool   // spawned by a Nursery
	trap    bool   // exits of linked ones are messages
	started int64  // in ns of Unix time
	drains  bool   // the mailbox is ours and refuses what is left when the actor is gone

	timers    map[uint64]*time.Timer
	asks      map[uint64]*relay // nil: the answer is in the mailbox
	lastTimer uint64            // of timers and asks
	watching  map[Ref]struct{}
	serving   From   // the call of this turn
	owed      []From // calls taken in earlier turns, perhaps answered since
	prune     int    // length of owed at which answered calls are dropped from it
}

type alive interface {
	lifeOf() *life
	stop(ctx actor.Context) bool
	ready() bool
	status() (name string, state any)
	fail(failure *PanicError) (final bool)
}

func (l *life) lifeOf() *life { return l }

func lifeOf(ctx actor.Context) (*life, bool) {
	a, ok := ctx.Actor().(alive)
	if !ok {
		return nil, false
	}
	return a.lifeOf(), true
}

func mustLife(ctx actor.Context, what string) *life {
	l, ok := lifeOf(ctx)
	if !ok {
		panic(fmt.Sprintf("process: %s needs an actor made with process.Props, not %T", what, ctx.Actor()))
	}
	return l
}

func (l *life) begin(ctx actor.Context) {
	if l.phase != unborn {
		return
	}
	l.plane = planeOf(ctx.ActorSystem())
	l.self = ctx.Self()
	l.proc, _ = ctx.ActorSystem().ProcessRegistry.Get(ctx.Self())
	l.started = time.Now().UnixNano()
	l.orphan = ctx.Parent() == nil
	l.phase = live
}

// announce makes the start known, once.
func (l *life) announce() {
	if l.isReady || l.phase != live {
		return
	}
	l.isReady = true
	if l.begun != nil {
		l.begun()
	}
}

const pruneAt = 64

// owe remembers a call that this turn did not answer.
func (l *life) owe(from From) {
	if from.answered() {
		return
	}
	l.owed = append(l.owed, from)
	if len(l.owed) < max(l.prune, pruneAt) {
		return
	}
	kept := l.owed[:0]
	for _, f := range l.owed {
		if !f.answered() {
			kept = append(kept, f)
		}
	}
	clear(l.owed[len(kept):])
	l.owed, l.prune = kept, 2*len(kept)
}

// settle leaves nobody waiting for an incarnation that has ended.
func (l *life) settle() {
	for id, t := range l.timers {
		t.Stop()
		delete(l.timers, id)
	}
	for id, r := range l.asks {
		if r != nil {
			r.close()
		}
		delete(l.asks, id)
	}
	l.plane.forget(l.watching)
	clear(l.watching)
	gone := &ExitError{Who: l.self, Reason: l.reason, Taken: true}
	Respond(l.serving, nil, gone)
	for _, from := range l.owed {
		Respond(from, nil, gone)
	}
	l.owed = nil
}

func (l *life) bury() {
	l.phase = buried
	l.plane.fire(l.proc, l.reason)
	if !l.drains {
		l.plane.unmarkEnding(l.proc)
	}
}

func (l *life) refuse(req *Request) {
	Respond(req.From, nil, &ExitError{Who: l.self, Reason: l.reason})
}

// refuseTouch tells a StartWait that there will be no start.
func (l *life) refuseTouch(envelope any) {
	sender := actor.UnwrapEnvelopeSender(envelope)
	if sender == nil {
		return
	}
	if waiting, ok := l.plane.system.ProcessRegistry.GetLocal(sender.GetId()); ok {
		if s, ok := waiting.(*slot); ok {
			s.deliverTo(sender.GetRequestId(), outcome{err: &ExitError{Who: l.self, Reason: l.reason}})
		}
	}
}

func (l *life) expects(ref Ref) bool {
	_, ok := l.watching[ref]
	delete(l.watching, ref)
	return ok
}
