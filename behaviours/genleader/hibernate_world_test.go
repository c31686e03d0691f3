package genleader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRandomSplitsOfAGroupThatHibernates is TestRandomSplits for a group that hibernates between its troubles, on a
// hub: what strikes it strikes it asleep, half asleep or just woken. What is told and done is right all the same, and
// in the end all rest.
func TestRandomSplitsOfAGroupThatHibernates(t *testing.T) {
	if *splitSeed != 0 {
		restlessly(t, *splitSeed, 5)
		return
	}
	for seed := range uint64(*splitSeeds) {
		restlessly(t, seed+1, 3+2*int(seed%2))
		if t.Failed() {
			t.Fatalf("repeat with -run TestRandomSplitsOfAGroupThatHibernates -seed %d", seed+1)
		}
	}
}

func restlessly(t *testing.T, seed uint64, size int) {
	t.Helper()
	w := newWorld(seed, []string{"a1", "b1", "c1", "d1", "e1"}[:size]...)
	w.apart, w.mayHibernate, w.rules.preferAfter = 1000*(seed%2), true, -1 // leadership by rank is waited for awake
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	calls, hibernated := 0, 0
	for range 20 {
		w.trouble()
		if w.random(3) == 0 {
			name := w.names[w.random(size)]
			if h := w.hosts[name]; !h.gone && !h.paused {
				calls++
				w.call(name, fmt.Sprintf("m%d", calls), time.Second)
				w.read(w.names[w.random(size)], time.Second)
			}
		}
		w.run(time.Duration(w.random(1500)) * time.Millisecond)
		hibernated += len(w.asleep())
		if w.random(4) == 0 {
			w.calm()
		}
	}
	w.calm()
	w.run(10 * w.timing.Election)
	w.judge(t, seed)
	for _, problem := range w.unsafe {
		t.Errorf("seed %d: %s", seed, problem)
	}
	if hibernated == 0 && size == 3 {
		t.Logf("seed %d: nobody ever hibernated", seed)
	}
	if !w.quiet(40 * w.timing.Election) { // the highest rank leads first
		t.Errorf("seed %d: in the end only %v rest:\n%s", seed, w.asleep(), w.everybody())
	}
}

// TestASleeperIsNeverLeftBehind kills, closes off or pauses each member at each moment of the way into sleep and out of
// it. Within the time that a group needs which is awake, the others have a leader.
func TestASleeperIsNeverLeftBehind(t *testing.T) {
	type trouble struct {
		name   string
		strike func(w *world, victim string)
		bound  time.Duration
	}
	timing := Timing{}
	timing.setDefaults()
	troubles := []trouble{
		{"dies", func(w *world, victim string) { w.kill(victim) }, 100 * time.Millisecond},
		{"is cut off silently", func(w *world, victim string) { w.sides(victim) }, timing.Election*3/2 + 100*time.Millisecond},
		{"is paused", func(w *world, victim string) { w.hosts[victim].paused = true }, timing.Election*3/2 + 100*time.Millisecond},
	}
	for _, tr := range troubles {
		for _, victim := range []string{"a1", "b1", "c1"} { // a1 leads
			for moment := 400 * time.Millisecond; moment < 800*time.Millisecond; moment += 7 * time.Millisecond {
				w := newWorld(3, "a1", "b1", "c1")
				w.mayHibernate = true
				for _, name := range w.names {
					w.start(name)
				}
				w.run(moment)
				tr.strike(w, victim)
				w.run(tr.bound)
				what := fmt.Sprintf("%s %s after %v", victim, tr.name, moment)
				i := slices.IndexFunc(w.names, func(name string) bool {
					h := w.hosts[name]
					return name != victim && h.view.Phase == Leading
				})
				if i < 0 {
					t.Fatalf("%s: the others have no leader after %v:\n%s", what, tr.bound, w.everybody())
				}
				other := w.names[(i+1)%3]
				if other == victim {
					other = w.names[(i+2)%3]
				}
				w.call(other, "x", time.Second)
				w.run(200 * time.Millisecond)
				if reply := w.hosts[other].replies[1]; !strings.HasPrefix(reply, "ok") {
					t.Fatalf("%s: a call afterwards: %q\n%s", what, reply, w.everybody())
				}
			}
		}
	}
}
