package genserver_test

import (
	"context"
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
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// Each test of this file is a rule of gen_server's documentation; its name says which. That Init is synchronous, that
// replies may come later and that every end runs Terminate is tested in genserver_test.go.

// do is a message that says itself what becomes of it.
type do func(s *scripted, ctx *genserver.Context, from genserver.From) genserver.Return

// scripted is a server that does what its messages say and writes down the rest.
type scripted struct {
	genserver.Defaults
	init func(ctx *genserver.Context) error

	mu    *sync.Mutex // virtual time orders nothing for the race detector
	diary *[]string
}

var (
	_ genserver.Server    = (*scripted)(nil)
	_ genserver.Continuer = (*scripted)(nil)
	_ genserver.Statuser  = (*scripted)(nil)
)

func (s *scripted) note(what string, msg any) genserver.Return {
	s.mu.Lock()
	defer s.mu.Unlock()
	*s.diary = append(*s.diary, fmt.Sprintf("%s %v", what, msg))
	return genserver.NoReply()
}

func (s *scripted) Init(ctx *genserver.Context) error {
	if s.init != nil {
		return s.init(ctx)
	}
	return nil
}

func (s *scripted) handle(what string, ctx *genserver.Context, from genserver.From, msg any) genserver.Return {
	if f, ok := msg.(do); ok {
		return f(s, ctx, from)
	}
	return s.note(what, msg)
}

func (s *scripted) HandleCall(ctx *genserver.Context, from genserver.From, req any) genserver.Return {
	return s.handle("call", ctx, from, req)
}

func (s *scripted) HandleCast(ctx *genserver.Context, msg any) genserver.Return {
	return s.handle("cast", ctx, genserver.From{}, msg)
}

func (s *scripted) HandleInfo(ctx *genserver.Context, msg any) genserver.Return {
	if _, ok := msg.(genserver.Timeout); ok {
		return s.note("timeout", "")
	}
	return s.handle("info", ctx, genserver.From{}, msg)
}

func (s *scripted) HandleContinue(ctx *genserver.Context, arg any) genserver.Return {
	return s.handle("continue", ctx, genserver.From{}, arg)
}

func (s *scripted) Terminate(_ *genserver.Context, reason error) { s.note("terminate", reason) }

func (s *scripted) Status() any { return "scripted" }

// world is a scripted server under test.
type world struct {
	t      *testing.T
	system *actor.ActorSystem
	pid    *actor.PID
	mu     sync.Mutex
	diary  []string
}

func in(t *testing.T, init func(*genserver.Context) error, f func(w *world), opts ...genserver.Option) {
	t.Helper()
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		w := &world{t: t, system: system}
		w.pid = w.start(init, opts...)
		f(w)
	})
}

func (w *world) start(init func(*genserver.Context) error, opts ...genserver.Option) *actor.PID {
	w.t.Helper()
	pid, err := genserver.StartWait(w.t.Context(), w.system.Root, genserver.Props(func() genserver.Server {
		return &scripted{init: init, mu: &w.mu, diary: &w.diary}
	}, opts...), "")
	if err != nil {
		w.t.Fatal(err)
	}
	return pid
}

func (w *world) cast(msgs ...any) {
	for _, msg := range msgs {
		genserver.Cast(w.system.Root, w.pid, msg)
	}
	synctest.Wait()
}

// wrote checks the diary and begins a new page.
func (w *world) wrote(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.diary, want) {
		w.t.Errorf("the server wrote\n\t%q, want\n\t%q", w.diary, want)
	}
	w.diary = nil
}

// sleeps is a callback that takes d.
func sleeps(d time.Duration) do {
	return func(*scripted, *genserver.Context, genserver.From) genserver.Return {
		time.Sleep(d)
		return genserver.Reply("slept")
	}
}

func TestContinueFromInitRunsBeforeAnyMessage(t *testing.T) {
	in(t, func(ctx *genserver.Context) error {
		ctx.Send(ctx.Self(), "message")
		ctx.Continue("load")
		return nil
	}, func(w *world) {
		w.wrote("continue load", "info message")
	})
}

// TestAStartDoesNotWaitForTheContinue: it is over when Init has returned, for StartWait and for a supervisor.
func TestAStartDoesNotWaitForTheContinue(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var mu sync.Mutex
		var diary []string
		slow := func() genserver.Server {
			return &scripted{mu: &mu, diary: &diary, init: func(ctx *genserver.Context) error {
				ctx.Continue(do(func(s *scripted, _ *genserver.Context, _ genserver.From) genserver.Return {
					s.note("begins", "")
					time.Sleep(time.Hour)
					return s.note("continued", "")
				}))
				return nil
			}}
		}
		begin := time.Now()
		for _, props := range []*actor.Props{genserver.Props(slow), genserver.Props(slow, genserver.WithQueue(9))} {
			pid, err := genserver.StartWait(t.Context(), system.Root, props, "")
			if err != nil || time.Since(begin) != 0 {
				t.Fatalf("started after %v: %v", time.Since(begin), err)
			}
			genserver.Cast(system.Root, pid, "first message")
		}
		actorstest.Sleep(2 * time.Hour)
		slices.Sort(diary)
		want := []string{"begins ", "begins ", "cast first message", "cast first message", "continued ", "continued "}
		if !slices.Equal(diary, want) {
			t.Errorf("wrote %q", diary)
		}
	})
}

