package process_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// act is an actor of ours whose core hands every message straight to one function.
func act(handle func(ctx actor.Context, msg any)) *actor.Props {
	return process.Props(func(actor.Context) process.Machine[int, any, any] { return echo(handle) })
}

func echo(handle func(ctx actor.Context, msg any)) process.Machine[int, any, any] {
	return process.Machine[int, any, any]{
		Lift:    func(ctx actor.Context) (any, bool) { return ctx.Message(), true },
		Step:    func(n int, ev any) (int, []any) { return n + 1, []any{ev} },
		Perform: handle,
	}
}

// onDown is an actor that runs first once, when it starts, and then sends each Down to downs.
func onDown(first func(ctx actor.Context), downs chan<- *process.Down) *actor.Props {
	return act(func(ctx actor.Context, msg any) {
		switch msg := msg.(type) {
		case *actor.Started:
			first(ctx)
		case *process.Down:
			downs <- msg
		}
	})
}

func idle(actor.Context, any) {}

// restarted has an actor of the root restarted by protoactor after each panic. Without it such an actor ends.
func restarted(props *actor.Props) *actor.Props {
	return props.Clone(actor.WithGuardian(actor.NewRestartingStrategy()))
}

// Messages of the tests.
type (
	exitWith  struct{ reason error }
	panicWith struct{ value any }
	do        func(ctx actor.Context)
)

// obey does what the messages of the tests say.
func obey(ctx actor.Context, msg any) {
	switch msg := msg.(type) {
	case exitWith:
		process.Exit(ctx, msg.reason)
	case panicWith:
		panic(msg.value)
	case do:
		msg(ctx)
	}
}
