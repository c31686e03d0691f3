// Command counter is a gen_server in a protoactor system: it counts, it can be reset, and it survives nothing of a crash.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
)

type (
	add   struct{ by int } // a call, answered with the count
	reset struct{}         // a cast
	crash struct{}         // a plain message
)

// counter is the server's state. Each incarnation has its own.
type counter struct {
	genserver.Defaults
	n int
}

var _ genserver.Server = (*counter)(nil)

func (c *counter) HandleCall(ctx *genserver.Context, from genserver.From, req any) genserver.Return {
	if req, ok := req.(add); ok {
		c.n += req.by
		return genserver.Reply(c.n)
	}
	return c.Defaults.HandleCall(ctx, from, req) // refuses
}

func (c *counter) HandleCast(_ *genserver.Context, msg any) genserver.Return {
	if _, ok := msg.(reset); ok {
		c.n = 0
	}
	return genserver.NoReply()
}

var errFingers = errors.New("out of fingers")

func (c *counter) HandleInfo(_ *genserver.Context, msg any) genserver.Return {
	if _, ok := msg.(crash); ok {
		panic(errFingers)
	}
	return genserver.NoReply()
}

func main() {
	if err := run(os.Stdout, actor.NewActorSystem()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer, system *actor.ActorSystem) error {
	ctx := context.Background()
	props := genserver.Props(func() genserver.Server { return &counter{} }, genserver.WithName("counter"))
	pid, err := genserver.StartWait(ctx, system.Root, props, "")
	if err != nil {
		return err
	}
	for _, by := range []int{2, 3} {
		n, err := genserver.Call[int](ctx, system, pid, add{by})
		fmt.Fprintln(out, "count", n, err)
	}
	genserver.Cast(system.Root, pid, reset{}) // handled before the call that follows
	n, err := genserver.Call[int](ctx, system, pid, add{1})
	fmt.Fprintln(out, "count", n, err)

	_, err = genserver.Call[int](ctx, system, pid, "what?")
	fmt.Fprintln(out, "unsupported", errors.Is(err, process.ErrUnsupported))
	reason, err := process.AwaitEnd(ctx, system, pid, crash{}) // it has no supervisor: a crash is its end
	fmt.Fprintln(out, "crashed", errors.Is(reason, errFingers), err)
	if pid, err = genserver.StartWait(ctx, system.Root, props, ""); err != nil { // a new counter, under the same name
		return err
	}
	n, err = genserver.Call[int](ctx, system, pid, add{7})
	fmt.Fprintln(out, "count", n, err)
	return genserver.StopWait(ctx, system, pid, nil)
}
