package bench

import (
	"context"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// idleActor is a child that does nothing, as cheap as protoactor has it.
type idleActor struct{ begun chan<- struct{} }

func (a *idleActor) Receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		if a.begun != nil {
			a.begun <- struct{}{}
		}
	case error:
		panic(msg)
	}
}

// idleMachine is the same as a process.
func idleMachine() *actor.Props {
	return process.Props(func(actor.Context) process.Machine[struct{}, error, error] {
		return process.Machine[struct{}, error, error]{
			Lift: func(ctx actor.Context) (error, bool) {
				err, ok := ctx.Message().(error)
				return err, ok
			},
			Step:    func(s struct{}, err error) (struct{}, []error) { return s, []error{err} },
			Perform: func(ctx actor.Context, err error) { process.Exit(ctx, err) },
		}
	})
}

const lotSize = 1000

// BenchmarkStartChildren is the start of one child, in lots of a thousand, until it has started. Beside it, what bare
// protoactor needs to spawn a child and hear that it has started.
func BenchmarkStartChildren(b *testing.B) {
	b.Run("protoactor", func(b *testing.B) {
		system := actorstest.System()
		begun := make(chan struct{}, lotSize)
		props := actor.PropsFromProducer(func() actor.Actor { return &idleActor{begun} })
		parent := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if n, ok := ctx.Message().(int); ok {
				for range n {
					ctx.Spawn(props)
				}
			}
		}))
		lots(b, func(n int) {
			system.Root.Send(parent, n)
			for range n {
				<-begun
			}
		}, func() { _ = system.Root.StopFuture(parent).Wait() })
	})
	for name, props := range map[string]*actor.Props{
		"supervisor of processes":    idleMachine(),
		"supervisor of plain actors": actor.PropsFromProducer(func() actor.Actor { return &idleActor{} }),
	} {
		b.Run(name, func(b *testing.B) {
			system := actorstest.System()
			sup := startSupervisor(b, system, supervisor.Spec{
				Strategy: supervisor.SimpleOneForOne,
				Children: []supervisor.Child{{ID: "conn", Props: props, Restart: supervisor.Temporary}},
			})
			args := make([]any, lotSize)
			lots(b, func(n int) {
				if _, err := supervisor.StartMany(patient(b), system, sup, args[:n]...); err != nil {
					b.Fatal(err)
				}
			}, func() { system.Root.Stop(sup) })
		})
	}
}

// lots starts b.N children and then, off the clock, lets them go.
func lots(b *testing.B, start func(n int), end func()) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= lotSize {
		start(min(left, lotSize))
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "starts/s")
	end()
}

// BenchmarkCrashAndRestart is the time from a message that makes a child crash until its successor has started.
func BenchmarkCrashAndRestart(b *testing.B) {
	b.Run("protoactor", func(b *testing.B) {
		system := actorstest.System()
		begun := make(chan struct{}, 1)
		child := actor.PropsFromProducer(func() actor.Actor { return &idleActor{begun} })
		always := actor.NewRestartingStrategy()
		pids := make(chan *actor.PID, 1)
		system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Started); ok {
				pids <- ctx.Spawn(child)
			}
		}, actor.WithSupervisor(always)))
		pid := <-pids
		<-begun
		b.ReportAllocs()
		for b.Loop() {
			system.Root.Send(pid, context.Canceled)
			<-begun
		}
	})
	for _, strategy := range []supervisor.Strategy{supervisor.OneForOne, supervisor.SimpleOneForOne} {
		b.Run(strategy.String(), func(b *testing.B) { crashes(b, strategy) })
	}
}

func crashes(b *testing.B, strategy supervisor.Strategy) {
	system := actorstest.System()
	begun := make(chan *actor.PID, 1)
	cancel := supervisor.Subscribe(system, func(e supervisor.Event) {
		if e.What == supervisor.Started {
			begun <- e.PID
		}
	})
	defer cancel()
	sup := startSupervisor(b, system, supervisor.Spec{
		Strategy: strategy, MaxRestarts: 1 << 30, Period: time.Millisecond,
		Children: []supervisor.Child{{ID: "a", Props: idleMachine()}},
	})
	if strategy == supervisor.SimpleOneForOne {
		if _, err := supervisor.StartOne(patient(b), system, sup, nil); err != nil {
			b.Fatal(err)
		}
	}
	pid := <-begun
	b.ReportAllocs()
	for b.Loop() {
		system.Root.Send(pid, context.Canceled)
		pid = <-begun
	}
	system.Root.Stop(sup)
}

func startSupervisor(b *testing.B, system *actor.ActorSystem, spec supervisor.Spec) *actor.PID {
	b.Helper()
	sup, err := supervisor.StartWait(patient(b), system.Root, spec, "sup")
	if err != nil {
		b.Fatal(err)
	}
	return sup
}

func patient(b *testing.B) context.Context {
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	b.Cleanup(cancel)
	return ctx
}
