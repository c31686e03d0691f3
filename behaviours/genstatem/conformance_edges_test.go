package genstatem_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/genstatem"
	"github.com/gendac/gendac/behaviours/process"
)

// More rules of gen_statem's documentation, one test each: replies, state enter calls, retries, time-outs of Init.

func TestSeveralRepliesOfOneTransitionAreAllSent(t *testing.T) {
	in(t, nil, func(w *world) {
		var kept []genstatem.From
		got := make(chan string, 3)
		for i := range 3 {
			go func() {
				value, err := w.call(do(func(c *ctx, e genstatem.Event) result {
					kept = append(kept, e.From)
					return c.Keep()
				}))
				got <- fmt.Sprintf("%d %v %v", i, value, err)
			}()
			synctest.Wait()
		}
		w.cast(do(func(c *ctx, _ genstatem.Event) result {
			return c.Keep(genstatem.Reply(kept[2], "c"), genstatem.Reply(kept[0], "a"), genstatem.ReplyError(kept[1], errBoom))
		}))
		all := []string{<-got, <-got, <-got}
		slices.Sort(all)
		if want := []string{"0 a <nil>", "1 <nil> boom", "2 c <nil>"}; !slices.Equal(all, want) {
			t.Errorf("got %q, want %q", all, want)
		}
	})
}

func TestAStateEnterCallMayReplyAndChangeTheData(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		var from genstatem.From
		s.Any.On = func(c *ctx, e genstatem.Event) result { from = e.From; return c.Next("b") }
		s.States = map[string]state{"b": {Enter: func(c *ctx, old string) result {
			c.Data = 7
			return c.Keep(genstatem.Reply(from, "entered from "+old))
		}}}
	}, func(w *world) {
		if got, err := w.call("x"); got != "entered from a" || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		if info, err := process.Inspect(w.t.Context(), w.system, w.pid); err != nil || info.State.(genstatem.Status).Data != "7" {
			t.Errorf("got %+v, %v", info.State, err)
		}
	})
}

func TestAStateEnterCallMayStopTheMachine(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.States = map[string]state{"b": {Enter: func(c *ctx, _ string) result { c.Data = 7; return c.Exit(errBoom) }}}
	}, func(w *world) {
		if reason := w.down(func() { w.cast(goes("b", genstatem.NextEvent(genstatem.Internal("too late"))), "too late") }); reason != errBoom {
			t.Errorf("ended with %v", reason)
		}
		w.wrote("b/7: terminate boom")
	})
}

func TestAStopMakesNoStateEnterCall(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.Any.Enter = func(c *ctx, old string) result { w.note(c, "enter from "+old); return c.Keep() }
	}, func(w *world) {
		w.wrote("a/0: enter from a")
		w.cast(do(func(c *ctx, _ genstatem.Event) result { return c.Exit(errBoom) }))
		w.wrote("a/0: terminate boom")
	})
}

func TestRepeatStateInAStateEnterCallMakesItAgain(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.States = map[string]state{"b": {Enter: func(c *ctx, old string) result {
			w.note(c, "enter from "+old)
			if c.Data++; c.Data < 3 {
				return c.Repeat()
			}
			return c.Keep()
		}}}
	}, func(w *world) {
		w.cast(goes("b"), "x")
		w.wrote("b/0: enter from a", "b/1: enter from a", "b/2: enter from a", "b/3: cast x")
	})
}

func TestTimeoutsOfInitRun(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.Init = func(c *ctx) result {
			return c.Next("a", genstatem.StateTimeout(2*time.Second, "s"), genstatem.NamedTimeout("n", 3*time.Second, "n"),
				genstatem.EventTimeout(time.Second, "e"))
		}
	}, func(w *world) {
		time.Sleep(time.Hour)
		w.wrote("a/0: event timeout e", "a/0: state timeout s", "a/0: timeout n n")
	})
}

func TestTimeoutsOfZeroComeInTheOrderTheyWereSet(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.NamedTimeout("n", 0, 1), genstatem.StateTimeout(0, 2), genstatem.NamedTimeout("m", 0, 3)))
		w.wrote("a/0: timeout n 1", "a/0: state timeout 2", "a/0: timeout m 3")
	})
}

