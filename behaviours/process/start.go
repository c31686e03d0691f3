package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// StartWait spawns an actor under parent and waits until it has started: for an actor made with Props, until it is
// Ready. An empty name means a fresh one. If it ends first the error wraps its reason; if ctx (or DefaultTimeout, when
// ctx has no deadline) ends first, the actor is told to stop and the error is as that of Call.
//
// Do not call it within Receive: a child that panics needs its parent to be free.
func StartWait(ctx context.Context, parent actor.SpawnerContext, props *actor.Props, name string) (*actor.PID, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("process: start of %q: %w", name, err)
	}
	if name == "" {
		name = parent.ActorSystem().ProcessRegistry.NextId()
	}
	system := parent.ActorSystem()
	var proc actor.Process // taken before the actor runs: it may be gone by the time there is a PID
	early := actor.WithOnInit(func(child actor.Context) { proc, _ = system.ProcessRegistry.Get(child.Self()) })
	pid, err := parent.SpawnNamed(props.Clone(early), name)
	if err != nil {
		return nil, fmt.Errorf("process: start of %q: %w", name, err)
	}
	if proc == nil { // a spawn function of the user's
		proc, _ = system.ProcessRegistry.Get(pid)
	}
	_, err = planeOf(system).exchange(ctx, pid, proc, start{}, func(From) any { return &actor.Touch{} })
	if err == nil {
		return pid, nil
	}
	var exit *ExitError
	if errors.As(err, &exit) {
		err = exit.Reason
	} else {
		system.Root.Stop(pid)
	}
	return nil, fmt.Errorf("process: start of %q: %w", name, err)
}

// start stands for a StartWait in the errors of its exchange.
type start struct{}
