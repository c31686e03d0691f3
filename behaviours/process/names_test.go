package process_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestANameHasOneOwner(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		a, b := system.Root.Spawn(act(idle)), system.Root.Spawn(act(idle))
		if _, ok := process.WhereIs(system, "x"); ok {
			t.Error("somebody has the name")
		}
		for _, c := range []struct {
			pid  *actor.PID
			want error
		}{{a, nil}, {a, nil}, {b, process.ErrNameTaken}, {nil, process.ErrNoProc}, {actor.NewPID("far:1", "a"), process.ErrNoProc}, {actor.NewPID("nonhost", "none"), process.ErrNoProc}} {
			if err := process.Register(system, "x", c.pid); !errors.Is(err, c.want) {
				t.Errorf("%v: got %v, want %v", c.pid, err, c.want)
			}
		}
		if pid, ok := process.WhereIs(system, "x"); !ok || pid.Id != a.Id {
			t.Errorf("x is %v", pid)
		}
		if !process.Unregister(system, "x") || process.Unregister(system, "x") {
			t.Error("unregistered never or twice")
		}
		if err := process.Register(system, "x", b); err != nil {
			t.Error(err)
		}
	})
}

func TestANameIsFreeBeforeAnyoneHearsOfTheEnd(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		for name, props := range map[string]*actor.Props{
			"ours":  act(func(ctx actor.Context, msg any) { obey(ctx, msg) }),
			"plain": actor.PropsFromFunc(func(actor.Context) {}),
		} {
			pid := system.Root.Spawn(props)
			for _, n := range []string{"x", "y"} {
				if err := process.Register(system, n, pid); err != nil {
					t.Fatal(err)
				}
			}
			heard := make(chan bool, 1)
			system.Root.Spawn(act(func(ctx actor.Context, msg any) {
				switch msg.(type) {
				case *actor.Started:
					process.Monitor(ctx, pid)
				case *process.Down:
					_, x := process.WhereIs(system, "x")
					_, y := process.WhereIs(system, "y")
					heard <- x || y
				}
			}))
			synctest.Wait()
			if name == "ours" {
				system.Root.Send(pid, exitWith{errBoom})
			} else {
				system.Root.Stop(pid)
			}
			if <-heard {
				t.Errorf("%s: the name is taken still", name)
			}
		}
	})
}
