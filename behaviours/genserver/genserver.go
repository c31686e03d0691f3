// Package genserver is OTP's gen_server: a server that answers calls, takes casts and hears of everything else.
//
//	          spawn            calls, casts, infos                  Stop, StopReply, panic, stop from outside
//	newServer -----> Init ----------- serving ---------------------------------> Terminate -----> Down to monitors
//	                   `- error: ends with it, Terminate does not run
//
// Callbacks run one at a time, in the order in which the messages came. Each incarnation is a new Server, so that state
// never survives a crash. A call is answered once: by Reply, by a later Answer, or, when the server ends, with the
// reason; see package process for what a caller gets.
//
// Beyond its callbacks a server may have HandleContinue (see Continuer), which runs before the next message, and Status
// (see Statuser), which says what process.Inspect shows. Options give it a name, a bound on what may wait for it, a
// timeout for silence, and a report of callbacks that take too long.
//
// Not promised: a callback that blocks holds up everything behind it, the stop included. Use Answer, SendRequest and
// process.After instead of waiting. Left out: hibernation (an idle server holds no stack here), code change, and
// enter_loop: an actor is a server from its first message on. docs/otp-map.md has the whole list.
package genserver

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/internal/gen"
	"github.com/gendac/gendac/behaviours/process"
)

// A Server is the callback side. Callbacks run one at a time and must not block.
type Server interface {
	// Init runs first. An error ends the server with that reason.
	Init(ctx *Context) error
	// HandleCall says what becomes of a call.
	HandleCall(ctx *Context, from From, req any) Return
	// HandleCast takes a message that nobody waits for. A reply in what it returns goes nowhere.
	HandleCast(ctx *Context, msg any) Return
	// HandleInfo takes any other message: timers of process.After, *process.Down, Timeout, *actor.Terminated and so on. A
	// reply in what it returns goes nowhere.
	HandleInfo(ctx *Context, msg any) Return
	// Terminate runs last if Init succeeded, also after a panic in another callback. Sending still works, Exit, After and
	// Monitor do nothing.
	Terminate(ctx *Context, reason error)
}

// A Continuer is a Server that can go on after a callback has returned; see Context.Continue.
type Continuer interface {
	// HandleContinue runs before the next message. A reply in what it returns goes nowhere.
	HandleContinue(ctx *Context, arg any) Return
}

// A Statuser is a Server that says itself what process.Inspect shows of it; of another it shows the text of its fields.
type Statuser interface {
	// Status runs between two messages. What it returns is read by others while the server goes on: return a copy.
	Status() any
}

// A Context is the server's actor context. Message is the raw message; use what the callback is given.
type Context struct {
	actor.Context

	// What the callback that runs wants besides its Return.
	then      any
	continues bool
	timeout   time.Duration
	listens   bool
}

// Continue has HandleContinue called with arg as soon as this callback has returned and its reply is sent, before any
// other message. The last call in a callback counts; none counts in one that stops the server. In Init it is the place
// for what is too long for whoever waits for the start: StartWait returns, and a supervisor starts its next child, when
// Init has returned, and what becomes of HandleContinue is no part of the start.
func (c *Context) Continue(arg any) { c.then, c.continues = arg, true }

// Timeout has HandleInfo called with Timeout if no message comes within d after this callback. Any message cancels it.
// The last call in a callback counts; of a callback and the HandleContinue after it, the latter's. With d of zero or less
// it comes if no message is waiting already.
func (c *Context) Timeout(d time.Duration) { c.timeout, c.listens = d, true }

func (c *Context) reset(receiveTimeout time.Duration) {
	c.then, c.continues = nil, false
	c.timeout, c.listens = receiveTimeout, receiveTimeout > 0
}

// Timeout is the message of Context.Timeout and of WithReceiveTimeout.
type Timeout struct{}

// A From names the caller of a call. It is good for one Answer, from any goroutine, also after the callback.
type From = process.From

// Answer replies to a call that got NoReply and reports whether the reply was taken: not if the call was answered
// already or its caller has given up.
func Answer(from From, value any) bool { return process.Respond(from, value, nil) }

// AnswerError is Answer with an error, which Call returns unchanged.
func AnswerError(from From, err error) bool { return process.Respond(from, nil, err) }

// A Return says what a callback wants. The zero value is NoReply.
type Return struct {
	replies bool
	reply   any
	err     error
	stop    error
}

// Reply answers the caller and goes on.
func Reply(value any) Return { return Return{replies: true, reply: value} }

// ReplyError answers the caller with an error, which Call returns unchanged, and goes on. A nil err is Reply(nil).
func ReplyError(err error) Return { return Return{replies: true, err: err} }

// NoReply goes on. A caller waits for a later Answer.
func NoReply() Return { return Return{} }

// Stop ends the server with reason after this message; nil means process.ErrNormal. A caller gets *process.ExitError.
func Stop(reason error) Return {
	if reason == nil {
		reason = process.ErrNormal
	}
	return Return{stop: reason}
}

// StopReply answers the caller and ends the server.
func StopReply(reason error, value any) Return {
	r := Stop(reason)
	r.replies, r.reply = true, value
	return r
}

// Defaults is a server that refuses calls with process.ErrUnsupported and logs casts and infos as unexpected. Embed it
// and override what the server needs.
type Defaults struct{}

var _ Server = Defaults{}

// Init succeeds.
func (Defaults) Init(*Context) error { return nil }

// HandleCall refuses.
func (Defaults) HandleCall(_ *Context, _ From, req any) Return {
	return ReplyError(fmt.Errorf("genserver: call of %T: %w", req, process.ErrUnsupported))
}

// HandleCast logs.
func (Defaults) HandleCast(ctx *Context, msg any) Return { return unexpected(ctx, "cast", msg) }

// HandleInfo logs.
func (Defaults) HandleInfo(ctx *Context, msg any) Return { return unexpected(ctx, "info", msg) }

// Terminate does nothing.
func (Defaults) Terminate(*Context, error) {}

func unexpected(ctx *Context, what string, msg any) Return {
	ctx.Logger().Warn("unexpected message", slog.String("kind", what), slog.String("actor", ctx.Self().GetId()), slog.String("type", fmt.Sprintf("%T", msg)))
	return NoReply()
}

// Call sends req to a server and waits for the reply. Deadlines and errors are those of process.Call. Do not call from
// a callback.
func Call[R any](ctx context.Context, system *actor.ActorSystem, to *actor.PID, req any) (R, error) {
	return process.Call[R](ctx, system, to, req)
}

// Cast sends msg to a server, or to a genstatem, and does not wait. A message to nobody is a protoactor dead letter. To
// another member goes what process.Call could send there.
func Cast[M any](from actor.SenderContext, to *actor.PID, msg M) {
	from.Send(to, gen.Cast[M]{Msg: msg})
}

// StartWait spawns the server under parent and waits for Init. The error wraps that of Init; otherwise see
// process.StartWait, whose rules hold. An empty name means a fresh one.
func StartWait(ctx context.Context, parent actor.SpawnerContext, props *actor.Props, name string) (*actor.PID, error) {
	return process.StartWait(ctx, parent, props, name)
}
