package process_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// shows is an actor that Inspect shows as state.
func shows(state any) *actor.Props {
	return process.Props(func(actor.Context) process.Machine[int, any, any] {
		m := echo(func(ctx actor.Context, msg any) { obey(ctx, msg) })
		m.Name = "shower"
		m.Status = func() any { return state }
		return m
	})
}

func TestAnActorOnAnotherMemberIsInspectedAsOneHere(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		for name, c := range map[string]struct{ state, want any }{
			"text":      {"fine", "fine"},
			"a struct":  {struct{ N int }{3}, "{N:3}"},
			"protobuf":  {text("state"), "state"},
			"nothing":   {nil, nil},
			"not UTF-8": {"\xff!", "\uFFFD!"},
		} {
			pid := b.Root.Spawn(shows(c.state))
			here := trapping(a, pid)
			b.Root.Send(pid, "x")
			synctest.Wait()
			far, err := process.Inspect(t.Context(), a, pid)
			near, nearErr := process.Inspect(t.Context(), b, pid)
			if err != nil || nearErr != nil {
				t.Fatalf("%s: %v, %v", name, err, nearErr)
			}
			got := far.State
			if s, ok := got.(*wrapperspb.StringValue); ok {
				got = s.GetValue()
			}
			if got != c.want {
				t.Errorf("%s: the state is %v, want %v", name, got, c.want)
			}
			if far.PID.Address != "b:1" || far.PID.Id != pid.Id || !far.Started.Equal(near.Started) {
				t.Errorf("%s: got %+v", name, far)
			}
			far.PID, far.State, far.Started = near.PID, near.State, near.Started
			far.Mailbox = near.Mailbox // an inspection's own message may be seen to wait
			if far != near || far.Links != 1 || far.Behaviour != "shower" || far.Handled == 0 || far.LastMessage != "string" {
				t.Errorf("%s: got\n%+v, want what it says at home:\n%+v", name, far, near)
			}
			a.Root.Send(here.pid, exitWith{nil})
		}
	})
}

func TestInspectTellsWhyAnotherMembersActorCannotTell(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		release := make(chan struct{})
		stuck := b.Root.Spawn(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }))
		b.Root.Send(stuck, do(func(actor.Context) { <-release }))
		synctest.Wait()
		for name, c := range map[string]struct {
			pid  *actor.PID
			want error
			took time.Duration
		}{
			"no such actor":  {actor.NewPID("b:1", "none"), process.ErrNoProc, 0},
			"no such member": {actor.NewPID("c:1", "none"), process.ErrNodeDown, 0},
			"plain":          {b.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {})), process.ErrUnsupported, 0},
			"stuck":          {stuck, process.ErrTimeout, time.Minute},
		} {
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err := process.Inspect(ctx, a, c.pid)
			cancel()
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.pid.Id) || time.Since(begin) != c.took {
				t.Errorf("%s: got %v after %v, want %v", name, err, time.Since(begin), c.want)
			}
		}
		time.AfterFunc(time.Second, func() { w.sever("a:1", "b:1") })
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := process.Inspect(ctx, a, stuck); !errors.Is(err, process.ErrNodeDown) || time.Since(begin) != time.Second {
			t.Errorf("lost: got %v after %v", err, time.Since(begin))
		}
		close(release)
	})
}

func TestAReplyThatIsTooLargeIsAnErrorAndNotSilence(t *testing.T) {
	runFar(t, func(t *testing.T, w *world, a, b *actor.ActorSystem) {
		w.limit = 1000
		pid := b.Root.Spawn(act(func(_ actor.Context, msg any) {
			if req, ok := msg.(*process.Request); ok {
				process.Respond(req.From, text(strings.Repeat("x", 2000)), nil)
			}
		}))
		begin := time.Now()
		_, err := process.Call[any](t.Context(), a, pid, text("much"))
		if !errors.Is(err, process.ErrBadReply) || !strings.Contains(err.Error(), "huge") || time.Since(begin) != 0 {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}