func TestContinueRunsAfterTheReplyAndBeforeTheNextMessage(t *testing.T) {
	in(t, nil, func(w *world) {
		go func() {
			time.Sleep(time.Second)
			genserver.Cast(w.system.Root, w.pid, "next")
		}()
		replied, err := genserver.Call[string](w.t.Context(), w.system, w.pid, do(
			func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
				ctx.Continue(do(func(s *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
					time.Sleep(time.Minute)
					ctx.Continue("again")
					return s.note("continued", "")
				}))
				return genserver.Reply("at once")
			}))
		if replied != "at once" || err != nil {
			t.Errorf("got %q, %v", replied, err)
		}
		time.Sleep(time.Hour)
		w.wrote("continued ", "continue again", "cast next")
	})
}

func TestAServerThatStopsDoesNotContinue(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			ctx.Continue("never")
			ctx.Timeout(0)
			return genserver.Stop(errBoom)
		}))
		time.Sleep(time.Hour)
		w.wrote("terminate boom")
	})
}

type dull struct{ genserver.Defaults }

func (dull) HandleInfo(ctx *genserver.Context, _ any) genserver.Return {
	ctx.Continue("x")
	return genserver.NoReply()
}

func TestContinueWithoutHandleContinueEndsTheServer(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(genserver.Props(func() genserver.Server { return dull{} }))
		reason, err := process.AwaitEnd(t.Context(), system, pid, "go on")
		if !errors.Is(reason, process.ErrUnsupported) || err != nil {
			t.Errorf("got %v, %v", reason, err)
		}
	})
}

// listens is a callback that asks for a timeout.
func listens(d time.Duration) do {
	return func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
		ctx.Timeout(d)
		return genserver.NoReply()
	}
}

func TestTimeoutComesOnceIfNoMessageArrivesInTime(t *testing.T) {
	in(t, func(ctx *genserver.Context) error { ctx.Timeout(time.Minute); return nil }, func(w *world) {
		time.Sleep(time.Minute - 1)
		w.wrote()
		time.Sleep(time.Hour)
		w.wrote("timeout ")
		w.cast(listens(time.Minute))
		time.Sleep(time.Hour)
		w.wrote("timeout ")
	})
}

func TestAnyMessageCancelsTheTimeout(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(listens(time.Minute), "cast")
		time.Sleep(time.Hour)
		w.cast(listens(time.Minute))
		w.system.Root.Send(w.pid, "info")
		time.Sleep(time.Hour)
		w.wrote("cast cast", "info info")
	})
}

func TestATimeoutThatWasOvertakenInTheMailboxIsNotHandled(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			genserver.Cast(ctx, ctx.Self(), "came first")
			ctx.Timeout(0)
			return genserver.NoReply()
		}))
		time.Sleep(time.Hour)
		w.wrote("cast came first")
		w.cast(listens(0))
		w.wrote("timeout ")
	})
}

func TestTheContinueDecidesOverTheTimeoutOfItsCallback(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(do(func(_ *scripted, ctx *genserver.Context, _ genserver.From) genserver.Return {
			ctx.Timeout(time.Minute)
			ctx.Continue("without a timeout")
			return genserver.NoReply()
		}))
		time.Sleep(time.Hour)
		w.wrote("continue without a timeout")
	})
}

func TestAReceiveTimeoutComesWheneverItIsQuiet(t *testing.T) {
	in(t, nil, func(w *world) {
		time.Sleep(40 * time.Second)
		w.cast("noise")
		time.Sleep(59 * time.Second)
		w.wrote("cast noise")
		time.Sleep(time.Minute + time.Second)
		w.wrote("timeout ", "timeout ")
		w.cast(listens(time.Hour))
		time.Sleep(59 * time.Minute)
		w.wrote()
	}, genserver.WithReceiveTimeout(time.Minute))
}

