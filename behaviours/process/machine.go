package process

import (
	"log/slog"

	"github.com/asynkron/protoactor-go/actor"
)

// A Machine is a pure core with its shell: Step decides, Perform acts. It lives for one incarnation of its actor.
//
// Functions run one at a time in the actor's turn and must not block. The first message that Lift sees is
// *actor.Started. Effects are performed in order, all of them, before the next message; they may send to self.
type Machine[S, E, F any] struct {
	State S
	// Step decides and must be pure.
	Step func(S, E) (S, []F)
	// Lift turns the message in ctx into an event; false means that it is nothing for the core. A *Request that is not
	// lifted and not answered by Lift is answered with ErrUnsupported.
	Lift func(ctx actor.Context) (E, bool)
	// Perform acts and decides nothing.
	Perform func(ctx actor.Context, effect F)
	// Terminate may be nil. It runs once, last, also after a panic; its own panic is logged and goes no further.
	Terminate func(reason error)

	// Stop may be nil: a stop from outside then ends the actor at once with ErrShutdown. Otherwise the first stop, and
	// each further one, becomes an event instead, and the core must end the actor by an effect that calls Exit. If it
	// returns false the actor ends at once.
	Stop func(ctx actor.Context) (E, bool)
	// Ready may be nil: the actor then counts as started as soon as *actor.Started is handled. Otherwise it counts as
	// started when Ready first returns true after a message, or when it says Started. StartWait and supervisors wait for
	// that.
	Ready func() bool
	// Failed may be nil. It turns the failure of a child into an event. The child has been told to stop by then: a child
	// of a Machine is never restarted or resumed behind its back. *actor.Terminated follows when the child is gone.
	Failed func(ctx actor.Context, child *actor.PID, reason error) (E, bool)

	// Name and Status are for Inspect: which behaviour this is, and what it shows of its state; without them "process"
	// and State. Status runs in the actor's turn; its panic is shown instead of the state and goes no further.
	Name   string
	Status func() any
}

// Props describes an actor that runs the machine. newMachine is called once per incarnation, when *actor.Started is
// handled, with the actor's live context. A mailbox is chosen with WithMailbox of this package, not with protoactor's.
// A supervisor strategy among opts has no effect: see Machine.Failed.
func Props[S, E, F any](newMachine func(ctx actor.Context) Machine[S, E, F], opts ...actor.PropsOption) *actor.Props {
	produce := func() actor.Actor { return &interpreter[S, E, F]{newMachine: newMachine} }
	return actor.PropsFromProducer(produce, append([]actor.PropsOption{withOwnMailbox(), actor.WithDispatcher(dispatcher{})}, opts...)...)
}

// Exit ends the calling actor with reason after the current message and all its effects; nil means ErrNormal. The first
// reason counts. It panics if ctx is not the context of an actor made with Props: others have no way to carry a reason.
func Exit(ctx actor.Context, reason error) {
	l := mustLife(ctx, "Exit")
	if l.phase != live {
		return
	}
	if reason == nil {
		reason = ErrNormal
	}
	l.phase, l.reason = exiting, reason
	ctx.Stop(ctx.Self())
}

// interpreter is the only loop that mixes decision and action.
type interpreter[S, E, F any] struct {
	life
	newMachine func(ctx actor.Context) Machine[S, E, F]
	machine    Machine[S, E, F]
}

// Receive runs one message through the machine.
func (i *interpreter[S, E, F]) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		i.begin(ctx)
		i.guard(func() {
			i.machine = i.newMachine(ctx)
			i.take(ctx)
		})
	case *actor.Restarting:
		i.end(ErrShutdown)
		i.plane.fire(i.proc, i.reason)
	case *actor.Stopping:
		i.end(ErrShutdown)
		i.plane.markEnding(i.proc, i.reason)
	case *actor.Stopped:
		i.bury()
	case *actor.Touch: // answered by protoactor, and held back by the mailbox until ready: not a message
	case *fired:
		if i.due(msg) {
			ctx.Receive(actor.WrapEnvelope(msg.msg))
		}
	case *Down:
		if i.expects(msg.Ref) {
			i.guard(func() { i.take(ctx) })
		}
	case *Exited:
		i.exited(ctx, msg)
	case *Request:
		i.serve(ctx, msg)
	default:
		if i.drains { // the mailbox has its own eye on panics
			i.take(ctx)
			return
		}
		i.guard(func() { i.take(ctx) })
	}
}

