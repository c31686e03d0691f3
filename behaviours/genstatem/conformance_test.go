package genstatem_test

import (
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genstatem"
)

// Each test of this file is a rule of gen_statem's documentation; its name says which.

func TestPostponedEventsAreRetriedInArrivalOrderAfterAStateChange(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(laterIn{"b", "first"}, laterIn{"b", "second"}, goes("c"), laterIn{"b", "third"})
		w.wrote()
		w.cast(goes("b"))
		w.wrote("b/0: first", "b/0: second", "b/0: third")
	})
}

func TestATransitionToTheSameStateIsNoStateChange(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.Any.Enter = func(c *ctx, old string) result { w.note(c, "enter from "+old); return c.Keep() }
	}, func(w *world) {
		w.wrote("a/0: enter from a")
		postponed := false
		w.cast(do(func(c *ctx, _ genstatem.Event) result {
			if postponed {
				w.note(c, "retried")
				return c.Keep()
			}
			postponed = true
			return c.Keep(genstatem.Postpone(), genstatem.StateTimeout(time.Minute, "still set"))
		}), goes("a"), stays())
		w.wrote()
		time.Sleep(time.Hour)
		w.wrote("a/0: state timeout still set")
	})
}

func TestAChangeOfDataRetriesNothing(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(laterIn{"b", "retried"}, do(func(c *ctx, _ genstatem.Event) result {
			c.Data = 7
			return c.Keep()
		}), "look")
		w.wrote("a/7: cast look")
	})
}

func TestAnEventPostponedWithAStateChangeIsRetriedInTheNewState(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(do(func(c *ctx, _ genstatem.Event) result {
			if c.State == "a" {
				return c.Next("b", genstatem.Postpone())
			}
			w.note(c, "again")
			return c.Keep()
		}))
		w.wrote("b/0: again")
	})
}

func TestPostponeFromInitIsIgnored(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.Init = func(c *ctx) result { return c.Next("a", genstatem.Postpone()) }
	}, func(w *world) {
		w.cast(goes("b"), "x")
		w.wrote("b/0: cast x")
	})
}

func TestNextEventsAreHandledFirstAndInOrder(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(laterIn{"b", "postponed"}, goes("b",
			genstatem.NextEvent(genstatem.Internal("one")),
			genstatem.NextEvent(genstatem.Event{Kind: genstatem.CastEvent, Content: "two"})), "from the mailbox")
		w.wrote("b/0: internal one", "b/0: cast two", "b/0: postponed", "b/0: cast from the mailbox")
	})
}

func TestInitMayInsertEventsWhichComeBeforeAnyOther(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.Init = func(c *ctx) result { return c.Next("a", genstatem.NextEvent(genstatem.Internal("begin"))) }
	}, func(w *world) {
		w.wrote("a/0: internal begin")
	})
}

func TestTheStateEnterCallIsMadeForTheInitialStateAndAtEveryStateChange(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.Any.Enter = func(c *ctx, old string) result {
			c.Data++
			w.note(c, "enter from "+old)
			return c.Keep()
		}
	}, func(w *world) {
		w.cast(goes("b", genstatem.NextEvent(genstatem.Internal("x"))), goes("b"))
		w.wrote("a/1: enter from a", "b/2: enter from a", "b/2: internal x")
	})
}

func TestRepeatStateRepeatsTheStateEnterCallAndNothingElse(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.Any.Enter = func(c *ctx, old string) result { w.note(c, "enter from "+old); return c.Keep() }
	}, func(w *world) {
		w.cast(laterIn{"b", "retried"}, stays(genstatem.StateTimeout(time.Minute, "kept")),
			do(func(c *ctx, _ genstatem.Event) result { return c.Repeat() }))
		time.Sleep(time.Hour)
		w.wrote("a/0: enter from a", "a/0: enter from a", "a/0: state timeout kept")
	})
}

func TestWithoutStateEnterCallsRepeatStateIsKeepState(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(do(func(c *ctx, _ genstatem.Event) result { return c.Repeat() }), "x")
		w.wrote("a/0: cast x")
	})
}

func TestActionsOfTheStateEnterCallFollowThoseOfTheCallback(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.Any.Enter = func(c *ctx, _ string) result {
			if c.State == "b" {
				return c.Keep(genstatem.StateTimeout(2*time.Minute, "of the enter call"))
			}
			return c.Keep()
		}
	}, func(w *world) {
		w.cast(goes("b", genstatem.StateTimeout(time.Minute, "of the callback")))
		time.Sleep(time.Hour)
		w.wrote("b/0: state timeout of the enter call")
	})
}

func TestAStateEnterCallCannotChangeTheStatePostponeOrInsert(t *testing.T) {
	for name, enter := range map[string]func(*ctx) result{
		"change":   func(c *ctx) result { return c.Next("c") },
		"postpone": func(c *ctx) result { return c.Keep(genstatem.Postpone()) },
		"insert":   func(c *ctx) result { return c.Keep(genstatem.NextEvent(genstatem.Internal("x"))) },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(_ *world, s *spec) {
				s.States = map[string]state{"b": {Enter: func(c *ctx, _ string) result { return enter(c) }}}
			}, func(w *world) {
				bad := &genstatem.BadReturnError{}
				if reason := w.down(func() { w.cast(goes("b")) }); !asError(reason, &bad) {
					t.Errorf("ended with %v", reason)
				}
			})
		})
	}
}

func TestTheLastOfTwoContradictingActionsWins(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(
			genstatem.StateTimeout(time.Minute, "first"), genstatem.StateTimeout(2*time.Minute, "last"),
			genstatem.NamedTimeout("n", time.Minute, "set"), genstatem.CancelNamedTimeout("n"),
			genstatem.NamedTimeout("m", time.Minute, "set"), genstatem.UpdateNamedTimeout("m", "updated")))
		time.Sleep(time.Hour)
		w.wrote("a/0: timeout m updated", "a/0: state timeout last")
	})
}
