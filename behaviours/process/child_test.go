package process_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// ending is what a parent learns of a child that a nursery spawned.
type ending struct {
	reason         error
	started, plain bool
	begun          int64
}

// bear spawns one child in a nursery, sends it a message, and returns its ending.
func bear(system *actor.ActorSystem, props *actor.Props, message any) <-chan ending {
	endings := make(chan ending, 1)
	var child process.Child
	var begun atomic.Int64
	system.Root.Spawn(act(func(ctx actor.Context, msg any) {
		switch msg := msg.(type) {
		case *actor.Started:
			var err error
			child, err = process.NewNursery(props).Spawn(ctx, "child", func() { begun.Add(1) })
			if err != nil {
				endings <- ending{reason: err}
				return
			}
			ctx.Send(child.PID, message)
		case *actor.Terminated:
			if msg.Who != child.PID {
				return
			}
			reason, started := child.Ended()
			endings <- ending{reason, started, child.Plain(), begun.Load()}
		}
	}))
	return endings
}

func TestAParentKnowsWhyAChildOfANurseryEndedAndWhetherItHadStarted(t *testing.T) {
	never := process.Props(func(actor.Context) process.Machine[int, any, any] {
		m := echo(obey)
		m.Ready = func() bool { return false }
		return m
	})
	for name, c := range map[string]struct {
		props   *actor.Props
		message any
		want    ending
	}{
		"exit":        {act(obey), exitWith{errBoom}, ending{errBoom, true, false, 1}},
		"panic":       {act(obey), panicWith{errBoom}, ending{errBoom, true, false, 1}},
		"stop":        {act(obey), &actor.PoisonPill{}, ending{process.ErrShutdown, true, false, 1}},
		"never ready": {never, exitWith{errBoom}, ending{errBoom, false, false, 0}},
		"plain":       {actor.PropsFromFunc(func(actor.Context) {}), &actor.PoisonPill{}, ending{process.ErrUnknown, false, true, 0}},
		"no start":    {actor.PropsFromProducer(func() actor.Actor { panic(errBoom) }), "x", ending{reason: errBoom}},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(_ *testing.T, system *actor.ActorSystem) {
				got := <-bear(system, c.props, c.message)
				if !errors.Is(got.reason, c.want.reason) {
					t.Errorf("ended with %v, want %v", got.reason, c.want.reason)
				}
				if got.reason = c.want.reason; got != c.want {
					t.Errorf("got %+v, want %+v", got, c.want)
				}
			})
		})
	}
}

func TestAnAbandonedChildIsDeadToEverybodyElse(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		release := make(chan struct{})
		downs := make(chan *process.Down, 2)
		children := make(chan *actor.PID, 1)
		parent := system.Root.Spawn(act(func(ctx actor.Context, msg any) {
			switch msg := msg.(type) {
			case *actor.Started:
				child, err := process.NewNursery(act(obey)).Spawn(ctx, "", nil)
				if err != nil {
					t.Error(err)
				}
				children <- child.PID
			case *actor.PID:
				process.Abandon(ctx, msg)
			}
		}))
		child := <-children
		if err := process.Register(system, "x", child); err != nil {
			t.Fatal(err)
		}
		system.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, child) }, downs))
		system.Root.Send(child, do(func(actor.Context) { <-release }))
		synctest.Wait()
		system.Root.Send(parent, child)
		if d := <-downs; d.Reason != process.ErrKilled {
			t.Errorf("got %v", d.Reason)
		}
		if _, taken := process.WhereIs(system, "x"); taken {
			t.Error("the name is taken still")
		}
		system.Root.Stop(parent)
		synctest.Wait()
		if _, there := system.ProcessRegistry.Get(parent); there {
			t.Error("the parent waits for the child")
		}
		close(release)
		synctest.Wait()
		if len(downs) != 0 {
			t.Error("it ended twice")
		}
	})
}
