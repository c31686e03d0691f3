package genleader

import (
	"slices"
	"testing"
)

// TestTheSurvivorThatLedMayLackWhatWasAcknowledged is why no survivor goes on by itself (decision 29): it led, both others lost
// their connections to it, one of them came to lead and acknowledged a write, and then both died at once. What the survivor
// sees is the same as if they had died at the beginning.
func TestTheSurvivorThatLedMayLackWhatWasAcknowledged(t *testing.T) {
	for _, wrote := range []bool{false, true} {
		w := begun(t, 1, "a1", "b1", "c1")
		w.call("b1", "one", w.timing.Election)
		w.run(w.timing.Election)
		survivor := w.leader()
		if survivor == nil || survivor.self.Name != "a1" {
			t.Fatalf("a1 must lead:\n%s", w.everybody())
		}
		w.disconnect("a1", "b1")
		w.disconnect("b1", "a1")
		w.disconnect("a1", "c1")
		w.disconnect("c1", "a1")
		w.run(w.timing.Election / 10)
		if wrote {
			w.call("b1", "two", w.timing.Election)
			w.run(w.timing.Election / 10)
		}
		w.kill("b1")
		w.kill("c1")
		w.heal()
		w.start("b1")
		w.start("c1")
		w.run(4 * w.timing.Election)

		want := LogLoss{Voters: 3, Survivors: []Survivor{{Name: "a1"}}, Stateless: []string{"b1", "c1"}}
		for _, name := range w.names {
			if got := w.hosts[name].view.LogLoss; !got.equal(want) {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		acknowledged := w.calls[len(w.calls)-1]
		if !acknowledged.done || slices.Contains(survivor.applied, acknowledged.message) == wrote {
			t.Errorf("wrote two: %v, acknowledged %+v, and a1 has %v", wrote, acknowledged, survivor.applied)
		}
	}
}

// TestANewerProcessDoesNotShowThatTheOldOneIsGone is the other reason: two of three are cut off together, lead and act, while
// somebody who thinks that they are lost starts both of them again beside the third. For that one all voters are accounted for.
func TestANewerProcessDoesNotShowThatTheOldOneIsGone(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1")
	alone := w.hosts["c1"]
	for _, name := range []string{"a1", "b1"} {
		old := w.hosts[name]
		w.firsts[name] = old
		old.take(linkDown{alone.self, false})
		alone.take(linkDown{old.self, false})
	}
	for _, way := range [][2]string{{"a1", "b1"}, {"b1", "a1"}, {"a1", "c1"}, {"b1", "c1"}} {
		w.cut(way[0], way[1]) // nobody of those that are started meets an old one
	}
	w.start("a1")
	w.start("b1")
	w.heal()
	w.run(2 * w.timing.StartAfter)

	if l := alone.view.LogLoss; !slices.Equal(l.Stateless, []string{"a1", "b1"}) || len(l.Missing) > 0 {
		t.Errorf("c1 knows %v", l)
	}
	leader := w.firsts["a1"]
	if leader.view.Phase != Leading || !w.now.Before(leader.until) || !w.now.Before(w.firsts["b1"].until) {
		t.Errorf("the old a1 is %v, its lease runs until %s, that of b1 until %s", leader.view, sinceStart(leader.until), sinceStart(w.firsts["b1"].until))
	}
	for _, name := range w.names {
		if h := w.hosts[name]; w.now.Before(h.until) || h.view.Phase == Leading {
			t.Errorf("%v is %v beside the old ones", h.self, h.view)
		}
	}
}
