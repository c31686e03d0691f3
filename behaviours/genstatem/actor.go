package genstatem

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/internal/gen"
	"github.com/gendac/gendac/behaviours/process"
)

type options struct {
	name  string
	props []actor.PropsOption
	trace tracer
}

// WithName registers the machine under a name before Init; see process.Register. If the name is taken, the machine
// ends at once with process.ErrNameTaken, and StartWait says so.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithProps passes options on to protoactor.
func WithProps(opts ...actor.PropsOption) Option {
	return func(o *options) { o.props = append(o.props, opts...) }
}

// WithQueue lets at most limit calls and casts wait for the machine, beside the one that it handles. A call that comes
// then gets process.ErrOverload at once and was not handled. A cast is dropped: its sender does not wait and cannot be
// told, so it becomes a dead letter of protoactor, which can be subscribed to. Everything else (infos, timeouts,
// *process.Down, StopWait) is taken always. What the machine has taken and postponed, or inserted, waits no more: it does
// not count. A limit less than 1 is 1. A mailbox or a spawn function given with WithProps has no place beside it.
func WithQueue(limit int) Option {
	return func(o *options) { o.props = append(o.props, gen.Bounded("genstatem", limit)) }
}

// Props describes how to spawn the machine of spec. Each incarnation begins with Init. A machine that cannot be, because
// spec has no function for events, ends at once with *SpecError.
func Props[S comparable, D any](spec Spec[S, D], opts ...Option) *actor.Props {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return process.Props(func(ctx actor.Context) process.Machine[struct{}, *input[S], *input[S]] {
		err := spec.validate()
		if err == nil && o.name != "" {
			err = process.RegisterSelf(ctx, o.name)
		}
		if err != nil {
			process.Exit(ctx, err)
			return process.Machine[struct{}, *input[S], *input[S]]{}
		}
		h := &host[S, D]{
			spec:  &spec,
			trace: tracer{limit: o.trace.limit, report: o.trace.report},
			ctx:   Context[S, D]{Context: ctx},
		}
		h.core = core[S]{enters: spec.enters(), traces: h.trace.on()}
		return h.machine()
	}, o.props...)
}

// host is one incarnation of a machine: it holds the core, and the data, of which the core knows nothing.
type host[S comparable, D any] struct {
	spec   *Spec[S, D]
	core   core[S]
	data   D             // from before the transition under way; that changes ctx.Data
	ctx    Context[S, D] // what callbacks are given
	trace  tracer
	timers map[timer]func() // cancels of those that run
	inited bool

	in   input[S]     // of this turn
	turn [1]*input[S] // in
	fx   []effect     // of the last step
}

// machine makes one turn of a message: the core answers an input with effects of which the last may call back, and
// what is called answers with the next input.
func (h *host[S, D]) machine() process.Machine[struct{}, *input[S], *input[S]] {
	return process.Machine[struct{}, *input[S], *input[S]]{
		Name:   "genstatem",
		Status: h.status,
		Lift:   h.lift,
		Step: func(s struct{}, in *input[S]) (struct{}, []*input[S]) {
			h.turn[0] = in
			return s, h.turn[:]
		},
		Perform:   func(actor.Context, *input[S]) { h.run() },
		Terminate: h.terminate,
	}
}

func (h *host[S, D]) lift(ctx actor.Context) (*input[S], bool) {
	in := &h.in
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		in.kind = booted
	case *process.Request:
		in.kind, in.event = arrived, Event{Kind: CallEvent, From: msg.From, Content: msg.Body}
	case gen.Casted:
		in.kind, in.event = arrived, Event{Kind: CastEvent, Content: gen.Body(msg)}
	case *gen.Stop:
		in.kind, in.reason = halted, msg.Reason
	case fired:
		delete(h.timers, msg.timer)
		in.kind, in.fired = ranOut, msg
	default:
		in.kind, in.event = arrived, Event{Kind: InfoEvent, Content: msg}
	}
	return in, true
}

func (h *host[S, D]) run() {
	for again := true; again; {
		first := h.core.phase == starting
		h.fx = h.core.step(&h.in, h.fx[:0])
		if first || h.core.phase != entering {
			h.data = h.ctx.Data // the transition is over, or Init is: a panic does not undo it any more
		}
		again = false
		for _, f := range h.fx {
			again = h.perform(f)
		}
	}
	h.in.event, h.in.result = Event{}, Result[S]{} // keeps nothing alive
	clear(h.fx)
}

