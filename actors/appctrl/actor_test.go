package appctrl_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"go.uber.org/goleak"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play is an application whose callbacks are functions of the test; nil ones succeed at once.
type play struct {
	start   func(*app.Context, app.Start) error
	stop    func(*app.Context) ([]byte, error)
	receive func(*app.Context, any)
}

func (p *play) Start(ctx *app.Context, s app.Start) error {
	if p.start == nil {
		return nil
	}
	return p.start(ctx, s)
}

func (p *play) Stop(ctx *app.Context) ([]byte, error) {
	if p.stop == nil {
		return nil, nil
	}
	return p.stop(ctx)
}

func (p *play) Receive(ctx *app.Context, msg any) {
	if p.receive != nil {
		p.receive(ctx, msg)
	}
}

// stage is one controller in a bubble of virtual time, and what was seen of it.
type stage struct {
	system  *actor.ActorSystem
	pid     *actor.PID
	lease   *lease.Lease
	term    lease.Term
	slept   atomic.Int64 // for how long the machine has been suspended
	mu      sync.Mutex
	reports []string
	news    []string
}

// on runs f with a controller of p, under a lease of an hour, and ends it.
func on(t *testing.T, p *play, f func(t *testing.T, s *stage)) {
	t.Helper()
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		s := &stage{system: system}
		s.lease = lease.New(func() time.Duration { return time.Duration(s.slept.Load()) }, time.Second)
		s.term = s.lease.Extend(time.Now(), time.Now().Add(time.Hour))
		s.pid = system.Root.Spawn(appctrl.Props(appctrl.Config{
			Instance: "pair/switch", Member: "a1", Lease: s.lease, MaxRestarts: 2,
			App: func() app.App { s.see("new value"); return p },
			Report: func(r appctrl.Report) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.reports = append(s.reports, r.String())
			},
		}))
		f(t, s)
		system.Root.Stop(s.pid)
		time.Sleep(time.Minute)
	})
}

func (s *stage) see(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news = append(s.news, what)
}

// tell sends messages and waits until nothing moves.
func (s *stage) tell(msgs ...any) {
	for _, msg := range msgs {
		s.system.Root.Send(s.pid, msg)
	}
	synctest.Wait()
}

// want compares the reports since the last call.
func (s *stage) want(t *testing.T, reports ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.reports, reports) {
		t.Errorf("reports\n got %q\nwant %q", s.reports, reports)
	}
	s.reports = nil
}

func (s *stage) saw(t *testing.T, news ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.news, news) {
		t.Errorf("seen\n got %q\nwant %q", s.news, news)
	}
	s.news = nil
}

func (s *stage) active(epoch uint64) appctrl.Goal {
	return appctrl.Goal{Want: appctrl.Active, Epoch: epoch, Term: s.term}
}

func TestNothingActsOnceStopIsCalled(t *testing.T) {
	var s *stage
	var entered *app.Context
	p := &play{
		start: func(ctx *app.Context, st app.Start) error {
			if ctx.Active() != (st.Role == app.Active) {
				t.Errorf("Active() = %v in Start as %v", ctx.Active(), st.Role)
			}
			if ctx.Epoch() != st.Epoch || ctx.Role() != st.Role || ctx.Self() == nil || ctx.Instance() != "pair/switch" || ctx.Member() != "a1" {
				t.Errorf("Context of %v: epoch %d role %v", st, ctx.Epoch(), ctx.Role())
			}
			entered = ctx
			s.see("start " + st.Role.String() + " " + st.String())
			return nil
		},
		stop: func(ctx *app.Context) ([]byte, error) {
			if ctx != entered || ctx.Active() || ctx.Err() == nil {
				t.Errorf("in Stop: same Context %v, Active %v, Err %v", ctx == entered, ctx.Active(), ctx.Err())
			}
			s.see("stop")
			return []byte("41"), nil
		},
	}
	on(t, p, func(t *testing.T, st *stage) {
		s = st
		s.tell(appctrl.Goal{Want: appctrl.Standby, Epoch: 1})
		standby := entered
		s.tell(appctrl.Goal{Want: appctrl.Active, Epoch: 2, Term: s.term, Kind: app.Failover, From: "b1"})
		if standby.Err() == nil {
			t.Error("the standby's Context outlived its promotion")
		}
		if !entered.Active() {
			t.Error("not Active while running as active")
		}
		s.tell(appctrl.Goal{Want: appctrl.Quiesce, Epoch: 2})
		s.saw(t, "new value", "start standby normal", "start active failover(b1)", "stop")
		s.want(t, "starting standby e1", "running standby e1", "starting active e2", "running active e2",
			"quiescing active e2", "quiesced active e2 handover=2 bytes")
	})
}

