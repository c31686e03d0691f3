package bench

import (
	"context"
	"log/slog"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process"
)

func quiet() *actor.ActorSystem {
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond),
	)
}

// counter is the server of these benchmarks: it counts what it is cast, and says so when it has all.
type counter struct {
	genserver.Defaults
	left int
	done chan struct{}
}

func (c *counter) HandleCall(_ *genserver.Context, _ genserver.From, req any) genserver.Return {
	return genserver.Reply(req)
}

func (c *counter) HandleCast(*genserver.Context, any) genserver.Return {
	c.count()
	return genserver.NoReply()
}

func (c *counter) HandleInfo(*genserver.Context, any) genserver.Return {
	c.count()
	return genserver.NoReply()
}

// add is what counters are sent.
type add struct{ what, by int }

func (c *counter) count() {
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// plain is the same in protoactor's own terms.
func plain(c *counter) *actor.Props {
	return actor.PropsFromFunc(func(ctx actor.Context) {
		switch msg := ctx.Message().(type) {
		case string:
			ctx.Respond(msg)
		case add:
			c.count()
		}
	})
}

func served(c *counter) *actor.Props {
	return genserver.Props(func() genserver.Server { return c })
}

// BenchmarkCall is one call and its reply, and protoactor's future.
func BenchmarkCall(b *testing.B) {
	system := quiet()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	b.Run("call", func(b *testing.B) {
		pid := system.Root.Spawn(served(&counter{}))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := genserver.Call[string](ctx, system, pid, "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("future", func(b *testing.B) {
		pid := system.Root.Spawn(plain(&counter{}))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := system.Root.RequestFuture(pid, "x", time.Hour).Result(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkCallers is the same from many goroutines at once.
func BenchmarkCallers(b *testing.B) {
	system := quiet()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	b.Run("call", func(b *testing.B) {
		pid := system.Root.Spawn(served(&counter{}))
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := genserver.Call[string](ctx, system, pid, "x"); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.Run("future", func(b *testing.B) {
		pid := system.Root.Spawn(plain(&counter{}))
		b.SetParallelism(32)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := system.Root.RequestFuture(pid, "x", time.Hour).Result(); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkIdle is what an actor that waits for work keeps of the heap.
func BenchmarkIdle(b *testing.B) {
	for name, props := range map[string]*actor.Props{
		"server": genserver.Props(func() genserver.Server { return &counter{} }),
		"plain":  actor.PropsFromProducer(func() actor.Actor { return actor.ReceiveFunc(func(actor.Context) {}) }),
		"process": process.Props(func(actor.Context) process.Machine[int, int, int] {
			return process.Machine[int, int, int]{Lift: func(actor.Context) (int, bool) { return 0, false }}
		}),
	} {
		b.Run(name, func(b *testing.B) {
			const many = 50_000
			for b.Loop() {
				system := quiet()
				before := heap()
				var last *actor.PID
				for i := range many {
					last, _ = system.Root.SpawnNamed(props, strconv.Itoa(i))
				}
				for i := range many { // all have started
					_ = system.Root.RequestFuture(actor.NewPID("nonhost", strconv.Itoa(i)), &actor.Touch{}, time.Hour).Wait()
				}
				b.ReportMetric(float64(heap()-before)/many, "B/actor")
				runtime.KeepAlive(last)
				runtime.KeepAlive(system)
			}
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
