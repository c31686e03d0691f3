package genserver

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/internal/gen"
	"github.com/gendac/gendac/behaviours/process"
)

// A kind is the callback that a message is for.
type kind int

const (
	start kind = iota
	call
	casted
	info
	silence // nothing came in time: info, then
	stopped // by StopWait: none
	continued
	ended
)

func (k kind) String() string {
	switch k {
	case start:
		return "Init"
	case call:
		return "HandleCall"
	case casted:
		return "HandleCast"
	case info, silence, stopped:
		return "HandleInfo"
	case continued:
		return "HandleContinue"
	case ended:
		return "Terminate"
	}
	return fmt.Sprintf("kind(%d)", int(k))
}

// An event is a message sorted by the callback it is for. It is one struct, not a sum, and each server has but one: it is
// made for every message, and must not cost an allocation.
type event struct {
	kind kind
	from From
	msg  any
}

// Props describes how to spawn the server that newServer makes. newServer is called once per incarnation.
func Props(newServer func() Server, opts ...Option) *actor.Props {
	o := newOptions(opts)
	return process.Props(func(ctx actor.Context) process.Machine[struct{}, *event, *event] {
		h := &host{options: o, server: newServer(), ctx: &Context{Context: ctx}}
		return h.machine()
	}, o.props...)
}

// host is one incarnation of a server.
type host struct {
	*options
	server  Server
	ctx     *Context
	inited  bool
	now     event     // the message of this turn
	effects [1]*event // now
	disarm  func()    // of the timeout that runs
	waiting uint64    // generation of the timeout that runs
}

// machine has a core that decides nothing: a gen_server's callbacks are its effects.
func (h *host) machine() process.Machine[struct{}, *event, *event] {
	return process.Machine[struct{}, *event, *event]{
		Name:   "genserver",
		Status: h.status,
		Lift:   h.lift,
		Step: func(s struct{}, ev *event) (struct{}, []*event) {
			h.effects[0] = ev
			return s, h.effects[:]
		},
		Perform:   func(_ actor.Context, ev *event) { h.run(ev) },
		Terminate: h.terminate,
	}
}

func (h *host) lift(ctx actor.Context) (*event, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		h.now = event{kind: start}
	case *process.Request:
		h.now = event{kind: call, from: msg.From, msg: msg.Body}
	case gen.Casted:
		h.now = event{kind: casted, msg: gen.Body(msg)}
	case tooQuiet:
		h.now = event{kind: silence, msg: msg.gen}
	case *gen.Stop:
		h.now = event{kind: stopped, msg: msg.Reason}
	default:
		h.now = event{kind: info, msg: msg}
	}
	return &h.now, true
}

// run handles one message, and what its callback wants done before the next one.
func (h *host) run(ev *event) {
	if ev.kind == stopped {
		reason, _ := ev.msg.(error)
		process.Exit(h.ctx, reason)
		return
	}
	if ev.kind == silence {
		if ev.msg != h.waiting {
			return
		}
		*ev = event{kind: info, msg: Timeout{}}
	}
	h.quiet()
	goesOn := h.handle(ev)
	for goesOn && h.ctx.continues {
		goesOn = h.goOn(h.ctx.then)
	}
	h.now = event{} // keeps nothing alive
	if goesOn {
		h.listen()
	}
}

// handle calls the callback and says whether the server goes on.
func (h *host) handle(ev *event) bool {
	h.ctx.reset(h.receiveTimeout)
	if h.slow.report != nil {
		defer h.watch(ev.kind, ev.msg)()
	}
	switch ev.kind {
	case start:
		return h.init()
	case call:
		return h.conclude(ev.from, h.server.HandleCall(h.ctx, ev.from, ev.msg))
	case casted:
		return h.conclude(From{}, h.server.HandleCast(h.ctx, ev.msg))
	default:
		return h.conclude(From{}, h.server.HandleInfo(h.ctx, ev.msg))
	}
}

func (h *host) init() bool {
	var err error
	if h.name != "" {
		err = process.RegisterSelf(h.ctx, h.name)
	}
	if err == nil {
		err = h.server.Init(h.ctx)
	}
	if err != nil {
		process.Exit(h.ctx, err)
		return false
	}
	h.inited = true
	process.Started(h.ctx) // now, for a HandleContinue is not part of the start
	return true
}

func (h *host) goOn(arg any) bool {
	continuer, ok := h.server.(Continuer)
	if !ok {
		process.Exit(h.ctx, fmt.Errorf("genserver: %T continues and has no HandleContinue: %w", h.server, process.ErrUnsupported))
		return false
	}
	h.ctx.reset(h.receiveTimeout)
	if h.slow.report != nil {
		defer h.watch(continued, arg)()
	}
	return h.conclude(From{}, continuer.HandleContinue(h.ctx, arg))
}

func (h *host) conclude(from From, r Return) bool {
	if r.replies {
		process.Respond(from, r.reply, r.err)
	}
	if r.stop != nil {
		process.Exit(h.ctx, r.stop)
	}
	return r.stop == nil
}

// listen sets the timeout that the last callback asked for.
func (h *host) listen() {
	if !h.ctx.listens {
		return
	}
	h.waiting++
	h.disarm = process.After(h.ctx, h.ctx.timeout, tooQuiet{h.waiting})
}

// quiet takes the timeout back: something has come.
func (h *host) quiet() {
	if h.disarm != nil {
		h.disarm()
		h.disarm = nil
		h.waiting++
	}
}

type tooQuiet struct{ gen uint64 }

// watch reports a callback that runs for too long, while it runs. The function it returns ends that.
func (h *host) watch(callback kind, msg any) (done func() bool) {
	late := Slow{PID: h.ctx.Self(), Callback: callback.String(), Bound: h.slow.bound}
	if msg != nil {
		late.Message = fmt.Sprintf("%T", msg)
	}
	report := h.slow.report
	return time.AfterFunc(h.slow.bound, func() { report(late) }).Stop
}

func (h *host) terminate(reason error) {
	if h.inited {
		if h.slow.report != nil {
			defer h.watch(ended, nil)()
		}
		h.server.Terminate(h.ctx, reason)
	}
}

func (h *host) status() any {
	if s, ok := h.server.(Statuser); ok {
		return s.Status()
	}
	return fmt.Sprintf("%+v", h.server)
}
