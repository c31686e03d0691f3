package genleader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The faults that the Erlang originals are known for, one test each. gen-leader's own numbers are in the names.

// begun is a group that has a leader, with leases all around.
func begun(t *testing.T, seed uint64, names ...string) *world {
	t.Helper()
	w := newWorld(seed, names...)
	for _, name := range names {
		w.start(name)
	}
	w.run(time.Second)
	if divided := w.divided(); divided != "" {
		t.Fatalf("the group has not begun: %s", divided)
	}
	return w
}

// follower is the last by name of those that do not lead.
func (w *world) follower() *host {
	leader := w.leader()
	for _, name := range slices.Backward(w.names) {
		if h := w.hosts[name]; h != leader {
			return h
		}
	}
	return nil
}

// becomesOne asserts that all follow one leader before too long, and that what was promised until then was kept.
func (w *world) becomesOne(t *testing.T, what string) {
	t.Helper()
	from := w.now
	for w.divided() != "" && w.now.Sub(from) < 10*w.timing.Election {
		w.run(20 * time.Millisecond)
	}
	if divided := w.divided(); divided != "" {
		t.Errorf("%s: after %v: %s\n%s", what, 10*w.timing.Election, divided, w.everybody())
		return
	}
	for _, problem := range slices.Concat(w.unsafe, w.misdone(w.leader().applied)) {
		t.Errorf("%s: %s", what, problem)
	}
}

// sides cuts the members of one side off from all others, silently.
func (w *world) sides(one ...string) {
	for _, a := range w.names {
		for _, b := range w.names {
			if slices.Contains(one, a) != slices.Contains(one, b) {
				w.cut(a, b)
			}
		}
	}
}

// TestFault1CandidateListsMayDiffer: in the originals every member needed the same list of candidates in the same order. Here
// one member's list begins the group, and the leader's decides later; members with other lists, in another order, with
// somebody missing or with somebody who never comes, are of that one group all the same, and stay so when every
// connection is made anew.
func TestFault1CandidateListsMayDiffer(t *testing.T) {
	for name, lists := range map[string]map[string][]string{
		"each has itself first":         {"a1": {"a1", "b1", "c1"}, "b1": {"b1", "c1", "a1"}, "c1": {"c1", "a1", "b1"}},
		"two have themselves first":     {"a1": {"a1", "b1", "c1"}, "b1": {"b1", "a1", "c1"}, "c1": {"a1", "b1", "c1"}},
		"some do not know others":       {"a1": {"a1", "b1", "c1"}, "b1": {"a1", "b1"}, "c1": {"a1", "c1"}},
		"some know one who never comes": {"a1": {"a1", "b1", "c1"}, "b1": {"a1", "b1", "c1", "x1"}, "c1": {"x1", "a1", "b1", "c1"}},
	} {
		for _, delay := range []time.Duration{0, 5 * time.Millisecond, 20 * time.Millisecond} { // words that begin a group cross
			for seed := range uint64(10) {
				w := newWorld(seed, "a1", "b1", "c1")
				w.lists, w.delay = lists, delay
				for _, name := range w.names {
					w.start(name)
				}
				w.run(time.Second)
				what := fmt.Sprintf("%s, delay %v, seed %d", name, delay, seed)
				w.becomesOne(t, what)
				for _, a := range w.names {
					for _, b := range w.names {
						if a != b {
							w.disconnect(a, b)
						}
					}
				}
				w.run(time.Second)
				w.heal()
				w.becomesOne(t, what+", connected anew")
			}
		}
	}
}

// TestFault2OnlyTheMajorityOfASplitElects: in the originals every side of a split elected, and the first of them never
// healed. Here at most one side has a leader, leases and answers, and healing makes one group of all, whatever the split.
func TestFault2OnlyTheMajorityOfASplitElects(t *testing.T) {
	all := []string{"a1", "b1", "c1", "d1", "e1"}
	for mask := 1; mask < 1<<len(all); mask++ { // the side of a1, which leads
		for _, size := range []int{4, 5} {
			var side []string
			for i, name := range all[:size] {
				if mask&(1<<i) != 0 {
					side = append(side, name)
				}
			}
			if mask >= 1<<size || !slices.Contains(side, "a1") || len(side) == size {
				continue
			}
			t.Run(fmt.Sprint(strings.Join(side, ","), " of ", size), func(t *testing.T) {
				w := begun(t, uint64(mask), all[:size]...)
				w.sides(side...)
				for _, name := range w.names {
					w.call(name, "of-"+name, 2*time.Second)
				}
				w.run(3 * time.Second)
				for _, name := range w.names {
					here := len(side)
					if !slices.Contains(side, name) {
						here = size - here
					}
					h, majority := w.hosts[name], 2*here > size
					if leads := h.view.Leader.Name != ""; leads != majority || w.now.Before(h.until) != majority {
						t.Errorf("%s is one of %d of %d: follows %q, leased until %v", name, here, size, h.view.Leader.Name, h.until.Sub(w.now))
					}
					if done := strings.HasPrefix(h.replies[1], "ok"); done != majority {
						t.Errorf("%s is one of %d of %d, its call: %s", name, here, size, h.replies[1])
					}
				}
				w.heal()
				w.becomesOne(t, "healed")
			})
		}
	}
}

