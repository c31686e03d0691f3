package remoting

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/model"
)

// echo answers every "ping" envelope of a pair.
func benchPair(b *testing.B, kind string, h func(n *node) func(model.Member, []byte)) (*node, *node) {
	b.Helper()
	x, y := startNode(b, Config{Name: "a"}), startNode(b, Config{Name: "b"})
	x.Handle(kind, h(x))
	y.Handle(kind, h(y))
	acquaint(x, y)
	x.await(b, "up b")
	y.await(b, "up a")
	return x, y
}

// BenchmarkRoundTrip is one envelope there and one back, one at a time.
func BenchmarkRoundTrip(b *testing.B) {
	back := make(chan struct{}, 1)
	x, _ := benchPair(b, "echo", func(n *node) func(model.Member, []byte) {
		if n.cfg.Name == "b" {
			return func(p model.Member, body []byte) { _ = n.Send(p.Name, "echo", body) }
		}
		return func(model.Member, []byte) { back <- struct{}{} }
	})
	body := make([]byte, 100)
	for b.Loop() {
		if err := x.Send("b", "echo", body); err != nil {
			b.Fatal(err)
		}
		<-back
	}
}

// BenchmarkOneWay is envelopes of 100 bytes as fast as they go, until the last is handled.
func BenchmarkOneWay(b *testing.B) {
	const last = 200_000
	done := make(chan struct{}, 1)
	n := 0
	x, _ := benchPair(b, "flood", func(*node) func(model.Member, []byte) {
		return func(model.Member, []byte) {
			if n++; n == last {
				n = 0
				done <- struct{}{}
			}
		}
	})
	body := make([]byte, 100)
	start, rounds := time.Now(), 0
	for b.Loop() {
		for range last {
			for x.Send("b", "flood", body) != nil {
				time.Sleep(time.Millisecond) // backlog
			}
		}
		<-done
		rounds++
	}
	b.ReportMetric(float64(rounds*last)/time.Since(start).Seconds(), "envelopes/s")
}

// BenchmarkCall is a call of an actor on another member; compare BenchmarkRoundTrip, which is what carries it.
func BenchmarkCall(b *testing.B) {
	x, y := startNode(b, Config{Name: "a"}), startNode(b, Config{Name: "b"})
	acquaint(x, y)
	x.await(b, "up b")
	y.await(b, "up a")
	pid := y.system.Root.Spawn(echoer(x))
	req := wrapperspb.String("hello")
	ctx := within(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := process.Call[*wrapperspb.StringValue](ctx, x.system, pid, req); err != nil {
			b.Fatal(err)
		}
	}
}
