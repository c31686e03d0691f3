package process_test

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// BenchmarkCall is one call and its reply, with protoactor's own future beside it for scale.
func BenchmarkCall(b *testing.B) {
	system := actorstest.System()
	b.Run("process", func(b *testing.B) {
		pid := system.Root.Spawn(server())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := process.Call[string](b.Context(), system, pid, "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protoactor", func(b *testing.B) {
		pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if msg, ok := ctx.Message().(string); ok {
				ctx.Respond(msg)
			}
		}))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := system.Root.RequestFuture(pid, "x", process.DefaultTimeout).Result(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkSpawnMonitorDown is the life of one child: spawned, monitored, told to stop, its Down handled.
func BenchmarkSpawnMonitorDown(b *testing.B) {
	system := actorstest.System()
	downs := make(chan *process.Down)
	child := act(idle)
	pid := system.Root.Spawn(onDownOrSpawn(child, downs))
	b.ReportAllocs()
	for b.Loop() {
		system.Root.Send(pid, "spawn")
		<-downs
	}
}

func onDownOrSpawn(child *actor.Props, downs chan<- *process.Down) *actor.Props {
	return act(func(ctx actor.Context, msg any) {
		switch msg := msg.(type) {
		case string:
			pid := ctx.Spawn(child)
			process.Monitor(ctx, pid)
			ctx.Stop(pid)
		case *process.Down:
			downs <- msg
		}
	})
}
