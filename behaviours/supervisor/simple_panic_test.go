package supervisor_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// TestAPanicOfAnInstanceIsAnEndWhenItHappens is TestAPanicIsAnEndWhenItHappens for simple_one_for_one: x panics and takes
// a second to go, y ends meanwhile. One restart is allowed, so y's end is the one too many.
func TestAPanicOfAnInstanceIsAnEndWhenItHappens(t *testing.T) {
	play(t, instances(func(spec *supervisor.Spec) { spec.MaxRestarts = 1 }), func(s *stage) {
		pids := s.launch("x", "y")
		down := s.downs(s.sup)
		s.system.Root.Send(pids[0], "panic")
		synctest.Wait()
		s.system.Root.Send(pids[1], errBoom)
		var much *supervisor.IntensityError
		if reason := <-down; !errors.As(reason, &much) || !errors.Is(much.Reason, errBoom) {
			t.Errorf("ended with %v, want the intensity exceeded by y", reason)
		}
	})
	play(t, instances(func(spec *supervisor.Spec) { spec.AutoShutdown = supervisor.AnySignificant }, temporary, significant), func(s *stage) {
		pids := s.launch("x", "y")
		down := s.downs(s.sup)
		s.system.Root.Send(pids[0], "panic")
		synctest.Wait()
		s.system.Root.Send(pids[1], errBoom)
		var significant *supervisor.SignificantError
		var panicked *process.PanicError
		if reason := <-down; !errors.As(reason, &significant) || !errors.As(significant.Reason, &panicked) {
			t.Errorf("ended with %v, want the panic of x", reason)
		}
	})
}

// instances is a simple_one_for_one in which x is a lingering worker.
func instances(f func(*supervisor.Spec), changes ...change) func(*stage) supervisor.Spec {
	return func(s *stage) supervisor.Spec {
		spec := dynamic(changes...)(s)
		spec.Children[0].Make = func(arg any) *actor.Props {
			if arg == "x" {
				return s.lingering("x").Props
			}
			return s.props(fmt.Sprint(arg))
		}
		f(&spec)
		return spec
	}
}

// TestTheSuccessorOfAnInstanceThatPanickedStartsWhenItIsGone, or abandoned. The back-off starts when it panics, and it is
// the successor's only wait if it is the longer one.
func TestTheSuccessorOfAnInstanceThatPanickedStartsWhenItIsGone(t *testing.T) {
	for _, c := range []struct{ patience, backoff, gone, want time.Duration }{
		{0, 0, 0, time.Second},
		{300 * time.Millisecond, 0, 300 * time.Millisecond, 300 * time.Millisecond},
		{supervisor.Infinity, 0, 0, time.Second},
		{supervisor.BrutalKill, 0, 0, time.Second},
		{0, 400 * time.Millisecond, 0, time.Second},
		{0, 3 * time.Second, 0, 3 * time.Second},
		{300 * time.Millisecond, 3 * time.Second, 300 * time.Millisecond, 3 * time.Second},
	} {
		play(t, instances(func(spec *supervisor.Spec) { spec.Backoff.Min = c.backoff }, shutdown(c.patience)), func(s *stage) {
			pids := s.launch("x")
			begin := time.Now()
			var notices diary
			cancel := supervisor.Subscribe(s.system, func(e supervisor.Event) {
				notices.add(fmt.Sprintf("%v%v", e.What, time.Since(begin)))
			})
			defer cancel()
			s.system.Root.Send(pids[0], "panic")
			synctest.Wait()
			s.take()
			for s.starts() == 0 && time.Since(begin) < time.Minute {
				time.Sleep(50 * time.Millisecond)
				synctest.Wait()
			}
			if got := time.Since(begin); got != c.want {
				t.Errorf("%+v: the successor started after %v", c, got)
			}
			expected := []string{"ended0s", "restarting0s"}
			if c.gone != 0 {
				expected = append(expected, fmt.Sprint("abandoned", c.gone))
			}
			expected = append(expected, fmt.Sprint("started", c.want))
			if got := notices.take(); fmt.Sprint(got) != fmt.Sprint(expected) {
				t.Errorf("%+v: got %v, want %v", c, got, expected)
			}
			s.lives()
			s.take()
		})
	}
}

// starts is how many workers have started since the last look.
func (s *stage) starts() (n int) {
	for _, line := range s.take() {
		if line[0] == '+' {
			n++
		}
	}
	return n
}

// TestTerminatePIDOfAnInstanceThatPanickedCallsOffItsRestart, while it dies, and when it was abandoned and is in back-off.
func TestTerminatePIDOfAnInstanceThatPanickedCallsOffItsRestart(t *testing.T) {
	for _, backoff := range []time.Duration{0, 3 * time.Second} {
		for _, after := range []time.Duration{0, 500 * time.Millisecond, 2 * time.Second} {
			if after > time.Second && backoff == 0 {
				continue // the successor lives
			}
			play(t, instances(func(spec *supervisor.Spec) { spec.Backoff.Min = backoff }, shutdown(600*time.Millisecond)), func(s *stage) {
				pids := s.launch("x")
				s.system.Root.Send(pids[0], "panic")
				synctest.Wait()
				time.Sleep(after)
				if err := s.terminatePID(pids[0]); err != nil {
					t.Errorf("back-off %v, after %v: %v", backoff, after, err)
				}
				time.Sleep(time.Hour)
				if n := s.starts(); n != 0 {
					t.Errorf("back-off %v, after %v: %d starts", backoff, after, n)
				}
				n, err := supervisor.CountChildren(s.t.Context(), s.system, s.sup)
				if err != nil || n.Active != 0 || n.Workers != 0 {
					t.Errorf("back-off %v, after %v: got %+v, %v", backoff, after, n, err)
				}
			})
		}
	}
}

// TestTheLastSignificantInstanceShutsTheSupervisorDown although others, which are over, have not gone yet: x has panicked,
// or is being terminated, when y ends or panics.
func TestTheLastSignificantInstanceShutsTheSupervisorDown(t *testing.T) {
	all := func(spec *supervisor.Spec) { spec.AutoShutdown = supervisor.AllSignificant }
	for _, terminated := range []bool{false, true} {
		for _, last := range []any{errBoom, "panic"} {
			play(t, instances(all, temporary, significant), func(s *stage) {
				pids := s.launch("x", "y")
				down := s.downs(s.sup)
				if terminated {
					time.AfterFunc(50*time.Millisecond, func() { s.system.Root.Send(pids[1], last) })
					if err := s.terminatePID(pids[0]); err != nil {
						t.Error(err)
					}
				} else {
					s.system.Root.Send(pids[0], "panic")
					synctest.Wait()
					s.system.Root.Send(pids[1], last)
				}
				select {
				case reason := <-down:
					var significant *supervisor.SignificantError
					if !errors.As(reason, &significant) || last == errBoom && !errors.Is(significant.Reason, errBoom) {
						t.Errorf("terminated %t, %v: ended with %v, want the end of y", terminated, last, reason)
					}
				case <-time.After(time.Hour):
					t.Errorf("terminated %t, %v: the supervisor lives on", terminated, last)
				}
			})
		}
	}
}
