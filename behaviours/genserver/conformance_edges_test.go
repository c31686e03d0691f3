package genserver_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
)

// More rules of gen_server's documentation, one test each.

func TestACallThatIsStoppedWithoutAReplyGetsTheReason(t *testing.T) {
	in(t, nil, func(w *world) {
		_, err := genserver.Call[any](w.t.Context(), w.system, w.pid, do(
			func(*scripted, *genserver.Context, genserver.From) genserver.Return { return genserver.Stop(errBoom) }))
		var exit *process.ExitError
		if !errors.As(err, &exit) || exit.Reason != errBoom || !exit.Taken {
			t.Errorf("got %v", err)
		}
		w.wrote("terminate boom")
	})
}

func TestStopFromAnyCallbackTerminatesWithItsReason(t *testing.T) {
	stops := do(func(*scripted, *genserver.Context, genserver.From) genserver.Return { return genserver.Stop(errBoom) })
	for name, trigger := range map[string]func(w *world){
		"cast": func(w *world) { w.cast(stops) },
		"info": func(w *world) { w.system.Root.Send(w.pid, stops) },
		"continue": func(w *world) {
			w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
				ctx.Continue(stops)
				return genserver.NoReply()
			}))
		},
	} {
		in(t, nil, func(w *world) {
			trigger(w)
			w.wrote("terminate boom")
			if _, there := w.system.ProcessRegistry.GetLocal(w.pid.GetId()); there {
				t.Errorf("%s: it lives on", name)
			}
		})
	}
}

func TestACastOfAServerThatIsNotThereIsNoError(t *testing.T) {
	in(t, nil, func(w *world) {
		dead := 0
		sub := w.system.EventStream.Subscribe(func(ev any) {
			if d, ok := ev.(*actor.DeadLetterEvent); ok && d.PID.GetId() == "nobody" {
				dead++
			}
		})
		defer w.system.EventStream.Unsubscribe(sub)
		genserver.Cast(w.system.Root, actor.NewPID(w.pid.GetAddress(), "nobody"), "x")
		if dead != 1 {
			t.Errorf("%d dead letters", dead)
		}
	})
}

func TestCallsCastsAndMessagesOfOneSenderAreHandledInOrder(t *testing.T) {
	in(t, nil, func(w *world) {
		genserver.Cast(w.system.Root, w.pid, 1)
		w.system.Root.Send(w.pid, 2)
		genserver.Cast(w.system.Root, w.pid, 3)
		if n, err := genserver.Call[int](w.t.Context(), w.system, w.pid, do(
			func(s *scripted, _ *genserver.Context, _ genserver.From) genserver.Return {
				s.note("call", 4)
				return genserver.Reply(4)
			})); n != 4 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		w.wrote("cast 1", "info 2", "cast 3", "call 4")
	})
}

// TestAFailedInitFreesTheNamesBeforeStartReturns: a start can be tried again at once.
func TestAFailedInitFreesTheNamesBeforeStartReturns(t *testing.T) {
	in(t, nil, func(w *world) {
		for _, fails := range []func(*genserver.Context) error{
			func(*genserver.Context) error { return errBoom },
			func(*genserver.Context) error { panic(errBoom) },
		} {
			for range 10 {
				_, err := genserver.StartWait(w.t.Context(), w.system.Root, genserver.Props(func() genserver.Server {
					return &scripted{init: fails, mu: &w.mu, diary: &w.diary}
				}, genserver.WithName("db")), "db actor")
				if !errors.Is(err, errBoom) {
					t.Fatal(err)
				}
			}
		}
		w.wrote()
	})
}

func TestARequestThatTimesOutIsAnsweredOnceAndItsLateReplyIsDropped(t *testing.T) {
	in(t, nil, func(w *world) {
		slow := w.start(nil)
		w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			genserver.SendRequest[string](ctx, slow, sleeps(time.Minute), time.Second, "late")
			return genserver.NoReply()
		}))
		time.Sleep(time.Second)
		synctest.Wait()
		w.mu.Lock()
		if len(w.diary) != 1 {
			t.Errorf("after its time: %q", w.diary)
		}
		w.mu.Unlock()
		time.Sleep(time.Hour)
		if len(w.diary) != 1 {
			t.Errorf("after the reply: %q", w.diary)
		}
	})
}

