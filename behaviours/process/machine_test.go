package process_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

var errBoom = errors.New("boom")

// parent is a Machine that spawns child and writes down what it hears of it.
func parent(child *actor.Props, hear func(string)) *actor.Props {
	return process.Props(func(actor.Context) process.Machine[int, string, string] {
		return process.Machine[int, string, string]{
			Lift: func(ctx actor.Context) (string, bool) {
				switch msg := ctx.Message().(type) {
				case *actor.Started:
					return "start", true
				case *actor.Terminated:
					return "terminated", true
				case *process.Down:
					return fmt.Sprintf("down: %v", msg.Reason), true
				}
				return "", false
			},
			Step: func(n int, ev string) (int, []string) { return n, []string{ev} },
			Perform: func(ctx actor.Context, do string) {
				if do == "start" {
					pid, err := ctx.SpawnNamed(child, "child")
					if err != nil {
						panic(err)
					}
					process.Monitor(ctx, pid)
				}
				hear(do)
			},
			Failed: func(_ actor.Context, _ *actor.PID, reason error) (string, bool) {
				return fmt.Sprintf("failed: %v", reason), true
			},
		}
	})
}

func TestAPanicAnywhereEndsTheActorOnceAndReachesTheParentTyped(t *testing.T) {
	for _, where := range []string{"newMachine", "Lift", "Step", "Perform"} {
		t.Run(where, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				var ends []error
				at := func(place string) {
					if place == where {
						panic(errBoom)
					}
				}
				child := process.Props(func(actor.Context) process.Machine[int, int, int] {
					m := process.Machine[int, int, int]{
						Lift:      func(actor.Context) (int, bool) { at("Lift"); return 0, true },
						Step:      func(int, int) (int, []int) { at("Step"); return 0, []int{1} },
						Perform:   func(actor.Context, int) { at("Perform") },
						Terminate: func(reason error) { ends = append(ends, reason); panic("again") },
					}
					at("newMachine")
					return m
				})
				var heard []string
				system.Root.Spawn(parent(child, func(s string) { heard = append(heard, s) }))
				synctest.Wait()
				// A down may be queued before or after the system lane's word; the failure comes before the end.
				want := []string{"start", "failed: process: panic: boom", "terminated", "down: process: panic: boom"}
				if !sameSet(heard, want) || slices.Index(heard, want[1]) > slices.Index(heard, "terminated") {
					t.Errorf("parent heard %q, want %q", heard, want)
				}
				if where == "newMachine" { // there is no Terminate yet
					if len(ends) != 0 {
						t.Errorf("Terminate ran: %v", ends)
					}
					return
				}
				var p *process.PanicError
				if len(ends) != 1 || !errors.As(ends[0], &p) || !errors.Is(ends[0], errBoom) || len(p.Stack) == 0 {
					t.Errorf("Terminate got %v, want one PanicError of %v with a stack", ends, errBoom)
				}
			})
		})
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func TestEffectsRunInOrderAndAllBeforeTheExitTheyAskFor(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var done []string
		props := process.Props(func(actor.Context) process.Machine[int, string, string] {
			return process.Machine[int, string, string]{
				Lift: func(ctx actor.Context) (string, bool) { s, ok := ctx.Message().(string); return s, ok },
				Step: func(_ int, ev string) (int, []string) { return 0, []string{ev + "1", ev + "exit", ev + "2"} },
				Perform: func(ctx actor.Context, f string) {
					done = append(done, f)
					switch f {
					case "a1":
						ctx.Send(ctx.Self(), "b")
					case "bexit":
						process.Exit(ctx, errBoom)
						process.Exit(ctx, nil)
					}
				},
				Terminate: func(reason error) { done = append(done, reason.Error()) },
			}
		})
		pid := system.Root.Spawn(props)
		system.Root.Send(pid, "a")
		synctest.Wait()
		system.Root.Send(pid, "c")
		synctest.Wait()
		want := []string{"a1", "aexit", "a2", "b1", "bexit", "b2", "boom"}
		if !slices.Equal(done, want) {
			t.Errorf("done %q, want %q", done, want)
		}
	})
}

