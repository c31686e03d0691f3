// Command etcdload puts 100-byte values into an etcd cluster from many callers at once and prints what it measured as one
// line of JSON, the same figures that bench/cmd/figures takes of gendac. It is a module of its own, so that what an etcd
// client depends on never mixes with what gendac depends on.
//
//	etcdload -endpoint 127.0.0.1:2379 -callers 64 -for 3s
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// load is what bench/cmd/figures reads.
type load struct {
	Done   int     `json:"done"`
	Failed int     `json:"failed"`
	Why    string  `json:"why,omitempty"` // one of the failures
	Rate   float64 `json:"rate"`          // acknowledged writes per second
	P50    float64 `json:"p50_us"`
	P99    float64 `json:"p99_us"`
}

func main() {
	endpoint := flag.String("endpoint", "127.0.0.1:2379", "the member to talk to")
	callers := flag.Int("callers", 1, "how many put at once")
	conns := flag.Int("conns", 4, "client connections that they share")
	span := flag.Duration("for", 3*time.Second, "how long")
	flag.Parse()
	if err := run(*endpoint, *callers, *conns, *span); err != nil {
		fmt.Fprintln(os.Stderr, "etcdload:", err)
		os.Exit(1)
	}
}

func run(endpoint string, callers, conns int, span time.Duration) error {
	clients := make([]*clientv3.Client, min(conns, callers))
	for i := range clients {
		c, err := clientv3.New(clientv3.Config{
			Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
		})
		if err != nil {
			return err
		}
		defer c.Close()
		clients[i] = c
	}
	ctx, cancel := context.WithTimeout(context.Background(), span+10*time.Second)
	defer cancel()
	if _, err := clients[0].Put(ctx, "warm", "up"); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(putAll(ctx, clients, callers, span))
}

func putAll(ctx context.Context, clients []*clientv3.Client, callers int, span time.Duration) load {
	value := strings.Repeat("v", 100)
	times := make([][]time.Duration, callers)
	failed := make([][]error, callers)
	var all sync.WaitGroup
	begin := time.Now()
	for i := range callers {
		all.Go(func() {
			for n := 0; time.Since(begin) < span && ctx.Err() == nil; n++ {
				start := time.Now()
				key := "k" + strconv.Itoa(i) + "/" + strconv.Itoa(n%50)
				if _, err := clients[i%len(clients)].Put(ctx, key, value); err != nil {
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
