// Command tree is a supervision tree that survives a crashing child.
//
//	shop (rest_for_one)
//	|- stock     a server that counts what is left, and crashes when asked for the impossible
//	`- tills     one per customer, started at run time
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// stock answers a call with how many are left after taking so many.
type stock struct {
	genserver.Defaults
	left int
}

func (s *stock) Init(*genserver.Context) error {
	s.left = 10
	return nil
}

func (s *stock) HandleCall(_ *genserver.Context, _ genserver.From, req any) genserver.Return {
	take := req.(int) // anything else is a bug of the caller's, and a crash here
	s.left -= take
	return genserver.Reply(s.left)
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	ctx := context.Background()
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	restarted := make(chan supervisor.Event, 8)
	defer supervisor.Subscribe(system, func(e supervisor.Event) {
		if e.Child == "tills" && e.What == supervisor.Started {
			restarted <- e // the last of them: the shop is open
		}
	})()
	server := genserver.Props(func() genserver.Server { return &stock{} })
	tills := supervisor.Spec{Strategy: supervisor.SimpleOneForOne, Children: []supervisor.Child{{ID: "till", Props: server}}}
	shop, err := supervisor.StartWait(ctx, system.Root, supervisor.Spec{
		Strategy: supervisor.RestForOne,
		Children: []supervisor.Child{
			{ID: "stock", Props: server},
			{ID: "tills", Props: supervisor.Props(tills), Type: supervisor.Supervisor},
		},
	}, "shop")
	if err != nil {
		return err
	}
	open := <-restarted
	_, errTills := supervisor.StartMany(ctx, system, open.PID, nil, nil)
	tree, errTree := supervisor.Tree(ctx, system, shop)
	fmt.Fprint(out, tree)

	_, crash := genserver.Call[int](ctx, system, tree.Children[0].PID, "all of it")
	fmt.Fprintln(out, "crashed:", crash != nil)
	<-restarted // the till supervisor came after the stock, so it is new as well
	left, errCall := genserver.Call[int](ctx, system, tree.Children[0].PID, 1)
	fmt.Fprintln(out, "left:", left)
	tree, errAgain := supervisor.Tree(ctx, system, shop)
	fmt.Fprint(out, tree)
	return errors.Join(errTills, errTree, errCall, errAgain, system.Root.StopFuture(shop).Wait())
}
