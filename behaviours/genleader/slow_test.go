package genleader

import (
	"testing"
	"time"
)

// TestALeaderHoldsOnOverASlowNetwork: however long a round trip takes, within reason, the group keeps one leader.
func TestALeaderHoldsOnOverASlowNetwork(t *testing.T) {
	for _, oneWay := range []time.Duration{5, 25, 40, 60} {
		w := newWorld(1, "a1", "b1", "w1")
		w.delay = oneWay * time.Millisecond
		for _, name := range w.names {
			w.start(name)
		}
		w.run(5 * time.Second)
		terms := len(w.leaders)
		for range 600 {
			w.run(100 * time.Millisecond)
			if w.leader() == nil {
				t.Fatalf("one way %v: no leader at %s", w.delay, sinceStart(w.now))
			}
		}
		if len(w.leaders) != terms {
			t.Errorf("one way %v: %d elections in a quiet minute", w.delay, len(w.leaders)-terms)
		}
		for _, name := range w.names {
			if !w.now.Before(w.hosts[name].until) {
				t.Errorf("one way %v: %s holds no lease", w.delay, name)
			}
		}
	}
}

// TestALateAnswerIsNotConfirmedByAnEarlierRound: a member sleeps, wakes, and answers old heartbeats with stamps of now,
// to a leader that the others have left meanwhile. Rounds that were confirmed before must not make those stamps leases.
func TestALateAnswerIsNotConfirmedByAnEarlierRound(t *testing.T) {
	for _, asleep := range []time.Duration{450, 600, 700, 800, 900} {
		for _, splitAt := range []time.Duration{100, 200, 300, 400} {
			for offset := time.Duration(0); offset < 500; offset += 100 {
				w := newWorld(1, "a1", "b1", "c1", "d1", "e1")
				for _, name := range w.names {
					w.start(name)
				}
				w.run((2000 + offset) * time.Millisecond)
				leader, sleeper := w.leader().self.Name, w.hosts["e1"]
				sleeper.paused = true
				w.run(splitAt * time.Millisecond)
				for _, name := range []string{"b1", "c1", "d1"} {
					w.disconnect(name, leader)
					w.disconnect(name, "e1")
				}
				w.run((asleep - splitAt) * time.Millisecond)
				w.resume("e1")
				for range 30 {
					w.run(100 * time.Millisecond)
				}
				for _, problem := range w.unsafe {
					t.Fatalf("asleep %dms, split after %dms, offset %dms: %s", asleep, splitAt, offset, problem)
				}
			}
		}
	}
}
