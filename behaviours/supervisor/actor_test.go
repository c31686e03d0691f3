package supervisor_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/behaviours/supervisor"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// diary is what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, s)
}

// take returns what happened since the last take.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

// worker is a child that writes its life down and obeys.
type worker struct {
	genserver.Defaults
	id    string
	diary *diary
	init  func() error
	slow  time.Duration // how long Init takes
	stuck time.Duration // how long Terminate takes
}

func (w *worker) Init(*genserver.Context) error {
	w.diary.add("+" + w.id)
	time.Sleep(w.slow)
	if w.init != nil {
		return w.init()
	}
	return nil
}

func (w *worker) HandleInfo(_ *genserver.Context, msg any) genserver.Return {
	switch msg := msg.(type) {
	case error:
		return genserver.Stop(msg)
	case string:
		panic(msg)
	}
	return genserver.NoReply()
}

func (w *worker) Terminate(*genserver.Context, error) {
	time.Sleep(w.stuck)
	w.diary.add("-" + w.id)
}

func child(id string, d *diary) supervisor.Child {
	return supervisor.Child{ID: id, Props: genserver.Props(func() genserver.Server { return &worker{id: id, diary: d} })}
}

func startSup(t *testing.T, system *actor.ActorSystem, spec supervisor.Spec) *actor.PID {
	t.Helper()
	pid, err := supervisor.StartWait(t.Context(), system.Root, spec, "sup")
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func children(t *testing.T, system *actor.ActorSystem, sup *actor.PID) map[string]supervisor.Info {
	t.Helper()
	infos, err := supervisor.Children(t.Context(), system, sup)
	if err != nil {
		t.Fatal(err)
	}
	byID := make(map[string]supervisor.Info)
	for _, i := range infos {
		byID[i.ID] = i
	}
	return byID
}

// monitor returns the reasons with which pid ends.
func monitor(system *actor.ActorSystem, pid *actor.PID) <-chan error {
	reasons := make(chan error, 4)
	system.Root.Spawn(process.Props(func(ctx actor.Context) process.Machine[int, error, error] {
		process.Monitor(ctx, pid)
		return process.Machine[int, error, error]{
			Lift: func(ctx actor.Context) (error, bool) {
				d, ok := ctx.Message().(*process.Down)
				if !ok {
					return nil, false
				}
				return d.Reason, true
			},
			Step:    func(n int, reason error) (int, []error) { return n, []error{reason} },
			Perform: func(_ actor.Context, reason error) { reasons <- reason },
		}
	}))
	return reasons
}

func TestChildrenStartInOrderAndStopInReverseHoweverTheStopComes(t *testing.T) {
	for name, stop := range map[string]func(*actor.ActorSystem, *actor.PID){
		"stop":   func(s *actor.ActorSystem, p *actor.PID) { s.Root.Stop(p) },
		"poison": func(s *actor.ActorSystem, p *actor.PID) { s.Root.Poison(p) },
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				var d diary
				inner := supervisor.Spec{Children: []supervisor.Child{child("b1", &d), child("b2", &d)}}
				pid := startSup(t, system, supervisor.Spec{Children: []supervisor.Child{
					child("a", &d), {ID: "b", Props: supervisor.Props(inner), Shutdown: time.Minute}, child("c", &d),
				}})
				if got, want := d.take(), []string{"+a", "+b1", "+b2", "+c"}; !slices.Equal(got, want) {
					t.Errorf("started %q, want %q", got, want)
				}
				reasons := monitor(system, pid)
				synctest.Wait()
				stop(system, pid)
				if got := <-reasons; got != process.ErrShutdown {
					t.Errorf("ended with %v", got)
				}
				if got, want := d.take(), []string{"-c", "-b2", "-b1", "-a"}; !slices.Equal(got, want) {
					t.Errorf("stopped %q, want %q", got, want)
				}
			})
		})
	}
}

func TestADeadChildComesBackFreshUnderItsName(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var d diary
		plain := actor.PropsFromFunc(func(ctx actor.Context) {
			if msg, ok := ctx.Message().(string); ok {
				panic(msg)
			}
		})
		sup := startSup(t, system, supervisor.Spec{MaxRestarts: 10, Children: []supervisor.Child{
			child("perm", &d),
			{ID: "plain", Props: plain, Restart: supervisor.Transient},
			{ID: "trans", Props: child("trans", &d).Props, Restart: supervisor.Transient},
			{ID: "temp", Props: child("temp", &d).Props, Restart: supervisor.Temporary},
		}})
		before := children(t, system, sup)
		system.Root.Send(before["perm"].PID, process.ErrNormal)
		system.Root.Send(before["plain"].PID, "crash")
		system.Root.Send(before["trans"].PID, process.ErrNormal)
		system.Root.Send(before["temp"].PID, errBoom)
		synctest.Wait()
		after := children(t, system, sup)
		for id, want := range map[string]struct {
			phase        supervisor.Phase
			incarnations uint64
		}{"perm": {supervisor.Up, 2}, "plain": {supervisor.Up, 2}, "trans": {supervisor.Gone, 1}} {
			if got := after[id]; got.Phase != want.phase || got.Incarnations != want.incarnations {
				t.Errorf("%s: got %v, want %v", id, got, want)
			}
			if after[id].Phase == supervisor.Up && !after[id].PID.Equal(before[id].PID) {
				t.Errorf("%s: %v is now %v", id, before[id].PID, after[id].PID)
			}
		}
		if got, there := after["temp"]; there {
			t.Errorf("temp: still there, as %v", got)
		}
		system.Root.Send(after["perm"].PID, "crash")
		synctest.Wait()
		if got := children(t, system, sup)["perm"]; got.Incarnations != 3 {
			t.Errorf("after a panic: %v", got)
		}
	})
}

