package process_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestDownCarriesTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(system *actor.ActorSystem, pid *actor.PID)
		want error
	}{
		"exit":   {func(s *actor.ActorSystem, p *actor.PID) { s.Root.Send(p, exitWith{errBoom}) }, errBoom},
		"normal": {func(s *actor.ActorSystem, p *actor.PID) { s.Root.Send(p, exitWith{nil}) }, process.ErrNormal},
		"stop":   {func(s *actor.ActorSystem, p *actor.PID) { s.Root.Stop(p) }, process.ErrShutdown},
		"poison": {func(s *actor.ActorSystem, p *actor.PID) { s.Root.Poison(p) }, process.ErrShutdown},
		"panic":  {func(s *actor.ActorSystem, p *actor.PID) { s.Root.Send(p, panicWith{errBoom}) }, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				pid := system.Root.Spawn(act(obey))
				downs := make(chan *process.Down, 4)
				var first, second process.Ref
				system.Root.Spawn(onDown(func(ctx actor.Context) {
					first, second = process.Monitor(ctx, pid), process.Monitor(ctx, pid)
				}, downs))
				synctest.Wait()
				c.end(system, pid)
				synctest.Wait()
				if len(downs) != 2 {
					t.Fatalf("%d downs, want one for each of two monitors", len(downs))
				}
				for _, ref := range []process.Ref{first, second} {
					d := <-downs
					if d.Ref != ref || !d.Who.Equal(pid) || d.Incarnation != process.Incarnation(system) || !errors.Is(d.Reason, c.want) {
						t.Errorf("got %+v, want ref %v, reason %v", d, ref, c.want)
					}
				}
			})
		})
	}
}

func TestDownOfWhatIsNotThereComesAtOnce(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		downs := make(chan *process.Down, 3)
		system.Root.Spawn(onDown(func(ctx actor.Context) {
			process.Monitor(ctx, actor.NewPID("nonhost", "none"))
			process.Monitor(ctx, nil)
			process.Monitor(ctx, actor.NewPID("far:1", "a"))
		}, downs))
		for _, want := range []error{process.ErrNoProc, process.ErrNoProc, process.ErrNodeDown} {
			if d := <-downs; d.Reason != want {
				t.Errorf("got %v, want %v", d.Reason, want)
			}
		}
	})
}

func TestDownComesAfterEverythingTheDeadActorSent(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var got []any
		release := make(chan struct{})
		watcher := system.Root.Spawn(act(func(ctx actor.Context, msg any) {
			switch msg := msg.(type) {
			case do:
				msg(ctx)
				<-release // everything is in the mailbox before anything is looked at
			case int, *process.Down:
				got = append(got, msg)
			}
		}))
		pid := system.Root.Spawn(act(func(ctx actor.Context, msg any) {
			if msg == "go" {
				for i := range 100 {
					ctx.Send(watcher, i)
				}
				process.Exit(ctx, errBoom)
			}
		}))
		system.Root.Send(watcher, do(func(ctx actor.Context) { process.Monitor(ctx, pid); ctx.Send(pid, "go") }))
		synctest.Wait()
		close(release)
		synctest.Wait()
		if len(got) != 101 {
			t.Fatalf("got %d messages", len(got))
		}
		if _, ok := got[100].(*process.Down); !ok {
			t.Errorf("last is %v", got[100])
		}
	})
}

func TestDemonitorAlsoDropsADownInTheMailbox(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(act(obey))
		downs := make(chan *process.Down, 4)
		release := make(chan struct{})
		system.Root.Spawn(onDown(func(ctx actor.Context) {
			early, late := process.Monitor(ctx, pid), process.Monitor(ctx, pid)
			process.Demonitor(ctx, early)
			process.Monitor(ctx, pid)
			<-release
			process.Demonitor(ctx, late)
			process.Demonitor(ctx, process.Ref{})
		}, downs))
		system.Root.Stop(pid)
		synctest.Wait()
		close(release)
		synctest.Wait()
		if len(downs) != 1 {
			t.Errorf("%d downs, want the one that was not taken back", len(downs))
		}
	})
}

