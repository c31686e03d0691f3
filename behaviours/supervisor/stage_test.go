package supervisor_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// stage is one supervisor with workers that write their lives down: +a when a starts, -a when it stops.
type stage struct {
	t      *testing.T
	system *actor.ActorSystem
	diary
	sup *actor.PID

	mu    sync.Mutex
	inits map[string][]error // what the next Inits of a worker return
	stuck map[string]time.Duration
	slows map[string]time.Duration
}

// play runs f with a supervisor that has started.
func play(t *testing.T, spec func(s *stage) supervisor.Spec, f func(s *stage)) {
	t.Helper()
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		s := &stage{t: t, system: system, inits: make(map[string][]error), stuck: make(map[string]time.Duration), slows: make(map[string]time.Duration)}
		s.sup = startSup(t, system, spec(s))
		s.take()
		f(s)
		system.Root.Stop(s.sup)
		time.Sleep(24 * time.Hour) // lets those go that hang
		synctest.Wait()
	})
}

type change func(*supervisor.Child)

func transient(c *supervisor.Child)   { c.Restart = supervisor.Transient }
func temporary(c *supervisor.Child)   { c.Restart = supervisor.Temporary }
func significant(c *supervisor.Child) { c.Significant = true }
func shutdown(d time.Duration) change { return func(c *supervisor.Child) { c.Shutdown = d } }

func (s *stage) child(id string, changes ...change) supervisor.Child {
	c := supervisor.Child{ID: id, Props: s.props(id)}
	for _, f := range changes {
		f(&c)
	}
	return c
}

func (s *stage) children(ids ...string) (out []supervisor.Child) {
	for _, id := range ids {
		out = append(out, s.child(id))
	}
	return out
}

func (s *stage) props(id string) *actor.Props {
	return genserver.Props(func() genserver.Server {
		s.mu.Lock()
		defer s.mu.Unlock()
		w := &worker{id: id, diary: &s.diary, stuck: s.stuck[id]}
		if next := s.inits[id]; len(next) > 0 {
			w.init = func() error { return next[0] }
			s.inits[id] = next[1:]
		}
		w.slow = s.slows[id]
		return w
	})
}

// next sets what the next Inits of a worker return.
func (s *stage) next(id string, errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inits[id] = errs
}

// hang makes the incarnations of a worker that start from now on hang when they are stopped.
func (s *stage) hang(id string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck[id] = d
}

// slow makes the Inits of a worker that come from now on take as long as that.
func (s *stage) slow(id string, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slows[id] = d
}

// end makes a child end with a reason, and waits until nothing moves any more.
func (s *stage) end(id string, reason error) {
	s.t.Helper()
	info := s.info(id)
	if info.PID == nil {
		s.t.Fatalf("%s has no incarnation: %v", id, info)
	}
	s.system.Root.Send(info.PID, reason)
	synctest.Wait()
}

func (s *stage) info(id string) supervisor.Info { return children(s.t, s.system, s.sup)[id] }

// want compares what happened since the last look.
func (s *stage) want(lines ...string) {
	s.t.Helper()
	synctest.Wait()
	if got := s.take(); !slices.Equal(got, lines) {
		s.t.Errorf("got %q, want %q", got, lines)
	}
}

func (s *stage) lives() {
	s.t.Helper()
	synctest.Wait()
	if _, ok := s.system.ProcessRegistry.Get(s.sup); !ok {
		s.t.Error("the supervisor has ended")
	}
}

func (s *stage) add(c supervisor.Child) (*actor.PID, error) {
	return supervisor.StartChild(s.t.Context(), s.system, s.sup, c)
}

func (s *stage) restart(id string) (*actor.PID, error) {
	return supervisor.RestartChild(s.t.Context(), s.system, s.sup, id)
}

func (s *stage) terminate(id string) error {
	return supervisor.TerminateChild(s.t.Context(), s.system, s.sup, id)
}

func (s *stage) delete(id string) error {
	return supervisor.DeleteChild(s.t.Context(), s.system, s.sup, id)
}

// downs is the reasons with which pid ends, once the monitor is set.
func (s *stage) downs(pid *actor.PID) <-chan error {
	reasons := monitor(s.system, pid)
	synctest.Wait()
	return reasons
}
