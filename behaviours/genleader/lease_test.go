package genleader

import (
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestLeaseBeginsWhenTheLogHasCaughtUp: a member that was away must not act on an order that is superseded further on,
// so its lease begins only when it has applied what the leader had applied.
func TestLeaseBeginsWhenTheLogHasCaughtUp(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	h, leader := w.hosts["b1"], w.hosts["a1"]
	before := h.until
	ahead := &wire.Beat{
		Term: h.core.term, Round: leader.core.rounds.round + 1, Granted: true,
		Stamp: int64(w.now.Sub(h.core.began)), Applied: h.core.applied + 1,
	}
	h.take(received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Beat{Beat: ahead}}}})
	if h.until != before {
		t.Fatalf("the lease moved to %v before entry %d was applied", h.until, ahead.Applied)
	}
	w.call("a1", "next", time.Second)
	w.run(5 * time.Millisecond)
	if h.core.applied < ahead.Applied || !h.until.After(before) {
		t.Fatalf("applied %d of %d, the lease ends at %v as before", h.core.applied, ahead.Applied, h.until)
	}
}

// TestStampsOfAnotherClockGrantNothing: a grant whose stamp lies in the future was never this member's.
func TestStampsOfAnotherClockGrantNothing(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	h, leader := w.hosts["b1"], w.hosts["a1"]
	before := h.until
	forged := &wire.Beat{Term: h.core.term, Granted: true, Stamp: int64(time.Hour)}
	h.take(received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Beat{Beat: forged}}}})
	if h.until != before {
		t.Fatalf("the lease moved from %v to %v", before, h.until)
	}
}
