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

// More rules of OTP's documentation of supervisor, one test each: what happens between the rules of the other files.

func TestWhichChildrenShowsAChildThatIsBeingRestarted(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{MaxRestarts: 3, Backoff: supervisor.Backoff{Min: time.Minute}, Children: s.children("a")}
	}, func(s *stage) {
		s.end("a", errBoom)
		if got := s.info("a"); got.Phase != supervisor.Waiting || got.PID != nil {
			t.Errorf("got %v", got)
		}
		if n, err := supervisor.CountChildren(s.t.Context(), s.system, s.sup); err != nil || n != (supervisor.Counts{Specs: 1, Workers: 1}) {
			t.Errorf("got %+v, %v", n, err)
		}
		if _, err := s.restart("a"); !errors.Is(err, supervisor.ErrRestarting) {
			t.Errorf("restart: %v", err)
		}
		if err := s.delete("a"); !errors.Is(err, supervisor.ErrRestarting) {
			t.Errorf("delete: %v", err)
		}
		time.Sleep(time.Minute)
		s.want("-a", "+a")
	})
}

func TestARestartThatFailsIsTriedAgainUntilThatIsTooOften(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		return supervisor.Spec{MaxRestarts: 3, Period: time.Hour, Children: s.children("a", "b")}
	}, func(s *stage) {
		down := s.downs(s.sup)
		s.next("b", errBoom, errBoom, errBoom, errBoom)
		s.end("b", errBoom)
		s.want("-b", "+b", "+b", "+b", "-a") // + is an attempt
		var much *supervisor.IntensityError
		if reason := <-down; !errors.As(reason, &much) || much.ID != "b" || !errors.Is(reason, errBoom) {
			t.Errorf("ended with %v", reason)
		}
	})
}

func TestChildrenAddedAtRunTimeStopFirstAndStartLast(t *testing.T) {
	play(t, with(supervisor.OneForAll, "a", "b"), func(s *stage) {
		if _, err := s.add(s.child("c")); err != nil {
			t.Fatal(err)
		}
		s.want("+c")
		s.end("a", errBoom)
		s.want("-a", "-c", "-b", "+a", "+b", "+c")
		s.system.Root.Stop(s.sup)
		s.want("-c", "-b", "-a")
	})
}

func TestAnInstanceIsRestartedAloneAndATemporaryOneIsForgotten(t *testing.T) {
	for restart, again := range map[supervisor.Restart][]string{
		supervisor.Permanent: {"-x", "+x"}, supervisor.Transient: {"-x", "+x"}, supervisor.Temporary: {"-x"},
	} {
		play(t, dynamic(func(c *supervisor.Child) { c.Restart = restart }), func(s *stage) {
			pids, err := supervisor.StartMany(s.t.Context(), s.system, s.sup, "x", "y")
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			s.take()
			s.system.Root.Send(pids[0], errBoom)
			s.want(again...)
			all, err := supervisor.Children(s.t.Context(), s.system, s.sup)
			if err != nil || len(all) != len(again) {
				t.Errorf("%v: %v, %v", restart, all, err)
			}
			s.system.Root.Send(pids[1], process.ErrNormal)
			synctest.Wait()
			all, err = supervisor.Children(s.t.Context(), s.system, s.sup)
			if want := map[supervisor.Restart]int{supervisor.Permanent: 2, supervisor.Transient: 1}[restart]; err != nil || len(all) != want {
				t.Errorf("%v: after a normal end %v, %v, want %d", restart, all, err, want)
			}
		})
	}
}

func TestAnInstanceThatFailsToStartIsNotKept(t *testing.T) {
	play(t, dynamic(), func(s *stage) {
		s.next("x", errBoom)
		pid, err := supervisor.StartOne(s.t.Context(), s.system, s.sup, "x")
		var start *supervisor.StartError
		if pid != nil || !errors.As(err, &start) || !errors.Is(err, errBoom) {
			t.Errorf("got %v, %v", pid, err)
		}
		if all, err := supervisor.Children(s.t.Context(), s.system, s.sup); err != nil || len(all) != 0 {
			t.Errorf("kept: %v, %v", all, err)
		}
		s.lives()
	})
}

