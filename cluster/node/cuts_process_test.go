//go:build process && linux

package node_test

import (
	"fmt"
	"testing"
	"time"
)

// How long after a cut a successor acts at the latest: the leader that is left, or a new one, waits for the lease; and
// this machine is busy. What is expected is startAfter and, if the leader was cut off, an election.
const failoverWithin = startAfter + 2*election + 2*time.Second

// separated is a cluster whose members can be cut off from each other.
type separated struct {
	*cluster
	*namespaces
	t *testing.T
}

func newSeparated(t *testing.T, failover string) separated {
	t.Helper()
	n := newNamespaces(t)
	return separated{newCluster(t, n, failover), n, t}
}

// failsOver asserts what every cut must lead to that keeps the active from talking with the others: it stops by its
// lease's end, its standby follows from the safe moment on and not much later, and when the cut is healed it stands by.
func (s separated) failsOver(cut func(active string)) {
	s.t.Helper()
	before := s.judge.holds()
	leader := s.leader()
	from := now()
	cut(before.Member)
	s.await("failed over", func() string {
		if h := s.judge.holds(); h.Member == other(before.Member) {
			return ""
		}
		return "acts of " + other(before.Member)
	})
	time.Sleep(stillFor) // the cut goes on, and nothing else may come of it
	old, next := s.pairOf(before)
	s.t.Logf("cut %s off (leader %s): lease ended after %v, last act %v before that; %s acts %v after the cut, %v after the lease's end",
		old.Member, leader, ms(old.until-from), ms(old.until-old.last), next.Member, ms(next.At-from), ms(next.At-old.until))
	if next.At < old.until {
		s.t.Errorf("%s acted %v before the lease of %s had ended", next.Member, old.until-next.At, old.Member)
	}
	if next.At-from > failoverWithin {
		s.t.Errorf("%s acted only %v after the cut, at most %v is expected", next.Member, next.At-from, failoverWithin)
	}
	if want := fmt.Sprintf("failover(%s)", old.Member); next.Start != want {
		s.t.Errorf("%s started with %s, want %s", next.Member, next.Start, want)
	}
	if old.until-from > leaseLength+margin {
		s.t.Errorf("the lease of %s ended %v after the cut", old.Member, old.until-from)
	}
	s.heal()
	healed := now()
	s.settle(next.Member)
	s.t.Logf("%s stands by %v after healing", old.Member, ms(now()-healed))
	if h := s.judge.holds(); h.PID != next.PID || h.Epoch != next.Epoch {
		s.t.Errorf("healing moved the activity: %v, after %v", h, next)
	}
}