func TestAReplyMayComeFromElsewhere(t *testing.T) {
	in(t, nil, func(w *world) {
		got, err := genserver.Call[string](w.t.Context(), w.system, w.pid, do(
			func(_ *scripted, _ *genserver.Context, from genserver.From) genserver.Return {
				go func() {
					time.Sleep(time.Second)
					if !genserver.Answer(from, "elsewhere") || genserver.AnswerError(from, errBoom) {
						t.Error("the first answer counts, and no other")
					}
				}()
				return genserver.NoReply()
			}))
		if got != "elsewhere" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestACallOfAServerThatIsNotThereFailsAtOnce(t *testing.T) {
	in(t, nil, func(w *world) {
		begin := time.Now()
		_, err := genserver.Call[any](w.t.Context(), w.system, actor.NewPID(w.pid.GetAddress(), "nobody"), "x")
		if !errors.Is(err, process.ErrNoProc) || time.Since(begin) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}

func TestACallThatTimesOutDoesNotEndTheServer(t *testing.T) {
	in(t, nil, func(w *world) {
		if _, err := genserver.Call[any](w.t.Context(), w.system, w.pid, "never answered"); !errors.Is(err, process.ErrTimeout) {
			t.Errorf("got %v", err)
		}
		w.cast("still there")
		w.wrote("call never answered", "cast still there")
	})
}

func TestAServerWithANameIsFoundByItAndIsTheOnlyOne(t *testing.T) {
	in(t, nil, func(w *world) {
		if pid, ok := process.WhereIs(w.system, "db"); !ok || pid.GetId() != w.pid.GetId() {
			t.Errorf("found %v, %v", pid, ok)
		}
		_, err := genserver.StartWait(w.t.Context(), w.system.Root,
			genserver.Props(func() genserver.Server { return &scripted{} }, genserver.WithName("db")), "")
		if !errors.Is(err, process.ErrNameTaken) {
			t.Errorf("a second db: %v", err)
		}
		if err := genserver.StopWait(w.t.Context(), w.system, w.pid, nil); err != nil {
			t.Error(err)
		}
		w.pid = w.start(nil, genserver.WithName("db"))
	}, genserver.WithName("db"))
}

func TestStopEndsTheServerWithTheReasonAfterWhatIsQueued(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(sleeps(time.Minute))
		genserver.Cast(w.system.Root, w.pid, "queued")
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
		defer cancel()
		if err := genserver.StopWait(ctx, w.system, w.pid, errBoom); err != nil {
			t.Error(err)
		}
		w.wrote("cast queued", "terminate boom")
		if err := genserver.StopWait(ctx, w.system, w.pid, nil); !errors.Is(err, process.ErrNoProc) {
			t.Errorf("stop of nobody: %v", err)
		}
	})
}

// TestAStopThatNobodyWaitsForKeepsItsPlace: what its caller sends afterwards comes after it.
func TestAStopThatNobodyWaitsForKeepsItsPlace(t *testing.T) {
	in(t, nil, func(w *world) {
		gone, cancel := context.WithCancel(w.t.Context())
		cancel()
		genserver.Cast(w.system.Root, w.pid, "before")
		if err := genserver.StopWait(gone, w.system, w.pid, errBoom); !errors.Is(err, context.Canceled) && err != nil {
			t.Error(err)
		}
		genserver.Cast(w.system.Root, w.pid, "after")
		w.wrote("cast before", "terminate boom")
	})
}

func TestStopTellsIfTheServerEndsOtherwiseOrTooLate(t *testing.T) {
	in(t, nil, func(w *world) {
		w.cast(do(func(*scripted, *genserver.Context, genserver.From) genserver.Return {
			time.Sleep(time.Second)
			return genserver.Stop(errBoom)
		}))
		if err := genserver.StopWait(w.t.Context(), w.system, w.pid, nil); !errors.Is(err, errBoom) {
			t.Errorf("got %v", err)
		}
		w.pid = w.start(nil)
		w.cast(sleeps(time.Hour))
		if err := genserver.StopWait(w.t.Context(), w.system, w.pid, nil); !errors.Is(err, process.ErrTimeout) {
			t.Errorf("got %v", err)
		}
		time.Sleep(2 * time.Hour)
		w.wrote("terminate boom", "terminate process: normal exit")
	})
}

func TestFormatStatusSaysWhatAnInspectionShows(t *testing.T) {
	in(t, nil, func(w *world) {
		info, err := process.Inspect(w.t.Context(), w.system, w.pid)
		if err != nil || info.Behaviour != "genserver" || info.State != "scripted" {
			t.Errorf("got %+v, %v", info, err)
		}
		plain := w.system.Root.Spawn(genserver.Props(func() genserver.Server { return &counter{n: 7} }))
		info, err = process.Inspect(w.t.Context(), w.system, plain)
		if text, ok := info.State.(string); err != nil || !ok || text[:20] != "&{Defaults:{} n:7 in" {
			t.Errorf("got %+v, %v", info, err)
		}
	})
}
