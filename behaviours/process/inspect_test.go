package process_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestInspectTellsOfAnActorBetweenTwoOfItsMessages(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		other := system.Root.Spawn(act(func(ctx actor.Context, _ any) { process.TrapExit(ctx, true) }))
		props := process.Props(func(actor.Context) process.Machine[int, any, any] {
			m := echo(func(ctx actor.Context, msg any) {
				if _, ok := msg.(*actor.Started); ok {
					process.Monitor(ctx, other)
					process.Link(ctx, other)
				}
				obey(ctx, msg)
			})
			m.Name = "counter"
			m.Status = func() any { return "fine" }
			return m
		})
		pid := system.Root.Spawn(restarted(props))
		system.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, pid) }, make(chan *process.Down, 1)))
		time.Sleep(time.Hour)
		system.Root.Send(pid, panicWith{errBoom}) // the guardian restarts it
		synctest.Wait()
		system.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, pid) }, make(chan *process.Down, 1)))
		release := make(chan struct{})
		system.Root.Send(pid, do(func(actor.Context) { <-release }))
		synctest.Wait()
		for range 3 {
			system.Root.Send(pid, "x")
		}
		infos := make(chan process.Info)
		go func() {
			info, err := process.Inspect(t.Context(), system, pid)
			if err != nil {
				t.Error(err)
			}
			infos <- info
		}()
		synctest.Wait()
		close(release)
		info := <-infos
		want := process.Info{
			PID: info.PID, Behaviour: "counter", Phase: "running", State: "fine", Mailbox: 4, LastMessage: "process_test.do",
			Handled: 2, Restarts: 1, Links: 1, Monitors: 1, MonitoredBy: 1, Started: info.Started,
		}
		if info != want || info.PID.Id != pid.Id || time.Since(info.Started) != 0 {
			t.Errorf("got  %+v\nwant %+v", info, want)
		}
		synctest.Wait()
		if info, err := process.Inspect(t.Context(), system, pid); err != nil || info.Handled != 5 || info.Mailbox > 1 {
			t.Errorf("got %+v, %v, want 5 handled", info, err)
		}
	})
}

func TestInspectShowsTheStateOfAMachineWithoutStatusAndSurvivesItsPanic(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(act(idle))
		if info, err := process.Inspect(t.Context(), system, pid); err != nil || info.State != 1 || info.Behaviour != "process" {
			t.Errorf("got %+v, %v", info, err)
		}
		pid = system.Root.Spawn(process.Props(func(actor.Context) process.Machine[int, any, any] {
			m := echo(idle)
			m.Status = func() any { panic(errBoom) }
			return m
		}))
		for range 2 {
			info, err := process.Inspect(t.Context(), system, pid)
			shown, _ := info.State.(error)
			if err != nil || !errors.Is(shown, errBoom) {
				t.Errorf("got %+v, %v", info, err)
			}
		}
	})
}

func TestInspectTellsWhyItCannotTell(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		stuck := system.Root.Spawn(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }))
		release := make(chan struct{})
		system.Root.Send(stuck, do(func(actor.Context) { <-release }))
		synctest.Wait()
		for _, c := range []struct {
			pid  *actor.PID
			want error
		}{
			{nil, process.ErrNoProc},
			{actor.NewPID("nonhost", "none"), process.ErrNoProc},
			{actor.NewPID("far:1", "a"), process.ErrNodeDown},
			{system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {})), process.ErrUnsupported},
			{stuck, process.ErrTimeout},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if _, err := process.Inspect(ctx, system, c.pid); !errors.Is(err, c.want) {
				t.Errorf("%v: got %v, want %v", c.pid, err, c.want)
			}
			cancel()
		}
		close(release)
	})
}
