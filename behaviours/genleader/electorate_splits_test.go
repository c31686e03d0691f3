package genleader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRandomSplitsOfAChangingElectorate is TestRandomSplitsOfTen for a group whose voters change by themselves: of seven
// members five may vote, three or five do, and whoever is away for long loses its vote. Cuts last long enough for that.
// After the last heal all seven follow one leader, and as many vote as may.
func TestRandomSplitsOfAChangingElectorate(t *testing.T) {
	if *splitSeed != 0 {
		splitsOfAChangingElectorate(t, *splitSeed)
		return
	}
	for seed := range uint64(*splitSeeds) / 4 { // each takes longer than those of other tests
		if splitsOfAChangingElectorate(t, seed+1); t.Failed() {
			t.Fatalf("repeat with -run TestRandomSplitsOfAChangingElectorate -seed %d", seed+1)
		}
	}
}

func splitsOfAChangingElectorate(t *testing.T, seed uint64) {
	t.Helper()
	w := newWorld(seed, "a1", "b1", "c1", "d1", "e1", "x1", "y1")
	w.apart = 1000 * (seed % 2)
	w.rules.candidates = w.names[:5]
	w.rules.maxVoters = 3 + 2*int(seed/2%2)
	w.rules.expect = 3 + int(seed/4%3)
	w.rules.forgetAfter = 4 * w.timing.Election
	for _, name := range w.names {
		w.start(name)
	}
	w.run(2 * time.Second)
	calls := 0
	for range 20 {
		if w.random(6) > 0 {
			w.calamity(func(string) bool { return false })
		} else if w.unsettled() == "" { // else a vote that is about to be taken away may be needed again
			w.kill(w.names[w.random(len(w.names))])
		}
		for range w.random(5) {
			if h := w.hosts[w.names[w.random(len(w.names))]]; !h.gone && !h.paused {
				calls++
				w.call(h.self.Name, fmt.Sprintf("m%d", calls), time.Duration(w.random(1500))*time.Millisecond)
			}
		}
		w.run(time.Duration(w.random(1+w.random(4000))) * time.Millisecond)
	}
	w.calm()
	healed := w.now
	for w.unsettled() != "" && w.now.Sub(healed) < 20*w.timing.Election {
		w.run(50 * time.Millisecond)
	}
	if missing := w.unsettled(); missing != "" {
		t.Errorf("seed %d: %v after the last heal: %s\n%s%s", seed, 20*w.timing.Election, missing,
			w.everybody(), strings.Join(w.trace[max(0, len(w.trace)-40):], "\n"))
	}
	w.run(2 * w.timing.Election)
	w.judge(t, seed)
}

// unsettled says what keeps the members from being one group with all the voters that there may be.
func (w *world) unsettled() string {
	leader := w.leader()
	if leader == nil {
		return "no leader"
	}
	if n := len(leader.view.Voters); n != w.rules.maxVoters {
		return fmt.Sprintf("%d voters: %v", n, leader.view.Voters)
	}
	for _, name := range w.names {
		switch h := w.hosts[name]; {
		case h.gone || h.ended != nil || h.view.Leader != leader.self:
			return fmt.Sprintf("%v follows %v, gone: %v, ended: %v", h.self, h.view.Leader, h.gone, h.ended)
		case !slices.Equal(h.applied, leader.applied):
			return fmt.Sprintf("%v has applied %d, the leader %d", h.self, len(h.applied), len(leader.applied))
		case !w.now.Before(h.until):
			return fmt.Sprintf("%v holds no lease", h.self)
		}
	}
	return ""
}

// TestALeaderThatCarriesOutItsOwnRemovalStepsDown: an earlier leader may have begun it. What is no member can open no term,
// and must not keep the others from electing one that can.
func TestALeaderThatCarriesOutItsOwnRemovalStepsDown(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1", "d1")
	old := w.hosts["a1"]
	old.core.proposeChange(newChange(leaves(old.core.id)))
	old.take(woke{})
	w.call("b1", "one", 4*time.Second)
	w.run(2 * w.timing.Election)
	leader := w.leader()
	if leader == nil || leader == old || w.hosts["b1"].replies[1] != "ok at 1" {
		t.Fatalf("the call of b1: %q\n%s", w.hosts["b1"].replies[1], w.everybody())
	}
	w.becomesOne(t, "and takes it in again")
}