func TestInstancesStartedWithIgnoreAreNotKept(t *testing.T) {
	play(t, dynamic(), func(s *stage) {
		s.next("x", supervisor.ErrIgnore)
		if pid, err := supervisor.StartOne(s.t.Context(), s.system, s.sup, "x"); pid != nil || err != nil {
			t.Errorf("got %v, %v", pid, err)
		}
		if all, err := supervisor.Children(s.t.Context(), s.system, s.sup); err != nil || len(all) != 0 {
			t.Errorf("kept: %v, %v", all, err)
		}
	})
}

// TestAnAutomaticShutdownIsAShutdownToTheSupervisorAbove: a transient subtree that has done its work stays gone, a
// permanent one comes back.
func TestAnAutomaticShutdownIsAShutdownToTheSupervisorAbove(t *testing.T) {
	for restart, want := range map[supervisor.Restart][]string{
		supervisor.Permanent: {"-work", "+work"}, supervisor.Transient: {"-work"}, supervisor.Temporary: {"-work"},
	} {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Children: []supervisor.Child{{
				ID: "job", Type: supervisor.Supervisor, Restart: restart, Props: supervisor.Props(supervisor.Spec{
					AutoShutdown: supervisor.AnySignificant,
					Children:     []supervisor.Child{s.child("work", transient, significant)},
				}),
			}}}
		}, func(s *stage) {
			work := children(s.t, s.system, s.info("job").PID)["work"]
			s.system.Root.Send(work.PID, process.ErrNormal)
			s.want(want...)
			s.lives()
		})
	}
}

func TestASignificantInstanceShutsASimpleOneForOneDown(t *testing.T) {
	for auto, last := range map[supervisor.AutoShutdown]bool{supervisor.AnySignificant: false, supervisor.AllSignificant: true} {
		play(t, func(s *stage) supervisor.Spec {
			spec := dynamic(transient, significant)(s)
			spec.AutoShutdown = auto
			return spec
		}, func(s *stage) {
			pids, err := supervisor.StartMany(s.t.Context(), s.system, s.sup, "x", "y")
			if err != nil {
				t.Fatal(err)
			}
			down := s.downs(s.sup)
			s.system.Root.Send(pids[0], process.ErrNormal)
			synctest.Wait()
			if last {
				s.lives()
				s.system.Root.Send(pids[1], process.ErrNormal)
			}
			if reason := <-down; !errors.Is(reason, process.ErrShutdown) {
				t.Errorf("%v: ended with %v", auto, reason)
			}
		})
	}
}

func TestTerminateChildOfASignificantOneShutsNothingDown(t *testing.T) {
	play(t, significants(supervisor.AnySignificant, supervisor.OneForOne), func(s *stage) {
		for _, id := range []string{"t", "x"} {
			if err := s.terminate(id); err != nil {
				t.Error(err)
			}
		}
		s.lives()
		s.want("-t", "-x")
	})
}

func TestRestForOneStartsOverFromTheOneWhoseRestartFailed(t *testing.T) {
	play(t, with(supervisor.RestForOne, "a", "b", "c"), func(s *stage) {
		s.next("c", errBoom)
		s.end("b", errBoom)
		s.want("-b", "-c", "+b", "+c", "+c")
		if got := s.info("c"); got.Incarnations < 3 {
			t.Errorf("got %v, want one that has been tried twice", got)
		}
	})
}

func TestStopOfASupervisorEndsItWithShutdownAfterItsChildren(t *testing.T) {
	play(t, func(s *stage) supervisor.Spec {
		s.hang("b", time.Second)
		return supervisor.Spec{Children: s.children("a", "b", "c")}
	}, func(s *stage) {
		down, begin := s.downs(s.sup), time.Now()
		s.system.Root.Stop(s.sup)
		if reason := <-down; reason != process.ErrShutdown || time.Since(begin) != time.Second {
			t.Errorf("ended with %v after %v", reason, time.Since(begin))
		}
		if got, want := s.take(), []string{"-c", "-b", "-a"}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}
