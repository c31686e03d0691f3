package process

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestNothingIsLeftOfEndedActors ends calls, monitors, timers and actors in every way and looks at what is kept.
func TestNothingIsLeftOfEndedActors(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		target := func(end func(ctx actor.Context)) *actor.Props {
			return Props(func(actor.Context) Machine[int, any, any] {
				return Machine[int, any, any]{
					Lift: func(ctx actor.Context) (any, bool) { return ctx.Message(), true },
					Step: func(n int, ev any) (int, []any) { return n, []any{ev} },
					Perform: func(ctx actor.Context, ev any) {
						if ev == "end" {
							end(ctx)
						}
					},
				}
			})
		}
		ends := []func(actor.Context){
			func(ctx actor.Context) { Exit(ctx, nil) },
			func(ctx actor.Context) { ctx.Stop(ctx.Self()) },
			func(actor.Context) { panic("end") },
		}
		system.Root.Spawn(Props(func(ctx actor.Context) Machine[int, int, int] {
			for i := range 30 {
				pid, ref, err := SpawnMonitor(ctx, target(ends[i%len(ends)]), "")
				if err != nil {
					pid = ctx.Spawn(target(ends[i%len(ends)]))
					ref = Monitor(ctx, pid)
				}
				Monitor(ctx, pid)
				if i%2 == 0 {
					Demonitor(ctx, ref)
				}
				ctx.Send(pid, "end")
				go func() { _, _ = Call[int](t.Context(), system, pid, "x") }()
			}
			After(ctx, time.Hour, "x")
			After(ctx, time.Minute, "end")
			return Machine[int, int, int]{
				Lift:    func(ctx actor.Context) (int, bool) { return 0, ctx.Message() == "end" },
				Step:    func(int, int) (int, []int) { return 0, []int{0} },
				Perform: func(ctx actor.Context, _ int) { Exit(ctx, nil) },
			}
		}))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		p := planeOf(system)
		if len(p.points)+len(p.refs)+len(p.ending) != 0 {
			t.Errorf("left: %d points, %d refs, %d endings", len(p.points), len(p.refs), len(p.ending))
		}
		if len(p.slots.idle) != int(p.slots.made) {
			t.Errorf("%d reply slots, of which %d are free", p.slots.made, len(p.slots.idle))
		}
		for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
			for _, id := range bucket.Keys() {
				if strings.HasPrefix(id, "gendac/monitor/") || strings.HasPrefix(id, "$") {
					t.Errorf("left in the registry: %s", id)
				}
			}
		}
	})
}

func TestCallsThatAreNeverAnsweredAreForgottenWhenTheirCallersGiveUp(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var l *life
		pid := system.Root.Spawn(Props(func(ctx actor.Context) Machine[int, int, int] {
			l, _ = lifeOf(ctx)
			return Machine[int, int, int]{
				Lift: func(ctx actor.Context) (int, bool) { _, ok := ctx.Message().(*Request); return 0, ok },
				Step: func(int, int) (int, []int) { return 0, nil },
			}
		}))
		for range 10 * pruneAt {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := Call[int](ctx, system, pid, "x"); !errors.Is(err, ErrTimeout) {
				t.Fatal(err)
			}
			cancel()
		}
		synctest.Wait()
		if len(l.owed) > pruneAt {
			t.Errorf("%d calls are remembered", len(l.owed))
		}
	})
}
