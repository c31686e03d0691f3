package process

import (
	"context"
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// StartWait spawns an actor under parent and waits until it has started: for an actor made with Props, until it is
// Ready, or has said so with Started. An empty name means a fresh one. If it ends first the error wraps its reason; if ctx (or DefaultTimeout, when
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
	p := planeOf(system)
	s := p.slots.get()
	defer p.slots.put(s)
	m := s.open(p.seq.Add(1), nil, nil)
	early := actor.WithOnInit(func(child actor.Context) {
		m.proc, _ = system.ProcessRegistry.Get(child.Self()) // it may be gone by the time there is a PID
		if a, ours := child.Actor().(alive); ours {
			a.lifeOf().begun = func() { Respond(m.request.From, nil, nil) }
		}
	})
	pid, err := parent.SpawnNamed(props.Clone(early), name)
	if err != nil {
		_, _ = s.giveUp(m.request.From.seq, err)
		return nil, fmt.Errorf("process: start of %q: %w", name, err)
	}
	if m.proc == nil { // a spawn function of the user's
		m.proc, _ = system.ProcessRegistry.Get(pid)
	}
	if err := p.awaitStart(ctx, s, m, pid); err != nil {
		return nil, fmt.Errorf("process: start of %q: %w", name, err)
	}
	return pid, nil
}

// awaitStart waits for the first of two: the actor says itself that it has started, or the touch is answered. A touch is
// what a plain actor answers, or a later incarnation; and an actor that has ended refuses it.
func (p *plane) awaitStart(ctx context.Context, s *slot, m *message, pid *actor.PID) error {
	m.to, m.envelope.Message = pid, &actor.Touch{}
	m.proc.SendUserMessage(pid, &m.envelope)
	out, err := s.wait(ctx, m)
	if err != nil {
		err = callError(pid, start{}, err)
	} else {
		err = out.err
	}
	var exit *ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return exit.Reason
	default:
		p.system.Root.Stop(pid)
		return err
	}
}

// Started says that the calling actor has started, before the message in hand is done: whoever waits for the start waits
// no more. Without it an actor has started when that message is done, if it is Ready then (see Machine.Ready). It panics
// if ctx is not the context of an actor made with Props.
func Started(ctx actor.Context) { mustLife(ctx, "Started").announce() }

// start stands for a StartWait in the errors of its exchange.
type start struct{}