func TestAPlainActorIsMonitoredAndCanMonitor(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
		downs := make(chan *process.Down, 2)
		system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch msg := ctx.Message().(type) {
			case *actor.Started:
				process.Monitor(ctx, pid)
			case *process.Down:
				downs <- msg
			}
		}))
		synctest.Wait()
		system.Root.Stop(pid)
		synctest.Wait()
		if len(downs) != 1 || (<-downs).Reason != process.ErrUnknown {
			t.Errorf("want one down with ErrUnknown")
		}
	})
}

func TestARestartIsAnEndAndTheNextIncarnationCanBeMonitored(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(restarted(act(obey)))
		downs := make(chan *process.Down, 4)
		watch := func() {
			system.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, pid) }, downs))
			synctest.Wait()
		}
		watch()
		system.Root.Send(pid, panicWith{errBoom})
		if d := <-downs; !errors.Is(d.Reason, errBoom) {
			t.Errorf("got %v", d.Reason)
		}
		synctest.Wait()
		watch()
		system.Root.Send(pid, exitWith{nil})
		if d := <-downs; d.Reason != process.ErrNormal {
			t.Errorf("got %v", d.Reason)
		}
		synctest.Wait()
		if len(downs) != 0 {
			t.Errorf("%d downs too many", len(downs))
		}
	})
}

func TestTheEndOfAWatcherTakesItsMonitorsBack(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(act(obey))
		downs := make(chan *process.Down, 4)
		watcher := system.Root.Spawn(act(func(ctx actor.Context, msg any) {
			if d, ok := msg.(*process.Down); ok {
				downs <- d
			}
			obey(ctx, msg)
		}))
		system.Root.Send(watcher, do(func(ctx actor.Context) { process.Monitor(ctx, pid) }))
		system.Root.Send(watcher, panicWith{errBoom}) // restarted under the same name
		synctest.Wait()
		system.Root.Stop(pid)
		synctest.Wait()
		if len(downs) != 0 {
			t.Errorf("the next incarnation got a down of an earlier monitor")
		}
	})
}

func TestEveryMonitorGetsOneDownHoweverItRacesWithTheEnd(t *testing.T) {
	system := actorstest.System()
	for range 200 {
		pid := system.Root.Spawn(act(obey))
		const watchers = 8
		downs := make(chan *process.Down, 2*watchers)
		var ready sync.WaitGroup
		for range watchers {
			ready.Add(1)
			go system.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, pid); ready.Done() }, downs))
		}
		go system.Root.Send(pid, exitWith{errBoom})
		ready.Wait()
		for range watchers {
			if d := <-downs; !errors.Is(d.Reason, errBoom) && d.Reason != process.ErrNoProc {
				t.Fatalf("got %v", d.Reason)
			}
		}
		if len(downs) != 0 {
			t.Fatal("a down too many")
		}
	}
}

func TestSpawnMonitorKnowsTheReasonHoweverSoonTheChildEnds(t *testing.T) {
	system := actorstest.System()
	stillborn := act(func(ctx actor.Context, _ any) { process.Exit(ctx, errBoom) })
	for range 200 {
		downs := make(chan *process.Down, 1)
		system.Root.Spawn(onDown(func(ctx actor.Context) {
			if _, _, err := process.SpawnMonitor(ctx, stillborn, "child"); err != nil {
				t.Error(err)
			}
		}, downs))
		if d := <-downs; !errors.Is(d.Reason, errBoom) {
			t.Fatalf("got %v", d.Reason)
		}
	}
}

func TestSpawnMonitorOfATakenNameLeavesNoMonitor(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		downs := make(chan *process.Down, 4)
		system.Root.Spawn(onDown(func(ctx actor.Context) {
			pid, _, err := process.SpawnMonitor(ctx, act(idle), "child")
			if err != nil {
				t.Error(err)
			}
			if _, _, err := process.SpawnMonitor(ctx, act(idle), "child"); !errors.Is(err, actor.ErrNameExists) {
				t.Errorf("got %v", err)
			}
			ctx.Stop(pid)
		}, downs))
		synctest.Wait()
		if len(downs) != 1 {
			t.Errorf("%d downs, want 1", len(downs))
		}
	})
}
