package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// server answers requests as their body says.
func server() *actor.Props {
	return process.Props(func(actor.Context) process.Machine[int, any, any] {
		m := echo(func(ctx actor.Context, msg any) {
			req, ok := msg.(*process.Request)
			if !ok {
				obey(ctx, msg)
				return
			}
			switch body := req.Body.(type) {
			case string:
				process.Respond(req.From, body, nil)
			case error:
				process.Respond(req.From, nil, body)
			case nil:
				process.Respond(req.From, nil, nil)
			default:
				obey(ctx, body)
			}
		})
		lift := m.Lift
		m.Lift = func(ctx actor.Context) (any, bool) {
			if req, ok := ctx.Message().(*process.Request); ok && req.Body == any(0) {
				return nil, false
			}
			return lift(ctx)
		}
		return m
	})
}

func TestCallTellsApartHowItFailed(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(server())
		cancelled, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		hour, cancelHour := context.WithTimeout(t.Context(), time.Hour)
		defer cancelHour()
		silent := do(func(actor.Context) {})
		for _, c := range []struct {
			name  string
			ctx   context.Context
			to    *actor.PID
			req   any
			want  error
			text  string
			after time.Duration
		}{
			{"answered", t.Context(), pid, "hello", nil, "", 0},
			{"server's own error", t.Context(), pid, io.EOF, io.EOF, "EOF", 0},
			{"no such actor", t.Context(), actor.NewPID("nonhost", "none"), "x", process.ErrNoProc, "none", 0},
			{"nil", t.Context(), nil, "x", process.ErrNoProc, "", 0},
			{"remote", t.Context(), actor.NewPID("far:1", "a"), "x", process.ErrNodeDown, "nothing carries", 0},
			{"unknown request", t.Context(), pid, 0, process.ErrUnsupported, "", 0},
			{"wrong type", t.Context(), pid, nil, process.ErrBadReply, "want string, got <nil>", 0},
			{"default deadline", t.Context(), pid, silent, process.ErrTimeout, "", process.DefaultTimeout},
			{"own deadline", hour, pid, silent, process.ErrTimeout, "", time.Hour},
			{"cancelled", cancelled, pid, silent, context.Canceled, "", 0},
		} {
			begin := time.Now()
			got, err := process.Call[string](c.ctx, system, c.to, c.req)
			if !errors.Is(err, c.want) || (err != nil && !strings.Contains(err.Error(), c.text)) {
				t.Errorf("%s: got %v, want %v", c.name, err, c.want)
			}
			if c.want == nil && got != c.req {
				t.Errorf("%s: got %q", c.name, got)
			}
			if took := time.Since(begin); c.name != "own deadline" && took != c.after && c.name != "cancelled" {
				t.Errorf("%s: took %v, want %v", c.name, took, c.after)
			}
		}
		if got, err := process.Call[error](t.Context(), system, pid, nil); got != nil || err != nil {
			t.Errorf("a nil reply to an interface: %v, %v", got, err)
		}
	})
}

func TestACallInTheServersHandsGetsTheReasonItEndedWith(t *testing.T) {
	for name, end := range map[string]any{
		"exit":  do(func(ctx actor.Context) { process.Exit(ctx, errBoom) }),
		"panic": panicWith{errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				pid := system.Root.Spawn(server())
				earlier := make(chan error, 1)
				go func() {
					_, err := process.Call[string](t.Context(), system, pid, do(func(actor.Context) {}))
					earlier <- err
				}()
				synctest.Wait()
				_, err := process.Call[string](t.Context(), system, pid, end)
				for _, err := range []error{err, <-earlier} {
					var exit *process.ExitError
					if !errors.As(err, &exit) || !exit.Taken || !errors.Is(err, errBoom) || errors.Is(err, process.ErrNoProc) {
						t.Errorf("got %v, want a taken ExitError with %v", err, errBoom)
					}
				}
			})
		})
	}
}

