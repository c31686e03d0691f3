package genleader

import (
	"fmt"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A crowdWatch notes when a follower sends which of its calls.
type crowdWatch struct {
	w        *world
	follower string
	sent     map[uint64]time.Time
}

func watchCrowd(t *testing.T) crowdWatch {
	t.Helper()
	w := newWorld(7, "a1", "b1", "c1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	c := crowdWatch{w: w, sent: map[uint64]time.Time{}}
	for _, name := range w.names {
		if w.hosts[name] != w.leader() {
			c.follower = name
		}
	}
	w.loses = func(from, _ string, p *wire.Packet) bool {
		if call := p.GetCall(); call != nil && from == c.follower {
			c.sent[call.GetSeq()] = w.now
		}
		return false
	}
	return c
}

func (c crowdWatch) calls(n int) (seqs []uint64) {
	for i := range n {
		seqs = append(seqs, c.w.call(c.follower, fmt.Sprint("call", i), 5*time.Second))
	}
	return seqs
}

// TestCallsOfACrowdGoTogether: while few are under way each goes at once; while many are, later ones wait for their answers.
func TestCallsOfACrowdGoTogether(t *testing.T) {
	c := watchCrowd(t)
	few := c.calls(crowd - 1)
	c.w.run(0)
	alone := c.calls(1)
	c.w.run(0)
	if len(c.sent) != len(few)+len(alone) {
		t.Fatalf("%d of %d calls were sent at once", len(c.sent), len(few)+len(alone))
	}
	later := c.calls(2)
	c.w.run(0)
	if len(c.sent) != crowd {
		t.Fatalf("with %d calls under way another %d were sent", crowd, len(c.sent)-crowd)
	}
	c.w.run(c.w.timing.Heartbeat / 2)
	h := c.w.hosts[c.follower]
	for _, seq := range append(few, later...) {
		if h.replies[seq] == "" {
			t.Errorf("call %d has no answer", seq)
		}
	}
	if c.sent[later[0]] != c.sent[later[1]] {
		t.Error("those that waited did not go together")
	}
}

// TestACrowdWaitsForAHeartbeatAtMost, if the answers are lost.
func TestACrowdWaitsForAHeartbeatAtMost(t *testing.T) {
	c := watchCrowd(t)
	c.w.cut(c.w.leader().self.Name, c.follower)
	c.calls(crowd)
	c.w.run(0)
	begin := c.w.now
	later := c.calls(1)
	c.w.run(2 * c.w.timing.Heartbeat)
	if waited := c.sent[later[0]].Sub(begin); waited != c.w.timing.Heartbeat {
		t.Errorf("it waited %v, wanted %v", waited, c.w.timing.Heartbeat)
	}
}
