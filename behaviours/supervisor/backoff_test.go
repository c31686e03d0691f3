package supervisor_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// delayed is dynamic with a back-off before each restart.
func delayed(backoff time.Duration, maxRestarts int, changes ...change) func(*stage) supervisor.Spec {
	return func(s *stage) supervisor.Spec {
		spec := dynamic(changes...)(s)
		spec.Backoff, spec.MaxRestarts = supervisor.Backoff{Min: backoff}, maxRestarts
		return spec
	}
}

func (s *stage) launch(args ...any) []*actor.PID {
	s.t.Helper()
	pids, err := supervisor.StartMany(s.t.Context(), s.system, s.sup, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	synctest.Wait()
	s.take()
	return pids
}

func (s *stage) terminatePID(pid *actor.PID) error {
	return supervisor.TerminatePID(s.t.Context(), s.system, s.sup, pid)
}

// TestAnInstanceInBackOffIsNotStartedWhileTheSupervisorStops: x is in back-off for 10 s, y takes 20 s to stop.
func TestAnInstanceInBackOffIsNotStartedWhileTheSupervisorStops(t *testing.T) {
	play(t, delayed(10*time.Second, 3, shutdown(time.Minute)), func(s *stage) {
		s.hang("y", 20*time.Second)
		pids := s.launch("x", "y")
		s.system.Root.Send(pids[0], errBoom)
		s.want("-x")
		down, begin := s.downs(s.sup), time.Now()
		s.system.Root.Stop(s.sup)
		if reason := <-down; reason != process.ErrShutdown || time.Since(begin) != 20*time.Second {
			t.Errorf("ended with %v after %v", reason, time.Since(begin))
		}
		s.want("-y")
	})
}

// TestAnInstanceInBackOffIsNotStartedWhileTheSupervisorGivesUp: x is in back-off, then y ends once too often.
func TestAnInstanceInBackOffIsNotStartedWhileTheSupervisorGivesUp(t *testing.T) {
	play(t, delayed(time.Second, 1, shutdown(time.Minute)), func(s *stage) {
		s.hang("z", 20*time.Second)
		pids := s.launch("x", "y", "z")
		s.system.Root.Send(pids[0], errBoom)
		s.want("-x")
		down := s.downs(s.sup)
		s.system.Root.Send(pids[1], errBoom)
		var much *supervisor.IntensityError
		if reason := <-down; !errors.As(reason, &much) {
			t.Errorf("ended with %v", reason)
		}
		s.want("-y", "-z")
	})
}

func TestTerminatePIDCallsOffTheRestartOfAnInstanceInBackOff(t *testing.T) {
	play(t, delayed(10*time.Second, 3), func(s *stage) {
		pids := s.launch("x", "y")
		for _, pid := range pids {
			s.system.Root.Send(pid, errBoom)
			synctest.Wait()
		}
		s.take()
		copied := &actor.PID{Address: pids[0].Address, Id: pids[0].Id} // one that came in a message
		if err := s.terminatePID(copied); err != nil {
			t.Errorf("in back-off: %v", err)
		}
		if err := s.terminatePID(pids[0]); err != nil {
			t.Errorf("twice: %v", err)
		}
		time.Sleep(time.Hour)
		s.want("+y")
		if n, err := supervisor.CountChildren(s.t.Context(), s.system, s.sup); err != nil || n.Active != 1 || n.Workers != 1 {
			t.Errorf("got %+v, %v", n, err)
		}
	})
}

// TestTerminatePIDCallsOffARestartThatFailsAgainAndAgain: the instance is known by the PID of the incarnation that had
// started, as in OTP.
func TestTerminatePIDCallsOffARestartThatFailsAgainAndAgain(t *testing.T) {
	play(t, delayed(time.Second, 9), func(s *stage) {
		pids := s.launch("x")
		s.next("x", errBoom, errBoom)
		s.system.Root.Send(pids[0], errBoom)
		time.Sleep(4 * time.Second) // tried at 1 s and at 3 s
		s.want("-x", "+x", "+x")
		if err := s.terminatePID(pids[0]); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		s.want()
	})
}

// TestTerminatePIDDuringARestartCallsOffTheNextTry: an attempt takes a second and fails; meanwhile the command comes.
func TestTerminatePIDDuringARestartCallsOffTheNextTry(t *testing.T) {
	for name, fails := range map[string]bool{"the attempt fails": true, "the attempt succeeds": false} {
		t.Run(name, func(t *testing.T) {
			play(t, func(s *stage) supervisor.Spec {
				spec := dynamic()(s)
				starts := 0
				inner := spec.Children[0].Make
				spec.Children[0].Make = func(arg any) *actor.Props {
					if starts++; starts == 2 {
						s.slow("x", time.Second)
						if fails {
							s.next("x", errBoom)
						}
					}
					return inner(arg)
				}
				return spec
			}, func(s *stage) {
				pids := s.launch("x")
				s.system.Root.Send(pids[0], errBoom)
				s.want("-x", "+x")
				if err := s.terminatePID(pids[0]); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Hour)
				s.want()
				n, err := supervisor.CountChildren(s.t.Context(), s.system, s.sup)
				if want := map[bool]int{true: 0, false: 1}[fails]; err != nil || n.Active != want {
					t.Errorf("got %+v, %v, want %d", n, err, want)
				}
			})
		})
	}
}

// TestTerminatePIDOfOneThatIsGoneIsNoError, and of one that lives and is no instance is.
func TestTerminatePIDOfOneThatIsGoneIsNoError(t *testing.T) {
	play(t, dynamic(temporary), func(s *stage) {
		pids := s.launch("x")
		stranger := s.system.Root.Spawn(s.props("stranger"))
		s.system.Root.Send(pids[0], errBoom)
		synctest.Wait()
		if err := s.terminatePID(pids[0]); err != nil {
			t.Errorf("gone: %v", err)
		}
		if err := s.terminatePID(stranger); !errors.Is(err, supervisor.ErrNotFound) {
			t.Errorf("a stranger: %v", err)
		}
		s.system.Root.Stop(stranger)
	})
}

// TestAnInstanceThatStartsWhileAnotherExhaustsTheIntensityHasStarted: its caller hears so, as in OTP, where the start is
// over before the supervisor looks at the other's end.
func TestAnInstanceThatStartsWhileAnotherExhaustsTheIntensityHasStarted(t *testing.T) {
	play(t, delayed(0, -1), func(s *stage) {
		pids := s.launch("x")
		s.slow("y", 2*time.Second)
		down := s.downs(s.sup)
		type answer struct {
			pid *actor.PID
			err error
		}
		answers := make(chan answer, 1)
		go func() {
			pid, err := supervisor.StartOne(s.t.Context(), s.system, s.sup, "y")
			answers <- answer{pid, err}
		}()
		time.Sleep(time.Second)
		s.system.Root.Send(pids[0], errBoom)
		if a := <-answers; a.pid == nil || a.err != nil {
			t.Errorf("got %v, %v", a.pid, a.err)
		}
		var much *supervisor.IntensityError
		if reason := <-down; !errors.As(reason, &much) {
			t.Errorf("ended with %v", reason)
		}
		s.want("+y", "-x", "-y")
	})
}
