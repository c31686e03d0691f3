package supervisor_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

func TestStartChildAddsAChildAfterTheOthers(t *testing.T) {
	play(t, with(supervisor.RestForOne, "a"), func(s *stage) {
		pid, err := s.add(s.child("b"))
		if err != nil || !pid.Equal(s.info("b").PID) {
			t.Errorf("got %v, %v", pid, err)
		}
		s.end("a", errBoom)
		s.want("+b", "-a", "-b", "+a", "+b")
	})
}

func TestStartChildWithATakenIDIsRefused(t *testing.T) {
	play(t, with(supervisor.OneForOne, "a"), func(s *stage) {
		_, err := s.add(s.child("a"))
		var refused *supervisor.CommandError
		if !errors.As(err, &refused) || refused.Err != supervisor.ErrAlreadyStarted || !refused.PID.Equal(s.info("a").PID) {
			t.Errorf("running: got %v", err)
		}
		if err := s.terminate("a"); err != nil {
			t.Error(err)
		}
		if _, err := s.add(s.child("a")); !errors.Is(err, supervisor.ErrAlreadyPresent) {
			t.Errorf("terminated: got %v", err)
		}
	})
}

func TestStartChildThatFailsIsDiscardedAndTheSupervisorLives(t *testing.T) {
	play(t, with(supervisor.OneForOne, "a"), func(s *stage) {
		s.next("b", errBoom)
		_, err := s.add(s.child("b"))
		var start *supervisor.StartError
		if !errors.As(err, &start) || start.ID != "b" || !errors.Is(err, errBoom) {
			t.Errorf("got %v", err)
		}
		if all := children(s.t, s.system, s.sup); len(all) != 1 {
			t.Errorf("got %v", all)
		}
		s.lives()
	})
}

func TestStartChildThatIgnoresIsKeptWithoutAProcess(t *testing.T) {
	play(t, with(supervisor.OneForOne), func(s *stage) {
		s.next("b", supervisor.ErrIgnore)
		if pid, err := s.add(s.child("b")); pid != nil || err != nil {
			t.Errorf("got %v, %v", pid, err)
		}
		if got := s.info("b"); got.Phase != supervisor.Gone || got.PID != nil {
			t.Errorf("got %v", got)
		}
		if pid, err := s.restart("b"); pid == nil || err != nil {
			t.Errorf("restarted: %v, %v", pid, err)
		}
	})
}

func TestTerminateChildKeepsTheSpecUnlessItIsTemporary(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{Children: []supervisor.Child{s.child("a"), s.child("x", temporary)}}
	}, func(s *stage) {
		for _, id := range []string{"a", "x"} {
			if err := s.terminate(id); err != nil {
				t.Error(err)
			}
		}
		s.want("-a", "-x")
		if err := s.terminate("a"); err != nil {
			t.Errorf("one that does not run: %v", err)
		}
		if err := s.terminate("x"); !errors.Is(err, supervisor.ErrNotFound) {
			t.Errorf("a temporary one: %v", err)
		}
		if _, err := s.restart("a"); err != nil {
			t.Error(err)
		}
		s.want("+a")
	})
}

func TestRestartChildNeedsAChildThatDoesNotRun(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{
			Backoff:  supervisor.Backoff{Min: time.Minute},
			Children: []supervisor.Child{s.child("a"), s.child("b"), s.child("t", transient)},
		}
	}, func(s *stage) {
		s.end("b", errBoom)
		s.end("t", process.ErrNormal)
		for id, want := range map[string]error{
			"a": supervisor.ErrRunning, "b": supervisor.ErrRestarting, "nobody": supervisor.ErrNotFound, "t": nil,
		} {
			if _, err := s.restart(id); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", id, err, want)
			}
		}
		if got := s.info("b"); got.Phase != supervisor.Waiting || got.PID != nil {
			t.Errorf("b is %v", got)
		}
	})
}

