package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// What a supervisor does one after another, as in OTP, where it can do nothing else. The outcomes were compared with
// those of OTP 25.

// later gives a command 50 ms from now and returns its error.
func (s *stage) later(command func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		done <- command()
	}()
	return done
}

// sendLater sends 50 ms from now.
func (s *stage) sendLater(to *actor.PID, msg error) {
	go func() {
		time.Sleep(50 * time.Millisecond)
		s.system.Root.Send(to, msg)
	}()
}

var nonSimple = []supervisor.Strategy{supervisor.OneForOne, supervisor.OneForAll, supervisor.RestForOne}

func TestCommandsDoNotOvertakeASlowTerminateChild(t *testing.T) {
	type trial struct {
		command func(s *stage) error
		want    error
		lines   []string
		phase   supervisor.Phase
	}
	for name, c := range map[string]trial{
		"restart": {func(s *stage) error { _, err := s.restart("a"); return err }, nil, []string{"-a", "+a"}, supervisor.Up},
		"delete":  {func(s *stage) error { return s.delete("a") }, nil, []string{"-a"}, 0},
		"start": {
			func(s *stage) error { _, err := s.add(s.child("a")); return err },
			supervisor.ErrAlreadyPresent,
			[]string{"-a"},
			supervisor.Gone,
		},
		"start of another": {
			func(s *stage) error { _, err := s.add(s.child("c")); return err },
			nil,
			[]string{"-a", "+c"},
			supervisor.Gone,
		},
		"terminate of another": {func(s *stage) error { return s.terminate("b") }, nil, []string{"-a", "-b"}, supervisor.Gone},
		"terminate":            {func(s *stage) error { return s.terminate("a") }, nil, []string{"-a"}, supervisor.Gone},
	} {
		for _, strategy := range nonSimple {
			t.Run(fmt.Sprintf("%s/%v", name, strategy), func(t *testing.T) {
				play(t, func(s *stage) supervisor.Spec {
					s.hang("a", time.Second)
					return supervisor.Spec{Strategy: strategy, Children: s.children("a", "b")}
				}, func(s *stage) {
					done := s.later(func() error { return c.command(s) })
					if err := s.terminate("a"); err != nil {
						t.Errorf("terminate: %v", err)
					}
					if err := <-done; !errors.Is(err, c.want) {
						t.Errorf("got %v, want %v", err, c.want)
					}
					s.want(c.lines...)
					if got := s.info("a"); got.Phase != c.phase {
						t.Errorf("a is %v, want %v", got.Phase, c.phase)
					}
				})
			})
		}
	}
}

// TestASiblingThatEndsDuringASlowTerminateChildIsRestartedAfterIt, except in a one_for_one, whose children do not wait for
// one another.
func TestASiblingThatEndsDuringASlowTerminateChildIsRestartedAfterIt(t *testing.T) {
	for strategy, lines := range map[supervisor.Strategy][]string{
		supervisor.OneForOne:  {"-b", "+b", "-a"},
		supervisor.RestForOne: {"-b", "-a", "+b"},
		supervisor.OneForAll:  {"-b", "-a", "+a", "+b"},
	} {
		play(t, func(s *stage) supervisor.Spec {
			s.hang("a", time.Second)
			return supervisor.Spec{Strategy: strategy, Children: s.children("a", "b")}
		}, func(s *stage) {
			b := s.info("b").PID
			s.sendLater(b, errBoom)
			if err := s.terminate("a"); err != nil {
				t.Errorf("%v: terminate: %v", strategy, err)
			}
			s.want(lines...)
		})
	}
}

// TestCommandsDoNotOvertakeASlowStart: start(c) takes a second, the command comes 50 ms later.
func TestCommandsDoNotOvertakeASlowStart(t *testing.T) {
	type trial struct {
		inits   []error
		command func(s *stage) error
		start   error
		want    error
		lines   []string
	}
	again := func(s *stage) error { _, err := s.add(s.child("c")); return err }
	for name, c := range map[string]trial{
		"terminate":                {nil, func(s *stage) error { return s.terminate("c") }, nil, nil, []string{"+c", "-c"}},
		"delete":                   {nil, func(s *stage) error { return s.delete("c") }, nil, supervisor.ErrRunning, []string{"+c"}},
		"start":                    {nil, again, nil, supervisor.ErrAlreadyStarted, []string{"+c"}},
		"start of one that failed": {[]error{errBoom}, again, errBoom, nil, []string{"+c", "+c"}},
	} {
		for _, strategy := range nonSimple {
			t.Run(fmt.Sprintf("%s/%v", name, strategy), func(t *testing.T) {
				play(t, with(strategy, "a", "b"), func(s *stage) {
					s.slow("c", time.Second)
					s.next("c", c.inits...)
					done := s.later(func() error { return c.command(s) })
					if _, err := s.add(s.child("c")); !errors.Is(err, c.start) {
						t.Errorf("start: %v, want %v", err, c.start)
					}
					if err := <-done; !errors.Is(err, c.want) {
						t.Errorf("got %v, want %v", err, c.want)
					}
					s.want(c.lines...)
				})
			})
		}
	}
}

