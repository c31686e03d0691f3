package genserver_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
)

func TestABoundedQueueRefusesCallsAndDropsCastsAndTakesEverythingElse(t *testing.T) {
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

		w.cast(sleeps(time.Minute), "one") // the first is handled, the second waits
		queued := make(chan error, 1)
		go func() {
			_, err := genserver.Call[int](w.t.Context(), w.system, w.pid, do(
				func(s *scripted, _ *genserver.Context, _ genserver.From) genserver.Return {
					s.note("call", "two")
					return genserver.Reply(2)
				}))
			queued <- err
		}()
		synctest.Wait()
		w.cast("dropped")
		begin := time.Now()
		if _, err := genserver.Call[int](w.t.Context(), w.system, w.pid, "refused"); !errors.Is(err, process.ErrOverload) || time.Since(begin) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		w.system.Root.Send(w.pid, "info")
		if err := <-queued; !errors.Is(err, process.ErrTimeout) {
			t.Errorf("the queued call: %v", err) // the default timeout is less than a minute
		}
		time.Sleep(time.Hour)
		w.wrote("cast one", "call two", "info info")
		mu.Lock()
		if !slices.Equal(dead, []any{"dropped"}) {
			t.Errorf("dead letters %v", dead)
		}
		mu.Unlock()
		if n, err := genserver.Call[int](w.t.Context(), w.system, w.pid, answers(5)); n != 5 || err != nil {
			t.Errorf("when it has caught up: %d, %v", n, err)
		}
	}, genserver.WithQueue(2))
}

func TestABoundedServerCanAlwaysBeStoppedAndSpawnedAgain(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(sleeps(time.Second))
		w.cast("waits")
		if err := genserver.StopWait(w.t.Context(), w.system, w.pid, errBoom); err != nil {
			t.Error(err)
		}
		w.wrote("cast waits", "terminate boom")
		w.pid = w.start(nil, genserver.WithQueue(1))
		w.cast("as good as new")
		w.wrote("cast as good as new")
	}, genserver.WithQueue(0))
}

func TestManySendersNeverQueueMoreThanTheLimit(t *testing.T) {
	const limit, senders = 8, 100
	in(t, nil, func(w *world) {
		w.cast(sleeps(time.Second))
		var mu sync.Mutex
		counts := map[bool]int{}
		var all sync.WaitGroup
		for range senders {
			all.Go(func() {
				_, err := genserver.Call[int](w.t.Context(), w.system, w.pid, answers(1))
				if err != nil && !errors.Is(err, process.ErrOverload) {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				counts[err == nil]++
			})
		}
		all.Wait()
		if counts[true] == 0 || counts[true] > limit || counts[true]+counts[false] != senders {
			t.Errorf("%d taken, %d refused, want at most %d taken", counts[true], counts[false], limit)
		}
	}, genserver.WithQueue(limit))
}

func TestASlowCallbackIsReportedWhileItRuns(t *testing.T) {
	var mu sync.Mutex
	var told []string
	report := func(s genserver.Slow) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf("%s %s %v", s.Callback, s.Message, s.Bound))
	}
	in(t, func(*genserver.Context) error { time.Sleep(2 * time.Second); return nil }, func(w *world) {
		w.cast("quick", sleeps(time.Hour))
		time.Sleep(2 * time.Second)
		mu.Lock()
		if want := []string{"Init  1s", "HandleCast genserver_test.do 1s"}; !slices.Equal(told, want) {
			t.Errorf("told of %q, want %q", told, want)
		}
		mu.Unlock()
		time.Sleep(2 * time.Hour)
		if len(told) != 2 {
			t.Errorf("told again: %q", told)
		}
	}, genserver.WithSlow(time.Second, report))
}
