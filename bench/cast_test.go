package bench

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genserver"
)

// BenchmarkCastBesideSend takes turns: a thousand casts until all are handled, a thousand plain sends to a plain actor, and
// so on, so that whatever else the machine does meets both alike. It reports the medians for one message, and their ratio.
// The others are the same server sent to plainly, which is what it costs without the cast, and a cast of a pointer.
func BenchmarkCastBesideSend(b *testing.B) {
	const many = 1000
	system := quiet()
	ballast := make([]byte, 64<<20) // a program with nothing on its heap collects garbage all the time
	defer runtime.KeepAlive(ballast)
	c := &counter{}
	server, bare := system.Root.Spawn(served(c)), system.Root.Spawn(plain(c))
	pointer := &add{}
	ways := []struct {
		name string
		send func(add)
	}{
		{"send", func(m add) { system.Root.Send(bare, m) }},
		{"cast", func(m add) { genserver.Cast(system.Root, server, m) }},
		{"info", func(m add) { system.Root.Send(server, m) }},
		{"pointer", func(add) { genserver.Cast(system.Root, server, pointer) }},
	}
	took := make([][]float64, len(ways))
	for b.Loop() {
		for i, way := range ways {
			c.left, c.done = many, make(chan struct{})
			begin := time.Now()
			for n := range many {
				way.send(add{n, 1})
			}
			<-c.done
			took[i] = append(took[i], float64(time.Since(begin).Nanoseconds())/many)
		}
	}
	median := func(i int) float64 { slices.Sort(took[i]); return took[i][len(took[i])/2] }
	for i, way := range ways {
		b.ReportMetric(median(i), "ns/"+way.name)
		if i > 0 {
			b.ReportMetric(median(i)/median(0), way.name+"/send")
		}
	}
	b.ReportMetric(0, "ns/op")
}