func TestAStateChangeCancelsAStateTimeoutOfZeroThatWasNotHandled(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.StateTimeout(0, "of a"), genstatem.NextEvent(genstatem.Internal(goes("b")))))
		w.cast("x")
		w.wrote("b/0: cast x")
	})
}

func TestAPostponedEventIsRetriedAfterEachStateChangeUntilItIsHandled(t *testing.T) {
	in(t, nil, func(w *world) {
		var seen []string
		w.cast(do(func(c *ctx, _ genstatem.Event) result {
			seen = append(seen, c.State)
			if c.State == "d" {
				return c.Keep()
			}
			return c.Keep(genstatem.Postpone())
		}), goes("b"), goes("c"), goes("c"), goes("d"), goes("e"))
		if want := []string{"a", "b", "c", "d"}; !slices.Equal(seen, want) {
			t.Errorf("seen in %q, want %q", seen, want)
		}
	})
}

func TestARetriedEventThatChangesTheStateRetriesTheOthersFromTheOldest(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(laterIn{"c", "first"}, do(func(c *ctx, _ genstatem.Event) result {
			if c.State == "a" {
				return c.Keep(genstatem.Postpone())
			}
			return c.Next("c")
		}), laterIn{"c", "third"}, goes("b"))
		w.wrote("c/0: first", "c/0: third")
	})
}

func TestEveryKindOfEventMayBePostponed(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.States = map[string]state{"a": {On: func(c *ctx, e genstatem.Event) result {
			if f, ok := e.Content.(do); ok {
				return f(c, e)
			}
			return c.Keep(genstatem.Postpone())
		}}}
	}, func(w *world) {
		w.cast(stays(genstatem.StateTimeout(time.Second, "s"), genstatem.NamedTimeout("n", 2*time.Second, "n"),
			genstatem.NextEvent(genstatem.Internal("i"))), "c")
		w.system.Root.Send(w.pid, "info")
		time.Sleep(time.Minute)
		w.cast(goes("b"))
		w.wrote("b/0: internal i", "b/0: cast c", "b/0: info info", "b/0: state timeout s", "b/0: timeout n n")
	})
}

func TestAResponseToARequestIsAnInfoEvent(t *testing.T) {
	in(t, nil, func(w *world) {
		other, err := genstatem.StartWait(w.t.Context(), w.system.Root, genstatem.Props(spec{Any: state{On: w.on}}), "")
		if err != nil {
			t.Fatal(err)
		}
		w.cast(do(func(c *ctx, _ genstatem.Event) result {
			genserver.SendRequest[string](c, other, do(func(c *ctx, e genstatem.Event) result {
				return c.Keep(genstatem.Reply(e.From, "reply"))
			}), time.Minute, "tag")
			return c.Keep()
		}))
		w.wrote("a/0: info {Tag:tag Reply:reply Err:<nil>}")
	})
}

func TestTheEndOfALinkedOneEndsTheMachineUnlessItTrapsExits(t *testing.T) {
	for _, trap := range []bool{false, true} {
		in(t, nil, func(w *world) {
			other, err := genstatem.StartWait(w.t.Context(), w.system.Root, genstatem.Props(spec{Any: state{On: w.on}}), "")
			if err != nil {
				t.Fatal(err)
			}
			w.cast(do(func(c *ctx, _ genstatem.Event) result {
				process.TrapExit(c, trap)
				process.Link(c, other)
				return c.Keep()
			}))
			genstatem.Cast(w.system.Root, other, do(func(c *ctx, _ genstatem.Event) result { return c.Exit(errBoom) }))
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if got := strings.Join(w.diary, "; "); trap && !strings.HasPrefix(got, "a/0: info ") || !trap && got != "a/0: terminate boom" {
				t.Errorf("trap %t: wrote %q", trap, got)
			}
		})
	}
}

func TestFormatStatusSaysWhatAnInspectionShowsOfTheData(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.Status = func(state string, data int) any { return fmt.Sprintf("%s with %d", state, data) }
	}, func(w *world) {
		w.cast(goes("b"))
		info, err := process.Inspect(w.t.Context(), w.system, w.pid)
		if err != nil || info.State.(genstatem.Status).Data != "b with 0" {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}
