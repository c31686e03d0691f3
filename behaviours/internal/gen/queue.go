package gen

import (
	"fmt"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// Bounded lets at most limit calls and casts wait for each actor, beside the one that it handles; less than 1 is 1. What
// comes then is refused: a call with process.ErrOverload, in which behaviour names itself, and a cast as a dead letter.
// The mailbox knows whose it is, for that.
func Bounded(behaviour string, limit int) actor.PropsOption {
	limit = max(limit, 1)
	full := fmt.Errorf("%s: %d calls and casts wait already: %w", behaviour, limit, process.ErrOverload)
	return actor.WithSpawnFunc(func(system *actor.ActorSystem, id string, props *actor.Props, parent actor.SpawnerContext) (*actor.PID, error) {
		b := &bounded{Mailbox: actor.Unbounded()(), system: system, limit: int64(limit), full: full}
		own := props.Clone(
			process.WithMailbox(func() actor.Mailbox { return b }),
			actor.WithOnInit(func(ctx actor.Context) { b.self = ctx.Self() }),
		)
		return actor.DefaultSpawner(system, id, own, parent)
	})
}

// bounded refuses calls and casts beyond its limit, in the sender's goroutine. protoactor's own bounded mailboxes make
// the sender spin, or spin themselves.
type bounded struct {
	actor.Mailbox
	actor.MessageInvoker
	system  *actor.ActorSystem
	self    *actor.PID
	limit   int64
	waiting atomic.Int64 // calls and casts
	full    error
}

// PostUserMessage queues a message or refuses it.
func (b *bounded) PostUserMessage(msg any) {
	body := actor.UnwrapEnvelopeMessage(msg)
	if counts(body) && b.waiting.Add(1) > b.limit {
		b.waiting.Add(-1)
		b.refuse(body)
		return
	}
	b.Mailbox.PostUserMessage(msg)
}

// RegisterHandlers puts the count between the queue and the actor.
func (b *bounded) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	b.MessageInvoker = invoker
	b.Mailbox.RegisterHandlers(b, dispatcher)
}

// InvokeUserMessage counts what waits no more.
func (b *bounded) InvokeUserMessage(msg any) {
	if counts(actor.UnwrapEnvelopeMessage(msg)) {
		b.waiting.Add(-1)
	}
	b.MessageInvoker.InvokeUserMessage(msg)
}

func counts(body any) bool {
	switch body.(type) {
	case *process.Request, Casted:
		return true
	}
	return false
}

func (b *bounded) refuse(body any) {
	switch body := body.(type) {
	case *process.Request:
		process.Respond(body.From, nil, b.full)
	case Casted:
		b.system.DeadLetter.SendUserMessage(b.self, Body(body))
	}
}
