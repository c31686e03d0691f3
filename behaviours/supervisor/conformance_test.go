package supervisor_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// One test for each rule of OTP's documentation of supervisor, in its order: strategies, intensity, automatic shutdown,
// restart types, shutdown. The commands are in conformance_commands_test.go.

func with(strategy supervisor.Strategy, ids ...string) func(*stage) supervisor.Spec {
	return func(s *stage) supervisor.Spec {
		return supervisor.Spec{Strategy: strategy, MaxRestarts: 10, Children: s.children(ids...)}
	}
}

func TestOneForOneIsTheDefault(t *testing.T) {
	if s := (supervisor.Spec{}).Strategy; s != supervisor.OneForOne {
		t.Errorf("got %v", s)
	}
}

func TestOneForOneRestartsOnlyTheOneThatDied(t *testing.T) {
	play(t, with(supervisor.OneForOne, "a", "b", "c"), func(s *stage) {
		s.end("b", errBoom)
		s.want("-b", "+b")
	})
}

func TestOneForAllStopsAllOthersAndThenRestartsAll(t *testing.T) {
	play(t, with(supervisor.OneForAll, "a", "b", "c"), func(s *stage) {
		s.end("b", errBoom)
		s.want("-b", "-c", "-a", "+a", "+b", "+c")
	})
}

func TestRestForOneRestartsThoseStartedAfterIt(t *testing.T) {
	play(t, with(supervisor.RestForOne, "a", "b", "c", "d"), func(s *stage) {
		s.end("b", errBoom)
		s.want("-b", "-d", "-c", "+b", "+c", "+d")
		s.end("d", errBoom)
		s.want("-d", "+d")
	})
}

func TestARestartThatFailsInOneForAllIsTriedAgainWithAll(t *testing.T) {
	play(t, with(supervisor.OneForAll, "a", "b"), func(s *stage) {
		s.next("b", errBoom)
		s.end("a", errBoom)
		s.want("-a", "-b", "+a", "+b", "-a", "+a", "+b")
	})
}

func TestTheDefaultIsOneRestartInFiveSeconds(t *testing.T) {
	spec := func(s *stage) supervisor.Spec { return supervisor.Spec{Children: s.children("a")} }
	play(t, spec, func(s *stage) {
		s.end("a", errBoom)
		time.Sleep(5 * time.Second)
		s.end("a", errBoom)
		s.lives()
		time.Sleep(5*time.Second - 1)
		down := s.downs(s.sup)
		s.end("a", errBoom)
		var much *supervisor.IntensityError
		if reason := <-down; !errors.As(reason, &much) {
			t.Errorf("ended with %v", reason)
		}
	})
}

func TestMoreRestartsThanIntensityWithinPeriodEndTheSupervisorAndItsChildren(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{MaxRestarts: 2, Period: time.Minute, Children: s.children("a", "b", "c")}
	}, func(s *stage) {
		down := s.downs(s.sup)
		s.end("a", errBoom) // children count together
		s.end("b", errBoom)
		s.lives()
		s.take()
		s.end("c", errBoom)
		s.want("-c", "-b", "-a")
		var much *supervisor.IntensityError
		if reason := <-down; !errors.As(reason, &much) || much.ID != "c" || much.Reason != errBoom || process.EndingOf(reason) != process.Abnormal {
			t.Errorf("ended with %v", reason)
		}
	})
}

func TestRestartsOlderThanPeriodAreForgotten(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{MaxRestarts: 1, Period: time.Second, Children: s.children("a")}
	}, func(s *stage) {
		for range 5 {
			s.end("a", errBoom)
			time.Sleep(time.Second)
		}
		s.lives()
	})
}

func TestIntensityZeroBearsNoRestart(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{MaxRestarts: -1, Children: s.children("a")}
	}, func(s *stage) {
		s.end("a", errBoom)
		s.want("-a")
	})
}

func TestAllOfAOneForAllRestartCountOnce(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{Strategy: supervisor.OneForAll, MaxRestarts: 1, Children: s.children("a", "b", "c")}
	}, func(s *stage) {
		s.end("a", errBoom)
		s.lives()
	})
}

func TestAutoShutdownNeverRejectsSignificantChildren(t *testing.T) {
	for field, child := range map[string]supervisor.Child{
		"children[0].Significant": {ID: "a", Props: supervisor.Props(supervisor.Spec{}), Restart: supervisor.Transient, Significant: true},
	} {
		var bad *supervisor.SpecError
		err := supervisor.Spec{Children: []supervisor.Child{child}}.Validate()
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("got %v", err)
		}
	}
}

func TestAPermanentChildCannotBeSignificant(t *testing.T) {
	var bad *supervisor.SpecError
	err := supervisor.Spec{AutoShutdown: supervisor.AnySignificant, Children: []supervisor.Child{
		{ID: "a", Props: supervisor.Props(supervisor.Spec{}), Significant: true},
	}}.Validate()
	if !errors.As(err, &bad) || bad.Field != "children[0].Significant" {
		t.Errorf("got %v", err)
	}
}

