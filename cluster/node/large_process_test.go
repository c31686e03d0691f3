//go:build process && linux

package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/gdict"
)

const (
	largeValues = 200
	largeValue  = 1 << 20
)

// TestAMemberThatStartsAgainGets200MiBWhileOthersGoOn, over real connections: the leader and the third member keep their
// leases and their leader all the time, and every write of theirs is done.
func TestAMemberThatStartsAgainGets200MiBWhileOthersGoOn(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	fill(t, c.nodes["a1"].Dict())
	c.eventually("everybody has it", func() bool {
		return sameSize(c.nodes["a1"].Dict(), c.nodes["b1"].Dict()) && sameSize(c.nodes["a1"].Dict(), c.nodes["w1"].Dict())
	})
	c.stop("b1")
	c.eventually("a leader that is there", func() bool { return c.nodes["a1"].group.View().Leader.Name != "b1" })
	before := standing{c.nodes["a1"].group.View().Leader, held(c.nodes["a1"]), held(c.nodes["w1"])}
	ctx, cancel := context.WithCancel(t.Context())
	writing := make(chan written, 1)
	writer := c.nodes["a1"].Dict() // the map of nodes is about to change
	go func() { writing <- write(ctx, writer) }()
	began := time.Now()
	c.start("b1")
	c.eventually("b1 has everything", func() bool { return sameSize(c.nodes["a1"].Dict(), c.nodes["b1"].Dict()) })
	took := time.Since(began)
	cancel()
	done := <-writing
	if done.err != nil || done.count == 0 {
		t.Errorf("%d writes were done, then: %v", done.count, done.err)
	}
	if after := (standing{c.nodes["a1"].group.View().Leader, held(c.nodes["a1"]), held(c.nodes["w1"])}); after != before {
		t.Errorf("leader and lease terms were %+v and are %+v", before, after)
	}
	c.eventually("b1 has the writes too", func() bool { return sum(c.nodes["a1"].Dict()) == sum(c.nodes["b1"].Dict()) })
	t.Logf("%d MiB after %v; meanwhile %d writes, the slowest in %v", largeValues*largeValue>>20, took, done.count, done.slowest)
}

type standing struct {
	leader genleader.Member
	a1, w1 lease.Term
}

func held(n *Node) lease.Term {
	term, _ := n.group.Lease().Current()
	return term
}

func fill(t *testing.T, d *gdict.Dict) {
	t.Helper()
	for i := range largeValues {
		value := bytes.Repeat(binary.BigEndian.AppendUint64(nil, uint64(i)), largeValue/8)
		for attempt := 0; ; attempt++ {
			_, err := d.Store(t.Context(), fmt.Sprintf("large/%03d", i), value)
			if err == nil {
				break
			}
			if attempt == 10 { // nobody leads for a moment, at the start
				t.Fatal(err)
			}
		}
	}
}

type written struct {
	count   int
	slowest time.Duration
	err     error
}

func write(ctx context.Context, d *gdict.Dict) (w written) {
	for ctx.Err() == nil {
		began := time.Now()
		if _, err := d.Store(context.WithoutCancel(ctx), fmt.Sprintf("small/%d", w.count%100), []byte("x")); err != nil {
			w.err = err
			return w
		}
		w.count++
		w.slowest = max(w.slowest, time.Since(began))
	}
	return w
}

func sameSize(a, b *gdict.Dict) bool {
	count := func(d *gdict.Dict) int { entries, _ := d.ToList("large/"); return len(entries) }
	return count(a) == largeValues && count(b) == largeValues
}

// sum is of all keys, values and revisions.
func sum(d *gdict.Dict) (crc uint32) {
	entries, _ := d.ToList("")
	for _, e := range entries {
		crc = crc32.Update(crc, crc32.IEEETable, fmt.Appendf(nil, "%s@%d", e.Key, e.Rev))
		crc = crc32.Update(crc, crc32.IEEETable, e.Value)
	}
	return crc
}
