package genleader

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	splitSeeds = flag.Int("seeds", 100, "how many random runs TestRandomSplits makes")
	splitSeed  = flag.Uint64("seed", 0, "the one run of TestRandomSplits to repeat; 0 makes -seeds of them")
)

// TestRandomSplits lets members pause, die, return and lose each other at random, in virtual time, while callers call.
// After the last heal the group converges, and what was acknowledged is there, once, in one order. At every step no
// member holds a lease that the leader counts as ended, and no term has two leaders. In every other run raft ids are not
// the incarnations.
func TestRandomSplits(t *testing.T) {
	if *splitSeed != 0 {
		splits(t, *splitSeed, 5)
		return
	}
	for seed := range uint64(*splitSeeds) {
		for _, size := range []int{3, 5} {
			splits(t, seed+1, size)
		}
		if t.Failed() {
			t.Fatalf("repeat with -run TestRandomSplits -seed %d", seed+1)
		}
	}
}

func splits(t *testing.T, seed uint64, size int) {
	t.Helper()
	w := newWorld(seed, []string{"a1", "b1", "c1", "d1", "e1"}[:size]...)
	w.apart = 1000 * (seed % 2)
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	calls := 0
	for range 40 {
		w.trouble()
		for range w.random(4) {
			name := w.names[w.random(size)]
			if h := w.hosts[name]; !h.gone && !h.paused {
				calls++
				w.call(name, fmt.Sprintf("m%d", calls), time.Second)
			}
		}
		w.run(time.Duration(w.random(400)) * time.Millisecond)
	}
	w.calm()
	w.run(10 * w.timing.Election)
	w.judge(t, seed)
}

// trouble does one thing to the group. A process dies only while all are well: two lost memories are no minority.
func (w *world) trouble() {
	a, b := w.names[w.random(len(w.names))], w.names[w.random(len(w.names))]
	h := w.hosts[a]
	switch w.random(8) {
	case 0:
		h.paused = !h.gone
	case 1:
		if h.paused {
			w.resume(a)
		}
	case 2:
		w.cut(a, b)
	case 3:
		w.cut(a, b)
		w.cut(b, a)
	case 4, 5:
		w.heal()
	case 6:
		if w.well() {
			w.kill(a)
		}
	case 7:
		for _, name := range w.names {
			if w.hosts[name].gone {
				w.start(name)
			}
		}
	}
}

func (w *world) well() bool {
	leader := w.leader()
	if leader == nil || len(w.cuts) > 0 || len(leader.view.Voters) != len(w.names) {
		return false
	}
	for _, v := range leader.view.Voters {
		h := w.hosts[v.Name]
		if h.self != v || h.gone || h.paused || h.view.Leader != leader.self {
			return false
		}
	}
	return len(leader.core.conf.GetVotersOutgoing()) == 0
}

func (w *world) calm() {
	for _, name := range w.names {
		if h := w.hosts[name]; h.paused {
			w.resume(name)
		} else if h.gone {
			w.start(name)
		}
	}
	w.heal()
}

func (w *world) judge(t *testing.T, seed uint64) {
	t.Helper()
	for _, problem := range w.unsafe {
		t.Errorf("seed %d: %s", seed, problem)
	}
	leader := w.leader()
	if leader == nil {
		t.Errorf("seed %d: no leader after the last heal:\n%s%s", seed, w.everybody(), strings.Join(w.trace[max(0, len(w.trace)-40):], "\n"))
		return
	}
	for _, name := range w.names {
		if h := w.hosts[name]; h.ended != nil || !slices.Equal(h.applied, leader.applied) {
			t.Errorf("seed %d: %s has applied %v (ended: %v), the leader %s %v", seed, name, h.applied, h.ended, leader.self.Name, leader.applied)
		}
	}
	counts := map[string]int{}
	for _, message := range leader.applied {
		if counts[message]++; counts[message] > 1 {
			t.Errorf("seed %d: %s was done twice", seed, message)
		}
	}
	for _, message := range w.acked {
		if counts[message] == 0 {
			t.Errorf("seed %d: %s was acknowledged and is lost", seed, message)
		}
	}
}

func (w *world) everybody() string {
	var b strings.Builder
	for _, name := range w.names {
		w.show(&b, w.hosts[name])
	}
	return b.String()
}