func significants(auto supervisor.AutoShutdown, strategy supervisor.Strategy) func(*stage) supervisor.Spec {
	return func(s *stage) supervisor.Spec {
		return supervisor.Spec{AutoShutdown: auto, Strategy: strategy, MaxRestarts: 9, Children: []supervisor.Child{
			s.child("t", transient, significant), s.child("x", temporary, significant), s.child("p"),
		}}
	}
}

func TestAnySignificantShutsDownWhenOneEndsByItself(t *testing.T) {
	for id, reason := range map[string]error{"t": process.ErrNormal, "x": errBoom} {
		play(t, significants(supervisor.AnySignificant, supervisor.OneForOne), func(s *stage) {
			down := s.downs(s.sup)
			s.end(id, reason)
			got := <-down
			var sig *supervisor.SignificantError
			if !errors.As(got, &sig) || sig.ID != id || !errors.Is(got, process.ErrShutdown) || process.EndingOf(got) != process.Shutdown {
				t.Errorf("%s: ended with %v", id, got)
			}
		})
	}
}

func TestAllSignificantShutsDownWhenTheLastEndsByItself(t *testing.T) {
	play(t, significants(supervisor.AllSignificant, supervisor.OneForOne), func(s *stage) {
		down := s.downs(s.sup)
		s.end("t", process.ErrNormal)
		s.lives()
		s.end("x", process.ErrNormal)
		if got := <-down; !errors.Is(got, process.ErrShutdown) {
			t.Errorf("ended with %v", got)
		}
	})
}

func TestACrashOfASignificantTransientChildIsARestart(t *testing.T) {
	play(t, significants(supervisor.AnySignificant, supervisor.OneForOne), func(s *stage) {
		s.end("t", errBoom)
		s.want("-t", "+t")
		s.lives()
	})
}

func TestASignificantChildThatTheSupervisorStopsDoesNotShutItDown(t *testing.T) {
	play(t, significants(supervisor.AnySignificant, supervisor.OneForAll), func(s *stage) {
		for _, id := range []string{"t"} {
			if err := s.terminate(id); err != nil {
				t.Error(err)
			}
		}
		s.end("p", errBoom) // x is stopped for p's sake, and t is started again
		s.want("-t", "-p", "-x", "+t", "+p")
		s.lives()
	})
}

func TestPermanentIsAlwaysRestarted(t *testing.T) {
	play(t, with(supervisor.OneForOne, "a"), func(s *stage) {
		for _, reason := range []error{process.ErrNormal, process.ErrShutdown, &process.ShutdownError{Why: errBoom}, errBoom} {
			s.end("a", reason)
			s.want("-a", "+a")
		}
	})
}

func TestTransientIsNotRestartedAfterNormalOrShutdown(t *testing.T) {
	for _, reason := range []error{process.ErrNormal, process.ErrShutdown, &process.ShutdownError{Why: errBoom}} {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Children: []supervisor.Child{s.child("a", transient)}}
		}, func(s *stage) {
			s.end("a", reason)
			s.want("-a")
			if got := s.info("a"); got.Phase != supervisor.Gone || got.PID != nil {
				t.Errorf("%v: got %v", reason, got)
			}
		})
	}
}

func TestTransientIsRestartedAfterAnAbnormalEnd(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{MaxRestarts: 2, Children: []supervisor.Child{s.child("a", transient)}}
	}, func(s *stage) {
		s.end("a", errBoom)
		s.want("-a", "+a")
		s.end("a", process.ErrKilled)
		s.want("-a", "+a")
	})
}

func TestTemporaryIsNeverRestartedAndItsSpecIsDropped(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{Children: []supervisor.Child{s.child("a", temporary)}}
	}, func(s *stage) {
		s.end("a", errBoom)
		s.want("-a")
		if all := children(s.t, s.system, s.sup); len(all) != 0 {
			t.Errorf("left: %v", all)
		}
	})
}

func TestTemporaryIsNotRestartedEvenWhenASiblingsDeathStoppedIt(t *testing.T) {
	for _, strategy := range []supervisor.Strategy{supervisor.OneForAll, supervisor.RestForOne} {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Strategy: strategy, Children: []supervisor.Child{s.child("a"), s.child("x", temporary), s.child("b")}}
		}, func(s *stage) {
			s.end("a", errBoom)
			s.want("-a", "-b", "-x", "+a", "+b")
		})
	}
}

func TestBrutalKillDoesNotWait(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		s.hang("a", time.Hour)
		return supervisor.Spec{Children: []supervisor.Child{s.child("a", shutdown(supervisor.BrutalKill))}}
	}, func(s *stage) {
		down, begin := s.downs(s.info("a").PID), time.Now()
		if err := s.terminate("a"); err != nil {
			t.Error(err)
		}
		if reason := <-down; reason != process.ErrKilled || time.Since(begin) != 0 {
			t.Errorf("ended with %v after %v", reason, time.Since(begin))
		}
	})
}