func TestTooManyRestartsEscalateToTheSupervisorAbove(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var d diary
		looping := supervisor.Child{ID: "loop", Props: genserver.Props(func() genserver.Server {
			return &looper{}
		})}
		inner := supervisor.Spec{MaxRestarts: 2, Children: []supervisor.Child{child("calm", &d), looping}}
		outer := supervisor.Spec{MaxRestarts: 1, Period: time.Hour, Children: []supervisor.Child{
			{ID: "inner", Props: supervisor.Props(inner), Restart: supervisor.Transient, Shutdown: time.Minute},
		}}
		sup := startSup(t, system, outer)
		reason := <-monitor(system, sup)
		var above *supervisor.IntensityError
		var below *supervisor.IntensityError
		if !errors.As(reason, &above) || above.ID != "inner" || !errors.As(above.Reason, &below) || below.ID != "loop" || below.MaxRestarts != 2 {
			t.Errorf("got %v", reason)
		}
		if got, want := d.take(), []string{"+calm", "-calm", "+calm", "-calm"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// looper ends a second after each start.
type looper struct{ genserver.Defaults }

func (*looper) Init(ctx *genserver.Context) error {
	process.After(ctx, time.Second, "end")
	return nil
}

func (*looper) HandleInfo(*genserver.Context, any) genserver.Return { return genserver.Stop(nil) }

func TestAFailedStartStopsWhatWasStarted(t *testing.T) {
	for name, init := range map[string]func() error{
		"error": func() error { return errBoom },
		"panic": func() error { panic(errBoom) },
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				var d diary
				bad := genserver.Props(func() genserver.Server { return &worker{id: "b", diary: &d, init: init} })
				_, err := supervisor.StartWait(t.Context(), system.Root, supervisor.Spec{Children: []supervisor.Child{
					child("a", &d), {ID: "b", Props: bad}, child("c", &d),
				}}, "sup")
				var start *supervisor.StartError
				if !errors.As(err, &start) || start.ID != "b" || !errors.Is(err, errBoom) {
					t.Errorf("got %v", err)
				}
				if got, want := d.take(), []string{"+a", "+b", "-a"}; !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestAChildThatWillNotStopIsAbandonedAndReported(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var d diary
		var notices []string
		stuck := genserver.Props(func() genserver.Server { return &worker{id: "b", diary: &d, stuck: time.Hour} })
		sup := startSup(t, system, supervisor.Spec{
			Children: []supervisor.Child{child("a", &d), {ID: "b", Props: stuck, Shutdown: time.Second}},
			Report:   func(n supervisor.Notice) { notices = append(notices, n.String()) },
		})
		reasons := monitor(system, sup)
		synctest.Wait()
		begin := time.Now()
		system.Root.Stop(sup)
		if reason := <-reasons; reason != process.ErrShutdown || time.Since(begin) != time.Second {
			t.Errorf("ended with %v after %v", reason, time.Since(begin))
		}
		if _, there := system.ProcessRegistry.Get(sup); there {
			t.Error("the supervisor is still there")
		}
		want := []string{"a started", "b started", "b abandoned: process: killed", "a ended: process: shutdown"}
		if !slices.Equal(notices, want) {
			t.Errorf("notices %q, want %q", notices, want)
		}
		time.Sleep(2 * time.Hour) // lets the stuck one go
	})
}

func TestAProducerThatPanicsIsAFailedStart(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		bad := actor.PropsFromProducer(func() actor.Actor { panic(errBoom) })
		_, err := supervisor.StartWait(t.Context(), system.Root, supervisor.Spec{
			Children: []supervisor.Child{{ID: "a", Props: bad}},
		}, "sup")
		if !errors.Is(err, errBoom) {
			t.Errorf("got %v", err)
		}
	})
}

func TestABadSpecNamesFieldAndValue(t *testing.T) {
	var d diary
	ok := child("a", &d)
	for field, spec := range map[string]supervisor.Spec{
		"period":              {Period: -1},
		"children[1].ID":      {Children: []supervisor.Child{ok, ok}},
		"children[0].ID":      {Children: []supervisor.Child{{Props: ok.Props}}},
		"children[0].Props":   {Children: []supervisor.Child{{ID: "a"}}},
		"children[0].Restart": {Children: []supervisor.Child{{ID: "a", Props: ok.Props, Restart: 7}}},
		"children[0].Start":   {Children: []supervisor.Child{{ID: "a", Props: ok.Props, Start: -1}}},
	} {
		actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
			_, err := process.StartWait(t.Context(), system.Root, supervisor.Props(spec), "")
			var bad *supervisor.SpecError
			if !errors.As(err, &bad) || bad.Field != field || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: got %v", field, err)
			}
		})
	}
}