func TestRestartChildThatFailsLeavesTheChildAsItWas(t *testing.T) {
	play(t, with(supervisor.OneForOne, "a"), func(s *stage) {
		if err := s.terminate("a"); err != nil {
			t.Error(err)
		}
		s.next("a", errBoom)
		if _, err := s.restart("a"); !errors.Is(err, errBoom) {
			t.Errorf("got %v", err)
		}
		if got := s.info("a"); got.Phase != supervisor.Gone {
			t.Errorf("a is %v", got)
		}
		s.lives()
	})
}

func TestDeleteChildNeedsAChildThatDoesNotRun(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{
			Backoff:  supervisor.Backoff{Min: time.Minute},
			Children: []supervisor.Child{s.child("a"), s.child("b"), s.child("t", transient)},
		}
	}, func(s *stage) {
		s.end("b", errBoom)
		s.end("t", process.ErrNormal)
		for id, want := range map[string]error{
			"a": supervisor.ErrRunning, "b": supervisor.ErrRestarting, "nobody": supervisor.ErrNotFound, "t": nil,
		} {
			if err := s.delete(id); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", id, err, want)
			}
		}
		if err := s.delete("t"); !errors.Is(err, supervisor.ErrNotFound) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}

func TestTerminateChildCallsOffARestart(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{Backoff: supervisor.Backoff{Min: time.Minute}, Children: s.children("a")}
	}, func(s *stage) {
		s.end("a", errBoom)
		if err := s.terminate("a"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		s.want("-a")
	})
}

func TestCountChildrenCountsSpecsActiveOnesAndTypes(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{Children: []supervisor.Child{
			s.child("a"), s.child("t", transient),
			{ID: "s", Type: supervisor.Supervisor, Props: supervisor.Props(supervisor.Spec{})},
		}}
	}, func(s *stage) {
		s.end("t", process.ErrNormal)
		got, err := supervisor.CountChildren(s.t.Context(), s.system, s.sup)
		if want := (supervisor.Counts{Specs: 3, Active: 2, Supervisors: 1, Workers: 2}); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestGetChildSpecReturnsTheSpecWithItsDefaults(t *testing.T) {
	play(t, with(supervisor.OneForOne, "a"), func(s *stage) {
		got, err := supervisor.GetChildSpec(s.t.Context(), s.system, s.sup, "a")
		if err != nil || got.ID != "a" || got.Props == nil || got.Start != supervisor.DefaultStart {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := supervisor.GetChildSpec(s.t.Context(), s.system, s.sup, "b"); !errors.Is(err, supervisor.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	})
}

func dynamic(changes ...change) func(*stage) supervisor.Spec {
	return func(s *stage) supervisor.Spec {
		c := s.child("conn", changes...)
		c.Props = nil
		c.Make = func(arg any) *actor.Props {
			if arg == nil {
				panic("an argument is needed")
			}
			return s.props(fmt.Sprint(arg))
		}
		return supervisor.Spec{Strategy: supervisor.SimpleOneForOne, MaxRestarts: 3, Children: []supervisor.Child{c}}
	}
}

func TestSimpleOneForOneChildrenAreInstancesOfOneTemplate(t *testing.T) {
	play(t, dynamic(), func(s *stage) {
		s.want()
		s.next("z", errBoom)
		pids, err := supervisor.StartMany(s.t.Context(), s.system, s.sup, "x", "z", "y", nil)
		var start *supervisor.StartError
		if !errors.As(err, &start) || !errors.Is(err, errBoom) || !strings.Contains(err.Error(), "an argument is needed") {
			t.Errorf("got %v", err)
		}
		if pids[0] == nil || pids[1] != nil || pids[2] == nil || pids[3] != nil {
			t.Errorf("got %v", pids)
		}
		got := s.take()
		slices.Sort(got)
		if want := []string{"+x", "+y", "+z"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		s.system.Root.Send(pids[0], errBoom) // comes back with its argument
		s.want("-x", "+x")
		if n, err := supervisor.CountChildren(s.t.Context(), s.system, s.sup); err != nil || n != (supervisor.Counts{Specs: 1, Active: 2, Workers: 2}) {
			t.Errorf("got %+v, %v", n, err)
		}
	})
}

func TestSimpleOneForOneInstancesAreTerminatedByPIDOnly(t *testing.T) {
	play(t, dynamic(), func(s *stage) {
		pid, err := supervisor.StartOne(s.t.Context(), s.system, s.sup, "x")
		if err != nil {
			t.Fatal(err)
		}
		for name, err := range map[string]error{"terminate": s.terminate("conn"), "delete": s.delete("conn")} {
			if !errors.Is(err, supervisor.ErrSimple) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		if _, err := s.restart("conn"); !errors.Is(err, supervisor.ErrSimple) {
			t.Errorf("restart: got %v", err)
		}
		if _, err := s.add(s.child("a")); !errors.Is(err, supervisor.ErrSimple) {
			t.Errorf("start: got %v", err)
		}
		if err := supervisor.TerminatePID(s.t.Context(), s.system, s.sup, pid); err != nil {
			t.Error(err)
		}
		s.want("+x", "-x")
		if err := supervisor.TerminatePID(s.t.Context(), s.system, s.sup, pid); err != nil {
			t.Errorf("twice: got %v", err)
		}
	})
}

func TestAnInstanceThatDoesNotStartInTimeIsGivenUp(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		c := supervisor.Child{ID: "conn", Start: time.Second, Make: func(arg any) *actor.Props {
			return actor.PropsFromFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*actor.Started); ok {
					time.Sleep(arg.(time.Duration))
				}
			})
		}}
		return supervisor.Spec{Strategy: supervisor.SimpleOneForOne, Children: []supervisor.Child{c}}
	}, func(s *stage) {
		pids, err := supervisor.StartMany(s.t.Context(), s.system, s.sup, time.Duration(0), time.Minute)
		if pids[0] == nil || pids[1] != nil || !errors.Is(err, process.ErrTimeout) {
			t.Errorf("got %v, %v", pids, err)
		}
	})
}

