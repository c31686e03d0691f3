package process

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// DefaultTimeout is how long a Call waits whose context has no deadline.
const DefaultTimeout = 5 * time.Second

// A Request is a call as the called actor receives it. Whoever lifts it owes one Respond, now or later.
type Request struct {
	From From
	Body any
}

// IgnoreDeadLetterLogging keeps protoactor quiet: the caller learns of it anyway.
func (*Request) IgnoreDeadLetterLogging() {}

// A From names the caller that a Respond answers. It is good for one answer. The zero value is nobody.
type From struct {
	caller caller
	seq    uint64
}

// A caller waits for the answers to calls, each of which has a number of its own.
type caller interface {
	incarnation() uint64
	waits(seq uint64) bool
	deliver(seq uint64, out outcome) bool // the first one counts
}

type outcome struct {
	value any
	err   error
}

// Ref returns the reference of the call, zero for nobody.
func (f From) Ref() Ref {
	if f.caller == nil {
		return Ref{}
	}
	return Ref{Incarnation: f.caller.incarnation(), Seq: f.seq}
}

func (f From) String() string { return f.Ref().String() }

func (f From) answered() bool { return f.caller == nil || !f.caller.waits(f.seq) }

// Respond answers a call with value, or with err if that is not nil. It may be called from any goroutine. It reports
// whether the answer was taken: the first is, unless the caller has given up. To a caller on another member it reports
// whether it was the first and could be sent.
func Respond(from From, value any, err error) bool {
	return from.caller != nil && from.caller.deliver(from.seq, outcome{value: value, err: err})
}

// Call sends req to an actor and waits for its reply, at most until the deadline of ctx, or DefaultTimeout if it has
// none. Do not call from within Receive: the actor would stand still.
//
// The error is ErrNoProc if there is no such actor or it ended without looking at the request; *ExitError with the
// reason if it ended first; ErrTimeout at the deadline and the error of ctx if that is cancelled; ErrBadReply if the
// reply is not an R; ErrUnsupported if the target does not know the request; and otherwise whatever error the target
// answered with, unchanged.
//
// The target may be on another member, if something carries messages there (see Connect; cluster/remoting does). Requests
// and replies must then be protobuf messages or nil: others are ErrUnsupported or ErrBadReply, and so is one whose type
// the other side does not know. Errors come back as *RemoteError, *ExitError, or the sentinel itself. ErrNodeDown says
// that there is no connection to the member, at once or as soon as it is lost; a reply that is lost with a connection
// that is replaced at once, without the member being down, is ErrTimeout.
func Call[R any](ctx context.Context, system *actor.ActorSystem, to *actor.PID, req any) (R, error) {
	value, err := call(ctx, planeOf(system), to, req)
	return replyOf[R](to, req, outcome{value, err})
}

// replyOf makes an R of what came of a call.
func replyOf[R any](to *actor.PID, req any, out outcome) (R, error) {
	var zero R
	if out.err != nil {
		return zero, out.err
	}
	reply, ok := out.value.(R)
	if !ok && (out.value != nil || reflect.TypeFor[R]().Kind() != reflect.Interface) {
		return zero, fmt.Errorf("%w: call of %T to %s: want %v, got %T", ErrBadReply, req, to.GetId(), reflect.TypeFor[R](), out.value)
	}
	return reply, nil
}

func call(ctx context.Context, p *plane, to *actor.PID, req any) (any, error) {
	if to != nil && !p.local(to) {
		return p.callFar(ctx, to, req)
	}
	proc, ok := p.system.ProcessRegistry.Get(to)
	if !ok {
		return nil, fmt.Errorf("%w: call of %T to %s", ErrNoProc, req, to.GetId())
	}
	return p.exchange(ctx, to, proc, req, nil)
}

// exchange sends one message and takes one reply. The message is other, or without it the call req.
func (p *plane) exchange(ctx context.Context, to *actor.PID, proc actor.Process, req any, other func(From) any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, callError(to, req, err)
	}
	s := p.slots.get()
	m := s.open(p.seq.Add(1), to, proc)
	m.request.Body = req
	m.envelope.Message = &m.request
	if other != nil {
		m.envelope.Message = other(m.request.From)
	}
	proc.SendUserMessage(to, &m.envelope)
	out, err := s.wait(ctx, m)
	p.slots.put(s)
	if err != nil {
		return nil, callError(to, req, err)
	}
	return out.value, out.err
}

func callError(to *actor.PID, req any, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: call of %T to %s: %w", ErrTimeout, req, to.GetId(), err)
	}
	return fmt.Errorf("process: call of %T to %s: %w", req, to.GetId(), err)
}

// goneError is what a caller gets whose target has ended, as protoactor says.
func (p *plane) goneError(who *actor.PID, proc actor.Process, gone *actor.Terminated) error {
	if reason, ours := p.endingOf(proc); ours {
		return &ExitError{Who: who, Reason: reason}
	}
	reason := terminatedReason(gone)
	return &ExitError{Who: who, Reason: reason, Taken: !errors.Is(reason, ErrNoProc)}
}

func terminatedReason(t *actor.Terminated) error {
	switch t.GetWhy() {
	case actor.TerminatedReason_NotFound:
		return ErrNoProc
	case actor.TerminatedReason_AddressTerminated:
		return ErrNodeDown
	default:
		return ErrUnknown
	}
}
