package genstatem_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genstatem"
	"github.com/gendac/gendac/behaviours/process"
)

// sleeps is an event that keeps the machine busy.
func sleeps(d time.Duration) do {
	return func(c *ctx, _ genstatem.Event) result { time.Sleep(d); return c.Keep() }
}

func TestABoundedMachineRefusesCallsAndDropsCastsAndTakesEverythingElse(t *testing.T) {
	in(t, nil, func(w *world) {
		var mu sync.Mutex
		var dead []any
		sub := w.system.EventStream.Subscribe(func(ev any) {
			if d, ok := ev.(*actor.DeadLetterEvent); ok && d.PID.GetId() == w.pid.GetId() {
				mu.Lock()
				defer mu.Unlock()
				dead = append(dead, d.Message)
			}
		})
		defer w.system.EventStream.Unsubscribe(sub)
		w.cast(sleeps(time.Minute)) // is being handled
		w.cast("one", "two")        // wait
		w.cast("dropped")
		begin := time.Now()
		if _, err := w.call("refused"); !errors.Is(err, process.ErrOverload) || !strings.Contains(err.Error(), "2 calls and casts") || time.Since(begin) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		w.system.Root.Send(w.pid, "info")
		time.Sleep(time.Hour)
		w.wrote("a/0: cast one", "a/0: cast two", "a/0: info info")
		mu.Lock()
		if !slices.Equal(dead, []any{"dropped"}) {
			t.Errorf("dead letters %v", dead)
		}
		mu.Unlock()
		w.cast("when it has caught up")
		w.wrote("a/0: cast when it has caught up")
	}, genstatem.WithQueue(2))
}

func TestWhatABoundedMachinePostponesDoesNotWait(t *testing.T) {
	in(t, nil, func(w *world) {
		for _, note := range []string{"first", "second", "third"} { // one at a time: at most one waits
			w.cast(laterIn{"b", note})
		}
		w.cast(goes("b"))
		w.wrote("b/0: first", "b/0: second", "b/0: third")
	}, genstatem.WithQueue(1))
}

func TestABoundedMachineHasItsTimeoutsAndCanBeStopped(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.StateTimeout(time.Second, "late")))
		w.cast(sleeps(time.Minute))
		w.cast("waits")
		time.Sleep(2 * time.Second) // the timeout waits, too
		stopped := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
			defer cancel()
			stopped <- genstatem.StopWait(ctx, w.system, w.pid, errBoom)
		}()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		w.wrote("a/0: cast waits", "a/0: state timeout late", "a/0: terminate boom")
	}, genstatem.WithQueue(0))
}
