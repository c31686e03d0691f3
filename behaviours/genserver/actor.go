package genserver

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// An event is a message sorted by the callback it is for.
type event interface {
	event()
	String() string
}

type (
	started struct{}
	call    struct {
		from From
		req  any
	}
	casted struct{ msg any }
	info   struct{ msg any }
)

func (started) event() {}
func (call) event()    {}
func (casted) event()  {}
func (info) event()    {}

func (started) String() string  { return "started" }
func (c call) String() string   { return fmt.Sprintf("call %T", c.req) }
func (c casted) String() string { return fmt.Sprintf("cast %T", c.msg) }
func (i info) String() string   { return fmt.Sprintf("info %T", i.msg) }

// Props describes how to spawn the server that newServer makes. newServer is called once per incarnation.
func Props(newServer func() Server, opts ...actor.PropsOption) *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[struct{}, event, event] {
		h := &host{server: newServer(), ctx: &Context{Context: ctx}}
		return process.Machine[struct{}, event, event]{
			Lift: lift,
			// A gen_server decides nothing of its own: its callbacks are the effects.
			Step:      func(s struct{}, ev event) (struct{}, []event) { return s, []event{ev} },
			Perform:   func(_ actor.Context, ev event) { h.run(ev) },
			Terminate: h.terminate,
		}
	}, opts...)
}

func lift(ctx actor.Context) (event, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		return started{}, true
	case *process.Request:
		return call{from: msg.From, req: msg.Body}, true
	case *cast:
		return casted{msg: msg.msg}, true
	default:
		return info{msg: msg}, true
	}
}

// host is one incarnation of a server.
type host struct {
	server Server
	ctx    *Context
	inited bool
}

func (h *host) run(ev event) {
	switch ev := ev.(type) {
	case started:
		if err := h.server.Init(h.ctx); err != nil {
			process.Exit(h.ctx, err)
			return
		}
		h.inited = true
	case call:
		h.conclude(ev.from, h.server.HandleCall(h.ctx, ev.from, ev.req))
	case casted:
		h.conclude(From{}, h.server.HandleCast(h.ctx, ev.msg))
	case info:
		h.conclude(From{}, h.server.HandleInfo(h.ctx, ev.msg))
	}
}

func (h *host) conclude(from From, r Return) {
	if r.replies {
		process.Respond(from, r.reply, r.err)
	}
	if r.stop != nil {
		process.Exit(h.ctx, r.stop)
	}
}

func (h *host) terminate(reason error) {
	if h.inited {
		h.server.Terminate(h.ctx, reason)
	}
}
