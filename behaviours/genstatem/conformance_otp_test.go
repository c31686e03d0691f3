package genstatem_test

import (
	"errors"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genstatem"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// Scenarios that were played on OTP 25 as well. docs/otp-map.md says where the outcome is OTP's and where it is not.

// TestAPanicInAStateEnterCallTerminatesWithStateAndDataFromBefore: the event that led to it has changed nothing.
func TestAPanicInAStateEnterCallTerminatesWithStateAndDataFromBefore(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.States = map[string]state{"b": {Enter: func(c *ctx, _ string) result {
			c.Data = 3
			panic(errBoom)
		}}}
	}, func(w *world) {
		w.cast(do(func(c *ctx, _ genstatem.Event) result { c.Data = 1; return c.Keep() }))
		w.cast(do(func(c *ctx, _ genstatem.Event) result { c.Data = 2; return c.Next("b") }))
		w.wrote("a/1: terminate process: panic: boom")
	})
}

// TestAPanicInTheFirstStateEnterCallTerminatesWithWhatInitMade: the start was over.
func TestAPanicInTheFirstStateEnterCallTerminatesWithWhatInitMade(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.Init = func(c *ctx) result { c.Data = 1; return c.Next("a") }
		s.Any.Enter = func(c *ctx, _ string) result {
			if c.Data++; c.Data > 1 {
				panic(errBoom)
			}
			return c.Keep()
		}
	}, func(w *world) {
		w.wrote("a/1: terminate process: panic: boom")
	})
}

// TestAnExitInAStateEnterCallTerminatesInTheNewState, with the data that it left.
func TestAnExitInAStateEnterCallTerminatesInTheNewState(t *testing.T) {
	in(t, func(_ *world, s *spec) {
		s.States = map[string]state{"b": {Enter: func(c *ctx, _ string) result { c.Data = 3; return c.Exit(errBoom) }}}
	}, func(w *world) {
		w.cast(do(func(c *ctx, _ genstatem.Event) result { c.Data = 2; return c.Next("b") }))
		w.wrote("b/3: terminate boom")
	})
}

// TestAStateEnterCallThatChangesTheStateEndsTheMachine, in the state that was entered. OTP shows the data from before the
// call.
func TestAStateEnterCallThatChangesTheStateEndsTheMachine(t *testing.T) {
	in(t, func(w *world, s *spec) {
		s.States = map[string]state{"b": {Enter: func(c *ctx, _ string) result { c.Data = 3; return c.Next("c") }}}
		s.Terminate = func(c *ctx, reason error) {
			var bad *genstatem.BadReturnError
			if !errors.As(reason, &bad) {
				w.t.Errorf("ended with %v", reason)
			}
			w.note(c, "terminate")
		}
	}, func(w *world) {
		w.cast(do(func(c *ctx, _ genstatem.Event) result { c.Data = 2; return c.Next("b") }))
		w.wrote("b/3: terminate")
	})
}

// TestAStartDoesNotWaitForTheStateEnterCall, nor for what Init inserts.
func TestAStartDoesNotWaitForTheStateEnterCall(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		begin := time.Now()
		var entered, handled time.Duration
		_, err := genstatem.StartWait(t.Context(), system.Root, genstatem.Props(spec{
			Init: func(c *ctx) result { return c.Next("a", genstatem.NextEvent(genstatem.Internal("think"))) },
			Any: state{
				Enter: func(c *ctx, _ string) result {
					time.Sleep(time.Hour)
					entered = time.Since(begin)
					return c.Keep()
				},
				On: func(c *ctx, _ genstatem.Event) result {
					time.Sleep(time.Hour)
					handled = time.Since(begin)
					return c.Keep()
				},
			},
		}), "")
		if err != nil || time.Since(begin) != 0 {
			t.Errorf("started after %v: %v", time.Since(begin), err)
		}
		actorstest.Sleep(3 * time.Hour)
		if entered != time.Hour || handled != 2*time.Hour {
			t.Errorf("entered after %v, handled after %v", entered, handled)
		}
	})
}

// TestRepliesBeforeABadActionAreSent, those after it are not, and Terminate sees state and data as the callback left them.
func TestRepliesBeforeABadActionAreSent(t *testing.T) {
	bad := func(actions func(from genstatem.From) []genstatem.Action) do {
		return func(c *ctx, e genstatem.Event) result { c.Data = 2; return c.Next("b", actions(e.From)...) }
	}
	in(t, func(w *world, s *spec) {
		s.Terminate = func(c *ctx, _ error) { w.note(c, "terminate") }
	}, func(w *world) {
		got, err := w.call(bad(func(from genstatem.From) []genstatem.Action {
			return []genstatem.Action{genstatem.Reply(from, "hello"), nil}
		}))
		if got != "hello" || err != nil {
			t.Errorf("got %v, %v", got, err)
		}
		w.wrote("b/2: terminate")
	})
	in(t, nil, func(w *world) {
		_, err := w.call(bad(func(from genstatem.From) []genstatem.Action {
			return []genstatem.Action{nil, genstatem.Reply(from, "hello")}
		}))
		var exit *process.ExitError
		if !errors.As(err, &exit) || !exit.Taken {
			t.Errorf("got %v", err)
		}
	})
}

// TestSetAndUpdateInOneListAreDoneInTheirOrder. OTP takes only the last action about a timeout in a list, against what ran
// before the list: its update would come at once.
func TestSetAndUpdateInOneListAreDoneInTheirOrder(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.NamedTimeout("x", time.Minute, "set"), genstatem.UpdateNamedTimeout("x", "updated")))
		w.wrote()
		time.Sleep(time.Minute)
		w.wrote("a/0: timeout x updated")
		w.cast(stays(genstatem.NamedTimeout("x", time.Minute, "old")))
		w.cast(stays(genstatem.CancelNamedTimeout("x"), genstatem.UpdateNamedTimeout("x", "anew")))
		w.wrote("a/0: timeout x anew")
		time.Sleep(time.Hour)
		w.wrote()
	})
}

// TestAPendingZeroTimeoutCanBeSetAnew. OTP delivers the second one as an info of a timer that nobody knows.
func TestAPendingZeroTimeoutCanBeSetAnew(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(stays(genstatem.NamedTimeout("x", 0, "at once"), genstatem.NextEvent(genstatem.Internal(
			stays(genstatem.NamedTimeout("x", time.Minute, "later"))))))
		w.wrote()
		time.Sleep(time.Hour)
		w.wrote("a/0: timeout x later")
	})
}
