package process_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestMessagesQueuedAtTheEndBecomeDeadLetters(t *testing.T) {
	for name, end := range map[string]func(ctx actor.Context){
		"exit":     func(ctx actor.Context) { process.Exit(ctx, errBoom) },
		"panic":    func(actor.Context) { panic(errBoom) },
		"stop":     func(ctx actor.Context) { ctx.Stop(ctx.Self()) },
		"children": func(ctx actor.Context) { ctx.Spawn(act(idle)); process.Exit(ctx, errBoom) },
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				dead := make(chan any, 10)
				system.EventStream.Subscribe(func(ev any) {
					if d, ok := ev.(*actor.DeadLetterEvent); ok {
						dead <- d.Message
					}
				})
				child := make(chan *actor.PID, 1)
				system.Root.Spawn(act(func(ctx actor.Context, msg any) {
					if _, ok := msg.(*actor.Started); ok {
						child <- ctx.Spawn(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }))
					}
				}))
				pid := <-child
				release := make(chan struct{})
				system.Root.Send(pid, do(func(ctx actor.Context) {
					process.After(ctx, 0, "a timer's")
					<-release
					end(ctx)
				}))
				synctest.Wait()
				system.Root.Send(pid, "x")
				asked := system.Root.RequestFuture(pid, "y", time.Hour)
				close(release)
				if _, err := asked.Result(); !errors.Is(err, actor.ErrDeadLetter) {
					t.Errorf("the request got %v", err)
				}
				synctest.Wait()
				close(dead)
				var got []any
				for msg := range dead {
					got = append(got, msg)
				}
				if !slices.Equal(got, []any{"x", "y"}) {
					t.Errorf("dead letters %v, want x and y", got)
				}
			})
		})
	}
}

// TestAPanicAnywhereIsTheReasonAndLeavesNoZombie panics in every function that is the user's.
func TestAPanicAnywhereIsTheReasonAndLeavesNoZombie(t *testing.T) {
	boom := func() { panic(errBoom) }
	for name, change := range map[string]func(ctx actor.Context, m *process.Machine[int, any, any]){
		"newMachine": func(actor.Context, *process.Machine[int, any, any]) { boom() },
		"Lift": func(_ actor.Context, m *process.Machine[int, any, any]) {
			m.Lift = func(actor.Context) (any, bool) { panic(errBoom) }
		},
		"Step": func(_ actor.Context, m *process.Machine[int, any, any]) {
			m.Step = func(int, any) (int, []any) { panic(errBoom) }
		},
		"Perform": func(_ actor.Context, m *process.Machine[int, any, any]) {
			m.Perform = func(actor.Context, any) { boom() }
		},
		"Ready": func(_ actor.Context, m *process.Machine[int, any, any]) {
			m.Ready = func() bool { panic(errBoom) }
		},
		"Terminate, too": func(_ actor.Context, m *process.Machine[int, any, any]) {
			m.Terminate = func(error) { boom() }
			m.Perform = func(actor.Context, any) { boom() }
		},
		"a timer's message": func(ctx actor.Context, m *process.Machine[int, any, any]) {
			process.After(ctx, time.Minute, panicWith{errBoom})
		},
		"Failed": func(ctx actor.Context, m *process.Machine[int, any, any]) {
			m.Failed = func(actor.Context, *actor.PID, error) (any, bool) { panic(errBoom) }
			ctx.Send(ctx.Spawn(act(obey)), panicWith{"the child's"})
		},
		"ReenterAfter": func(ctx actor.Context, m *process.Machine[int, any, any]) {
			ctx.ReenterAfter(actor.NewFuture(ctx.ActorSystem(), time.Second), func(any, error) { boom() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				downs := make(chan *process.Down, 2)
				system.Root.Spawn(onDown(func(ctx actor.Context) {
					_, _, err := process.SpawnMonitor(ctx, process.Props(func(ctx actor.Context) process.Machine[int, any, any] {
						m := echo(obey)
						change(ctx, &m)
						return m
					}), "victim")
					if err != nil {
						t.Error(err)
					}
				}, downs))
				time.Sleep(time.Hour)
				if len(downs) != 1 {
					t.Fatalf("%d downs", len(downs))
				}
				down := <-downs
				var failure *process.PanicError
				if !errors.As(down.Reason, &failure) || failure.Value != error(errBoom) || len(failure.Stack) == 0 {
					t.Errorf("ended with %v", down.Reason)
				}
				if _, there := system.ProcessRegistry.Get(down.Who); there {
					t.Error("still there")
				}
			})
		})
	}
}

func TestAPanicInMiddlewareIsTheReasonToo(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		for _, at := range []any{&actor.Started{}, "x"} {
			middleware := actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(ctx actor.ReceiverContext, envelope *actor.MessageEnvelope) {
					if reflect.TypeOf(envelope.Message) == reflect.TypeOf(at) {
						panic(errBoom)
					}
					next(ctx, envelope)
				}
			})
			downs := make(chan *process.Down, 2)
			system.Root.Spawn(onDown(func(ctx actor.Context) {
				props := process.Props(func(actor.Context) process.Machine[int, any, any] { return echo(idle) }, middleware)
				pid, _, err := process.SpawnMonitor(ctx, props, "")
				if err != nil {
					t.Error(err)
				}
				ctx.Send(pid, "x")
			}, downs))
			synctest.Wait()
			if len(downs) != 1 {
				t.Fatalf("%d downs", len(downs))
			}
			if down := <-downs; !errors.Is(down.Reason, errBoom) {
				t.Errorf("ended with %v", down.Reason)
			}
		}
	})
}

func TestALateReplyOfAnEarlierCallIsDropped(t *testing.T) {
	for name, props := range map[string]*actor.Props{
		"ours": act(func(ctx actor.Context, msg any) {
			if req, ok := msg.(*process.Request); ok {
				process.After(ctx, req.Body.(time.Duration), do(func(actor.Context) { process.Respond(req.From, req.Body, nil) }))
				return
			}
			obey(ctx, msg)
		}),
		"plain": actor.PropsFromFunc(func(ctx actor.Context) {
			if req, ok := ctx.Message().(*process.Request); ok {
				sender, system := ctx.Sender(), ctx.ActorSystem()
				time.AfterFunc(req.Body.(time.Duration), func() { system.Root.Send(sender, req.Body) })
			}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				pid := system.Root.Spawn(props)
				if _, err := process.Call[time.Duration](t.Context(), system, pid, 6*time.Second); !errors.Is(err, process.ErrTimeout) {
					t.Fatal(err)
				}
				// The same slot waits now, when the reply to the first call comes a second later.
				if got, err := process.Call[time.Duration](t.Context(), system, pid, 3*time.Second); got != 3*time.Second {
					t.Errorf("got %v, %v", got, err)
				}
			})
		})
	}
}

func TestAStackIsPrintedAsGoPrintsIt(t *testing.T) {
	if text := process.TakeStack().String(); !strings.Contains(text, "TestAStackIsPrintedAsGoPrintsIt\n\t") || !strings.Contains(text, "end_test.go:") {
		t.Errorf("got %s", text)
	}
}
