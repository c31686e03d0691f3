package genstatem_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genstatem"
)

// Each test of this file is a rule of gen_statem's documentation on timeouts; its name says which.

func TestStateTimeoutComesWhenTheStateHasLastedThatLong(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(goes("b", genstatem.StateTimeout(time.Minute, "over")))
		time.Sleep(30 * time.Second)
		w.cast("kept")
		time.Sleep(30*time.Second - 1)
		w.wrote("b/0: cast kept")
		time.Sleep(time.Nanosecond)
		w.wrote("b/0: state timeout over")
	})
}

func TestStateTimeoutIsCancelledByAStateChange(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(goes("b", genstatem.StateTimeout(time.Minute, "of b")), goes("c"))
		time.Sleep(time.Hour)
		w.wrote()
		w.cast(goes("b", genstatem.StateTimeout(time.Minute, "of b")), goes("c", genstatem.StateTimeout(time.Minute, "of c")))
		time.Sleep(time.Hour)
		w.wrote("c/0: state timeout of c")
	})
}

func TestATimeoutCancelledWhileItIsInTheMailboxIsNeverHandled(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(goes("b", genstatem.StateTimeout(time.Minute, "of b"), genstatem.NamedTimeout("n", time.Minute, "n")),
			do(func(c *ctx, _ genstatem.Event) result {
				time.Sleep(time.Hour) // both are in the mailbox by now
				return c.Next("c", genstatem.CancelNamedTimeout("n"))
			}))
		time.Sleep(2 * time.Hour)
		w.wrote()
	})
}

func TestSettingATimeoutThatRunsSetsItAnew(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.StateTimeout(time.Minute, "s"), genstatem.NamedTimeout("n", time.Minute, "n")))
		time.Sleep(30 * time.Second)
		w.cast(stays(genstatem.StateTimeout(time.Minute, "s2"), genstatem.NamedTimeout("n", 2*time.Minute, "n2")))
		time.Sleep(time.Minute)
		w.wrote("a/0: state timeout s2")
		time.Sleep(time.Minute)
		w.wrote("a/0: timeout n n2")
	})
}

func TestATimeoutOfInfinityIsNeverAndCancelsTheOneThatRuns(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.StateTimeout(time.Minute, "s"), genstatem.NamedTimeout("n", time.Minute, "n")),
			stays(genstatem.StateTimeout(genstatem.Infinity, "s"), genstatem.NamedTimeout("n", genstatem.Infinity, "n")))
		time.Sleep(1000 * time.Hour)
		w.wrote()
	})
}

func TestACancelActionCancelsWithoutATime(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.StateTimeout(time.Minute, "s"), genstatem.NamedTimeout("n", time.Minute, "n")),
			stays(genstatem.CancelStateTimeout(), genstatem.CancelNamedTimeout("n"), genstatem.CancelNamedTimeout("none")))
		time.Sleep(time.Hour)
		w.wrote()
	})
}

func TestEventTimeoutComesIfNothingElseDoes(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.EventTimeout(time.Minute, "quiet")))
		time.Sleep(time.Hour)
		w.wrote("a/0: event timeout quiet")
	})
}

func TestEventTimeoutIsCancelledByAnyEvent(t *testing.T) {
	for name, event := range map[string]func(w *world){
		"cast": func(w *world) { w.cast(stays()) },
		"info": func(w *world) { w.system.Root.Send(w.pid, stays()) },
		"call": func(w *world) {
			_, _ = w.call(do(func(c *ctx, e genstatem.Event) result { return c.Keep(genstatem.Reply(e.From, 1)) }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, nil, func(w *world) {
				w.cast(stays(genstatem.EventTimeout(time.Minute, "quiet")))
				event(w)
				time.Sleep(time.Hour)
				w.wrote()
			})
		})
	}
}

func TestAnInsertedARetriedAndATimeoutEventCancelTheEventTimeoutToo(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.EventTimeout(time.Minute, "quiet"), genstatem.NextEvent(genstatem.Internal("inserted"))))
		time.Sleep(time.Hour)
		w.cast(laterIn{"b", "retried"}, goes("b", genstatem.EventTimeout(time.Minute, "quiet")))
		time.Sleep(time.Hour)
		w.cast(stays(genstatem.EventTimeout(time.Minute, "quiet"), genstatem.StateTimeout(time.Second, "state")))
		time.Sleep(time.Hour)
		w.wrote("a/0: internal inserted", "b/0: retried", "b/0: state timeout state")
	})
}

func TestNamedTimeoutsSurviveStateChangesAndEvents(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.NamedTimeout("x", time.Minute, 1), genstatem.NamedTimeout("y", 2*time.Minute, 2)),
			goes("b"), "event", goes("c"))
		time.Sleep(time.Hour)
		w.wrote("b/0: cast event", "c/0: timeout x 1", "c/0: timeout y 2")
	})
}

func TestATimeoutOfZeroComesBeforeAnyEventFromTheMailbox(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(do(func(c *ctx, _ genstatem.Event) result {
			genstatem.Cast(c, c.Self(), "mailbox") // it is there before the callback returns
			return c.Keep(
				genstatem.StateTimeout(0, "state"), genstatem.NamedTimeout("n", -1, "named"),
				genstatem.NextEvent(genstatem.Internal("inserted")))
		}))
		w.wrote("a/0: internal inserted", "a/0: state timeout state", "a/0: timeout n named", "a/0: cast mailbox")
	})
}

func TestAnEventTimeoutOfZeroComesOnlyIfNoEventIsQueued(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.EventTimeout(0, "idle"), genstatem.NextEvent(genstatem.Internal("work"))))
		w.wrote("a/0: internal work")
		w.cast(stays(genstatem.EventTimeout(0, "idle")))
		w.wrote("a/0: event timeout idle")
	})
}

func TestUpdatingATimeoutChangesItsContentAndNotItsTime(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.StateTimeout(time.Minute, "s"), genstatem.NamedTimeout("n", 2*time.Minute, "n")))
		time.Sleep(59 * time.Second)
		w.cast(stays(genstatem.UpdateStateTimeout("s2"), genstatem.UpdateNamedTimeout("n", "n2")))
		time.Sleep(time.Second)
		w.wrote("a/0: state timeout s2")
		time.Sleep(time.Minute)
		w.wrote("a/0: timeout n n2")
	})
}

func TestUpdatingATimeoutThatDoesNotRunDeliversItAtOnce(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.UpdateStateTimeout("s"), genstatem.UpdateNamedTimeout("n", "n")))
		synctest.Wait()
		w.wrote("a/0: state timeout s", "a/0: timeout n n")
	})
}
