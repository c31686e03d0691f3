// Hello is the first program: a cluster of one member that runs one application.
package main

import (
	"context"
	"fmt"
	"log"
	"os/signal"
	"syscall"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
)

const cluster = `
cluster: hello
members: {solo: {addr: "127.0.0.1:7101"}}
applications: {greeter: {}}
groups: [{name: hello, on: [solo], run: [greeter]}]
`

type greeter struct{ app.Defaults }

func (greeter) Start(ctx *app.Context, s app.Start) error {
	fmt.Printf("%s is %s: %s, epoch %d\n", ctx.Member(), s.Role, s, s.Epoch)
	return nil
}

func (greeter) Stop(ctx *app.Context) (handover []byte, err error) {
	fmt.Printf("%s stops, epoch %d\n", ctx.Member(), ctx.Epoch())
	return nil, nil
}

func main() {
	what, err := spec.Parse([]byte(cluster))
	if err != nil {
		log.Fatal(err)
	}
	n, err := node.Start(node.Config{
		Name: "solo", Spec: what, Apps: app.Registry{"greeter": func() app.App { return greeter{} }}, InMemory: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	<-ctx.Done()
	if err := n.Stop(context.Background()); err != nil {
		log.Fatal(err)
	}
}