func TestRequestsAreToldApartByTheirTagsInTheOrderOfTheirReplies(t *testing.T) {
	in(t, nil, func(w *world) {
		a, b := w.start(nil), w.start(nil)
		w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			genserver.SendRequest[string](ctx, a, sleeps(2*time.Second), time.Minute, "slow")
			genserver.SendRequest[string](ctx, b, sleeps(time.Second), time.Minute, "quick")
			return genserver.NoReply()
		}))
		time.Sleep(time.Minute)
		w.wrote("info {quick slept <nil>}", "info {slow slept <nil>}")
	})
}

func TestTheEndOfALinkedOneEndsTheServerUnlessItTrapsExits(t *testing.T) {
	for _, trap := range []bool{false, true} {
		in(t, nil, func(w *world) {
			other := w.start(nil)
			w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
				process.TrapExit(ctx, trap)
				process.Link(ctx, other)
				return genserver.NoReply()
			}))
			genserver.Cast(w.system.Root, other, do(func(*scripted, *genserver.Context, genserver.From) genserver.Return {
				return genserver.Stop(errBoom)
			}))
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if trap {
				if len(w.diary) != 2 || w.diary[1][:5] != "info " {
					t.Errorf("wrote %q", w.diary)
				}
			} else if !slices.Equal(w.diary, []string{"terminate boom", "terminate boom"}) {
				t.Errorf("wrote %q", w.diary)
			}
		})
	}
}

type badEnd struct{ genserver.Defaults }

func (badEnd) HandleCast(*genserver.Context, any) genserver.Return { return genserver.Stop(errBoom) }
func (badEnd) Terminate(*genserver.Context, error)                 { panic("in terminate") }

func TestAPanicInTerminateDoesNotHideTheReason(t *testing.T) {
	in(t, nil, func(w *world) {
		pid, err := genserver.StartWait(w.t.Context(), w.system.Root, genserver.Props(func() genserver.Server { return badEnd{} }), "")
		if err != nil {
			t.Fatal(err)
		}
		downs := make(chan *process.Down, 1)
		w.system.Root.Spawn(genserver.Props(func() genserver.Server { return &watcher{pid: pid, downs: downs} }))
		synctest.Wait()
		genserver.Cast(w.system.Root, pid, "end")
		if d := <-downs; d.Reason != errBoom {
			t.Errorf("ended with %v", d.Reason)
		}
	})
}

func TestUnexpectedMessagesAreLoggedAndDoNotEndTheServer(t *testing.T) {
	in(t, nil, func(w *world) {
		pid, err := genserver.StartWait(w.t.Context(), w.system.Root, genserver.Props(func() genserver.Server { return genserver.Defaults{} }), "")
		if err != nil {
			t.Fatal(err)
		}
		genserver.Cast(w.system.Root, pid, "cast")
		w.system.Root.Send(pid, "info")
		if _, err := genserver.Call[any](w.t.Context(), w.system, pid, "call"); !errors.Is(err, process.ErrUnsupported) {
			t.Errorf("got %v", err)
		}
		if info, err := process.Inspect(w.t.Context(), w.system, pid); err != nil || info.Handled != 3 {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}

func TestAnInspectionTellsOfMailboxAndLastMessage(t *testing.T) {
	in(t, nil, func(w *world) {
		release := make(chan struct{})
		genserver.Cast(w.system.Root, w.pid, do(func(*scripted, *genserver.Context, genserver.From) genserver.Return {
			<-release
			return genserver.NoReply()
		}))
		synctest.Wait()
		for i := range 3 {
			genserver.Cast(w.system.Root, w.pid, fmt.Sprint(i))
		}
		infos := make(chan process.Info, 1)
		go func() {
			info, err := process.Inspect(w.t.Context(), w.system, w.pid)
			if err != nil {
				t.Error(err)
			}
			infos <- info
		}()
		synctest.Wait()
		close(release)
		info := <-infos
		// The inspection's own message may be seen to wait behind the three.
		if info.Mailbox < 3 || info.Mailbox > 4 || info.Handled != 1 || info.LastMessage != "genserver_test.do" || info.State != "scripted" {
			t.Errorf("got %+v", info)
		}
	})
}
