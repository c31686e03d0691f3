package genleader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// TestRandomElectorates lets candidates, a witness and workers die, return, and lose each other for longer and for less
// than their seats are kept, in virtual time, while callers call and leadership is moved by command and by rank. There are
// three seats for five candidates. At every step the promises of TestRandomSplits hold, no more than three vote, and the
// voters are never fewer than two, unless members leave in order. After the last heal everybody is in the group, three vote, and no witness leads.
func TestRandomElectorates(t *testing.T) {
	if *splitSeed != 0 {
		electorates(t, *splitSeed)
		return
	}
	for seed := range uint64(*splitSeeds) {
		if electorates(t, seed+1); t.Failed() {
			t.Fatalf("repeat with -run TestRandomElectorates -seed %d", seed+1)
		}
	}
}

func electorates(t *testing.T, seed uint64) {
	t.Helper()
	w := newWorld(seed, "a1", "b1", "c1", "d1", "w1", "x1", "y1")
	w.apart = 1000 * (seed % 2)
	w.watches = map[string]bool{"w1": true}
	w.rules = settings{
		candidates: []string{"a1", "b1", "c1", "d1", "w1"}, maxVoters: 3,
		forgetAfter: 4 * w.timing.Election, preferAfter: 2 * w.timing.Election,
	}
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	calls := 0
	for range 40 {
		a, b := w.names[w.random(len(w.names))], w.names[w.random(len(w.names))]
		switch w.random(7) {
		case 0, 1:
			w.heal()
		case 2:
			if w.mayLose(a) && !w.changing() {
				w.kill(a)
			}
		case 3:
			w.away(a)
		case 4:
			if h := w.hosts[a]; !h.gone && !h.paused && h.ended == nil {
				w.transfer(a, b, time.Second)
			}
		default:
			w.mischief()
		}
		for range w.random(3) {
			if h := w.hosts[w.names[w.random(len(w.names))]]; !h.gone && !h.paused && h.ended == nil {
				calls++
				w.call(h.self.Name, fmt.Sprintf("m%d", calls), time.Second)
				w.read(h.self.Name, time.Second)
			}
		}
		w.run(time.Duration(w.random(1200)) * time.Millisecond)
		w.checkElectorates()
	}
	w.settle()
	for end := w.now.Add(10*w.timing.Election + w.rules.forgetAfter); w.unready() != "" && w.now.Before(end); {
		w.run(100 * time.Millisecond)
	}
	if left := w.unready(); left != "" {
		t.Errorf("seed %d: after the last heal %s\n%s%s", seed, left, w.everybody(), strings.Join(w.trace[max(0, len(w.trace)-40):], "\n"))
	}
	w.run(2 * w.timing.Election)
	w.judge(t, seed)
	w.judgeReads(t, seed)
}

// changing says whether a change of the electorate is in anybody's log and not applied there: then it is not known yet who
// must not be lost.
func (w *world) changing() bool {
	for _, name := range w.names {
		h := w.hosts[name]
		if h.gone || h.ended != nil || h.core.log == nil {
			continue
		}
		if h.core.rounds != nil && w.now.Before(h.core.rounds.governs.pending) {
			return true
		}
		last, err := h.core.log.LastIndex()
		if err != nil || last <= h.core.state.applied {
			continue
		}
		entries, err := h.core.log.Entries(h.core.state.applied+1, last+1, 1<<30)
		if err != nil || slices.ContainsFunc(entries, func(e *raftpb.Entry) bool { return e.GetType() == raftpb.EntryConfChangeV2 }) {
			return true
		}
	}
	return false
}

// away cuts a member off from all others, silently.
func (w *world) away(name string) {
	for _, peer := range w.names {
		if peer != name {
			w.cut(name, peer)
			w.cut(peer, name)
		}
	}
}

// settle lets everybody live and hear each other. Who was superseded starts anew.
func (w *world) settle() {
	w.calm()
	for _, name := range w.names {
		if w.hosts[name].ended != nil {
			w.start(name)
		}
	}
}

func (w *world) checkElectorates() {
	for _, name := range w.names {
		h := w.hosts[name]
		if h.core.members.conf == nil {
			continue
		}
		if n := len(h.core.members.conf.GetVoters()); n > 3 || n < 2 && w.left == 0 { // of two, one may leave in order
			w.unsafe = append(w.unsafe, fmt.Sprintf("%s: %v has %d voters", sinceStart(w.now), h.self, n))
		}
	}
}

// unready says what is not as it should be once nothing happens any more.
func (w *world) unready() string {
	leader := w.leader()
	if leader == nil {
		return "nobody leads"
	}
	if len(leader.view.Voters) != 3 || len(leader.view.Learners) != len(w.names)-3 {
		return fmt.Sprintf("voters %v, learners %v", leader.view.Voters, leader.view.Learners)
	}
	if leader.core.isWitness {
		return "a witness leads"
	}
	for _, who := range slices.Concat(leader.view.Voters, leader.view.Learners) {
		h := w.hosts[who.Name]
		if h.self != who || h.ended != nil || h.view.Leader != leader.self || !slices.Equal(h.applied, leader.applied) || !w.now.Before(h.until) {
			return fmt.Sprintf("%v is not up to date: %v, ended: %v, follows %v", who, h.self, h.ended, h.view.Leader)
		}
	}
	return ""
}
