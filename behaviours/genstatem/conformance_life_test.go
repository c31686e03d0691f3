package genstatem_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/genstatem"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// Each test of this file is a rule of gen_statem's documentation on starting, calling and stopping; its name says which.

func asError[E error](err error, target *E) bool { return errors.As(err, target) }

func TestStateFunctionsHandleTheEventsOfTheirState(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.States = map[string]state{
			"a": {On: func(c *ctx, e genstatem.Event) result { w.note(c, "in a"); return c.Next("b") }},
			"b": {On: func(c *ctx, e genstatem.Event) result { w.note(c, "in b"); return c.Next("c") }},
		}
	}, func(w *world) {
		w.cast("x", "y", "z")
		w.wrote("a/0: in a", "b/0: in b", "c/0: cast z")
	})
}

func TestInTheHandleEventModeAStateIsAnyValue(t *testing.T) {
	type at struct{ x, y int }
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid, err := genstatem.StartWait(t.Context(), system.Root, genstatem.Props(genstatem.Spec[at, string]{
			Any: genstatem.State[at, string]{On: func(c *genstatem.Context[at, string], e genstatem.Event) genstatem.Result[at] {
				if e.Kind == genstatem.CallEvent {
					return c.Keep(genstatem.Reply(e.From, c.State))
				}
				return c.Next(at{c.State.x + 1, c.State.y - 1})
			}},
		}), "")
		if err != nil {
			t.Fatal(err)
		}
		genstatem.Cast(system.Root, pid, "move")
		if got, err := genstatem.Call[at](t.Context(), system, pid, "where"); got != (at{1, -1}) || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestPlainMessagesAreInfoEvents(t *testing.T) {
	in(t, nil, func(w *world) {
		w.system.Root.Send(w.pid, "plain")
		w.wrote("a/0: info plain")
	})
}

func TestAReplyActionAnswersTheCallNowOrLater(t *testing.T) {
	in(t, nil, func(w *world) {
		now := do(func(c *ctx, e genstatem.Event) result { return c.Keep(genstatem.Reply(e.From, "now")) })
		if got, err := w.call(now); got != "now" || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		refused := do(func(c *ctx, e genstatem.Event) result { return c.Keep(genstatem.ReplyError(e.From, errBoom)) })
		if _, err := w.call(refused); !errors.Is(err, errBoom) {
			t.Errorf("got %v", err)
		}
		later := do(func(c *ctx, e genstatem.Event) result {
			return c.Keep(genstatem.NamedTimeout("later", time.Minute, do(func(c *ctx, _ genstatem.Event) result {
				return c.Keep(genstatem.Reply(e.From, "later"))
			})))
		})
		if got, err := w.call(later); got != "later" || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		elsewhere := do(func(c *ctx, e genstatem.Event) result {
			go genstatem.Answer(e.From, "elsewhere")
			return c.Keep()
		})
		if got, err := w.call(elsewhere); got != "elsewhere" || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestAPostponedCallIsAnsweredByTheStateThatHandlesIt(t *testing.T) {
	in(t, nil, func(w *world) {
		time.AfterFunc(time.Minute, func() { genstatem.Cast(w.system.Root, w.pid, goes("b")) })
		got, err := w.call(do(func(c *ctx, e genstatem.Event) result {
			if c.State == "a" {
				return c.Keep(genstatem.Postpone())
			}
			return c.Keep(genstatem.Reply(e.From, "in "+c.State))
		}))
		if got != "in b" || err != nil || time.Since(w.begin) != time.Minute {
			t.Errorf("got %v, %v after %v", got, err, time.Since(w.begin))
		}
	})
}

func TestStopTerminatesWithTheReasonAndTheNewData(t *testing.T) {
	in(t, nil, func(w *world) {
		reason := w.down(func() {
			w.cast(do(func(c *ctx, _ genstatem.Event) result {
				c.Data = 5
				return c.Exit(errBoom)
			}), "too late")
		})
		if !errors.Is(reason, errBoom) {
			t.Errorf("ended with %v", reason)
		}
		w.wrote("a/5: terminate boom")
	})
}

func TestStopWithoutAReasonIsNormal(t *testing.T) {
	in(t, nil, func(w *world) {
		if reason := w.down(func() {
			w.cast(do(func(c *ctx, _ genstatem.Event) result { return c.Exit(nil) }))
		}); !errors.Is(reason, process.ErrNormal) {
			t.Errorf("ended with %v", reason)
		}
	})
}

func TestStopAndReplySendsTheRepliesFirst(t *testing.T) {
	in(t, nil, func(w *world) {
		got, err := w.call(do(func(c *ctx, e genstatem.Event) result {
			return c.Exit(errBoom, genstatem.Reply(e.From, "bye"))
		}))
		if got != "bye" || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		w.wrote("a/0: terminate boom")
	})
}

func TestEventsStillQueuedWhenTheMachineStopsAreNotHandledAndTheirCallersLearnOfIt(t *testing.T) {
	in(t, nil, func(w *world) {
		got := make(chan error)
		go func() {
			_, err := w.call(do(func(c *ctx, _ genstatem.Event) result { return c.Keep(genstatem.Postpone()) }))
			got <- err
		}()
		synctest.Wait()
		w.cast(do(func(c *ctx, _ genstatem.Event) result {
			return c.Next("b", genstatem.NextEvent(genstatem.Internal(do(func(c *ctx, _ genstatem.Event) result {
				return c.Exit(errBoom)
			}))))
		}))
		var exit *process.ExitError
		if err := <-got; !errors.As(err, &exit) || !exit.Taken || !errors.Is(err, errBoom) {
			t.Errorf("got %v", err)
		}
		w.wrote("b/0: terminate boom")
	})
}

func TestACrashTerminatesWithTheDataFromBefore(t *testing.T) {
	in(t, nil, func(w *world) {
		reason := w.down(func() {
			w.cast(do(func(c *ctx, _ genstatem.Event) result {
				c.Data = 9
				panic(errBoom)
			}))
		})
		var crash *process.PanicError
		if !errors.As(reason, &crash) || !errors.Is(reason, errBoom) {
			t.Errorf("ended with %v", reason)
		}
		w.wrote("a/0: terminate process: panic: boom")
	})
}

func TestStopEndsTheMachineWithTheReasonAfterWhatIsInTheMailbox(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(laterIn{"b", "postponed for ever"})
		genstatem.Cast(w.system.Root, w.pid, "queued")
		if err := genstatem.StopWait(w.t.Context(), w.system, w.pid, errBoom); err != nil {
			t.Error(err)
		}
		w.wrote("a/0: cast queued", "a/0: terminate boom")
		if err := genstatem.StopWait(w.t.Context(), w.system, w.pid, nil); !errors.Is(err, process.ErrNoProc) {
			t.Errorf("stop of nobody: %v", err)
		}
	})
}

func TestACastOfAGenserverIsACast(t *testing.T) {
	in(t, nil, func(w *world) {
		genserver.Abcast(w.system.Root, []*actor.PID{w.pid}, "x")
		w.wrote("a/0: cast x")
	})
}

func TestAStopFromOutsideTerminatesWithShutdown(t *testing.T) {
	in(t, nil, func(w *world) {
		w.system.Root.Stop(w.pid)
		w.wrote("a/0: terminate process: shutdown")
	})
}

func TestStartReturnsWhatInitSays(t *testing.T) {
	for name, c := range map[string]struct {
		init func(*ctx) result
		want error
	}{
		"fine":  {func(c *ctx) result { return c.Next("a") }, nil},
		"stop":  {func(c *ctx) result { return c.Exit(errBoom) }, errBoom},
		"panic": {func(*ctx) result { panic(errBoom) }, errBoom},
		"stuck": {func(c *ctx) result { time.Sleep(time.Hour); return c.Keep() }, process.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				terminated := false
				s := spec{
					Init:      c.init,
					Any:       state{On: func(c *ctx, _ genstatem.Event) result { return c.Keep() }},
					Terminate: func(*ctx, error) { terminated = true },
				}
				pid, err := genstatem.StartWait(actorstest.Context(t), system.Root, genstatem.Props(s), "")
				if !errors.Is(err, c.want) || (err == nil) != (pid != nil) {
					t.Errorf("got %v, %v, want %v", pid, err, c.want)
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				if terminated != (name == "stuck") {
					t.Errorf("terminated: %v; Terminate runs only if Init succeeded", terminated)
				}
			})
		})
	}
}