func TestEventsCanBeSubscribedTo(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{MaxRestarts: 1, Children: s.children("a")}
	}, func(s *stage) {
		var got []string
		cancel := supervisor.Subscribe(s.system, func(e supervisor.Event) {
			if e.What != supervisor.Restarting && e.What != supervisor.GaveUp && e.PID == nil {
				t.Errorf("%v has no PID", e)
			}
			got = append(got, strings.SplitAfterN(e.String(), ":", 3)[1])
		})
		s.end("a", errBoom)
		s.end("a", errBoom)
		synctest.Wait()
		cancel()
		cancel()
		want := []string{" a ended:", " a restarting:", " a started", " a ended:", " a gave up:"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestTreeDrawsAllThatIsBelow(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		conns := dynamic()(s)
		conns.Children[0].Make = func(any) *actor.Props { return s.props("conn") }
		return supervisor.Spec{Strategy: supervisor.RestForOne, Children: []supervisor.Child{
			s.child("db"),
			{ID: "conns", Type: supervisor.Supervisor, Props: supervisor.Props(conns)},
			{ID: "web", Type: supervisor.Supervisor, Props: supervisor.Props(supervisor.Spec{Children: s.children("cache", "front")})},
			s.child("once", transient),
		}}
	}, func(s *stage) {
		s.end("once", process.ErrNormal)
		if _, err := supervisor.StartMany(s.t.Context(), s.system, s.info("conns").PID, make([]any, 5)...); err != nil {
			t.Fatal(err)
		}
		web := children(s.t, s.system, s.info("web").PID)
		s.system.Root.Send(web["cache"].PID, errBoom)
		synctest.Wait()
		tree, err := supervisor.Tree(s.t.Context(), s.system, s.sup)
		want := strings.Join([]string{
			"sup (rest_for_one) up",
			"|- db up",
			"|- conns (simple_one_for_one) up",
			"|  |- conn up",
			"|  |- conn up",
			"|  |- conn up",
			"|  `- and 2 more",
			"|- web (one_for_one) up",
			"|  |- cache up, incarnation 2",
			"|  `- front up",
			"`- once gone",
			"",
		}, "\n")
		if err != nil || tree.String() != want {
			t.Errorf("%v, got\n%swant\n%s", err, tree, want)
		}
	})
}