// TestFault3ACallBetweenTwoLeadersIsNotLost: whenever the leader dies after a call was made on another member, the call
// is done by it or by its successor, once, and is answered as done.
func TestFault3ACallBetweenTwoLeadersIsNotLost(t *testing.T) {
	for moment := time.Duration(0); moment < 8*time.Millisecond; moment += 200 * time.Microsecond {
		w := begun(t, 1, "a1", "b1", "c1")
		w.call("b1", "one", 2*time.Second)
		w.run(moment)
		w.kill("a1")
		w.run(time.Millisecond)
		w.call("c1", "two", 2*time.Second) // nobody leads now
		w.run(time.Second)
		for _, name := range []string{"b1", "c1"} {
			if reply := w.hosts[name].replies[1]; !strings.HasPrefix(reply, "ok") {
				t.Errorf("the leader died %v after the call: the caller at %s heard %q", moment, name, reply)
			}
		}
		w.start("a1")
		w.becomesOne(t, fmt.Sprint("the leader died after ", moment))
	}
}

// TestFault3ALeaderThatHasLostAnswersNothing: what is asked of a leader that is cut off is not acknowledged by it. Its
// caller hears that nobody knows, or, when it never reached a leader, that nothing was done.
func TestFault3ALeaderThatHasLostAnswersNothing(t *testing.T) {
	for moment := time.Duration(0); moment < 1500*time.Millisecond; moment += 50 * time.Millisecond {
		w := begun(t, 1, "a1", "b1", "c1")
		w.sides("a1")
		w.run(moment)
		led := w.hosts["a1"].view.Phase == Leading
		w.call("a1", "one", 300*time.Millisecond)
		w.run(400 * time.Millisecond)
		want := ErrNoLeader.Error()
		if led {
			want = ErrUncertain.Error()
		}
		if reply := w.hosts["a1"].replies[1]; reply != want {
			t.Errorf("%v after the cut, leading %v: %q, want %q", moment, led, reply, want)
		}
		w.heal()
		w.becomesOne(t, fmt.Sprint("called after ", moment))
	}
}

// TestFault3ACallThatEndsItsLeaderIsNotAskedOfTheNext: whether the behaviour stops over it or panics. Otherwise one bad
// call would end all members, one after the other.
func TestFault3ACallThatEndsItsLeaderIsNotAskedOfTheNext(t *testing.T) {
	for _, how := range []string{"stops", "panics"} {
		t.Run(how, func(t *testing.T) {
			inNet(t, func(t *testing.T, n *net) {
				leader, follower := n.roles()
				request := "stop"
				if how == "panics" {
					request = "x"
					for _, m := range n.members {
						m.hook("HandleLeaderCall", func() { panic("boom") })
					}
				}
				if reply, err := follower.call(request); !errors.Is(err, ErrLeaderStopped) || errors.Is(err, ErrUncertain) {
					t.Errorf("%q, %v, want ErrLeaderStopped", reply, err)
				}
				for _, m := range n.members {
					m.hook("HandleLeaderCall", func() {})
					m.group.LinkDown(leader.group.cfg.Self, true)
				}
				if reply, err := follower.call("next"); err != nil {
					t.Errorf("the next call: %q, %v", reply, err)
				}
				synctest.Wait()
				for name, m := range n.members {
					if err := m.group.Err(); (err != nil) != (m == leader) {
						t.Errorf("%s ended with %v", name, err)
					}
				}
			})
		})
	}
}

// TestFault4ADeathInTheMiddleOfAnElection: the leader dies, and whoever is about to follow dies at any moment of the
// election. The rest elects another.
func TestFault4ADeathInTheMiddleOfAnElection(t *testing.T) {
	for moment := time.Duration(0); moment < 30*time.Millisecond; moment += 500 * time.Microsecond {
		w := begun(t, 1, "a1", "b1", "c1", "d1", "e1")
		w.kill("a1")
		w.run(moment)
		w.kill("b1")
		w.call("e1", "one", 2*time.Second)
		w.run(time.Second)
		leader := w.leader()
		if leader == nil {
			t.Fatalf("b1 died %v after a1: nobody leads\n%s", moment, w.everybody())
		}
		if reply := w.hosts["e1"].replies[1]; !strings.HasPrefix(reply, "ok") {
			t.Errorf("b1 died %v after a1: the call of e1: %q", moment, reply)
		}
		w.start("a1")
		w.start("b1")
		w.becomesOne(t, fmt.Sprint("b1 died after ", moment))
	}
}

