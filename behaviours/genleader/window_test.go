package genleader

import (
	"fmt"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A windowWatch notes when a follower sends which of its calls.
type windowWatch struct {
	w        *world
	follower string
	sent     map[uint64]time.Time
}

func watchWindow(t *testing.T) windowWatch {
	t.Helper()
	w := begun(t, 7, "a1", "b1", "c1")
	c := windowWatch{w: w, follower: w.follower().self.Name, sent: map[uint64]time.Time{}}
	w.loses = func(from, _ string, p *wire.Packet) bool {
		if call := p.GetCall(); call != nil && from == c.follower {
			c.sent[call.GetSeq()] = w.now
		}
		return false
	}
	return c
}

func (c windowWatch) calls(n int) (seqs []uint64) {
	for i := range n {
		seqs = append(seqs, c.w.call(c.follower, fmt.Sprint("call", i), 5*time.Second))
	}
	return seqs
}

// TestCallsBeyondTheWindowGoTogether: while few are under way each goes at once; while many are, later ones wait for
// their answers.
func TestCallsBeyondTheWindowGoTogether(t *testing.T) {
	c := watchWindow(t)
	few := c.calls(inFlightWindow - 1)
	c.w.run(0)
	alone := c.calls(1)
	c.w.run(0)
	if len(c.sent) != len(few)+len(alone) {
		t.Fatalf("%d of %d calls were sent at once", len(c.sent), len(few)+len(alone))
	}
	later := c.calls(2)
	c.w.run(0)
	if len(c.sent) != inFlightWindow {
		t.Fatalf("with %d calls under way another %d were sent", inFlightWindow, len(c.sent)-inFlightWindow)
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

// TestAFullWindowWaitsForAHeartbeatAtMost, if the answers are lost.
func TestAFullWindowWaitsForAHeartbeatAtMost(t *testing.T) {
	c := watchWindow(t)
	c.w.cut(c.w.leader().self.Name, c.follower)
	c.calls(inFlightWindow)
	c.w.run(0)
	begin := c.w.now
	later := c.calls(1)
	c.w.run(2 * c.w.timing.Heartbeat)
	if waited := c.sent[later[0]].Sub(begin); waited != c.w.timing.Heartbeat {
		t.Errorf("it waited %v, wanted %v", waited, c.w.timing.Heartbeat)
	}
}

// TestCallsThatTakeLongDoNotFillTheWindow: once it has shown that their answers do not come, others go at once.
func TestCallsThatTakeLongDoNotFillTheWindow(t *testing.T) {
	c := watchWindow(t)
	for range inFlightWindow {
		c.w.call(c.follower, "later", 5*time.Second) // nobody answers it
	}
	c.w.run(0)
	c.calls(1)
	c.w.run(2 * c.w.timing.Heartbeat)
	for range 3 {
		begin := c.w.now
		seq := c.calls(1)[0]
		c.w.run(2 * c.w.timing.Heartbeat)
		if waited := c.sent[seq].Sub(begin); waited != 0 {
			t.Errorf("it waited %v", waited)
		}
	}
}

// TestNoCallIsForgottenWhenOthersEnd: those for a term that is over end while the queue is gone through, and may be so
// many that it is made shorter.
func TestNoCallIsForgottenWhenOthersEnd(t *testing.T) {
	c := newCore(settings{self: Member{"a1", 1}, candidates: []string{"a1"}}, time.Unix(1000, 0), 1)
	c.phase, c.term = Leading, 5
	for seq := uint64(1); seq <= 3*keepQueued; seq++ {
		if c.book.queue = append(c.book.queue, seq); seq%3 == 0 { // the others have ended
			c.book.calls[seq] = &pendingCall{}
		}
	}
	c.book.calls[3].only, c.book.calls[6].only = 4, 4
	c.sendCalls()
	if unsent := len(c.book.calls) - c.book.underWay; unsent > 0 {
		t.Errorf("%d of %d were not sent", unsent, len(c.book.calls))
	}
}