func TestAPanicIsAnErrorOfTheInstance(t *testing.T) {
	var s *stage
	starts := 0
	p := &play{start: func(_ *app.Context, st app.Start) error {
		starts++
		if starts == 1 {
			panic("first start")
		}
		s.see(st.String())
		return nil
	}, receive: func(_ *app.Context, msg any) { panic(msg) }}
	on(t, p, func(t *testing.T, st *stage) {
		s = st
		p.stop = func(ctx *app.Context) ([]byte, error) { s.see("stop"); return nil, nil }
		var self *actor.PID
		inner := p.start
		p.start = func(ctx *app.Context, st app.Start) error { self = ctx.Self(); return inner(ctx, st) }
		s.tell(s.active(1))
		s.system.Root.Send(self, "bad message")
		synctest.Wait()
		s.saw(t, "new value", "new value", "normal", "stop", "new value", "restart")
		s.want(t, "starting active e1", `starting active e1 err="start: panic in Start: first start"`, "running active e1",
			`stopping active e1 err="crashed: panic in Receive: bad message"`,
			`starting active e1 err="crashed: panic in Receive: bad message"`, "running active e1")
	})
}

func TestFailReportedByAGoroutineIsACrash(t *testing.T) {
	p := &play{start: func(ctx *app.Context, st app.Start) error {
		if st.Kind == app.Normal {
			time.AfterFunc(time.Second, func() { ctx.Fail(errors.New("exit status 3")) })
		}
		return nil
	}}
	on(t, p, func(t *testing.T, s *stage) {
		s.tell(s.active(1))
		time.Sleep(time.Second)
		synctest.Wait()
		s.want(t, "starting active e1", "running active e1", `stopping active e1 err="crashed: exit status 3"`,
			`starting active e1 err="crashed: exit status 3"`, "running active e1")
	})
}

func TestAStartThatHangsIsAbandonedAndStoppedWhenItReturns(t *testing.T) {
	var s *stage
	var release chan struct{}
	var starts atomic.Int32
	p := &play{
		start: func(ctx *app.Context, _ app.Start) error {
			if starts.Add(1) == 1 {
				<-release
				s.see("returned late")
				if ctx.Active() {
					t.Error("an abandoned instance is Active")
				}
			}
			return nil
		},
		stop: func(*app.Context) ([]byte, error) { s.see("stop"); return nil, nil },
	}
	on(t, p, func(t *testing.T, st *stage) {
		s, release = st, make(chan struct{}) // made in the bubble, or time would stand still
		s.tell(s.active(1))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		s.want(t, "starting active e1", `starting active e1 err="start did not return within 10s: abandoned"`, "running active e1")
		close(release)
		synctest.Wait()
		s.want(t)
		s.saw(t, "new value", "new value", "returned late", "stop")
	})
}

