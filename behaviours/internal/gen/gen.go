// Package gen holds what genserver and genstatem have in common: the messages that either understands, and how one of
// them is stopped from outside. It is OTP's gen.
package gen

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// A Cast carries a message that nobody waits for, to other members too if the message can go there. It has the type of
// the message, and so its size: what carries it through a mailbox is then one object, as for any other message, and none
// at all for a pointer.
type Cast[M any] struct{ Msg M }

// Casted is a Cast of any type.
type Casted interface {
	process.Carried
	cast()
}

var _ Casted = Cast[int]{}

// Carried is for package process.
func (c Cast[M]) Carried() (as string, body any) { return "cast", c.Msg }

func (Cast[M]) cast() {}

// Body returns the message. It is no copy: what c holds is already what an interface of the message's type would.
func Body(c Casted) any { return reflect.ValueOf(c).Field(0).Interface() }

func init() { process.CarryAs("cast", func(body any) any { return Cast[any]{Msg: body} }) }

// A Stop tells a server to end with Reason once it has handled what was queued before.
type Stop struct{ Reason error }

// IgnoreDeadLetterLogging keeps protoactor quiet: whoever waits learns of it anyway.
func (*Stop) IgnoreDeadLetterLogging() {}

// WithDeadline returns ctx with process.DefaultTimeout for a deadline if it has none.
func WithDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, process.DefaultTimeout)
}

// StopWait sends a Stop and waits until the server is gone; see genserver.StopWait.
func StopWait(ctx context.Context, system *actor.ActorSystem, server *actor.PID, reason error) error {
	if reason == nil {
		reason = process.ErrNormal
	}
	if at := server.GetAddress(); at != "nonhost" && at != system.Address() {
		return fmt.Errorf("stop of %s: %w: it is on another member", server, process.ErrUnsupported)
	}
	ctx, cancel := WithDeadline(ctx)
	defer cancel()
	why, err := process.AwaitEnd(ctx, system, server, &Stop{reason})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("stop of %s: %w: %w", server.GetId(), process.ErrTimeout, err)
	case err != nil:
		return fmt.Errorf("stop of %s: %w", server.GetId(), err)
	case !errors.Is(why, reason):
		return fmt.Errorf("stop of %s: it ended otherwise: %w", server.GetId(), why)
	}
	return nil
}
