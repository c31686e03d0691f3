package process

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// DefaultTimeout is how long a Call waits whose context has no deadline.
const DefaultTimeout = 5 * time.Second

// watchAfter is when a call without an answer begins to watch its target. An actor made with Props answers by itself
// when it ends, so that the watch is for plain actors, and quick calls need not pay for it.
const watchAfter = 20 * time.Millisecond

// A Request is a call as the called actor receives it. Whoever lifts it owes one Respond, now or later.
type Request struct {
	From From
	Body any
}

// IgnoreDeadLetterLogging keeps protoactor quiet: the caller learns of it anyway.
func (*Request) IgnoreDeadLetterLogging() {}

// A From names the caller that a Respond answers. It is good for one answer. The zero value is nobody.
type From struct{ call *pending }

// Ref returns the reference of the call, zero for nobody.
func (f From) Ref() Ref {
	if f.call == nil {
		return Ref{}
	}
	return f.call.ref
}

func (f From) String() string { return f.Ref().String() }

func (f From) answered() bool { return f.call == nil || f.call.closed.Load() }

// Respond answers a call with value, or with err if that is not nil. It may be called from any goroutine. It reports
// whether the answer was taken: the first is, unless the caller has given up.
func Respond(from From, value any, err error) bool {
	return from.call != nil && from.call.deliver(outcome{value: value, err: err})
}

// Call sends req to an actor and waits for its reply, at most until the deadline of ctx, or DefaultTimeout if it has
// none. Do not call from within Receive: the actor would stand still.
//
// The error is ErrNoProc if there is no such actor or it ended without looking at the request; *ExitError with the
// reason if it ended first; ErrTimeout at the deadline and the error of ctx if that is cancelled; ErrBadReply if the
// reply is not an R; ErrUnsupported if the target does not know the request, or is on another member (later: it will
// be ErrNodeDown when the connection is lost); and otherwise whatever error the target answered with, unchanged.
func Call[R any](ctx context.Context, system *actor.ActorSystem, to *actor.PID, req any) (R, error) {
	var zero R
	value, err := call(ctx, system, to, req)
	if err != nil {
		return zero, err
	}
	reply, ok := value.(R)
	if !ok && (value != nil || reflect.TypeFor[R]().Kind() != reflect.Interface) {
		return zero, fmt.Errorf("%w: call of %T to %s: want %v, got %T", ErrBadReply, req, to.GetId(), reflect.TypeFor[R](), value)
	}
	return reply, nil
}

func call(ctx context.Context, system *actor.ActorSystem, to *actor.PID, req any) (any, error) {
	p := planeOf(system)
	if to != nil && !p.local(to) {
		return nil, fmt.Errorf("%w: call of %T to %s: calls do not cross members; send through the member's transport", ErrUnsupported, req, to)
	}
	proc, ok := system.ProcessRegistry.Get(to)
	if !ok {
		return nil, fmt.Errorf("%w: call of %T to %s", ErrNoProc, req, to.GetId())
	}
	return exchange(ctx, system, to, proc, req, func(c *pending) any { return &Request{From: From{c}, Body: req} })
}

// exchange sends one message and takes one reply; req is what errors name.
func exchange(ctx context.Context, system *actor.ActorSystem, to *actor.PID, proc actor.Process, req any, message func(*pending) any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, callError(to, req, err)
	}
	p := planeOf(system)
	c := &pending{plane: p, ref: p.newRef(), to: to, proc: proc, done: make(chan outcome, 1)}
	me, _ := system.ProcessRegistry.Add(c, p.callPrefix+strconv.FormatUint(c.ref.Seq, 36))
	defer system.ProcessRegistry.Remove(me)
	proc.SendUserMessage(to, &actor.MessageEnvelope{Message: message(c), Sender: me})
	out, err := c.wait(ctx, me)
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

type outcome struct {
	value any
	err   error
}

// pending is the caller's side of one call: a process that takes one reply.
type pending struct {
	plane  *plane
	ref    Ref
	to     *actor.PID
	proc   actor.Process
	closed atomic.Bool
	done   chan outcome
}

var _ actor.Process = (*pending)(nil)

func (c *pending) deliver(out outcome) bool {
	if !c.closed.CompareAndSwap(false, true) {
		return false
	}
	c.done <- out
	return true
}

// wait returns the outcome, or the error of ctx if no answer can be taken any more. One timer serves first the watch and
// then, if ctx has no deadline, the default one.
func (c *pending) wait(ctx context.Context, me *actor.PID) (outcome, error) {
	timer := time.NewTimer(watchAfter)
	defer timer.Stop()
	watching := false
	for {
		select {
		case out := <-c.done:
			return out, nil
		case <-timer.C:
			if watching {
				return c.giveUp(context.DeadlineExceeded)
			}
			watching = true
			c.proc.SendSystemMessage(c.to, &actor.Watch{Watcher: me})
			defer c.proc.SendSystemMessage(c.to, &actor.Unwatch{Watcher: me})
			if _, has := ctx.Deadline(); !has {
				timer.Reset(DefaultTimeout - watchAfter)
			}
		case <-ctx.Done():
			return c.giveUp(ctx.Err())
		}
	}
}

// giveUp ends the wait with err, unless an answer was taken at the same moment.
func (c *pending) giveUp(err error) (outcome, error) {
	if c.closed.CompareAndSwap(false, true) {
		return outcome{}, err
	}
	return <-c.done, nil
}

// SendUserMessage takes the reply of a plain actor that answers with ctx.Respond.
func (c *pending) SendUserMessage(_ *actor.PID, message any) {
	msg := actor.UnwrapEnvelopeMessage(message)
	if _, dead := msg.(*actor.DeadLetterResponse); dead {
		c.deliver(outcome{err: &ExitError{Who: c.to, Reason: ErrNoProc}})
		return
	}
	c.deliver(outcome{value: msg})
}

// SendSystemMessage learns of the target's end.
func (c *pending) SendSystemMessage(_ *actor.PID, message any) {
	gone, ok := message.(*actor.Terminated)
	if !ok {
		return
	}
	if reason, ours := c.plane.endingOf(c.proc); ours {
		c.deliver(outcome{err: &ExitError{Who: c.to, Reason: reason}})
		return
	}
	reason := terminatedReason(gone)
	c.deliver(outcome{err: &ExitError{Who: c.to, Reason: reason, Taken: !errors.Is(reason, ErrNoProc)}})
}

// Stop does nothing: a call ends by itself.
func (c *pending) Stop(*actor.PID) {}

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
