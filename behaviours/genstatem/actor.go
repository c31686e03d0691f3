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
	return process.Props(func(ctx actor.Context) process.Machine[struct{}, input, input] {
		err := spec.validate()
		if err == nil && o.name != "" {
			err = process.RegisterSelf(ctx, o.name)
		}
		if err != nil {
			process.Exit(ctx, err)
			return process.Machine[struct{}, input, input]{}
		}
		h := &host[S, D]{
			spec:   spec,
			trace:  tracer{limit: o.trace.limit, report: o.trace.report},
			timers: make(map[timer]func()),
			ctx:    &Context[S, D]{Context: ctx},
		}
		h.core = core[S]{enters: spec.enters(), traces: h.trace.on()}
		return h.machine()
	}, o.props...)
}

// host is one incarnation of a machine: it holds the core, and the data, of which the core knows nothing.
type host[S comparable, D any] struct {
	spec   Spec[S, D]
	core   core[S]
	data   D
	ctx    *Context[S, D]
	trace  tracer
	timers map[timer]func() // cancels of those that run
	inited bool
}

// machine makes one turn of a message: the core answers an input with effects of which the last may call back, and
// what is called answers with the next input.
func (h *host[S, D]) machine() process.Machine[struct{}, input, input] {
	return process.Machine[struct{}, input, input]{
		Name:      "genstatem",
		Status:    h.status,
		Lift:      h.lift,
		Step:      func(s struct{}, in input) (struct{}, []input) { return s, []input{in} },
		Perform:   func(_ actor.Context, in input) { h.run(in) },
		Terminate: h.terminate,
	}
}

func (h *host[S, D]) lift(ctx actor.Context) (input, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		return booted{}, true
	case *process.Request:
		return arrived{Event{Kind: CallEvent, From: msg.From, Content: msg.Body}}, true
	case gen.Casted:
		return arrived{Event{Kind: CastEvent, Content: gen.Body(msg)}}, true
	case *gen.Stop:
		return halted{msg.Reason}, true
	case fired:
		delete(h.timers, msg.timer)
		return msg, true
	default:
		return arrived{Event{Kind: InfoEvent, Content: msg}}, true
	}
}

func (h *host[S, D]) run(in input) {
	for in != nil {
		var effects []effect
		h.core, effects = step(h.core, in)
		in = nil
		for _, f := range effects {
			in = h.perform(f)
		}
	}
}

// perform returns what a callback wants, nil if none was called.
func (h *host[S, D]) perform(f effect) input {
	switch f := f.(type) {
	case initialise:
		return h.init()
	case enter[S]:
		if enter := h.spec.enter(f.state); enter != nil {
			return h.call(func(ctx *Context[S, D]) Result[S] { return enter(ctx, f.old) })
		}
		return returned[S]{}
	case handle:
		on := h.spec.on(h.core.state)
		if on == nil {
			return returned[S]{Result[S]{move: stop, reason: &SpecError{
				State:   fmt.Sprint(h.core.state),
				Problem: "no function On; give it one in States, or Any",
			}}}
		}
		return h.call(func(ctx *Context[S, D]) Result[S] { return on(ctx, f.event) })
	case answer:
		process.Respond(f.from, f.value, f.err)
	case arm:
		h.timers[f.timer] = process.After(h.ctx, f.after, fired{f.timer, f.gen})
	case disarm:
		if cancel, ok := h.timers[f.timer]; ok {
			cancel()
			delete(h.timers, f.timer)
		}
	case trace[S]:
		h.trace.add(transition(f, time.Now()))
	case exit:
		process.Exit(h.ctx, f.reason)
	}
	return nil
}

// call runs a callback on a copy of the data, which counts once it has returned.
func (h *host[S, D]) call(callback func(*Context[S, D]) Result[S]) input {
	h.ctx.State, h.ctx.Data = h.core.state, h.data
	result := callback(h.ctx)
	h.data = h.ctx.Data
	return returned[S]{result}
}

func (h *host[S, D]) init() input {
	init := h.spec.Init
	if init == nil {
		init = func(ctx *Context[S, D]) Result[S] { return ctx.Keep() }
	}
	return h.call(func(ctx *Context[S, D]) Result[S] {
		result := init(ctx)
		h.inited = result.move != stop
		return result
	})
}

func (h *host[S, D]) terminate(reason error) {
	if h.inited && h.spec.Terminate != nil {
		h.ctx.State, h.ctx.Data = h.core.state, h.data
		h.spec.Terminate(h.ctx, reason)
	}
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

// StartWait spawns the machine under parent and waits until it has begun: Init, the state enter call of the first state
// and what those inserted are done. The error wraps the reason of an Exit; otherwise see process.StartWait, whose rules
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
