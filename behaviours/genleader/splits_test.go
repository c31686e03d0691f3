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
	splitSeeds = flag.Int("seeds", defaultSeeds, "how many random runs each TestRandomSplits makes")
	splitSize  = flag.Int("size", 5, "how many members the one run of TestRandomSplits to repeat has")
	splitSeed  = flag.Uint64("seed", 0, "the one run to repeat; 0 makes -seeds of them")
)

// TestRandomSplits lets members pause, die, return and lose each other at random, in virtual time, while callers call.
// After the last heal the group converges, and what was acknowledged is there, once, in one order. At every step no
// member holds a lease that the leader counts as ended, no term has two leaders, and what a linearizable read or a claim
// of freshness covers has been applied where it is made, and no lease is granted before the view shows it. In every other
// run raft ids are not the incarnations, and in one of three members are held up between an act and the next.
func TestRandomSplits(t *testing.T) {
	if *splitSeed != 0 {
		splits(t, *splitSeed, *splitSize)
		return
	}
	for seed := range uint64(*splitSeeds) {
		for _, size := range []int{3, 5} {
			splits(t, seed+1, size)
		}
		if t.Failed() {
			t.Fatalf("repeat with -run TestRandomSplits -seed %d, and -size", seed+1)
		}
	}
}

func splits(t *testing.T, seed uint64, size int) {
	t.Helper()
	w := newWorld(seed, []string{"a1", "b1", "c1", "d1", "e1"}[:size]...)
	if seed%2 == 0 { // many snapshots, which take long enough for something to happen meanwhile
		w.logEntries, w.chunk, w.decoding = 5, 8, 10*time.Millisecond
	}
	w.apart = 1000 * (seed % 2)
	w.stalls = seed%3 == 0
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
				w.read(w.names[w.random(size)], time.Second)
			}
		}
		w.run(time.Duration(w.random(400)) * time.Millisecond)
	}
	w.calm()
	w.run(10 * w.timing.Election)
	w.judge(t, seed)
	w.judgeReads(t, seed)
}

// trouble does one thing to the group. A process dies only while all are well: two lost memories are no minority.
func (w *world) trouble() {
	switch w.random(8) {
	case 0, 1:
		w.heal()
	case 2:
		if w.well() {
			w.kill(w.names[w.random(len(w.names))])
		}
	default:
		w.mischief()
	}
}

// mischief does one of the things that need no regard for the rest.
func (w *world) mischief() {
	a, b := w.names[w.random(len(w.names))], w.names[w.random(len(w.names))]
	h := w.hosts[a]
	switch w.random(7) {
	case 6:
		w.leaveInOrder(a, time.Duration(w.random(3000))*time.Millisecond)
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
	case 4:
		if !h.gone && !h.paused && h.ended == nil {
			w.transfer(a, b, time.Second)
		}
	case 5:
		for _, name := range w.names {
			if w.hosts[name].gone {
				w.start(name)
			}
		}
	}
}

// leaveInOrder has a member that keeps its state in memory leave if it is released from its vote in time, and stay if not.
// Whatever else is the matter, no state is lost by that.
func (w *world) leaveInOrder(name string, timeout time.Duration) {
	h := w.hosts[name]
	if w.durable || h.gone || h.paused || h.hung || h.ended != nil {
		return
	}
	calmed := w.calmed
	w.giveUp(name, timeout, func(err error) {
		if err != nil {
			return
		}
		w.after(time.Duration(w.random(200))*time.Millisecond, func() {
			switch {
			case h.gone || h.paused:
			case w.calmed > calmed:
				h.take(releaseWithdrawn{})
			default:
				w.left++
				h.take(leaving{})
				w.kill(name) // its connections close behind its goodbye
			}
		})
	})
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
	return len(leader.core.members.conf.GetVotersOutgoing()) == 0
}

func (w *world) calm() {
	w.calmed++ // nobody leaves any more who was about to
	for _, name := range w.names {
		if h := w.hosts[name]; h.paused {
			w.resume(name)
		} else if h.gone {
			w.start(name)
		}
		w.hosts[name].take(releaseWithdrawn{})
	}
	w.heal()
}

func (w *world) judge(t *testing.T, seed uint64) {
	t.Helper()
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
	for _, problem := range w.misdone(leader.applied) {
		t.Errorf("seed %d: %s", seed, problem)
	}
}

// misdone holds the log against what callers were told: what was acknowledged is in it, what was refused is not, nothing
// is in it twice, and no call stands behind one that was made after it had returned.
func (w *world) misdone(log []string) []string {
	var wrong []string
	made := map[string]*account{}
	for _, o := range w.calls {
		made[o.message] = o
	}
	place := map[string]int{}
	for i, message := range log {
		if first, twice := place[message]; twice {
			wrong = append(wrong, fmt.Sprintf("%s was done at %d and at %d", message, first, i))
		}
		place[message] = i
	}
	for _, o := range w.calls {
		_, there := place[o.message]
		switch {
		case o.done && !there:
			wrong = append(wrong, o.message+" was acknowledged and is lost")
		case o.certainly && !o.done && there:
			wrong = append(wrong, o.message+" was refused and is done")
		}
	}
	var first *account // of those further on in the log, the one that returned first
	for _, message := range slices.Backward(log) {
		o := made[message]
		if first != nil && first.returned.Before(o.made) {
			wrong = append(wrong, fmt.Sprintf("%s is done before %s, which had returned when it was made", o.message, first.message))
		}
		if o.done && (first == nil || o.returned.Before(first.returned)) {
			first = o
		}
	}
	return wrong
}

// judgeReads holds a read on each member against everything that was acknowledged.
func (w *world) judgeReads(t *testing.T, seed uint64) {
	t.Helper()
	for _, name := range w.names {
		seq := w.read(name, time.Second)
		w.run(w.timing.Election)
		h := w.hosts[name]
		if want := "sees " + strings.Join(h.applied, " "); h.reads[seq] != want {
			t.Errorf("seed %d: a read on %s %q, want %q", seed, name, h.reads[seq], want)
		}
		if age := w.now.Sub(h.freshAsOf); age > w.timing.Lease/2 {
			t.Errorf("seed %d: %s is fresh as of %v ago", seed, name, age)
		}
	}
	for _, problem := range w.unsafe {
		t.Errorf("seed %d: %s", seed, problem)
	}
}

func (w *world) everybody() string {
	var b strings.Builder
	for _, name := range w.names {
		w.show(&b, w.hosts[name])
	}
	return b.String()
}