func TestAStateWithoutAFunctionEndsTheMachine(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.States, s.Any.On = map[string]state{"a": {On: w.on}}, nil
	}, func(w *world) {
		w.cast(goes("limbo"))
		w.wrote()
		bad := &genstatem.SpecError{}
		if reason := w.down(func() { w.cast("x") }); !asError(reason, &bad) || bad.State != "limbo" {
			t.Errorf("ended with %v", reason)
		}
	})
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		_, err := genstatem.StartWait(t.Context(), system.Root, genstatem.Props(spec{}), "")
		bad := &genstatem.SpecError{}
		if !asError(err, &bad) {
			t.Errorf("a machine without any function started: %v", err)
		}
	})
}

func TestAMachineWithANameIsFoundByItAndIsTheOnlyOne(t *testing.T) {
	in(t, nil, func(w *world) {
		if pid, ok := process.WhereIs(w.system, "door"); !ok || pid.GetId() != w.pid.GetId() {
			t.Errorf("found %v, %v", pid, ok)
		}
		s := spec{Any: state{On: w.on}}
		_, err := genstatem.StartWait(w.t.Context(), w.system.Root, genstatem.Props(s, genstatem.WithName("door")), "")
		if !errors.Is(err, process.ErrNameTaken) {
			t.Errorf("a second door: %v", err)
		}
		w.system.Root.Stop(w.pid)
		synctest.Wait()
		if _, ok := process.WhereIs(w.system, "door"); ok {
			t.Error("the name outlives the machine")
		}
	}, genstatem.WithName("door"))
}