// TestACommandComesBeforeTheNextTryOfARestart: in OTP the next try waits behind the commands that have come.
func TestACommandComesBeforeTheNextTryOfARestart(t *testing.T) {
	for _, strategy := range nonSimple {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Strategy: strategy, MaxRestarts: 9, Children: s.children("a")}
		}, func(s *stage) {
			s.slow("a", time.Second)
			s.next("a", errBoom, errBoom)
			done := s.later(func() error { return s.terminate("a") })
			s.end("a", errBoom)
			if err := <-done; err != nil {
				t.Errorf("%v: terminate: %v", strategy, err)
			}
			time.Sleep(time.Hour)
			s.want("-a", "+a")
			if got := s.info("a"); got.Phase != supervisor.Gone {
				t.Errorf("%v: a is %v", strategy, got)
			}
		})
	}
}

// TestTwoEndsAtOnceAreTwoRestarts: b ends, and while c is stopped for its sake a ends. A restart that has begun is
// finished first.
func TestTwoEndsAtOnceAreTwoRestarts(t *testing.T) {
	for strategy, lines := range map[supervisor.Strategy][]string{
		supervisor.RestForOne: {"-b", "-a", "-c", "+b", "+c", "-c", "-b", "+a", "+b", "+c"},
		supervisor.OneForAll:  {"-b", "-a", "-c", "+a", "+b", "+c"}, // a was to be restarted anyway
	} {
		play(t, func(s *stage) supervisor.Spec {
			s.hang("c", time.Second)
			return supervisor.Spec{Strategy: strategy, MaxRestarts: 2, Children: s.children("a", "b", "c")}
		}, func(s *stage) {
			s.end("b", errBoom)
			s.end("a", errBoom)
			time.Sleep(time.Minute)
			s.want(lines...)
			s.lives()
		})
	}
}

// TestAChildThatEndsBeforeTheSupervisorHasStartedIsRestartedAfterwards: a ends while b starts.
func TestAChildThatEndsBeforeTheSupervisorHasStartedIsRestartedAfterwards(t *testing.T) {
	for strategy, lines := range map[supervisor.Strategy][]string{
		supervisor.OneForOne:  {"+a", "+b", "-a", "+a"},
		supervisor.RestForOne: {"+a", "+b", "-a", "-b", "+a", "+b"},
	} {
		play(t, with(supervisor.OneForOne, "x"), func(s *stage) {
			s.slow("b", time.Second)
			var a atomic.Pointer[actor.PID]
			spec := supervisor.Spec{Strategy: strategy, MaxRestarts: 1, Children: s.children("a", "b")}
			spec.Children[0].Props = s.props("a").Clone(actor.WithOnInit(func(ctx actor.Context) { a.Store(ctx.Self()) }))
			go func() {
				time.Sleep(50 * time.Millisecond)
				s.system.Root.Send(a.Load(), errBoom) // it has a PID by now
			}()
			sup, err := supervisor.StartWait(s.t.Context(), s.system.Root, spec, "late")
			if err != nil {
				t.Errorf("%v: %v", strategy, err)
			}
			time.Sleep(time.Minute)
			s.want(lines...)
			s.system.Root.Stop(sup)
			synctest.Wait()
			s.take()
		})
	}
}

