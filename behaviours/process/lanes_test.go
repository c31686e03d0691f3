package process_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// numbered is the n-th message of a sender.
type numbered struct{ sender, n int }

func TestEveryMessageIsHandledOnceInItsSendersOrder(t *testing.T) {
	for name, opts := range map[string][]actor.PropsOption{
		"own mailbox":          nil,
		"protoactor's mailbox": {process.WithMailbox(actor.Unbounded())},
		"own dispatcher":       {actor.WithDispatcher(actor.NewDefaultDispatcher(3))},
	} {
		t.Run(name, func(t *testing.T) {
			actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
				const senders, each = 4, 2000
				var next [senders]int
				pid := system.Root.Spawn(restarted(process.Props(func(actor.Context) process.Machine[int, any, any] {
					return echo(func(_ actor.Context, msg any) {
						m, ok := msg.(numbered)
						if !ok {
							return
						}
						if next[m.sender] != m.n {
							t.Errorf("message %d of sender %d, want %d", m.n, m.sender, next[m.sender])
						}
						next[m.sender]++
						if m.sender == 0 && m.n%500 == 250 {
							panic(errBoom) // the guardian restarts it: suspended and resumed, the queue stays
						}
					})
				}, opts...)))
				var all sync.WaitGroup
				for s := range senders {
					all.Go(func() {
						for n := range each {
							system.Root.Send(pid, numbered{s, n})
						}
					})
				}
				all.Wait()
				synctest.Wait()
				for s := range senders {
					if next[s] != each {
						t.Errorf("sender %d: %d handled, want %d", s, next[s], each)
					}
				}
			})
		})
	}
}
