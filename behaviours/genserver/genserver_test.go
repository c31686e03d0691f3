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
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

type (
	add    struct{ by int }
	defers struct{}
	finish struct{ reason error }
	crash  struct{}
)

// counter counts and keeps a diary for the test.
type counter struct {
	genserver.Defaults
	n     int
	init  func(*genserver.Context) error
	later genserver.From
	diary *[]string
}

var _ genserver.Server = (*counter)(nil)

func (c *counter) Init(ctx *genserver.Context) error {
	if c.init != nil {
		return c.init(ctx)
	}
	return nil
}

func (c *counter) HandleCall(ctx *genserver.Context, from genserver.From, req any) genserver.Return {
	switch req := req.(type) {
	case add:
		c.n += req.by
		return genserver.Reply(c.n)
	case defers:
		c.later = from
		process.After(ctx, time.Minute, "tick")
		return genserver.NoReply()
	case finish:
		return genserver.StopReply(req.reason, "bye")
	case crash:
		panic(errBoom)
	case error:
		return genserver.ReplyError(req)
	}
	return c.Defaults.HandleCall(ctx, from, req)
}

func (c *counter) HandleCast(_ *genserver.Context, msg any) genserver.Return {
	switch msg := msg.(type) {
	case add:
		c.n += msg.by
	case finish:
		return genserver.Stop(msg.reason)
	}
	return genserver.NoReply()
}

func (c *counter) HandleInfo(_ *genserver.Context, msg any) genserver.Return {
	if msg == "tick" {
		genserver.Answer(c.later, c.n)
		return genserver.NoReply()
	}
	*c.diary = append(*c.diary, "info")
	return genserver.NoReply()
}

func (c *counter) Terminate(_ *genserver.Context, reason error) {
	*c.diary = append(*c.diary, "terminate: "+reason.Error())
}

func start(t *testing.T, system *actor.ActorSystem, diary *[]string) *actor.PID {
	t.Helper()
	pid, err := genserver.StartWait(t.Context(), system.Root,
		genserver.Props(func() genserver.Server { return &counter{diary: diary} }), "")
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestAServerAnswersCallsAndTakesCastsAndInfos(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var diary []string
		pid := start(t, system, &diary)
		genserver.Cast(system.Root, pid, add{by: 2})
		system.Root.Send(pid, "anything")
		if n, err := genserver.Call[int](t.Context(), system, pid, add{by: 3}); n != 5 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if _, err := genserver.Call[string](t.Context(), system, pid, add{}); !errors.Is(err, process.ErrBadReply) {
			t.Errorf("got %v", err)
		}
		if _, err := genserver.Call[int](t.Context(), system, pid, errBoom); err != errBoom {
			t.Errorf("got %v, want the server's error unchanged", err)
		}
		if _, err := genserver.Call[int](t.Context(), system, pid, 1.5); !errors.Is(err, process.ErrUnsupported) {
			t.Errorf("got %v", err)
		}
		if want := []string{"info"}; !slices.Equal(diary, want) {
			t.Errorf("diary %q, want %q", diary, want)
		}
	})
}

func TestADeferredReplyIsAnsweredLaterAndTheServerGoesOn(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var diary []string
		pid := start(t, system, &diary)
		got := make(chan int)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			n, err := genserver.Call[int](ctx, system, pid, defers{})
			if err != nil {
				t.Error(err)
			}
			got <- n
		}()
		synctest.Wait()
		if n, err := genserver.Call[int](t.Context(), system, pid, add{by: 7}); n != 7 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		if n := <-got; n != 7 {
			t.Errorf("the deferred reply is %d, want what the server had counted by then", n)
		}
	})
}

func TestAServerEndsAsItsCallbacksSay(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(*testing.T, *actor.ActorSystem, *actor.PID)
		diary string
		want  error
	}{
		"stop": {func(_ *testing.T, s *actor.ActorSystem, p *actor.PID) {
			genserver.Cast(s.Root, p, finish{errBoom})
		}, "terminate: boom", errBoom},
		"normal": {func(_ *testing.T, s *actor.ActorSystem, p *actor.PID) {
			genserver.Cast(s.Root, p, finish{nil})
		}, "terminate: process: normal exit", process.ErrNormal},
		"stop with reply": {func(t *testing.T, s *actor.ActorSystem, p *actor.PID) {
			if got, err := genserver.Call[string](t.Context(), s, p, finish{errBoom}); got != "bye" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		}, "terminate: boom", errBoom},
		"panic": {func(t *testing.T, s *actor.ActorSystem, p *actor.PID) {
			var exit *process.ExitError
			if _, err := genserver.Call[string](t.Context(), s, p, crash{}); !errors.As(err, &exit) || !exit.Taken {
				t.Errorf("got %v", err)
			}
		}, "terminate: process: panic: boom", errBoom},
		"outside": {func(_ *testing.T, s *actor.ActorSystem, p *actor.PID) {
			s.Root.Stop(p)
		}, "terminate: process: shutdown", process.ErrShutdown},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				var diary []string
				pid := start(t, system, &diary)
				downs := make(chan *process.Down, 1)
				system.Root.Spawn(genserver.Props(func() genserver.Server { return &watcher{pid: pid, downs: downs} }))
				synctest.Wait()
				c.end(t, system, pid)
				if d := <-downs; !errors.Is(d.Reason, c.want) {
					t.Errorf("down %v, want %v", d.Reason, c.want)
				}
				if want := []string{c.diary}; !slices.Equal(diary, want) {
					t.Errorf("diary %q, want %q", diary, want)
				}
			})
		})
	}
}

type watcher struct {
	genserver.Defaults
	pid   *actor.PID
	downs chan<- *process.Down
}

func (w *watcher) Init(ctx *genserver.Context) error {
	process.Monitor(ctx, w.pid)
	return nil
}

func (w *watcher) HandleInfo(_ *genserver.Context, msg any) genserver.Return {
	if d, ok := msg.(*process.Down); ok {
		w.downs <- d
	}
	return genserver.NoReply()
}

func TestStartWaitReturnsWhatInitSays(t *testing.T) {
	for name, c := range map[string]struct {
		init func(*genserver.Context) error
		want error
	}{
		"fine":   {nil, nil},
		"error":  {func(*genserver.Context) error { return errBoom }, errBoom},
		"panic":  {func(*genserver.Context) error { panic(errBoom) }, errBoom},
		"stuck":  {func(*genserver.Context) error { time.Sleep(2 * time.Hour); return nil }, process.ErrTimeout},
		"normal": {func(*genserver.Context) error { return process.ErrNormal }, process.ErrNormal},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				var diary []string
				props := genserver.Props(func() genserver.Server { return &counter{init: c.init, diary: &diary} })
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				pid, err := genserver.StartWait(ctx, system.Root, props, "named")
				if !errors.Is(err, c.want) || (err == nil) != (pid != nil) {
					t.Errorf("got %v, %v, want %v", pid, err, c.want)
				}
				time.Sleep(3 * time.Hour)
				synctest.Wait()
				if _, there := system.ProcessRegistry.GetLocal("named"); there != (c.want == nil) {
					t.Errorf("there: %v", there)
				}
				if c.want != nil && c.want != process.ErrTimeout && len(diary) != 0 {
					t.Errorf("diary %q: Terminate ran although Init failed", diary)
				}
				if c.want == nil {
					if _, err := genserver.StartWait(ctx, system.Root, props, "named"); err == nil {
						t.Error("a second start under the same name succeeded")
					}
				}
			})
		})
	}
}
