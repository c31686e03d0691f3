package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"
)

// writes prints acknowledged writes per second through the leader and through a follower, and etcd's through its three
// members in turn, of which the best is shown. The processor time per write, of all processes together and etcd's client
// too, is what other work on the machine disturbs least.
func writes(ctx context.Context, o options, c *cluster, e *etcd, out io.Writer) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "| callers | leader /s | p50, p99 us | cpu us | follower /s | p50, p99 us | cpu us | of leader | etcd /s | p50, p99 us | cpu us | times etcd |\n")
	fmt.Fprintf(out, "|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, callers := range o.callers {
		write := order{Do: "write", Callers: callers, Span: o.span}
		lead, err := c.measure(leader, order{Do: "write", Callers: callers, Span: o.span, Profile: o.profileOf(callers)})
		if err != nil {
			return err
		}
		follow, err := c.measure(c.follower(leader), write)
		if err != nil {
			return err
		}
		best, err := e.best(ctx, callers, o.span)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| %d | %s | %s | %.2f | %s | %s |\n", callers, lead, follow,
			follow.Rate/lead.Rate, best, times(lead.Rate, best.Rate))
		for _, l := range []load{lead, follow, best} {
			if l.Failed > 0 {
				fmt.Fprintf(out, "%d writes FAILED in that round, the first with: %s\n", l.Failed, l.Why)
			}
		}
	}
	return nil
}

// measure lets one member write, and adds what that cost all three.
func (c *cluster) measure(name string, o order) (load, error) {
	before := c.cpu()
	r, err := c.ask(name, o)
	r.Load.cpu = c.cpu() - before
	return r.Load, err
}

func (e *etcd) best(ctx context.Context, callers int, span time.Duration) (load, error) {
	best := load{}
	if e == nil {
		return best, nil
	}
	for _, endpoint := range e.clients {
		before := cpuOf(e.cmds)
		l, err := e.put(ctx, endpoint, callers, span)
		if err != nil {
			return best, err
		}
		l.cpu += cpuOf(e.cmds) - before
		if l.Rate > best.Rate {
			best = l
		}
	}
	return best, nil
}

func (l load) String() string {
	if l.Done == 0 {
		return "- | - | -"
	}
	return fmt.Sprintf("%.0f | %.0f, %.0f | %.0f", l.Rate, l.P50, l.P99, float64(l.cpu.Microseconds())/float64(l.Done))
}

func times(ours, theirs float64) string {
	if theirs == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", ours/theirs)
}

func reads(ctx context.Context, o options, c *cluster, out io.Writer) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	r, err := c.ask(leader, order{Do: "read", Keys: 500})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nlocal read of one of 500 keys: %.0f ns, %.2f allocations\n", r.Read.Nanoseconds, r.Read.Allocations)
	return nil
}

// elections kills and pauses leaders and prints for how long a caller on another member had no acknowledgement.
func elections(ctx context.Context, o options, c *cluster, out io.Writer) error {
	if o.elections == 0 {
		return nil
	}
	killed, err := outages(ctx, o.elections, c, func(leader string) (func() error, error) {
		c.kill(leader)
		return func() error { return c.start(leader) }, nil
	})
	if err != nil {
		return err
	}
	paused, err := outages(ctx, o.elections, c, func(leader string) (func() error, error) {
		_, err := c.signal(leader, syscall.SIGSTOP)
		return func() error { _, err := c.signal(leader, syscall.SIGCONT); return err }, err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nuntil a write of another member is acknowledged again (%d each):\n", o.elections)
	fmt.Fprintf(out, "| the leader | p50 | max |\n|---|---|---|\n| is killed | %v | %v |\n| is silent | %v | %v |\n",
		middle(killed), slices.Max(killed), middle(paused), slices.Max(paused))
	return nil
}

func outages(ctx context.Context, n int, c *cluster, strike func(leader string) (heal func() error, err error)) ([]time.Duration, error) {
	var all []time.Duration
	for range n {
		leader, err := c.leader(ctx)
		if err != nil {
			return nil, err
		}
		other := c.follower(leader)
		if _, err := c.ask(other, order{Do: "probe"}); err != nil {
			return nil, err
		}
		time.Sleep(500 * time.Millisecond)
		heal, err := strike(leader)
		if err != nil {
			return nil, err
		}
		time.Sleep(1500 * time.Millisecond)
		r, err := c.ask(other, order{Do: "probed"})
		if err != nil {
			return nil, err
		}
		if err := heal(); err != nil {
			return nil, err
		}
		all = append(all, r.Gap.To.Sub(r.Gap.From).Round(100*time.Microsecond))
		time.Sleep(time.Second)
	}
	return all, nil
}

func middle(all []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}

// many fills the dictionary and prints what a key costs, and how long a member takes to be back beside that many.
func many(ctx context.Context, o options, c *cluster, out io.Writer) error {
	if o.keys == 0 {
		return nil
	}
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	other := c.follower(leader)
	before, err := c.ask(other, order{Do: "heap"})
	if err != nil {
		return err
	}
	begin := time.Now()
	if _, err := c.ask(leader, order{Do: "fill", Keys: o.keys}); err != nil {
		return err
	}
	filled := time.Since(begin)
	after, err := c.ask(other, order{Do: "heap"})
	if err != nil {
		return err
	}
	per := float64(after.Heap.Bytes-before.Heap.Bytes) / float64(after.Heap.Entries-before.Heap.Entries)
	fmt.Fprintf(out, "\n%d keys of 16 bytes with values of 16: written in %v, %.0f bytes of heap per key\n",
		o.keys, filled.Round(time.Millisecond), per)
	begin = c.kill(other)
	if err := c.start(other); err != nil {
		return err
	}
	for {
		r, err := c.ask(other, order{Do: "count"})
		if err != nil {
			return err
		}
		if r.Heap.Entries >= after.Heap.Entries {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	fmt.Fprintf(out, "a killed member has them all again after %v\n", time.Since(begin).Round(time.Millisecond))
	return nil
}
