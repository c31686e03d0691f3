package bench

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/genstatem"
)

// BenchmarkCallOfAMachineBesideAServer calls a genserver and a genstatem that do the same, in turns of a hundred.
func BenchmarkCallOfAMachineBesideAServer(b *testing.B) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	system := quiet()
	server := system.Root.Spawn(served(&counter{}))
	machine := system.Root.Spawn(genstatem.Props(genstatem.Spec[string, int]{
		Init: func(c *genstatem.Context[string, int]) genstatem.Result[string] { return c.Next("open") },
		States: map[string]genstatem.State[string, int]{"open": {
			On: func(c *genstatem.Context[string, int], e genstatem.Event) genstatem.Result[string] {
				c.Data++
				return c.Keep(genstatem.Reply(e.From, "x"))
			},
		}},
	}))
	const turn = 100
	sides := []*side{{to: server}, {to: machine}}
	for n := 0; n < b.N; n += turn {
		for _, s := range sides {
			s.call(ctx, b, system, turn)
		}
	}
	for i, name := range []string{"server", "machine"} {
		s := sides[i]
		b.ReportMetric(float64(s.took.Nanoseconds())/float64(s.calls), name+"-ns/call")
		b.ReportMetric(float64(s.mallocs)/float64(s.calls), name+"-allocs/call")
	}
	b.ReportMetric(float64(sides[1].took)/float64(sides[0].took), "ratio")
}

// side is one of two that are compared.
type side struct {
	to      *actor.PID
	took    time.Duration
	calls   int
	mallocs uint64
}

func (s *side) call(ctx context.Context, b *testing.B, system *actor.ActorSystem, turn int) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin := time.Now()
	for range turn {
		if _, err := genserver.Call[string](ctx, system, s.to, "x"); err != nil {
			b.Error(err)
		}
	}
	s.took += time.Since(begin)
	runtime.ReadMemStats(&after)
	s.calls += turn
	s.mallocs += after.Mallocs - before.Mallocs
}