// TestACrashWithoutASupervisorIsTheEnd: nobody has asked for a restart, of which protoactor makes ten by itself.
func TestACrashWithoutASupervisorIsTheEnd(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		for name, opts := range map[string][]actor.PropsOption{
			"own mailbox":         nil,
			"protoactor's":        {process.WithMailbox(actor.Unbounded())},
			"protoactor's guards": {actor.WithReceiverMiddleware(crashing)},
		} {
			made := 0
			pid := system.Root.Spawn(process.Props(func(actor.Context) process.Machine[int, any, any] {
				made++
				return echo(obey)
			}, opts...))
			synctest.Wait()
			last := panicWith{errBoom}
			reason, err := process.AwaitEnd(t.Context(), system, pid, last)
			if !errors.Is(reason, errBoom) || err != nil {
				t.Errorf("%s: ended with %v, %v", name, reason, err)
			}
			if _, err := process.Call[any](t.Context(), system, pid, "x"); !errors.Is(err, process.ErrNoProc) {
				t.Errorf("%s: a call: %v", name, err)
			}
			if made != 1 {
				t.Errorf("%s: %d incarnations", name, made)
			}
		}
	})
}

// crashing panics before the actor does.
func crashing(next actor.ReceiverFunc) actor.ReceiverFunc {
	return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
		if _, ok := envelope.Message.(panicWith); ok {
			panic(errBoom)
		}
		next(c, envelope)
	}
}

func TestEveryIncarnationIsFresh(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		made := 0
		var counts []int
		props := process.Props(func(actor.Context) process.Machine[int, any, int] {
			made++
			return process.Machine[int, any, int]{
				Lift:    func(ctx actor.Context) (any, bool) { return ctx.Message(), true },
				Step:    func(n int, _ any) (int, []int) { return n + 1, []int{n + 1} },
				Perform: func(ctx actor.Context, n int) { counts = append(counts, n); obey(ctx, ctx.Message()) },
			}
		})
		pid := system.Root.Spawn(restarted(props))
		system.Root.Send(pid, "x")
		system.Root.Send(pid, panicWith{errBoom})
		system.Root.Send(pid, "y")
		synctest.Wait()
		if want := []int{1, 2, 3, 1, 2}; made != 2 || !slices.Equal(counts, want) {
			t.Errorf("made %d, counts %v, want 2, %v", made, counts, want)
		}
	})
}

func TestAStopIsOfferedToAMachineThatWantsToEndInItsOwnTime(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var ends []error
		stops := 0
		props := process.Props(func(actor.Context) process.Machine[int, any, any] {
			m := echo(func(ctx actor.Context, msg any) {
				if msg == "stop" {
					stops++
					process.After(ctx, time.Minute, exitWith{process.ErrShutdown})
				}
				obey(ctx, msg)
			})
			m.Stop = func(actor.Context) (any, bool) { return "stop", true }
			m.Terminate = func(reason error) { ends = append(ends, reason) }
			return m
		})
		pid := system.Root.Spawn(props)
		begin := time.Now()
		system.Root.Stop(pid)
		system.Root.Poison(pid)
		synctest.Wait()
		if len(ends) != 0 || stops != 2 {
			t.Fatalf("ended %v after %d offers, want none after 2", ends, stops)
		}
		watch := make(chan *process.Down, 1)
		system.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, pid) }, watch))
		down := <-watch
		if took := time.Since(begin); took != time.Minute || down.Reason != process.ErrShutdown || len(ends) != 1 {
			t.Errorf("down %v after %v, ends %v", down.Reason, took, ends)
		}
	})
}

func TestAPanicWhileStoppingDoesNotUndoTheStop(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		for name, change := range map[string]func(*process.Machine[int, any, any]){
			"Stop":      func(m *process.Machine[int, any, any]) { m.Stop = func(actor.Context) (any, bool) { panic(errBoom) } },
			"Terminate": func(m *process.Machine[int, any, any]) { m.Terminate = func(error) { panic(errBoom) } },
		} {
			made := 0
			pid := system.Root.Spawn(process.Props(func(actor.Context) process.Machine[int, any, any] {
				made++
				m := echo(idle)
				change(&m)
				return m
			}))
			if err := system.Root.StopFuture(pid).Wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, there := system.ProcessRegistry.Get(pid); there || made != 1 {
				t.Errorf("%s: still there: %v, made %d", name, there, made)
			}
		}
	})
}

func TestExitAndAfterRefuseAPlainActor(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		got := make(chan any, 2)
		system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); !ok {
				return
			}
			for _, misuse := range []func(){
				func() { process.Exit(ctx, nil) },
				func() { process.After(ctx, 0, "x") },
			} {
				func() {
					defer func() { got <- recover() }()
					misuse()
				}()
			}
		}))
		for range 2 {
			if v := <-got; v == nil {
				t.Error("no panic")
			}
		}
	})
}