func TestAnInspectionShowsTheStateAndTheLastTransitions(t *testing.T) {
	var reported []string
	in(t, func(_ *world, s *spec) {
		s.Status = func(_ string, data int) any { return map[string]int{"data": data} }
	}, func(w *world) {
		w.cast("one", laterIn{"c", "kept"}, "two", goesNamed{})
		info, err := process.Inspect(w.t.Context(), w.system, w.pid)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := info.State.(genstatem.Status)
		if !ok || got.State != "a" || info.Behaviour != "genstatem" {
			t.Fatalf("got %+v", info)
		}
		if data, ok := got.Data.(map[string]int); !ok || data["data"] != 0 {
			t.Errorf("data %v", got.Data)
		}
		if len(got.Postponed) != 1 || len(got.Timeouts) != 0 {
			t.Errorf("postponed %v, timeouts %v", got.Postponed, got.Timeouts)
		}
		var last []string
		for _, tr := range got.Transitions {
			last = append(last, tr.String())
		}
		want := []string{"cast {state:c note:kept}: a (postpone)", "cast two: a", "cast {}: a"}
		if !slices.Equal(last, want) {
			t.Errorf("transitions %q, want %q", last, want)
		}
		w.system.Root.Send(w.pid, do(func(c *ctx, _ genstatem.Event) result {
			return c.Exit(errBoom)
		}))
		synctest.Wait()
		if n := len(reported); n != 6 || !strings.HasSuffix(reported[n-1], "a, end: boom") || reported[0] != "init: a" {
			t.Errorf("reported %q", reported)
		}
	}, genstatem.WithTrace(3), genstatem.WithReport(func(tr genstatem.Transition) { reported = append(reported, tr.String()) }))
}

type goesNamed struct{}
