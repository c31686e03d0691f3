package process_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func text(s string) *wrapperspb.StringValue { return wrapperspb.String(s) }

var errOurs = errors.New("our own")

func init() { process.RegisterError("process_test.ours", errOurs) }

// farServer answers texts as they say.
func farServer() *actor.Props {
	return act(func(ctx actor.Context, msg any) {
		req, ok := msg.(*process.Request)
		if !ok {
			obey(ctx, msg)
			return
		}
		body, _ := req.Body.(*wrapperspb.StringValue)
		switch body.GetValue() {
		case "echo":
			process.Respond(req.From, body, nil)
		case "nil":
			process.Respond(req.From, nil, nil)
		case "go value":
			process.Respond(req.From, 7, nil)
		case "overload":
			process.Respond(req.From, nil, fmt.Errorf("%w: 3 wait", process.ErrOverload))
		case "ours":
			process.Respond(req.From, nil, fmt.Errorf("x: %w", errOurs))
		case "panic":
			panic(errOurs)
		case "exit":
			process.Exit(ctx, &process.ShutdownError{Why: errOurs})
		case "late":
			process.After(ctx, time.Minute, do(func(actor.Context) { process.Respond(req.From, body, nil) }))
		}
	})
}

func TestACallToAnotherMemberTellsApartHowItFailed(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		server := func() *actor.PID { return b.Root.Spawn(farServer()) }
		for _, c := range []struct {
			name string
			to   *actor.PID
			req  any
			want []error
			text string
		}{
			{"echo", server(), text("echo"), nil, ""},
			{"no such actor", actor.NewPID("b:1", "none"), text("echo"), []error{process.ErrNoProc}, "none"},
			{"no such member", actor.NewPID("c:1", "none"), text("echo"), []error{process.ErrNodeDown, errCut}, "c:1"},
			{"no protobuf request", server(), "echo", []error{process.ErrUnsupported}, "string"},
			{"no protobuf reply", server(), text("go value"), []error{process.ErrBadReply}, "int"},
			{"wrong type", server(), text("nil"), []error{process.ErrBadReply}, "nil"},
			{"overload", server(), text("overload"), []error{process.ErrOverload}, "3 wait"},
			{"own error", server(), text("ours"), []error{errOurs}, "x: our own"},
			{"exit", server(), text("exit"), []error{process.ErrShutdown, errOurs}, "ended"},
			{"panic", server(), text("panic"), []error{errOurs}, "ended"},
			{"no answer", server(), text("late"), []error{process.ErrTimeout}, ""},
		} {
			got, err := process.Call[*wrapperspb.StringValue](t.Context(), a, c.to, c.req)
			if c.want == nil && (err != nil || got.GetValue() != "echo") {
				t.Errorf("%s: got %v, %v", c.name, got, err)
			}
			for _, want := range c.want {
				if !errors.Is(err, want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("%s: got %v, want %v", c.name, err, want)
				}
			}
			if errors.Is(err, process.ErrKilled) {
				t.Errorf("%s: %v is everything", c.name, err)
			}
		}
		if got, err := process.Call[any](t.Context(), a, server(), text("nil")); got != nil || err != nil {
			t.Errorf("nil came as %v, %v", got, err)
		}
		var exit *process.ExitError
		_, err := process.Call[any](t.Context(), a, server(), text("panic"))
		if !errors.As(err, &exit) || !exit.Taken || exit.Who.GetAddress() != "b:1" || process.EndingOf(exit.Reason) != process.Abnormal {
			t.Errorf("got %#v", err)
		}
		time.Sleep(time.Hour) // the late answer is for nobody
	})
}

func TestAnUnknownTypeIsAnErrorReply(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		pid := b.Root.Spawn(farServer())
		c := actorstest.System()
		c.ProcessRegistry.Address = "c:1"
		w.mu.Lock()
		w.ports["c:1"] = process.Connect(c, spoiler{carrier{w, "c:1"}})
		w.mu.Unlock()
		_, err := process.Call[any](t.Context(), c, pid, durationpb.New(time.Second))
		if !errors.Is(err, process.ErrUnsupported) || !strings.Contains(err.Error(), "google.protobuf.Durazion") {
			t.Errorf("got %v", err)
		}
	})
}

// spoiler sends durations of a type that nobody knows.
type spoiler struct{ carrier }