func TestAStopThatHangsDoesNotHoldUpShutdown(t *testing.T) {
	var release chan struct{}
	var entered *app.Context
	p := &play{
		start: func(ctx *app.Context, _ app.Start) error { entered = ctx; return nil },
		stop:  func(*app.Context) ([]byte, error) { <-release; return nil, nil },
	}
	on(t, p, func(t *testing.T, s *stage) {
		release = make(chan struct{})
		defer close(release)
		ended := make(chan error, 1)
		s.system.Root.Spawn(process.Props(func(ctx actor.Context) process.Machine[int, *process.Down, error] {
			process.Monitor(ctx, s.pid)
			return process.Machine[int, *process.Down, error]{
				Lift:    func(ctx actor.Context) (*process.Down, bool) { d, ok := ctx.Message().(*process.Down); return d, ok },
				Step:    func(n int, d *process.Down) (int, []error) { return n, []error{d.Reason} },
				Perform: func(_ actor.Context, reason error) { ended <- reason },
			}
		}))
		s.tell(s.active(1))
		s.tell(appctrl.Shutdown{})
		if entered.Active() {
			t.Error("Active during shutdown")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		s.want(t, "starting active e1", "running active e1", "stopping active e1",
			`idle e1 err="stop did not return within 5s: abandoned"`)
		select {
		case reason := <-ended:
			if !errors.Is(reason, process.ErrNormal) {
				t.Errorf("ended with %v, want %v", reason, process.ErrNormal)
			}
		default:
			t.Error("the controller has not ended")
		}
	})
}

func TestALostLeaseEndsTheActivation(t *testing.T) {
	var entered *app.Context
	p := &play{start: func(ctx *app.Context, _ app.Start) error { entered = ctx; return nil }}
	on(t, p, func(t *testing.T, s *stage) {
		s.tell(s.active(1))
		time.Sleep(time.Hour)
		if entered.Active() {
			t.Error("Active after the end of the lease")
		}
		s.tell(appctrl.Lapsed{Term: s.term})
		if entered.Err() == nil {
			t.Error("the Context of a lost activation was not left")
		}
		s.lease.Extend(time.Now(), time.Now().Add(time.Hour))
		s.tell(s.active(1))
		s.want(t, "starting active e1", "running active e1", `stopping active e1 err="lease lost"`, `idle e1 err="lease lost"`)
	})
}

// TestNoOrderIsTakenUnderALeaseFromBeforeASuspend: by the clock of the lease it runs for another hour.
func TestNoOrderIsTakenUnderALeaseFromBeforeASuspend(t *testing.T) {
	on(t, &play{}, func(t *testing.T, s *stage) {
		s.slept.Store(int64(time.Minute))
		s.tell(s.active(1))
		s.want(t, `idle e1 err="lease lost"`)
		s.saw(t)
		s.term = s.lease.Extend(time.Now(), time.Now().Add(2*time.Hour))
		s.tell(s.active(2))
		s.want(t, "starting active e2", "running active e2")
	})
}

func TestAStopFromOutsideIsOrderly(t *testing.T) {
	stops := 0
	p := &play{stop: func(*app.Context) ([]byte, error) { stops++; return nil, nil }}
	on(t, p, func(t *testing.T, s *stage) {
		s.tell(s.active(1))
		s.system.Root.Stop(s.pid)
		synctest.Wait()
		s.want(t, "starting active e1", "running active e1", "stopping active e1", "idle e1")
		if stops != 1 {
			t.Errorf("Stop was called %d times, want once", stops)
		}
	})
}

func TestASecondStopFromOutsideEndsItAtOnceAndStopsTheInstanceLater(t *testing.T) {
	var release chan struct{}
	stops := 0
	p := &play{
		start: func(*app.Context, app.Start) error { <-release; return nil },
		stop:  func(*app.Context) ([]byte, error) { stops++; return nil, nil },
	}
	on(t, p, func(t *testing.T, s *stage) {
		release = make(chan struct{})
		s.tell(s.active(1))
		s.system.Root.Stop(s.pid)
		synctest.Wait()
		s.system.Root.Stop(s.pid)
		synctest.Wait()
		if _, err := process.Call[any](t.Context(), s.system, s.pid, "hello"); !errors.Is(err, process.ErrNoProc) {
			t.Errorf("a call to the ended controller gave %v, want %v", err, process.ErrNoProc)
		}
		close(release)
		synctest.Wait()
		if stops != 1 {
			t.Errorf("Stop was called %d times on what had started, want once", stops)
		}
	})
}

func TestAKilledInstanceActorIsRestarted(t *testing.T) {
	var self *actor.PID
	p := &play{start: func(ctx *app.Context, _ app.Start) error { self = ctx.Self(); return nil }}
	on(t, p, func(t *testing.T, s *stage) {
		s.tell(s.active(1))
		s.system.Root.Stop(self)
		synctest.Wait()
		s.want(t, "starting active e1", "running active e1", `starting active e1 err="exited: its actor ended"`, "running active e1")
	})
}