// TestAChildThatStartsWhileAnotherExhaustsTheIntensityHasStarted is TestAnInstanceThatStartsWhile... for the other
// strategies.
func TestAChildThatStartsWhileAnotherExhaustsTheIntensityHasStarted(t *testing.T) {
	for _, strategy := range nonSimple {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Strategy: strategy, MaxRestarts: -1, Children: s.children("a")}
		}, func(s *stage) {
			s.slow("b", 2*time.Second)
			a, down := s.info("a").PID, s.downs(s.sup)
			s.sendLater(a, errBoom)
			if pid, err := s.add(s.child("b")); pid == nil || err != nil {
				t.Errorf("%v: got %v, %v", strategy, pid, err)
			}
			var much *supervisor.IntensityError
			if reason := <-down; !errors.As(reason, &much) {
				t.Errorf("%v: ended with %v", strategy, reason)
			}
			s.want("+b", "-a", "-b")
		})
	}
}

// lingering is a worker below which an actor takes a second to stop, so that a panic of the worker is over long before
// the worker is gone.
func (s *stage) lingering(id string, changes ...change) supervisor.Child {
	c := s.child(id, changes...)
	c.Props = genserver.Props(func() genserver.Server { return &parent{worker{id: id, diary: &s.diary}} })
	return c
}

type parent struct{ worker }

func (p *parent) Init(ctx *genserver.Context) error {
	ctx.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Stopping); ok {
			time.Sleep(time.Second)
		}
	}))
	return p.worker.Init(ctx)
}

// TestAPanicIsAnEndWhenItHappens: the supervisor hears of a panic in two steps. An end that comes between them came later.
func TestAPanicIsAnEndWhenItHappens(t *testing.T) {
	for _, strategy := range nonSimple {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Strategy: strategy, AutoShutdown: supervisor.AnySignificant, Children: []supervisor.Child{
				s.lingering("s", temporary, significant), s.child("p"),
			}}
		}, func(s *stage) {
			down, p := s.downs(s.sup), s.info("p").PID
			s.system.Root.Send(s.info("s").PID, "panic")
			synctest.Wait()
			s.system.Root.Send(p, errBoom)
			var significant *supervisor.SignificantError
			if reason := <-down; !errors.As(reason, &significant) || significant.ID != "s" {
				t.Errorf("%v: ended with %v", strategy, reason)
			}
		})
	}
}

// TestTheSuccessorOfOneThatPanickedStartsWhenItIsGone, or abandoned, and the panic counts once.
func TestTheSuccessorOfOneThatPanickedStartsWhenItIsGone(t *testing.T) {
	for patience, want := range map[time.Duration]time.Duration{
		0: time.Second, 300 * time.Millisecond: 300 * time.Millisecond,
		supervisor.Infinity: time.Second, supervisor.BrutalKill: time.Second,
	} {
		for _, strategy := range nonSimple {
			play(t, func(s *stage) supervisor.Spec {
				return supervisor.Spec{Strategy: strategy, Children: []supervisor.Child{s.lingering("a", shutdown(patience)), s.child("b")}}
			}, func(s *stage) {
				begin := time.Now()
				var notices diary
				cancel := supervisor.Subscribe(s.system, func(e supervisor.Event) {
					if e.Child == "a" {
						notices.add(fmt.Sprintf("%v%v", e.What, time.Since(begin)))
					}
				})
				defer cancel()
				s.system.Root.Send(s.info("a").PID, "panic")
				time.Sleep(time.Minute)
				expected := []string{"ended0s", "restarting0s", fmt.Sprint("started", want)}
				if patience == want {
					expected = []string{"ended0s", "restarting0s", fmt.Sprint("abandoned", want), fmt.Sprint("started", want)}
				}
				if got := notices.take(); fmt.Sprint(got) != fmt.Sprint(expected) {
					t.Errorf("%v, %v: got %v, want %v", strategy, patience, got, expected)
				}
				s.lives()
				s.take()
			})
		}
	}
}

// TestTheLastOfTwoSignificantOnesThatPanicTogetherShutsTheSupervisorDown
func TestTheLastOfTwoSignificantOnesThatPanicTogetherShutsTheSupervisorDown(t *testing.T) {
	for _, strategy := range nonSimple {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Strategy: strategy, AutoShutdown: supervisor.AllSignificant, Children: []supervisor.Child{
				s.lingering("s", temporary, significant), s.lingering("t", temporary, significant), s.child("p"),
			}}
		}, func(s *stage) {
			down, second := s.downs(s.sup), s.info("t").PID
			s.system.Root.Send(s.info("s").PID, "panic")
			synctest.Wait()
			s.system.Root.Send(second, "panic")
			if reason := <-down; !errors.Is(reason, process.ErrShutdown) {
				t.Errorf("%v: ended with %v", strategy, reason)
			}
		})
	}
}