func (s spoiler) Carry(address string, frame []byte) error {
	return s.carrier.Carry(address, []byte(strings.Replace(string(frame), "google.protobuf.Duration", "google.protobuf.Durazion", 1)))
}

func TestACallToAPlainActorOnAnotherMemberIsAnsweredByRespond(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		pid := b.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if req, ok := ctx.Message().(*process.Request); ok && req.Body.(*wrapperspb.StringValue).GetValue() == "echo" {
				ctx.Respond(req.Body)
			}
		}))
		if got, err := process.Call[*wrapperspb.StringValue](t.Context(), a, pid, text("echo")); got.GetValue() != "echo" {
			t.Errorf("got %v, %v", got, err)
		}
		time.AfterFunc(time.Second, func() { b.Root.Stop(pid) })
		begin := time.Now()
		_, err := process.Call[any](t.Context(), a, pid, text("silence"))
		if !errors.Is(err, process.ErrUnknown) || time.Since(begin) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}

func TestACallEndsWhenItsMemberIsKnownDown(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		pid := b.Root.Spawn(farServer())
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		time.AfterFunc(time.Second, func() { w.sever("a:1", "b:1") })
		begin := time.Now()
		_, err := process.Call[any](ctx, a, pid, text("late"))
		if !errors.Is(err, process.ErrNodeDown) || time.Since(begin) != time.Second {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
		if _, err = process.Call[any](ctx, a, pid, text("late")); !errors.Is(err, process.ErrNodeDown) {
			t.Errorf("without a link: %v", err)
		}
	})
}

func TestAReplyToAFormerIncarnationIsDropped(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		pid := b.Root.Spawn(farServer())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := process.Call[any](ctx, a, pid, text("late")) // its number is the first, and its answer comes in a minute
		cancel()
		if !errors.Is(err, process.ErrTimeout) {
			t.Error(err)
		}
		again := actorstest.System()
		again.ProcessRegistry.Address = "a:1"
		w.mu.Lock()
		w.ports["a:1"] = process.Connect(again, carrier{w, "a:1"})
		w.mu.Unlock()
		other := b.Root.Spawn(farServer())
		ctx, cancel = context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begin := time.Now()
		got, err := process.Call[*wrapperspb.StringValue](ctx, again, other, text("late"))
		if err != nil || got.GetValue() != "late" || time.Since(begin) != time.Minute {
			t.Errorf("got %v, %v after %v, want it after a minute", got, err, time.Since(begin))
		}
	})
}

// watchFar spawns an actor on a that monitors target and gathers what it receives.
func watchFar(a *actor.ActorSystem, target *actor.PID) (pid *actor.PID, got func() []string) {
	var mu sync.Mutex
	var seen []string
	pid = a.Root.Spawn(act(func(ctx actor.Context, msg any) {
		mu.Lock()
		defer mu.Unlock()
		switch msg := msg.(type) {
		case *actor.Started:
			process.Monitor(ctx, target)
		case *wrapperspb.StringValue:
			seen = append(seen, msg.GetValue())
		case *process.Down:
			seen = append(seen, fmt.Sprintf("down %v", msg.Reason))
		default:
			obey(ctx, msg)
		}
	}))
	synctest.Wait()
	return pid, func() []string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func TestADownFromAnotherMemberArrivesOnceAfterEverythingSentBefore(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		for _, end := range []any{exitWith{errOurs}, panicWith{errOurs}} {
			pid := b.Root.Spawn(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }))
			me, got := watchFar(a, pid)
			b.Root.Send(pid, do(func(ctx actor.Context) {
				for i := range 100 {
					ctx.Send(actor.NewPID("a:1", me.Id), text(fmt.Sprint(i)))
				}
				obey(ctx, end)
			}))
			time.Sleep(time.Hour)
			seen := got()
			if len(seen) != 101 || seen[0] != "0" || seen[99] != "99" || !strings.Contains(seen[100], "our own") {
				t.Errorf("%T: seen %q", end, seen)
			}
		}
	})
}