// TestFault4ARestartFasterThanItsDown: a process is back before anybody hears that the one before has died, and the word
// of that death arrives at any moment later. It is never taken for the death of the new one.
func TestFault4ARestartFasterThanItsDown(t *testing.T) {
	for _, victim := range []string{"a1", "b1", "c1"} { // a1 leads
		for late := time.Duration(0); late < 600*time.Millisecond; late += 10 * time.Millisecond {
			w := begun(t, 1, "a1", "b1", "c1")
			old := w.hosts[victim]
			old.gone, old.until = true, time.Time{}
			w.start(victim)
			for _, name := range w.names {
				if h := w.hosts[name]; name != victim {
					w.after(late, func() { h.take(linkDown{old.self, true}) })
				}
			}
			for _, name := range w.names {
				w.call(name, "of-"+name, 4*time.Second)
			}
			w.run(late + time.Second)
			what := fmt.Sprintf("%s restarted, its death told %v later", victim, late)
			w.becomesOne(t, what)
			for _, s := range w.leader().view.Members {
				if s.Member == w.hosts[victim].self && s.State != Up {
					t.Errorf("%s: the new process counts as %v", what, s.State)
				}
			}
			for _, name := range w.names {
				if reply := w.hosts[name].replies[1]; !strings.HasPrefix(reply, "ok") {
					t.Errorf("%s: the call of %s: %q", what, name, reply)
				}
			}
		}
	}
}

// TestFault5CrossingElectionMessagesMakeOneLeader: two members, or all that are left, stand for leader so that their
// messages cross on the way. In no term two are elected, and one is in the end.
func TestFault5CrossingElectionMessagesMakeOneLeader(t *testing.T) {
	for _, standing := range [][]string{{"b1", "c1"}, {"b1", "c1", "d1"}, {"b1", "c1", "d1", "e1"}} {
		for apart := time.Duration(0); apart < 24*time.Millisecond; apart += time.Millisecond {
			w := begun(t, 1, "a1", "b1", "c1", "d1", "e1")
			w.delay = 5 * time.Millisecond
			w.kill("a1")
			for i, name := range standing {
				h := w.hosts[name]
				w.after(20*time.Millisecond+time.Duration(i)*apart, func() {
					h.core.at[forgetAt], h.core.at[campaignAt] = w.now, w.now
					h.take(woke{})
				})
			}
			w.run(2 * time.Second)
			what := fmt.Sprintf("%v stand %v apart", standing, apart)
			if w.leader() == nil {
				t.Fatalf("%s: nobody leads\n%s", what, w.everybody())
			}
			w.start("a1")
			w.becomesOne(t, what)
		}
	}
}

// TestFault6MembersNeedNotHaveEqualCode: an update is data that every member's own code applies, no code that travels. A
// member of an older version gets the same bytes in the same places as all others, also those that it does not know.
func TestFault6MembersNeedNotHaveEqualCode(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		newer, older := &version{m: leader, knows: []string{"set", "add"}}, &version{m: follower, knows: []string{"set"}}
		leader.hook("FromLeader", newer.apply)
		follower.hook("FromLeader", older.apply)
		leader.since()
		follower.since()
		for i, word := range []string{"set", "add", "set"} {
			if reply, err := follower.call(fmt.Sprint(word, " ", i)); err != nil {
				t.Fatalf("%q: %v", reply, err)
			}
		}
		synctest.Wait() // the call is answered once the follower has applied it; the leader may still be about to
		if !slices.Equal(leader.applied, follower.applied) {
			t.Errorf("the leader got %q, the follower %q", leader.applied, follower.applied)
		}
		if n, o := len(newer.state), len(older.state); n != 3 || o != 2 {
			t.Errorf("of 3 updates the newer version applied %d and the older one %d, want 3 and 2", n, o)
		}
	})
}

// version is the code of one member's build: it keeps the updates that it knows.
type version struct {
	m            *member
	knows, state []string
}

func (v *version) apply() {
	last := v.m.told[len(v.m.told)-1]
	if word, _, _ := strings.Cut(strings.TrimPrefix(last, "FromLeader "), " "); slices.Contains(v.knows, word) {
		v.state = append(v.state, last)
	}
}

// TestFault7ASeedOfTheNetsplitIsOneRun: the random netsplit is part of every test run because it can be repeated. The
// same seed gives the same elections at the same moments, the same log and the same answers.
func TestFault7ASeedOfTheNetsplitIsOneRun(t *testing.T) {
	for seed := range uint64(3) {
		first, again := splitsOfTen(t, seed+1), splitsOfTen(t, seed+1)
		if !slices.Equal(first.trace, again.trace) {
			t.Errorf("seed %d: two runs differ:\n%s\n--\n%s", seed+1, strings.Join(first.trace, "\n"), strings.Join(again.trace, "\n"))
		}
		if a, b := first.leader(), again.leader(); a.self != b.self || !slices.Equal(a.applied, b.applied) {
			t.Errorf("seed %d: %v leads with %q, the second time %v with %q", seed+1, a.self, a.applied, b.self, b.applied)
		}
		for i, c := range first.calls {
			if *c != *again.calls[i] {
				t.Errorf("seed %d: call %d: %+v, the second time %+v", seed+1, i, *c, *again.calls[i])
			}
		}
	}
}
