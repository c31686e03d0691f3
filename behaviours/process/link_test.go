package process_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// linked spawns an actor that links itself to target and a monitor of it; what it receives as exits goes to exits.
func linked(system *actor.ActorSystem, target *actor.PID, trap bool) (pid *actor.PID, exits chan *process.Exited, downs chan *process.Down) {
	exits, downs = make(chan *process.Exited, 9), make(chan *process.Down, 1)
	pid = system.Root.Spawn(act(func(ctx actor.Context, msg any) {
		switch msg := msg.(type) {
		case *actor.Started:
			process.TrapExit(ctx, trap)
			process.Link(ctx, target)
			process.Link(ctx, target)
		case *process.Exited:
			exits <- msg
		default:
			obey(ctx, msg)
		}
	}))
	system.Root.Spawn(onDown(func(ctx actor.Context) { process.Monitor(ctx, pid) }, downs))
	synctest.Wait()
	return pid, exits, downs
}

func TestAnExitReachesTheLinkedOne(t *testing.T) {
	ours := act(func(ctx actor.Context, msg any) { obey(ctx, msg) })
	shutdown := &process.ShutdownError{Why: errBoom}
	for _, c := range []struct {
		name string
		end  any
		want error
		dies bool
	}{
		{"normal", exitWith{nil}, process.ErrNormal, false},
		{"shutdown", exitWith{shutdown}, shutdown, true},
		{"error", exitWith{errBoom}, errBoom, true},
		{"panic", panicWith{errBoom}, errBoom, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				target := system.Root.Spawn(ours)
				_, trapped, _ := linked(system, target, true)
				_, exits, downs := linked(system, target, false)
				system.Root.Send(target, c.end)
				x := <-trapped
				if x.From.Id != target.Id || !errors.Is(x.Reason, c.want) {
					t.Errorf("trapped %v from %v", x.Reason, x.From)
				}
				synctest.Wait()
				if len(exits)+len(trapped) != 0 {
					t.Error("an exit too many")
				}
				select {
				case down := <-downs:
					if !c.dies || !errors.Is(down.Reason, c.want) {
						t.Errorf("ended with %v", down.Reason)
					}
				default:
					if c.dies {
						t.Error("lives on")
					}
				}
			})
		})
	}
}

func TestALinkWorksBothWays(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		exits := make(chan *process.Exited, 2)
		trapping := system.Root.Spawn(act(func(ctx actor.Context, msg any) {
			process.TrapExit(ctx, true)
			if x, ok := msg.(*process.Exited); ok {
				exits <- x
			}
		}))
		plain := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if x, ok := ctx.Message().(*process.Exited); ok {
				exits <- x
			}
		}))
		for _, target := range []*actor.PID{trapping, plain} {
			pid, _, _ := linked(system, target, false)
			system.Root.Send(pid, exitWith{errBoom})
			if x := <-exits; x.From.Id != pid.Id || !errors.Is(x.Reason, errBoom) {
				t.Errorf("got %v from %v", x.Reason, x.From)
			}
		}
		_, gone, _ := linked(system, plain, true)
		system.Root.Stop(plain)
		if x := <-gone; x.Reason != process.ErrUnknown {
			t.Errorf("a plain actor ended with %v", x.Reason)
		}
	})
}

func TestALinkToNobodyIsAnExitWithNoProc(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		for _, c := range []struct {
			target *actor.PID
			want   error
		}{{nil, process.ErrNoProc}, {actor.NewPID("nonhost", "none"), process.ErrNoProc}, {actor.NewPID("far:1", "a"), process.ErrNodeDown}} {
			_, exits, _ := linked(system, c.target, true)
			if x := <-exits; x.Reason != c.want {
				t.Errorf("%v: trapped %v, want %v", c.target, x.Reason, c.want)
			}
			_, _, downs := linked(system, c.target, false)
			if down := <-downs; down.Reason != c.want && down.Reason != process.ErrNoProc { // the Monitor may come too late
				t.Errorf("%v: ended with %v, want %v", c.target, down.Reason, c.want)
			}
		}
	})
}

func TestNoExitIsHandledAfterUnlink(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		target := system.Root.Spawn(act(func(ctx actor.Context, msg any) { obey(ctx, msg) }))
		pid, exits, _ := linked(system, target, true)
		release := make(chan struct{})
		system.Root.Send(pid, do(func(ctx actor.Context) {
			<-release
			process.Unlink(ctx, target)
		}))
		system.Root.Send(target, exitWith{errBoom})
		synctest.Wait() // the exit waits in the mailbox
		close(release)
		synctest.Wait()
		if len(exits) != 0 {
			t.Errorf("got %v", <-exits)
		}
	})
}

// TestAnExitSignalDoesNotWaitBehindMessages: one that does not trap exits ends after the message in hand.
func TestAnExitSignalDoesNotWaitBehindMessages(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		nobody := actor.NewPID("nonhost", "nobody")
		for _, opts := range [][]actor.PropsOption{nil, {process.WithMailbox(actor.Unbounded())}} {
			for name, link := range map[string]func(ctx actor.Context){
				"the end of a linked one": func(ctx actor.Context) {
					process.Link(ctx, system.Root.Spawn(act(func(ctx actor.Context, _ any) { process.Exit(ctx, errBoom) })))
				},
				"a link to nobody": func(ctx actor.Context) { process.Link(ctx, nobody) },
			} {
				var done []string
				pid := system.Root.Spawn(process.Props(func(actor.Context) process.Machine[int, any, any] {
					return echo(func(ctx actor.Context, msg any) {
						switch msg := msg.(type) {
						case do:
							msg(ctx)
						case string:
							done = append(done, msg)
						}
					})
				}, opts...))
				reason, err := process.AwaitEnd(t.Context(), system, pid, do(func(ctx actor.Context) {
					link(ctx)
					ctx.Send(ctx.Self(), "queued")
					time.Sleep(time.Second)
					done = append(done, "in hand")
				}))
				if err != nil || !errors.Is(reason, errBoom) && !errors.Is(reason, process.ErrNoProc) {
					t.Errorf("%s: ended with %v, %v", name, reason, err)
				}
				if len(done) != 1 || done[0] != "in hand" {
					t.Errorf("%s: did %q", name, done)
				}
			}
		}
	})
}
