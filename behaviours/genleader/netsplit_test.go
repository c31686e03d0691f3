package genleader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRandomSplitsOfTen tears ten members apart into groups, closes connections or leaves them silent, heals, pauses and
// kills, in virtual time, while callers call on every side. Whatever happens, no term has two leaders, all apply the same
// at each index, and nobody who is called safe holds a lease. Within ten election times of the last heal all ten follow
// one leader, all are of the electorate again, and what callers were told holds.
func TestRandomSplitsOfTen(t *testing.T) {
	if *splitSeed != 0 {
		splitsOfTen(t, *splitSeed)
		return
	}
	const shards = 2
	for shard := range uint64(shards) {
		t.Run(fmt.Sprint("shard ", shard+1), func(t *testing.T) {
			t.Parallel()
			for seed := shard + 1; seed <= uint64(*splitSeeds); seed += shards {
				if splitsOfTen(t, seed); t.Failed() {
					t.Fatalf("repeat with -run TestRandomSplitsOfTen -seed %d", seed)
				}
			}
		})
	}
}

func splitsOfTen(t *testing.T, seed uint64) *world {
	t.Helper()
	w := newWorld(seed, "a1", "b1", "c1", "d1", "e1", "f1", "g1", "h1", "i1", "j1")
	w.apart = 1000 * (seed % 2)
	w.rules.maxVoters = 10
	for _, name := range w.names {
		w.start(name)
	}
	w.run(500 * time.Millisecond)
	calls := 0
	for range 25 {
		w.calamity(w.mayLose)
		for range w.random(5) {
			if h := w.hosts[w.names[w.random(len(w.names))]]; !h.gone && !h.paused {
				calls++
				w.call(h.self.Name, fmt.Sprintf("m%d", calls), time.Duration(w.random(1500))*time.Millisecond)
			}
		}
		w.run(time.Duration(w.random(400)) * time.Millisecond)
	}
	w.calm()
	healed := w.now
	for w.divided() != "" && w.now.Sub(healed) < 10*w.timing.Election {
		w.run(50 * time.Millisecond)
	}
	if divided := w.divided(); divided != "" {
		t.Errorf("seed %d: %v after the last heal: %s\n%s%s", seed, 10*w.timing.Election, divided,
			w.everybody(), strings.Join(w.trace[max(0, len(w.trace)-40):], "\n"))
	}
	converged := w.now
	w.run(2 * w.timing.Election) // the calls that are left
	if divided := w.divided(); divided != "" {
		t.Errorf("seed %d: apart again %v after all were one: %s", seed, w.now.Sub(converged), divided)
	}
	w.judge(t, seed)
	return w
}

// calamity does one thing to a group of many. It kills whom the group may lose.
func (w *world) calamity(mayLose func(victim string) bool) {
	switch w.random(8) {
	case 0, 1:
		w.split(2 + w.random(3))
	case 2:
		w.heal()
	case 3:
		if victim := w.names[w.random(len(w.names))]; mayLose(victim) {
			w.kill(victim)
		}
	default:
		w.mischief()
	}
}

// split cuts the members into groups. Each either sees its connections to the others close, or hears nothing more.
func (w *world) split(groups int) {
	w.heal()
	group := map[string]int{}
	for _, name := range w.names {
		group[name] = w.random(groups)
	}
	closes := w.random(2) == 0
	for _, a := range w.names {
		for _, b := range w.names {
			switch {
			case group[a] == group[b]:
			case closes:
				w.disconnect(a, b)
			default:
				w.cut(a, b)
			}
		}
	}
}

// mayLose says whether the rest can go on when a member loses its memory: it is a majority of every electorate that any
// of them believes in.
func (w *world) mayLose(victim string) bool {
	if w.hosts[victim].gone {
		return false
	}
	for _, name := range w.names {
		h := w.hosts[name]
		if h.gone || h.ended != nil || h.core.members.conf == nil {
			continue
		}
		for _, voters := range [][]uint64{h.core.members.conf.GetVoters(), h.core.members.conf.GetVotersOutgoing()} {
			remain := 0
			for _, id := range voters {
				if p := w.hosts[h.core.members.names[id]]; p != nil && p.core.id == id && !p.gone && p.ended == nil && p.self.Name != victim {
					remain++
				}
			}
			if len(voters) > 0 && 2*remain <= len(voters) {
				return false
			}
		}
	}
	return true
}

// divided says what keeps the members from being one group: whom a leader has, who follows it, and who has applied all.
func (w *world) divided() string {
	leader := w.leader()
	if leader == nil {
		return "no leader"
	}
	if len(leader.view.Voters) != len(w.names) {
		return fmt.Sprintf("voters %v", leader.view.Voters)
	}
	for _, v := range leader.view.Voters {
		h := w.hosts[v.Name]
		switch {
		case h.self != v:
			return fmt.Sprintf("%v is a voter, %v runs", v, h.self)
		case h.gone || h.ended != nil || h.view.Leader != leader.self:
			return fmt.Sprintf("%v follows %v, gone: %v, ended: %v", v, h.view.Leader, h.gone, h.ended)
		case !slices.Equal(h.applied, leader.applied):
			return fmt.Sprintf("%v has applied %d, the leader %d", v, len(h.applied), len(leader.applied))
		case !w.now.Before(h.until):
			return fmt.Sprintf("%v holds no lease", v)
		}
	}
	return ""
}
