package genleader

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// TestRandomOrderlyLeaves restarts the members of a group in memory again and again, in order, one after the other or all
// at once, without waiting for those before to be back, while callers call and now and then one is paused or cut off. What
// was acknowledged is there in the end. Some members leave and some are held: the test sees both.
func TestRandomOrderlyLeaves(t *testing.T) {
	if *splitSeed != 0 {
		orderlyLeaves(t, *splitSeed)
		return
	}
	left, held := 0, 0
	for seed := range uint64(*splitSeeds) {
		l, h := orderlyLeaves(t, seed+1)
		left, held = left+l, held+h
		if t.Failed() {
			t.Fatalf("repeat with -run TestRandomOrderlyLeaves -seed %d", seed+1)
		}
	}
	if left == 0 || held == 0 {
		t.Errorf("%d have left, %d were held: both must happen", left, held)
	}
}

// mustRemain holds the release of a member against the logs of the others: a majority of the voters without it must have all
// that was committed when its vote was taken away, or the next loss could take what was acknowledged with it.
func (w *world) mustRemain(released *host) {
	if released.core.node == nil {
		return // it has not joined yet: it has no vote and no state to give up
	}
	leader := w.leader()
	if leader == nil || leader.view.Term < w.latest || leader.core.rounds.governs.underway {
		return // it is being changed again, and nobody can tell whether that is the electorate meant
	}
	have := 0
	for _, id := range leader.core.members.conf.GetVoters() {
		h := w.hosts[leader.core.members.names[id]]
		if h.core.id == id && !h.gone && h.core.store.logEnd >= leader.core.members.changed {
			have++
		}
		if h == released {
			w.unsafe = append(w.unsafe, fmt.Sprintf("%v is released and votes", h.self))
		}
	}
	if 2*have <= len(leader.core.members.conf.GetVoters()) {
		w.unsafe = append(w.unsafe, fmt.Sprintf("%s: %v is released, and %d of %v have entry %d", sinceStart(w.now), released.self, have,
			leader.view.Voters, leader.core.members.changed))
	}
}

func orderlyLeaves(t *testing.T, seed uint64) (left, held int) {
	t.Helper()
	w := newWorld(seed, []string{"a1", "b1", "c1", "d1", "e1"}[:3+2*(seed%2)]...)
	w.apart = 1000 * (seed / 2 % 2)
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	calls := 0
	restart := func(name string) {
		h := w.hosts[name]
		if h.gone || h.paused {
			return
		}
		w.giveUp(name, time.Duration(w.random(2000))*time.Millisecond, func(err error) {
			switch {
			case errors.As(err, new(*HeldError)):
				held++
			case err == nil && !h.gone && !h.paused:
				left++
				w.mustRemain(h)
				h.take(leaving{})
				w.kill(name)
				w.after(time.Duration(w.random(300))*time.Millisecond, func() { w.start(name) })
			}
		})
	}
	for range 30 {
		switch w.random(6) {
		case 0:
			for _, name := range w.names {
				restart(name)
			}
		case 1:
			w.cut(w.names[w.random(len(w.names))], w.names[w.random(len(w.names))])
		case 2:
			w.heal()
		default:
			restart(w.names[w.random(len(w.names))])
		}
		for range w.random(5) {
			if h := w.hosts[w.names[w.random(len(w.names))]]; !h.gone && !h.paused {
				calls++
				w.call(h.self.Name, fmt.Sprintf("m%d", calls), time.Second)
			}
		}
		w.run(time.Duration(w.random(500)) * time.Millisecond)
	}
	w.run(3 * time.Second) // those who wait to leave, and those who return
	w.calm()
	w.run(10 * w.timing.Election)
	w.judge(t, seed)
	w.judgeReads(t, seed)
	if leader := w.leader(); leader != nil && len(leader.view.Voters) != len(w.names) {
		t.Errorf("seed %d: in the end %v vote", seed, leader.view.Voters)
	}
	return left, held
}
