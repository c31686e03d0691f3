package genleader

import (
	"fmt"
	"testing"
	"time"
)

// TestRandomCalls: many call at once, on every member, while members die, return and lose each other. In the end nothing waits.
func TestRandomCalls(t *testing.T) {
	for seed := range uint64(max(1, *splitSeeds/5)) {
		for _, durable := range []bool{false, true} {
			randomCalls(t, seed+1, durable)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed+1)
		}
	}
}

func randomCalls(t *testing.T, seed uint64, durable bool) {
	t.Helper()
	w := newWorld(seed, "a1", "b1", "c1")
	w.durable, w.tosses = durable, durable
	if seed%2 == 0 {
		w.logEntries, w.chunk, w.decoding = 5, 256, 10*time.Millisecond
	}
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	calls := 0
	for range 25 {
		w.trouble()
		for range w.random(4) {
			name := w.names[w.random(len(w.names))]
			for range w.random(48) {
				if h := w.hosts[name]; !h.gone && !h.paused && calls < 800 {
					calls++
					w.call(name, fmt.Sprintf("m%d", calls), time.Second)
				}
			}
			w.read(name, time.Second)
			w.run(time.Duration(w.random(2000)) * time.Microsecond)
		}
		w.run(time.Duration(w.random(200)) * time.Millisecond)
	}
	w.calm()
	w.run(10 * w.timing.Election)
	w.judge(t, seed)
	w.judgeReads(t, seed)
	for _, name := range w.names {
		c := w.hosts[name].core
		if len(c.book.queue) > 0 || c.turn.holding || len(c.turn.waiting.entries) > 0 || len(c.readers.behind) > 0 {
			t.Errorf("seed %d: %s: queue %d, holding %v, waiting %d, behind %d", seed, name,
				len(c.book.queue), c.turn.holding, len(c.turn.waiting.entries), len(c.readers.behind))
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
	for seq, call := range c.book.calls {
		if call.sentTerm != 5 {
			t.Errorf("call %d was not sent", seq)
		}
	}
}
