package process_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// timed is an actor that obeys and tells of the strings it is sent.
func timed(got chan<- string) *actor.Props {
	return act(func(ctx actor.Context, msg any) {
		if s, ok := msg.(string); ok {
			got <- s
		}
		obey(ctx, msg)
	})
}

func TestATimerFiresOnTime(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		got := make(chan string, 4)
		begin := time.Now()
		system.Root.Send(system.Root.Spawn(timed(got)), do(func(ctx actor.Context) {
			process.After(ctx, time.Hour, "later")
			process.After(ctx, -1, "now")
		}))
		if s := <-got; s != "now" || time.Since(begin) != 0 {
			t.Errorf("got %q after %v", s, time.Since(begin))
		}
		if s := <-got; s != "later" || time.Since(begin) != time.Hour {
			t.Errorf("got %q after %v", s, time.Since(begin))
		}
	})
}

func TestACancelledTimerIsNeverHandledEvenFromTheMailbox(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		got := make(chan string, 4)
		pid := system.Root.Spawn(timed(got))
		system.Root.Send(pid, do(func(ctx actor.Context) {
			cancel := process.After(ctx, time.Second, "cancelled")
			process.After(ctx, time.Second, "kept")
			time.Sleep(time.Minute) // the mailbox has both by now
			cancel()
			cancel()
		}))
		time.Sleep(time.Hour)
		if s := <-got; s != "kept" || len(got) != 0 {
			t.Errorf("got %q and %d more", s, len(got))
		}
	})
}

func TestATimerEndsWithItsIncarnation(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		got := make(chan string, 4)
		pid := system.Root.Spawn(timed(got)) // protoactor's guardian restarts it
		system.Root.Send(pid, do(func(ctx actor.Context) { process.After(ctx, time.Second, "old") }))
		system.Root.Send(pid, do(func(ctx actor.Context) {
			process.After(ctx, 0, "old and in the mailbox")
			time.Sleep(time.Millisecond)
			panic(errBoom)
		}))
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(got) != 0 {
			t.Errorf("got %q", <-got)
		}
	})
}
