package genserver_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// Scenarios that were played on OTP 25 as well, and that differ. docs/otp-map.md says how.

// TestTheDownOfADeadProcessCancelsATimeoutOfZero: it is in the mailbox when Monitor returns. OTP's comes a moment later, so
// that the timeout comes first.
func TestTheDownOfADeadProcessCancelsATimeoutOfZero(t *testing.T) {
	in(t, nil, func(w *world) {
		nobody := actor.NewPID(w.pid.GetAddress(), "nobody")
		w.cast(do(func(s *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			process.Monitor(ctx, nobody)
			ctx.Timeout(0)
			return genserver.NoReply()
		}))
		time.Sleep(time.Hour)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.diary) != 1 || w.diary[0][:5] != "info " {
			t.Errorf("wrote %q", w.diary)
		}
	})
}

// TestAnInitThatOutlastsItsStartEndsWhenItReturns. OTP kills it: it ends at once, its name is free, and terminate does not
// run. Here it keeps its name until Init returns, and Terminate cleans up after the Init that succeeded.
func TestAnInitThatOutlastsItsStartEndsWhenItReturns(t *testing.T) {
	in(t, nil, func(w *world) {
		start := func(name string, init func(*genserver.Context) error) error {
			ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
			defer cancel()
			_, err := genserver.StartWait(ctx, w.system.Root, genserver.Props(func() genserver.Server {
				return &scripted{init: init, mu: &w.mu, diary: &w.diary}
			}, genserver.WithName("db")), name)
			return err
		}
		slow := func(*genserver.Context) error { time.Sleep(time.Minute); return nil }
		if err := start("first", slow); !errors.Is(err, process.ErrTimeout) {
			t.Errorf("a slow start: %v", err)
		}
		if err := start("second", nil); !errors.Is(err, process.ErrNameTaken) {
			t.Errorf("the name while its Init runs: %v", err)
		}
		actorstest.Sleep(time.Minute)
		w.wrote("terminate process: shutdown")
		if err := start("third", nil); err != nil {
			t.Errorf("the name afterwards: %v", err)
		}
	})
}

// TestAStopFromOutsideComesBeforeWhatIsQueued: a supervisor's stop is an exit signal. In OTP a server that traps exits handles
// what is queued first.
func TestAStopFromOutsideComesBeforeWhatIsQueued(t *testing.T) {
	for _, trap := range []bool{false, true} {
		in(t, func(ctx *genserver.Context) error { process.TrapExit(ctx, trap); return nil }, func(w *world) {
			w.cast(sleeps(time.Minute))
			genserver.Cast(w.system.Root, w.pid, "queued")
			w.system.Root.Stop(w.pid)
			actorstest.Sleep(time.Hour)
			w.mu.Lock()
			defer w.mu.Unlock()
			if !slices.Equal(w.diary, []string{"terminate process: shutdown"}) {
				t.Errorf("trapping %v: wrote %q", trap, w.diary)
			}
		})
	}
}
