package gdict

import (
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// BenchmarkWrite stores 100-byte values through a group of three members in this process, without a network: ns/op is
// the processor's time for all three.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 64} {
		for at, where := range []string{"leader", "follower"} {
			b.Run(strconv.Itoa(callers)+"/"+where, func(b *testing.B) {
				dicts := benchGroup(b)
				b.ReportAllocs()
				b.ResetTimer()
				storeMany(b, dicts[at], callers)
			})
		}
	}
}

func storeMany(b *testing.B, dict *Dict, callers int) {
	value := make([]byte, 100)
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if _, err := dict.Store(b.Context(), "key/"+strconv.Itoa(int(i%10_000)), value); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// benchGroup starts three members and waits until the first of them leads, which it does as soon as all are linked.
func benchGroup(b *testing.B) []*Dict {
	names := []string{"n1", "n2", "n3"}
	groups := map[string]*genleader.Group{}
	var dicts []*Dict
	var starts []func()
	for i, name := range names {
		self := genleader.Member{Name: name, Incarnation: uint64(i + 1)}
		system, dict := actorstest.System(), New()
		group, err := genleader.New(system, genleader.Config{
			Self: self, Candidates: names, Behaviour: dict.Behaviour(),
			Send: func(to string, frame []byte) error { groups[to].Deliver(self, frame); return nil },
		})
		if err != nil {
			b.Fatal(err)
		}
		dict.Attach(group)
		groups[name], dicts = group, append(dicts, dict)
		starts = append(starts, func() {
			pid := system.Root.Spawn(group.Props())
			b.Cleanup(func() { _ = system.Root.StopFuture(pid).Wait() })
		})
	}
	for _, start := range starts {
		start()
	}
	for _, group := range groups { // which takes no word before it has started
		for errors.Is(callNobody(b, group), genleader.ErrStopped) {
			runtime.Gosched()
		}
	}
	for _, group := range groups {
		for _, peer := range groups {
			if peer != group {
				group.LinkUp(peer.Member())
			}
		}
	}
	if _, err := dicts[0].Store(b.Context(), "first", nil); err != nil {
		b.Fatal(err)
	}
	if leader := groups["n1"].View().Leader.Name; leader != "n1" {
		b.Fatalf("%s leads", leader)
	}
	return dicts
}

func callNobody(b *testing.B, group *genleader.Group) error {
	_, err := group.Call(b.Context(), nil)
	return err
}