func TestQueuedCallsAreRefusedWhenTheServerEnds(t *testing.T) {
	for name, end := range map[string]func(ctx actor.Context){
		"exit":  func(ctx actor.Context) { process.Exit(ctx, errBoom) },
		"panic": func(actor.Context) { panic(errBoom) },
		"stop":  func(ctx actor.Context) { ctx.Stop(ctx.Self()) },
	} {
		for _, watched := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s watched %t", name, watched), func(t *testing.T) {
				actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
					begin := time.Now()
					release := make(chan struct{})
					childPID := make(chan *actor.PID, 1)
					// Under a Machine, so that a panic is the end and no restart.
					system.Root.Spawn(act(func(ctx actor.Context, msg any) {
						if _, ok := msg.(*actor.Started); ok {
							childPID <- ctx.Spawn(server())
						}
					}))
					pid := <-childPID
					system.Root.Send(pid, do(func(ctx actor.Context) { <-release; end(ctx) }))
					errs := make(chan error, 10)
					for range cap(errs) {
						go func() {
							_, err := process.Call[string](t.Context(), system, pid, "x")
							errs <- err
						}()
					}
					if watched { // by now the calls watch their target
						time.Sleep(time.Second)
					}
					synctest.Wait()
					close(release)
					for range cap(errs) {
						if err := <-errs; !errors.Is(err, process.ErrNoProc) || (name != "stop" && !errors.Is(err, errBoom)) {
							t.Errorf("got %v, want ErrNoProc with the reason", err)
						}
					}
					if took := time.Since(begin); took >= process.DefaultTimeout {
						t.Errorf("the calls timed out")
					}
				})
			})
		}
	}
}

func TestALateReplyReachesNobody(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var late process.From
		pid := system.Root.Spawn(act(func(_ actor.Context, msg any) {
			if req, ok := msg.(*process.Request); ok {
				if req.Body == "first" {
					late = req.From
					return
				}
				if process.Respond(late, "late", nil) {
					t.Error("a reply after the deadline was taken")
				}
				if !process.Respond(req.From, "second", nil) || process.Respond(req.From, "twice", nil) {
					t.Error("want exactly one reply taken")
				}
			}
		}))
		if _, err := process.Call[string](t.Context(), system, pid, "first"); !errors.Is(err, process.ErrTimeout) {
			t.Errorf("got %v", err)
		}
		if got, err := process.Call[string](t.Context(), system, pid, "second"); got != "second" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if process.Respond(process.From{}, 1, nil) {
			t.Error("nobody took a reply")
		}
	})
}

func TestAPlainActorCanBeCalledAndItsEndIsSeen(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if req, ok := ctx.Message().(*process.Request); ok {
				if req.Body == "die" {
					ctx.Stop(ctx.Self())
					return
				}
				ctx.Respond(req.Body)
			}
		}))
		if got, err := process.Call[int](t.Context(), system, pid, 7); got != 7 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
		begin := time.Now()
		_, err := process.Call[int](t.Context(), system, pid, "die")
		if err == nil || errors.Is(err, process.ErrTimeout) || time.Since(begin) > time.Second {
			t.Errorf("got %v after %v", err, time.Since(begin))
		}
	})
}

func TestIncarnationsDiffer(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		a, b := process.Incarnation(system), process.Incarnation(actorstest.System())
		if a == 0 || a == b || a != process.Incarnation(system) {
			t.Errorf("got %x and %x", a, b)
		}
	})
}

// TestANameMayBeCalledWhileItIsSpawnedAgain: protoactor registers an actor before its mailbox can take a message.
func TestANameMayBeCalledWhileItIsSpawnedAgain(t *testing.T) {
	system := actorstest.System()
	pid := actor.NewPID("nonhost", "again")
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := process.Call[string](t.Context(), system, pid, "x"); err != nil && !errors.Is(err, process.ErrNoProc) {
					t.Errorf("got %v", err)
					return
				}
			}
		})
	}
	for range 500 {
		spawned, err := system.Root.SpawnNamed(server(), "again")
		if err != nil {
			t.Fatal(err)
		}
		if err := system.Root.StopFuture(spawned).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	callers.Wait()
}