// TestASignificantOneThatIsBeingTerminatedIsNotWaitedFor: s is being terminated when t ends, so t was the last.
func TestASignificantOneThatIsBeingTerminatedIsNotWaitedFor(t *testing.T) {
	for _, strategy := range nonSimple {
		play(t, func(s *stage) supervisor.Spec {
			s.hang("s", time.Second)
			return supervisor.Spec{Strategy: strategy, AutoShutdown: supervisor.AllSignificant, Children: []supervisor.Child{
				s.child("s", transient, significant), s.child("t", transient, significant),
			}}
		}, func(s *stage) {
			down, second := s.downs(s.sup), s.info("t").PID
			s.sendLater(second, process.ErrNormal)
			if err := s.terminate("s"); err != nil {
				t.Errorf("%v: %v", strategy, err)
			}
			if reason := <-down; !errors.Is(reason, process.ErrShutdown) {
				t.Errorf("%v: ended with %v", strategy, reason)
			}
		})
	}
}

// TestThoseAfterOneThatIsTriedAgainStartAfterIt: the restart of a fails twice; b and c wait for it.
func TestThoseAfterOneThatIsTriedAgainStartAfterIt(t *testing.T) {
	for _, strategy := range nonSimple[1:] {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{Strategy: strategy, MaxRestarts: 9, Children: s.children("a", "b", "c")}
		}, func(s *stage) {
			s.next("a", errBoom, errBoom)
			s.end("a", errBoom)
			s.want("-a", "-c", "-b", "+a", "+a", "+a", "+b", "+c")
		})
	}
}

// TestRestartsAreCountedInTheExactPeriod: OTP counts in whole seconds, and ends a supervisor that allows one restart in a
// second when two children end 1.5 s apart.
func TestRestartsAreCountedInTheExactPeriod(t *testing.T) {
	for gap, lives := range map[time.Duration]bool{time.Second - time.Millisecond: false, time.Second: true, 1500 * time.Millisecond: true} {
		play(t, func(s *stage) supervisor.Spec {
			return supervisor.Spec{MaxRestarts: 1, Period: time.Second, Children: s.children("a")}
		}, func(s *stage) {
			s.end("a", errBoom)
			time.Sleep(gap)
			s.end("a", errBoom)
			if _, there := s.system.ProcessRegistry.Get(s.sup); there != lives {
				t.Errorf("after %v: it lives: %t, want %t", gap, there, lives)
			}
			s.take()
		})
	}
}

// TestAnInstanceThatIgnoresItsRestartIsNotKept: OTP keeps and counts a child without a process.
func TestAnInstanceThatIgnoresItsRestartIsNotKept(t *testing.T) {
	play(t, dynamic(), func(s *stage) {
		pids := s.launch("x", "y")
		s.next("x", supervisor.ErrIgnore)
		s.system.Root.Send(pids[0], errBoom)
		s.want("-x", "+x")
		n, err := supervisor.CountChildren(s.t.Context(), s.system, s.sup)
		if want := (supervisor.Counts{Specs: 1, Active: 1, Workers: 1}); err != nil || n != want {
			t.Errorf("got %+v, %v, want %+v", n, err, want)
		}
	})
}

// TestAnInitThatOutlastsItsStartIsWaitedForOrAbandoned: the start's time is 1 s, the time to stop 5 s. OTP kills it when the
// first is over; Go cannot.
func TestAnInitThatOutlastsItsStartIsWaitedForOrAbandoned(t *testing.T) {
	for slow, want := range map[time.Duration]time.Duration{3 * time.Second: 3 * time.Second, time.Hour: 6 * time.Second} {
		play(t, with(supervisor.OneForOne), func(s *stage) {
			s.slow("a", slow)
			c, begin := s.child("a"), time.Now()
			c.Start = time.Second
			ctx, cancel := context.WithTimeout(s.t.Context(), time.Hour)
			defer cancel()
			_, err := supervisor.StartChild(ctx, s.system, s.sup, c)
			var start *supervisor.StartError
			if !errors.As(err, &start) || !errors.Is(err, process.ErrTimeout) || time.Since(begin) != want {
				t.Errorf("Init takes %v: got %v after %v, want a timeout after %v", slow, err, time.Since(begin), want)
			}
			if all := children(s.t, s.system, s.sup); len(all) != 0 {
				t.Errorf("it was added: %v", all)
			}
		})
	}
}