func TestADownFromAnotherMemberArrivesExactlyOnceWhateverIsLost(t *testing.T) {
	for _, what := range []string{"target", "Ended", "everything"} {
		runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
			pid, err := b.Root.SpawnNamed(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }), "target")
			if err != nil {
				t.Fatal(err)
			}
			switch what {
			case "target":
				w.dropping(3, "target")
			case "Ended":
				w.dropping(3, errOurs.Error())
			case "everything":
				n := 0
				w.lose = func([]byte) bool { n++; return n%3 != 0 }
			}
			_, got := watchFar(a, pid)
			time.Sleep(time.Minute)
			b.Root.Send(pid, exitWith{errOurs})
			time.Sleep(time.Hour)
			if seen := got(); len(seen) != 1 || seen[0] != "down our own" {
				t.Errorf("%s: seen %q", what, seen)
			}
		})
	}
}

func TestADownForAMissingTargetOrMemberArrivesAtOnce(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		for target, want := range map[*actor.PID]error{
			actor.NewPID("b:1", "none"): process.ErrNoProc,
			actor.NewPID("c:1", "none"): process.ErrNodeDown,
		} {
			downs := make(chan *process.Down, 2)
			a.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, target) }, downs))
			synctest.Wait()
			if len(downs) != 1 {
				t.Fatalf("%v: %d downs", target, len(downs))
			}
			if down := <-downs; down.Reason != want || down.Who.Id != "none" {
				t.Errorf("got %+v, want %v", down, want)
			}
		}
	})
}

func TestADownForALostConnectionArrivesOnceAndLast(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		pid := b.Root.Spawn(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }))
		me, got := watchFar(a, pid)
		b.Root.Send(pid, do(func(ctx actor.Context) { ctx.Send(actor.NewPID("a:1", me.Id), text("before")) }))
		synctest.Wait()
		w.sever("a:1", "b:1")
		b.Root.Send(pid, exitWith{errOurs})
		time.Sleep(time.Minute)
		w.mu.Lock()
		w.cut = false
		w.mu.Unlock()
		time.Sleep(time.Hour)
		if seen := got(); !slices.Equal(seen, []string{"before", "down " + process.ErrNodeDown.Error()}) {
			t.Errorf("seen %q", seen)
		}
	})
}

func TestNoDownFromAnotherMemberAfterDemonitor(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		pid := b.Root.Spawn(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }))
		downs := make(chan *process.Down, 1)
		watcher := a.Root.Spawn(onDown(func(ctx actor.Context) {
			process.Demonitor(ctx, process.Monitor(ctx, pid))
			process.Monitor(ctx, pid)
		}, downs))
		synctest.Wait()
		if info, err := process.Inspect(t.Context(), b, pid); err != nil || info.MonitoredBy != 1 {
			t.Errorf("got %+v, %v", info, err)
		}
		a.Root.Stop(watcher)
		synctest.Wait()
		if info, err := process.Inspect(t.Context(), b, pid); err != nil || info.MonitoredBy != 0 {
			t.Errorf("an ended watcher's monitor is left: %+v, %v", info, err)
		}
		if len(downs) != 0 {
			t.Errorf("got %+v", <-downs)
		}
	})
}

func TestAMessageThatCannotCrossIsADeadLetter(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		var dead []any
		a.EventStream.Subscribe(func(ev any) {
			if d, ok := ev.(*actor.DeadLetterEvent); ok {
				dead = append(dead, d.Message)
			}
		})
		a.Root.Send(actor.NewPID("b:1", "x"), "no protobuf")
		a.Root.Send(actor.NewPID("c:1", "x"), text("no way"))
		if len(dead) != 2 || dead[0] != "no protobuf" {
			t.Errorf("dead letters: %v", dead)
		}
	})
}

// FuzzArrived lets anything arrive: all that may happen is that it is dropped, or refused.
func FuzzArrived(f *testing.F) {
	for i := range byte(11) {
		f.Add([]byte{i<<3 | 2, 0})
		f.Add([]byte{i<<3 | 2, 6, 10, 2, 8, 1, 18, 0})
		f.Add([]byte{i<<3 | 2, 10, 10, 2, 8, 1, 18, 1, 'x', 26, 1, 'x'})
	}
	system := actorstest.System()
	system.ProcessRegistry.Address = "a:1"
	port := process.Connect(system, mute{})
	if _, err := system.Root.SpawnNamed(act(idle), "x"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, frame []byte) {
		port.Arrived("b:1", frame)
		port.Arrived("b:1", frame)
		port.Down("b:1")
	})
}

type mute struct{}

func (mute) Carry(string, []byte) error { return nil }