// perform says whether a callback was called: what it returned is the next input.
func (h *host[S, D]) perform(f effect) (called bool) {
	switch f := f.(type) {
	case initialise:
		return h.returned(h.init())
	case enter:
		return h.returned(h.enter())
	case handle:
		return h.returned(h.handle())
	case reply:
		process.Respond(f.from, f.value, f.err)
	default:
		h.performOther(f)
	}
	return false
}

// performOther has the effects that not every event has, so that perform, below which callbacks run, needs little stack.
func (h *host[S, D]) performOther(f effect) {
	switch f := f.(type) {
	case started:
		h.inited = true
		process.Started(h.ctx.Context)
	case arm:
		if h.timers == nil {
			h.timers = make(map[timer]func())
		}
		h.timers[f.timer] = process.After(h.ctx.Context, f.after, fired{f.timer, f.gen})
	case disarm:
		if cancel, ok := h.timers[f.timer]; ok {
			cancel()
			delete(h.timers, f.timer)
		}
	case *trace[S]:
		h.trace.add(transition(f, time.Now()))
	case exit:
		process.Exit(h.ctx.Context, f.reason)
	}
}

func (h *host[S, D]) returned(r Result[S]) bool {
	h.in.kind, h.in.result = returned, r
	return true
}

func (h *host[S, D]) init() Result[S] {
	if h.spec.Init == nil {
		return Result[S]{}
	}
	return h.spec.Init(&h.ctx)
}

func (h *host[S, D]) enter() Result[S] {
	h.ctx.State = h.core.state
	enter := h.spec.enter(h.core.state)
	if enter == nil {
		return Result[S]{}
	}
	return enter(&h.ctx, h.core.from)
}

func (h *host[S, D]) handle() Result[S] {
	h.ctx.State = h.core.state
	on := h.spec.on(h.core.state)
	if on == nil {
		return Result[S]{move: stop, reason: &SpecError{
			State:   fmt.Sprint(h.core.state),
			Problem: "no function On; give it one in States, or Any",
		}}
	}
	return on(&h.ctx, h.core.event)
}

// terminate shows what the machine had come to; a panic undoes the transition that it broke off.
func (h *host[S, D]) terminate(reason error) {
	if !h.inited || h.spec.Terminate == nil {
		return
	}
	h.ctx.State, h.ctx.Data = h.core.state, h.data
	if h.core.phase == handling || h.core.phase == entering {
		h.ctx.State = h.core.old
	}
	h.spec.Terminate(&h.ctx, reason)
}

// Call sends req to a machine and waits for the reply. Deadlines and errors are those of process.Call. Do not call from
// a callback.
func Call[R any](ctx context.Context, system *actor.ActorSystem, to *actor.PID, req any) (R, error) {
	return process.Call[R](ctx, system, to, req)
}

// Cast sends msg to a machine, or to a genserver, and does not wait. A message to nobody is a protoactor dead letter. To
// another member goes what process.Call could send there.
func Cast[M any](from actor.SenderContext, to *actor.PID, msg M) {
	from.Send(to, gen.Cast[M]{Msg: msg})
}

// Answer replies to a call from anywhere, also outside of the machine, and reports whether the reply was taken: not if
// the call was answered already or its caller has given up.
func Answer(from From, value any) bool { return process.Respond(from, value, nil) }

// AnswerError is Answer with an error, which Call returns unchanged.
func AnswerError(from From, err error) bool { return process.Respond(from, nil, err) }

// StartWait spawns the machine under parent and waits for Init. The state enter call of the first state, and what Init
// inserted, are no part of the start. The error wraps the reason of an Exit; otherwise see process.StartWait, whose rules
// hold. An empty name means a fresh one.
func StartWait(ctx context.Context, parent actor.SpawnerContext, props *actor.Props, name string) (*actor.PID, error) {
	return process.StartWait(ctx, parent, props, name)
}

// StopWait ends a machine with reason (nil means process.ErrNormal) after what is in its mailbox, and waits until it is
// gone and its names are free, at most until the deadline of ctx, or process.DefaultTimeout. The error is
// process.ErrNoProc if it was not there, wraps the reason if it ended for another one, is process.ErrTimeout at the
// deadline (the machine still ends then), and process.ErrUnsupported for one on another member. Do not call from a
// callback.
func StopWait(ctx context.Context, system *actor.ActorSystem, machine *actor.PID, reason error) error {
	if err := gen.StopWait(ctx, system, machine, reason); err != nil {
		return fmt.Errorf("genstatem: %w", err)
	}
	return nil
}
