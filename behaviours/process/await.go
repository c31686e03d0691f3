package process

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"
)

// AwaitEnd is Monitor for those who are no actors: it waits for target's end and returns the reason, which is ErrNoProc
// if there is no target. Once it watches, and before it waits, it sends last to target, unless last is nil. The error is
// that of ctx if this ends first, and last is sent all the same.
//
// Do not call it from within Receive: the actor would stand still.
func AwaitEnd(ctx context.Context, system *actor.ActorSystem, target *actor.PID, last any) (reason, err error) {
	p := planeOf(system)
	end := make(awaited, 1)
	w := watcher{ref: p.newRef(), pid: target, proc: end}
	p.monitor(w, target)
	if last != nil {
		system.Root.Send(target, last)
	}
	select {
	case reason = <-end:
		return reason, nil
	case <-ctx.Done():
		p.forget(map[Ref]struct{}{w.ref: {}})
		return nil, ctx.Err()
	}
}

// awaited takes the one Down of its monitor.
type awaited chan error

var _ actor.Process = awaited(nil)

// SendUserMessage takes the Down.
func (a awaited) SendUserMessage(_ *actor.PID, msg any) {
	if down, ok := msg.(*Down); ok {
		a <- down.Reason
	}
}

// SendSystemMessage ignores what strays here.
func (a awaited) SendSystemMessage(*actor.PID, any) {}

// Stop does nothing: it ends with its target.
func (a awaited) Stop(*actor.PID) {}