// pairOf returns the finished spell of that epoch and the one that followed.
func (s separated) pairOf(before spell) (old, next spell) {
	s.t.Helper()
	all := s.judge.spells()
	for i := range len(all) - 1 {
		if all[i].Epoch == before.Epoch {
			return all[i], all[i+1]
		}
	}
	s.t.Fatalf("nobody followed on %v: %v", before, all)
	return spell{}, spell{}
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func TestASilentCutOfTheActiveFailsOver(t *testing.T) {
	for _, failover := range []string{"fast", "safe"} {
		t.Run(failover, func(t *testing.T) {
			s := newSeparated(t, failover)
			for _, leads := range []bool{true, false} {
				s.leads(leads)
				s.failsOver(s.isolate)
			}
		})
	}
}

func TestAOneWayCutOfTheActiveFailsOver(t *testing.T) {
	s := newSeparated(t, "fast")
	for _, leads := range []bool{true, false} {
		s.leads(leads)
		s.failsOver(s.outbound)
		s.leads(leads)
		s.failsOver(s.inbound)
	}
}

// TestAnUnreachableMemberIsNotDead: a router that says so proves nothing about a process, so a fast group waits too.
func TestAnUnreachableMemberIsNotDead(t *testing.T) {
	s := newSeparated(t, "fast")
	s.Loud = true
	for _, leads := range []bool{true, false} {
		s.leads(leads)
		s.failsOver(s.isolate)
	}
}

// unmoved asserts that the activity stays in its epoch and never pauses for as long as a lease.
func (c *cluster) unmoved(before spell, why string) {
	c.t.Helper()
	for _, s := range c.judge.spells() {
		if s.Epoch > before.Epoch {
			c.t.Errorf("%s: %v, after %v", why, s, before)
		}
	}
	if h := c.judge.holds(); h.Epoch == before.Epoch {
		c.t.Logf("%s: %s acts on, longest silence %v", why, h.Member, ms(h.silence))
		if age := now() - h.last; age > leaseLength || h.silence > leaseLength {
			c.t.Errorf("%s: %v, silent for %v now", why, h, age)
		}
	}
}

// lost says whether somebody leads the others and has lost contact with a member.
func (c *cluster) lost(member string) func() string {
	return func() string {
		for name := range c.running {
			if name == member || c.says(name).Leader != name {
				continue
			}
			for _, m := range c.says(name).Members {
				if m.Name == member && m.State != "up" {
					return ""
				}
			}
		}
		return "a leader that misses " + member
	}
}

func TestACutOffWitnessMovesNothing(t *testing.T) {
	s := newSeparated(t, "fast")
	for _, cut := range []func(string){s.isolate, s.outbound, s.inbound} {
		before := s.judge.holds()
		cut("w1")
		s.await("noticed", s.lost("w1"))
		time.Sleep(stillFor)
		s.unmoved(before, "during the cut")
		s.heal()
		s.settle(before.Member)
		time.Sleep(election)
		s.unmoved(before, "after healing")
	}
}

func TestNobodyActsWhileAllAreSeparated(t *testing.T) {
	s := newSeparated(t, "fast")
	before := s.judge.holds()
	from := now()
	for _, name := range names {
		s.isolate(name)
	}
	time.Sleep(startAfter + 2*election + stillFor)
	all := s.judge.spells()
	last := all[len(all)-1]
	if last.Epoch != before.Epoch || last.last-from > leaseLength+margin {
		t.Errorf("%v, until %v after the cut", last, last.last-from)
	}
	t.Logf("last act %v after all were separated", ms(last.last-from))
	s.heal()
	healed := now()
	s.settle("")
	h := s.judge.holds()
	t.Logf("%s acts %v after healing, all settled after %v", h.Member, ms(h.At-healed), ms(now()-healed))
	if h.Epoch <= before.Epoch || h.At < healed {
		t.Errorf("%v, after %v", h, last)
	}
}

// TestAReplacementWaitsForTheLeaseOfTheCutOff gives the active's name and address to another machine while the first one
// is cut off and still acts. The new one is at once a member like any other, and what the first was granted still runs.
func TestAReplacementWaitsForTheLeaseOfTheCutOff(t *testing.T) {
	for _, leads := range []bool{true, false} {
		t.Run(fmt.Sprintf("active leads %t", leads), func(t *testing.T) {
			s := newSeparated(t, "safe")
			time.Sleep(startAfter) // whatever the leader knows of leaders before it must not matter any more
			s.leads(leads)
			before := s.judge.holds()
			name := before.Member
			first := s.running[name]
			t.Cleanup(func() {
				_ = first.Process.Kill() // it never learns that it was replaced
				<-first.exited
			})
			from := now()
			s.replace(name)
			s.start(name)
			s.await("taken over", func() string {
				if s.judge.holds().Epoch == before.Epoch {
					return "a later epoch"
				}
				return s.absent()
			})
			time.Sleep(stillFor)
			old, next := s.pairOf(before)
			t.Logf("%s (pid %d) replaced: lease ended after %v; %s (pid %d) acts %v after the replacement, %v after the lease's end",
				name, old.PID, ms(old.until-from), next.Member, next.PID, ms(next.At-from), ms(next.At-old.until))
			if next.At < old.until {
				t.Errorf("%v acted %v before the lease of %v had ended", next, old.until-next.At, old)
			}
		})
	}
}

// TestADeceivedFastGroupOverlapsForALeaseAtMost shows the price of fast: what has the address of the active refuses its
// connections, which counts as proof of its death, but it is another machine, and the active still acts.
func TestADeceivedFastGroupOverlapsForALeaseAtMost(t *testing.T) {
	s := newSeparated(t, "fast")
	s.deceived = true
	s.leads(false)
	before := s.judge.holds()
	first := s.running[before.Member]
	t.Cleanup(func() {
		_ = first.Process.Kill() // it never learns that it was replaced
		<-first.exited
	})
	from := now()
	s.replace(before.Member)
	s.start(before.Member)
	time.Sleep(startAfter + stillFor)
	var overlap, last, since time.Duration
	for _, a := range s.judge.spells() {
		switch {
		case a.Epoch == before.Epoch:
			last = a.last
			if since != 0 {
				overlap = last - since
			}
		case a.Epoch > before.Epoch && since == 0:
			since = a.At
		}
	}
	t.Logf("%s replaced: a successor acts after %v, the first acts until %v, both for %v", before.Member, ms(since-from), ms(last-from), ms(overlap))
	if last-from > leaseLength+margin {
		t.Errorf("the one that was replaced acted for %v more", last-from)
	}
	if h := s.judge.holds(); h.Epoch <= before.Epoch || now()-h.last > leaseLength {
		t.Errorf("nobody followed: %v", h)
	}
}

// TestABridgeNeverLetsTwoAct cuts only the pair's own link: the witness sees both.
func TestABridgeNeverLetsTwoAct(t *testing.T) {
	s := newSeparated(t, "fast")
	for _, leads := range []bool{true, false} {
		s.leads(leads)
		before, leader := s.judge.holds(), s.leader()
		from := now()
		s.cut("a1", "b1")
		s.cut("b1", "a1")
		time.Sleep(startAfter + 2*election + stillFor)
		after := s.judge.holds()
		t.Logf("%s active, %s led: after %v %s acts in epoch %d, was %d", before.Member, leader, ms(now()-from), after.Member, after.Epoch, before.Epoch)
		if age := now() - after.last; age > leaseLength {
			t.Errorf("nobody has acted for %v, although the witness sees both", age)
		}
		s.heal()
		healed := now()
		s.settle("")
		t.Logf("settled %v after healing", ms(now()-healed))
	}
}
