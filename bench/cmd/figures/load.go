package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gendac/gendac/gdict"
)

// load is what one round of writes came to; bench/tools/etcdload prints the same of etcd.
type load struct {
	Done   int     `json:"done"`
	Failed int     `json:"failed"`
	Why    string  `json:"why,omitempty"` // one of the failures
	Rate   float64 `json:"rate"`          // acknowledged writes per second
	P50    float64 `json:"p50_us"`
	P99    float64 `json:"p99_us"`

	cpu time.Duration // of all processes together
}

// writeAll stores 100-byte values from many goroutines until span has passed.
func writeAll(ctx context.Context, dict *gdict.Dict, name string, callers int, span time.Duration) load {
	value := []byte(strings.Repeat("v", 100))
	times := make([][]time.Duration, callers)
	failed := make([][]error, callers)
	var all sync.WaitGroup
	begin := time.Now()
	for i := range callers {
		all.Go(func() {
			for n := 0; time.Since(begin) < span && ctx.Err() == nil; n++ {
				start := time.Now()
				key := name + "/" + strconv.Itoa(i) + "/" + strconv.Itoa(n%50)
				if _, err := dict.Store(ctx, key, value); err != nil {
					failed[i] = append(failed[i], err)
					continue
				}
				times[i] = append(times[i], time.Since(start))
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	sorted := slices.Sorted(slices.Values(slices.Concat(times...)))
	out := load{Done: len(sorted), Rate: float64(len(sorted)) / took.Seconds()}
	for _, f := range failed {
		if out.Failed += len(f); len(f) > 0 {
			out.Why = f[0].Error()
		}
	}
	if n := len(sorted); n > 0 {
		out.P50, out.P99 = float64(sorted[n/2].Nanoseconds())/1e3, float64(sorted[n*99/100].Nanoseconds())/1e3
	}
	return out
}

// readCost is what a local read costs.
type readCost struct {
	Nanoseconds float64 `json:"ns"`
	Allocations float64 `json:"allocations"`
}

// readMany finds keys that were written before, one after the other, in one goroutine.
func readMany(dict *gdict.Dict, keys int) (readCost, error) {
	entries, _ := dict.ToList("")
	if len(entries) < keys {
		return readCost{}, fmt.Errorf("read: only %d keys are there, not %d", len(entries), keys)
	}
	const rounds = 2_000_000
	before, after := runtime.MemStats{}, runtime.MemStats{}
	runtime.ReadMemStats(&before)
	begin := time.Now()
	for i := range rounds {
		if _, found := dict.Find(entries[i%keys].Key); !found {
			return readCost{}, fmt.Errorf("read: %q is gone", entries[i%keys].Key)
		}
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	return readCost{
		Nanoseconds: float64(took.Nanoseconds()) / rounds,
		Allocations: float64(after.Mallocs-before.Mallocs) / rounds,
	}, nil
}

// fill stores so many keys of 16 bytes with values of 16.
func fill(ctx context.Context, dict *gdict.Dict, keys int) error {
	const writers = 256
	problems := make([]error, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := w; i < keys && problems[w] == nil; i += writers {
				_, problems[w] = dict.Store(ctx, fmt.Sprintf("fill/%011d", i), []byte("sixteen bytes..."))
			}
		})
	}
	all.Wait()
	return errors.Join(problems...)
}

// A gap is the longest time between two acknowledged writes of a caller that writes all the time.
type gap struct {
	From time.Time `json:"from"` // the last acknowledgement before it
	To   time.Time `json:"to"`
}

// A probe writes all the time and remembers its longest gap.
type probe struct {
	cancel  context.CancelFunc
	ended   chan struct{}
	longest gap
}

func startProbe(dict *gdict.Dict, name string) *probe {
	ctx, cancel := context.WithCancel(context.Background())
	p := &probe{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		last := time.Time{}
		for ctx.Err() == nil {
			if _, err := dict.Store(ctx, "probe/"+name, []byte("p")); err != nil {
				continue
			}
			now := time.Now()
			if !last.IsZero() && now.Sub(last) > p.longest.To.Sub(p.longest.From) {
				p.longest = gap{From: last, To: now}
			}
			last = now
		}
	}()
	return p
}

func (p *probe) stop() gap {
	p.cancel()
	<-p.ended
	return p.longest
}
