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
	gone := make(chan error, 1)
	watcher := system.Root.Spawn(undertaker(server, reason, gone))
	select {
	case why := <-gone:
		if errors.Is(why, reason) {
			return nil
		}
		return fmt.Errorf("stop of %s: it ended otherwise: %w", server.GetId(), why)
	case <-ctx.Done():
		system.Root.Stop(watcher)
		err := ctx.Err()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", process.ErrTimeout, err)
		}
		return fmt.Errorf("stop of %s: %w", server.GetId(), err)
	}
}

// undertaker orders a server to stop and tells of its end. It monitors first, so that no end is missed.
func undertaker(server *actor.PID, reason error, gone chan<- error) *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[struct{}, error, error] {
		process.Monitor(ctx, server)
		ctx.Send(server, &Stop{reason})
		return process.Machine[struct{}, error, error]{
			Name: "stop of " + server.GetId(),
			Lift: func(ctx actor.Context) (error, bool) {
				down, ok := ctx.Message().(*process.Down)
				if !ok {
					return nil, false
				}
				return down.Reason, true
			},
			Step: func(s struct{}, why error) (struct{}, []error) { return s, []error{why} },
			Perform: func(ctx actor.Context, why error) {
				gone <- why
				process.Exit(ctx, nil)
			},
		}
	})
}
