package genstatem_test

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
	"github.com/gendac/gendac/behaviours/genstatem"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

type (
	ctx    = genstatem.Context[string, int]
	result = genstatem.Result[string]
	spec   = genstatem.Spec[string, int]
	state  = genstatem.State[string, int]

	// do is an event that says itself what becomes of it.
	do func(c *ctx, e genstatem.Event) result
	// laterIn is an event that every state but one postpones.
	laterIn struct{ state, note string }
)

// world is a machine under test and what it wrote down.
type world struct {
	t      *testing.T
	system *actor.ActorSystem
	pid    *actor.PID
	begin  time.Time

	mu    sync.Mutex // virtual time orders nothing for the race detector
	diary []string
}

// note writes down what happens, in which state and with which data.
func (w *world) note(c *ctx, what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.diary = append(w.diary, fmt.Sprintf("%s/%d: %s", c.State, c.Data, what))
}

// on does what the event says, or writes it down.
func (w *world) on(c *ctx, e genstatem.Event) result {
	switch content := e.Content.(type) {
	case do:
		return content(c, e)
	case laterIn:
		if c.State != content.state {
			return c.Keep(genstatem.Postpone())
		}
		w.note(c, content.note)
		return c.Keep()
	}
	w.note(c, e.String())
	return c.Keep()
}

// in runs f beside a machine that begins in state a with data 0. The spec may be completed by alter.
func in(t *testing.T, alter func(w *world, s *spec), f func(w *world), opts ...genstatem.Option) {
	t.Helper()
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		w := &world{t: t, system: system, begin: time.Now()}
		s := spec{
			Init:      func(c *ctx) result { return c.Next("a") },
			Any:       state{On: w.on},
			Terminate: func(c *ctx, reason error) { w.note(c, "terminate "+reason.Error()) },
		}
		if alter != nil {
			alter(w, &s)
		}
		pid, err := genstatem.StartWait(t.Context(), system.Root, genstatem.Props(s, opts...), "")
		if err != nil {
			t.Fatal(err)
		}
		w.pid = pid
		f(w)
	})
}

// cast sends events and waits until they are handled.
func (w *world) cast(events ...any) {
	for _, e := range events {
		genstatem.Cast(w.system.Root, w.pid, e)
	}
	synctest.Wait()
}

func (w *world) call(req any) (any, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Hour)
	defer cancel()
	return genstatem.Call[any](ctx, w.system, w.pid, req)
}

// wrote checks the diary and begins a new page.
func (w *world) wrote(want ...string) {
	w.t.Helper()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.diary, want) {
		w.t.Errorf("the machine wrote\n\t%q, want\n\t%q", w.diary, want)
	}
	w.diary = nil
}

// down returns why the machine ends; trigger ends it.
func (w *world) down(trigger func()) error {
	w.t.Helper()
	downs := make(chan error, 1)
	w.system.Root.Spawn(genstatem.Props(genstatem.Spec[string, int]{
		Init: func(c *ctx) result {
			process.Monitor(c, w.pid)
			return c.Keep()
		},
		Any: state{On: func(c *ctx, e genstatem.Event) result {
			if d, ok := e.Content.(*process.Down); ok {
				downs <- d.Reason
			}
			return c.Keep()
		}},
	}))
	synctest.Wait()
	trigger()
	select {
	case reason := <-downs:
		return reason
	case <-time.After(time.Hour):
		w.t.Error("the machine did not end")
		return nil
	}
}

// goes is a do that changes the state, with actions.
func goes(to string, actions ...genstatem.Action) do {
	return func(c *ctx, _ genstatem.Event) result { return c.Next(to, actions...) }
}

// stays is a do that keeps the state, with actions.
func stays(actions ...genstatem.Action) do {
	return func(c *ctx, _ genstatem.Event) result { return c.Keep(actions...) }
}
