package genleader

import (
	"fmt"
	"testing"
	"time"
)

// TestRandomWindows: many call at once, on every member, while members die, return and lose each other. What is under
// way is counted right all the time, and in the end nothing waits.
func TestRandomWindows(t *testing.T) {
	for seed := range uint64(max(1, *splitSeeds/5)) {
		for _, durable := range []bool{false, true} {
			randomWindow(t, seed+1, durable)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed+1)
		}
	}
}

func randomWindow(t *testing.T, seed uint64, durable bool) {
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
			for range w.random(3 * inFlightWindow) {
				if h := w.hosts[name]; !h.gone && !h.paused && calls < 800 {
					calls++
					w.call(name, fmt.Sprintf("m%d", calls), time.Second)
				}
			}
			w.read(name, time.Second)
			w.run(time.Duration(w.random(2000)) * time.Microsecond)
			w.checkUnderWay(t)
		}
		w.run(time.Duration(w.random(200)) * time.Millisecond)
		w.checkUnderWay(t)
	}
	w.calm()
	w.run(10 * w.timing.Election)
	w.judge(t, seed)
	w.judgeReads(t, seed)
	for _, name := range w.names {
		c := w.hosts[name].core
		if len(c.book.queue) > 0 || c.book.underWay != 0 || c.turn.holding || len(c.turn.waiting.entries) > 0 || len(c.readers.behind) > 0 || !c.at[windowOpensAt].IsZero() {
			t.Errorf("seed %d: %s: queue %d, under way %d, holding %v, waiting %d, behind %d, window opens at %v", seed, name,
				len(c.book.queue), c.book.underWay, c.turn.holding, len(c.turn.waiting.entries), len(c.readers.behind), c.at[windowOpensAt])
		}
	}
}

func (w *world) checkUnderWay(t *testing.T) {
	t.Helper()
	for _, h := range w.hosts {
		counted := 0
		for _, call := range h.core.book.calls {
			if call.inFlight {
				counted++
			}
		}
		if counted != h.core.book.underWay {
			t.Errorf("%s: %d are under way, and %d are counted", h.self.Name, counted, h.core.book.underWay)
		}
	}
}
