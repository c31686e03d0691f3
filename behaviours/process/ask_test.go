package process

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// answer is what an asker of these tests is sent.
type answer struct {
	value any
	err   error
}

// asks is an actor that runs what it is sent, and passes on the answers.
func asks(answers chan<- answer) *actor.Props {
	return Props(func(actor.Context) Machine[int, any, any] {
		return Machine[int, any, any]{
			Lift: func(ctx actor.Context) (any, bool) { return ctx.Message(), true },
			Step: func(n int, ev any) (int, []any) { return n, []any{ev} },
			Perform: func(ctx actor.Context, ev any) {
				switch ev := ev.(type) {
				case func(actor.Context):
					ev(ctx)
				case answer:
					answers <- ev
				}
			},
		}
	})
}

func ask(ctx actor.Context, to *actor.PID, req any, timeout time.Duration) {
	Ask(ctx, to, req, timeout, func(value any, err error) any { return answer{value, err} })
}

// relays counts the processes of this package's that are registered.
func relays(system *actor.ActorSystem) (n int) {
	prefix := planeOf(system).callPrefix + "relay/"
	for _, shard := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		for id := range shard.Items() {
			if len(id) > len(prefix) && id[:len(prefix)] == prefix {
				n++
			}
		}
	}
	return n
}

// TestAnAskOfAPlainActorHearsOfItsReplyItsEndAndItsSilence: a plain actor neither answers at its end nor refuses.
func TestAnAskOfAPlainActorHearsOfItsReplyItsEndAndItsSilence(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		plain := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if req, ok := ctx.Message().(*Request); ok && req.Body == "reply" {
				ctx.Respond("here it is")
			}
		}))
		answers := make(chan answer, 1)
		pid := system.Root.Spawn(asks(answers))
		begin := time.Now()
		for _, c := range []struct {
			req   string
			after time.Duration
			value any
			err   error
		}{
			{req: "reply", value: "here it is"},
			{req: "silence", after: time.Hour, err: ErrTimeout},
			{req: "end", after: 2 * time.Hour, err: ErrUnknown},
			{req: "nobody there", after: 2 * time.Hour, err: ErrNoProc},
		} {
			system.Root.Send(pid, func(ctx actor.Context) { ask(ctx, plain, c.req, time.Hour) })
			if c.req == "end" {
				synctest.Wait()
				time.Sleep(time.Hour - time.Second)
				system.Root.Stop(plain)
				begin = begin.Add(-time.Second)
			}
			if got := <-answers; got.value != c.value || !errors.Is(got.err, c.err) || time.Since(begin) != c.after {
				t.Errorf("%s: got %v after %v", c.req, got, time.Since(begin))
			}
		}
		if n := relays(system); n != 0 {
			t.Errorf("%d relays are left", n)
		}
	})
}

// TestNothingIsLeftOfAnAskWhoseAskerHasEnded: neither the relay, nor its timer, nor an answer that somebody takes.
func TestNothingIsLeftOfAnAskWhoseAskerHasEnded(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		var asked From
		silent := system.Root.Spawn(Props(func(actor.Context) Machine[int, From, From] {
			return Machine[int, From, From]{
				Lift: func(ctx actor.Context) (From, bool) {
					req, ok := ctx.Message().(*Request)
					if ok {
						asked = req.From
					}
					return asked, ok
				},
				Step:    func(n int, _ From) (int, []From) { return n, nil },
				Perform: func(actor.Context, From) {},
			}
		}))
		pid := system.Root.Spawn(asks(nil))
		system.Root.Send(pid, func(ctx actor.Context) { ask(ctx, silent, "x", time.Hour) })
		synctest.Wait()
		if n := relays(system); n != 1 {
			t.Fatalf("%d relays while it waits", n)
		}
		system.Root.Stop(pid)
		synctest.Wait()
		if n := relays(system); n != 0 {
			t.Errorf("%d relays are left", n)
		}
		if Respond(asked, "late", nil) {
			t.Error("somebody took an answer to one that has ended")
		}
	})
}

// TestAnAnswerThatIsOvertakenByARestartIsNotSeen: the PID, the mailbox and the queue stay, the incarnation does not.
func TestAnAnswerThatIsOvertakenByARestartIsNotSeen(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		answers := make(chan answer, 2)
		always := actor.WithSupervisor(actor.NewRestartingStrategy())
		parent := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				if _, err := ctx.SpawnNamed(asks(answers), "asker"); err != nil {
					t.Error(err)
				}
			}
		}, always))
		synctest.Wait()
		pid := actor.NewPID(parent.Address, parent.Id+"/asker")
		system.Root.Send(pid, func(ctx actor.Context) {
			ask(ctx, actor.NewPID(pid.Address, "nobody"), "x", time.Hour) // its answer is in the mailbox already
			panic("restart")
		})
		system.Root.Send(pid, func(ctx actor.Context) { ctx.Send(ctx.Self(), answer{value: "the last one"}) })
		if got := <-answers; got.value != "the last one" {
			t.Errorf("got %v", got)
		}
	})
}