func (i *interpreter[S, E, F]) take(ctx actor.Context) bool {
	if i.phase != live {
		return false
	}
	ev, ok := i.machine.Lift(ctx)
	if ok {
		i.step(ctx, ev)
	}
	i.ready()
	return ok
}

func (i *interpreter[S, E, F]) step(ctx actor.Context, ev E) {
	next, effects := i.machine.Step(i.machine.State, ev)
	i.machine.State = next
	for _, f := range effects {
		i.machine.Perform(ctx, f)
	}
}

// exited takes the end of one this actor is linked to.
func (i *interpreter[S, E, F]) exited(ctx actor.Context, x *Exited) {
	switch {
	case !i.hears(x):
	case i.trap:
		i.guard(func() { i.take(ctx) })
	case EndingOf(x.Reason) != Normal:
		Exit(ctx, x.Reason)
	}
}

func (i *interpreter[S, E, F]) serve(ctx actor.Context, req *Request) {
	if i.phase != live {
		i.refuse(req)
		return
	}
	i.serving = req.From
	taken := false
	if i.drains {
		taken = i.take(ctx)
	} else {
		i.guard(func() { taken = i.take(ctx) })
	}
	if !taken {
		Respond(req.From, nil, ErrUnsupported)
	}
	i.owe(req.From)
	i.serving = From{}
}

// guard turns a panic into the end of this incarnation, and then into a failure that the parent's supervision sees. An
// actor without a parent ends for good: protoactor would restart it ten times on nobody's order.
func (i *interpreter[S, E, F]) guard(turn func()) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		failure, ok := v.(*PanicError)
		if !ok {
			failure = &PanicError{Value: v, Stack: TakeStack()}
		}
		if !i.fail(failure) {
			panic(failure)
		}
	}()
	turn()
}

// fail is called by guard, and by the mailbox for panics that guard has not seen. It says whether nobody else need know.
func (i *interpreter[S, E, F]) fail(failure *PanicError) (final bool) {
	if i.phase < ended {
		i.reason = nil // a panic outranks the reason of an Exit in the same turn
		i.end(failure)
		if i.orphan {
			i.plane.system.Logger().Error("an actor without a supervisor crashed", slog.String("actor", i.self.GetId()),
				slog.Any("reason", failure), slog.String("stack", failure.Stack.String()))
			i.plane.system.Root.Stop(i.self)
			return true
		}
		i.plane.fire(i.proc, failure)
	}
	return i.orphan
}

// end is the end of this incarnation: the reason is settled, Terminate runs, nobody is left waiting.
func (i *interpreter[S, E, F]) end(reason error) {
	if i.phase >= ended {
		return
	}
	if i.reason == nil {
		i.reason = reason
	}
	i.phase = ended
	i.terminate()
	i.settle()
}

func (i *interpreter[S, E, F]) terminate() {
	defer func() {
		if v := recover(); v != nil {
			i.plane.system.Logger().Error("panic in Terminate",
				slog.String("actor", i.self.GetId()), slog.Any("panic", v), slog.Any("reason", i.reason))
		}
	}()
	if i.machine.Terminate != nil {
		i.machine.Terminate(i.reason)
	}
}

// stop offers a stop from outside to the machine and says whether the machine will see to it. A panic ends the actor
// here and now: as a failure it could be answered with a restart, and the stop would be lost.
func (i *interpreter[S, E, F]) stop(ctx actor.Context) (deferred bool) {
	if i.phase != live || i.machine.Stop == nil {
		return false
	}
	defer func() {
		if recover() != nil {
			deferred = false // guard has ended this incarnation
		}
	}()
	i.guard(func() {
		var ev E
		if ev, deferred = i.machine.Stop(ctx); deferred {
			i.step(ctx, ev)
		}
	})
	return deferred
}

func (i *interpreter[S, E, F]) ready() bool {
	if !i.isReady && i.phase == live && (i.machine.Ready == nil || i.machine.Ready()) {
		i.announce()
	}
	return i.isReady
}

// HandleFailure makes every Machine its children's supervisor: a failed child ends, and the core is told.
func (i *interpreter[S, E, F]) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	s.StopChildren(child)
	ctx, ok := s.(actor.Context)
	if !ok || i.phase != live || i.machine.Failed == nil {
		return
	}
	i.guard(func() {
		if ev, ok := i.machine.Failed(ctx, child, reasonOf(reason)); ok {
			i.step(ctx, ev)
		}
	})
}

var _ actor.SupervisorStrategy = (*interpreter[int, int, int])(nil)
