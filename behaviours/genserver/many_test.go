package genserver_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
)

// answers is a request that is answered with the number.
func answers(n int) do {
	return func(*scripted, *genserver.Context, genserver.From) genserver.Return { return genserver.Reply(n) }
}

func TestMultiCallReturnsWhatEachServerMadeOfItWithinOneDeadline(t *testing.T) {
	in(t, nil, func(w *world) {
		busy, dead := w.start(nil), w.start(nil)
		genserver.Cast(w.system.Root, busy, sleeps(time.Hour))
		if err := genserver.StopWait(w.t.Context(), w.system, dead, nil); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
		defer cancel()
		got := genserver.MultiCall[int](ctx, w.system, []*actor.PID{w.pid, busy, dead, w.pid}, answers(4))
		if time.Since(begin) != time.Minute {
			t.Errorf("took %v, want the deadline, once", time.Since(begin))
		}
		want := []error{nil, process.ErrTimeout, process.ErrNoProc, nil}
		for i, r := range got {
			if !errors.Is(r.Err, want[i]) || (r.Err == nil) != (r.Reply == 4) {
				t.Errorf("%d: got %+v, want %v", i, r, want[i])
			}
		}
		if !slices.Equal([]*actor.PID{w.pid, busy, dead, w.pid}, []*actor.PID{got[0].Who, got[1].Who, got[2].Who, got[3].Who}) {
			t.Errorf("the replies are not in the order of the servers: %v", got)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestMultiCallOfNobodyIsNothingAndWithoutADeadlineIsTheDefault(t *testing.T) {
	in(t, nil, func(w *world) {
		if got := genserver.MultiCall[int](w.t.Context(), w.system, nil, "x"); len(got) != 0 {
			t.Errorf("got %v", got)
		}
		begin := time.Now()
		got := genserver.MultiCall[int](w.t.Context(), w.system, []*actor.PID{w.pid}, "never answered")
		if !errors.Is(got[0].Err, process.ErrTimeout) || time.Since(begin) != process.DefaultTimeout {
			t.Errorf("got %v after %v", got, time.Since(begin))
		}
	})
}

func TestAbcastReachesAllWhoAreThere(t *testing.T) {
	in(t, nil, func(w *world) {
		genserver.Abcast(w.system.Root, []*actor.PID{w.pid, actor.NewPID(w.pid.GetAddress(), "nobody"), w.start(nil)}, "all")
		w.wrote("cast all", "cast all")
	})
}

func TestSendRequestBringsTheReplyAsAnInfo(t *testing.T) {
	in(t, nil, func(w *world) {
		other := w.start(nil)
		w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			genserver.SendRequest[int](ctx, other, answers(3), time.Minute, "good")
			genserver.SendRequest[int](ctx, actor.NewPID(other.GetAddress(), "nobody"), answers(3), time.Minute, "bad")
			return genserver.NoReply()
		}))
		synctest.Wait()
		w.mu.Lock()
		slices.Sort(w.diary)
		w.mu.Unlock()
		w.wrote("info {bad 0 process: no such process: call of genserver_test.do to nobody}", "info {good 3 <nil>}")
	})
}

func TestAResponseIsNotSeenByALaterIncarnation(t *testing.T) {
	in(t, nil, func(w *world) {
		slow := w.start(nil)
		w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			genserver.SendRequest[string](ctx, slow, sleeps(time.Minute), time.Hour, "old")
			return genserver.Stop(nil)
		}))
		again, err := w.system.Root.SpawnNamed(genserver.Props(func() genserver.Server {
			return &scripted{mu: &w.mu, diary: &w.diary}
		}), w.pid.GetId())
		if err != nil || again.GetId() != w.pid.GetId() {
			t.Fatal(again, err)
		}
		time.Sleep(time.Hour)
		w.wrote("terminate process: normal exit")
	})
}