func TestAChildThatDoesNotStopByItsDeadlineIsKilled(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		s.hang("a", time.Hour)
		return supervisor.Spec{Children: []supervisor.Child{s.child("a", shutdown(3*time.Second))}}
	}, func(s *stage) {
		pid, begin := s.info("a").PID, time.Now()
		if err := process.Register(s.system, "the a", pid); err != nil {
			t.Fatal(err)
		}
		down := s.downs(pid)
		if err := s.terminate("a"); err != nil {
			t.Error(err)
		}
		if reason := <-down; reason != process.ErrKilled || time.Since(begin) != 3*time.Second {
			t.Errorf("ended with %v after %v", reason, time.Since(begin))
		}
		if _, taken := process.WhereIs(s.system, "the a"); taken {
			t.Error("its name is taken still")
		}
		s.hang("a", 0)
		if again, err := s.restart("a"); err != nil || again.Equal(pid) {
			t.Errorf("restarted as %v, %v", again, err)
		}
	})
}

func TestInfinityWaits(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		s.hang("a", time.Hour)
		return supervisor.Spec{Children: []supervisor.Child{s.child("a", shutdown(supervisor.Infinity))}}
	}, func(s *stage) {
		down, begin := s.downs(s.sup), time.Now()
		s.system.Root.Stop(s.sup)
		if reason := <-down; reason != process.ErrShutdown || time.Since(begin) != time.Hour {
			t.Errorf("ended with %v after %v", reason, time.Since(begin))
		}
	})
}

func TestTheDefaultShutdownIsFiveSecondsForAWorkerAndInfinityForASupervisor(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{Children: []supervisor.Child{
			s.child("a"), {ID: "s", Type: supervisor.Supervisor, Props: supervisor.Props(supervisor.Spec{})},
		}}
	}, func(s *stage) {
		for id, want := range map[string]time.Duration{"a": 5 * time.Second, "s": supervisor.Infinity} {
			if spec, err := supervisor.GetChildSpec(s.t.Context(), s.system, s.sup, id); err != nil || spec.Shutdown != want {
				t.Errorf("%s: got %v, %v", id, spec.Shutdown, err)
			}
		}
	})
}

func TestStartReturnsWhenAllChildrenHaveStartedAndIgnoreIsNoFailure(t *testing.T) {
	actors := func(s *stage) supervisor.Spec {
		s.next("b", supervisor.ErrIgnore)
		s.next("c", supervisor.ErrIgnore)
		return supervisor.Spec{Children: []supervisor.Child{s.child("a"), s.child("b"), s.child("c", temporary), s.child("d")}}
	}
	play(t, actors, func(s *stage) {
		all, err := supervisor.Children(s.t.Context(), s.system, s.sup)
		var got []string
		for _, c := range all {
			got = append(got, c.String())
		}
		if want := []string{"a up #1", "b gone #1", "d up #1"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	})
}

func TestSimpleOneForOneStopsAllAtOnce(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		s.hang("conn", 3*time.Second)
		return supervisor.Spec{Strategy: supervisor.SimpleOneForOne, Children: []supervisor.Child{s.child("conn")}}
	}, func(s *stage) {
		if _, err := supervisor.StartMany(s.t.Context(), s.system, s.sup, nil, nil, nil); err != nil {
			t.Fatal(err)
		}
		down, begin := s.downs(s.sup), time.Now()
		s.system.Root.Stop(s.sup)
		if reason := <-down; reason != process.ErrShutdown || time.Since(begin) != 3*time.Second {
			t.Errorf("ended with %v after %v", reason, time.Since(begin))
		}
		synctest.Wait()
		s.want("+conn", "+conn", "+conn", "-conn", "-conn", "-conn")
	})
}

func TestASubtreeComesBackThoughAnAbandonedChildHoldsItsPID(t *testing.T) {
	inner := func(s *stage) supervisor.Spec {
		s.hang("b", time.Hour)
		return supervisor.Spec{Children: []supervisor.Child{s.child("b", shutdown(time.Second))}}
	}
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{Strategy: supervisor.OneForAll, MaxRestarts: 9, Children: []supervisor.Child{
			s.child("a"), {ID: "s", Type: supervisor.Supervisor, Props: supervisor.Props(inner(s))},
		}}
	}, func(s *stage) {
		s.end("a", errBoom)
		time.Sleep(time.Second)
		s.want("-a", "+a", "+b")
		time.Sleep(time.Hour) // by now the abandoned one has gone
		s.want("-b")
		if got := children(s.t, s.system, s.info("s").PID)["b"]; got.Phase != supervisor.Up {
			t.Errorf("b is %v", got)
		}
	})
}
