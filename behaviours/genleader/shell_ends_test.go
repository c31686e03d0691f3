package genleader

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestAPanicEndsTheGroup: in whichever callback it is. Err names it, whoever waits hears that the group has stopped, and
// Terminate runs, once, last.
func TestAPanicEndsTheGroup(t *testing.T) {
	type trigger struct {
		on   func(n *net) *member
		pull func(n *net, m *member)
	}
	leads := func(n *net) *member { leader, _ := n.roles(); return leader }
	follows := func(n *net) *member { _, follower := n.roles(); return follower }
	call := func(request string) func(*net, *member) {
		return func(_ *net, m *member) { _, _ = m.call(request) }
	}
	joins := func(n *net, _ *member) {
		_, follower := n.roles()
		follower.stop()
		n.start(follower.group.cfg.Self.Name, 100, nil)
		actorstest.Sleep(time.Second)
	}
	deposed := func(n *net, _ *member) { leader, _ := n.roles(); leader.stop(); actorstest.Sleep(5 * time.Second) }
	for callback, tr := range map[string]trigger{
		"HandleLeaderCall": {leads, call("x")},
		"HandleLeaderCast": {leads, func(_ *net, m *member) { m.group.LeaderCast([]byte("x")) }},
		"FromLeader":       {follows, call("x")},
		"HandleCall":       {follows, func(n *net, m *member) { _, _ = m.group.Call(n.t.Context(), "x") }},
		"HandleCast":       {follows, func(_ *net, m *member) { m.group.Cast("x") }},
		"HandleInfo":       {follows, func(_ *net, m *member) { m.system.Root.Send(m.pid, "x") }},
		"Surrendered":      {follows, nil},
		"Elected":          {follows, nil},
		"HandleDown": {leads, func(n *net, m *member) {
			_, follower := n.roles()
			m.group.LinkDown(follower.group.cfg.Self, true)
		}},
		"Snapshot": {leads, joins},
		"WriteTo":  {leads, joins},
	} {
		t.Run(callback, func(t *testing.T) {
			inNet(t, func(t *testing.T, n *net) {
				m := tr.on(n)
				m.since()
				m.hook(callback, func() { panic("boom in " + callback) })
				waits := make(chan error, 1)
				if tr.pull == nil { // whoever becomes the leader, or follows it: both have the hook
					for _, name := range n.names {
						other := n.members[name]
						other.hook(callback, func() { panic("boom in " + callback) })
					}
					deposed(n, m)
					for _, other := range n.members {
						if other.group.Err() != nil {
							m = other
						}
					}
				} else {
					go func() {
						_, err := m.call("later")
						waits <- err
					}()
					if callback != "HandleLeaderCall" {
						synctest.Wait()
					}
					tr.pull(n, m)
					if err := <-waits; !errors.Is(err, ErrStopped) {
						t.Errorf("who waited got %v", err)
					}
				}
				var failure *process.PanicError
				if err := mustEnd(t, m); !errors.As(err, &failure) || failure.Value != "boom in "+callback {
					t.Errorf("Err is %v", err)
				}
				told := m.since()
				if len(told) == 0 || told[len(told)-1] != "Terminate "+m.group.Err().Error() {
					t.Errorf("told %q", told)
				}
				if _, err := m.call("x"); !errors.Is(err, ErrStopped) {
					t.Errorf("a call afterwards: %v", err)
				}
				if _, err := m.group.Call(t.Context(), "x"); !errors.Is(err, ErrStopped) {
					t.Errorf("a local call afterwards: %v", err)
				}
			})
		})
	}
}

// TestAStoppedMemberDoesNotDenyWhatItSent: the call is in the log when the caller's member fails, so nobody may be told
// that nothing was done.
func TestAStoppedMemberDoesNotDenyWhatItSent(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		follower.hook("FromLeader", func() { panic("boom") })
		_, err := follower.call("x")
		if !errors.Is(err, ErrUncertain) || !errors.Is(err, ErrStopped) {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if len(leader.applied) != 1 {
			t.Errorf("the leader has applied %v", leader.applied)
		}
	})
}

// TestACallWhoseTurnDoesNotComeWasNotDone: the group ends here before, and nothing is kept of it.
func TestACallWhoseTurnDoesNotComeWasNotDone(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		letGo := make(chan struct{})
		follower.hook("HandleCast", func() { <-letGo; panic("boom") })
		follower.group.Cast("x")
		synctest.Wait()
		said := make(chan error, 1)
		go func() { said <- callOf(follower, "never") }()
		synctest.Wait()
		close(letGo)
		if err := <-said; !errors.Is(err, ErrStopped) || errors.Is(err, ErrUncertain) {
			t.Errorf("%v", err)
		}
		if waits := follower.group.arrivals.count(); waits != 0 {
			t.Errorf("%d calls are kept", waits)
		}
	})
}

// TestAGroupThatHasFailedIsNotStartedAgain by whoever supervises its actor: a member that has forgotten what it has voted for
// and acknowledged must not go on under the same incarnation.
func TestAGroupThatHasFailedIsNotStartedAgain(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		follower.hook("HandleCast", func() { panic("boom") })
		follower.group.Cast("x") // a root actor is started again
		_ = mustEnd(t, follower)
		before := follower.group.View()
		follower.group.LinkUp(leader.group.cfg.Self)
		actorstest.Sleep(3 * time.Second)
		if now := follower.group.View(); !now.equal(before) {
			t.Errorf("it goes on: %v, which was %v", now, before)
		}
		second := follower.system.Root.Spawn(leader.group.Props())
		actorstest.Sleep(time.Second)
		if _, err := leader.call("after"); err != nil || leader.group.View().Phase != Leading {
			t.Errorf("with a second actor of it the leader is %v: %v", leader.group.View(), err)
		}
		_ = follower.system.Root.StopFuture(second).Wait()
	})
}

// TestAMessageThatNobodyBearsEndsTheGroupEverywhere: all members get the same broadcasts, so no other member can help.
func TestAMessageThatNobodyBearsEndsTheGroupEverywhere(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		for _, m := range n.members {
			m.hook("FromLeader", func() { panic("boom") })
		}
		if _, err := follower.call("x"); !errors.Is(err, ErrUncertain) || !errors.Is(err, ErrStopped) {
			t.Errorf("%v", err)
		}
		for name, m := range n.members {
			if err := mustEnd(t, m); err == nil || !strings.Contains(err.Error(), "boom") {
				t.Errorf("%s ended with %v", name, err)
			}
		}
	})
}

func TestAnAnswerCanStopTheInstance(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, _ := n.roles()
		if _, err := leader.call("stop"); !errors.Is(err, ErrStopped) {
			t.Errorf("its caller got %v", err)
		}
		if err := mustEnd(t, leader); !errors.Is(err, errStop) {
			t.Errorf("Err is %v", err)
		}
		if told := leader.since(); told[len(told)-1] != "Terminate "+errStop.Error() {
			t.Errorf("told %q", told)
		}
		if v := leader.group.View(); v.Phase != Departed || v.Leader != (Member{}) || v.Problem != errStop.Error() {
			t.Errorf("afterwards it sees %v", v)
		}
	})
}

// TestALeavingLeaderHandsOver: the others have a leader at once, and hear that it left.
func TestALeavingLeaderHandsOver(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, _ := n.roles()
		began := time.Now()
		if err := leader.group.Leave(within(t, 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := mustEnd(t, leader); err != nil {
			t.Errorf("Err is %v", err)
		}
		if v := leader.group.View(); v.Phase != Departed || v.Leader != (Member{}) || v.Problem != "" {
			t.Errorf("afterwards it sees %v", v)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("handing over took %v", took)
		}
		actorstest.Sleep(100 * time.Millisecond)
		successor, _ := n.roles()
		if successor == leader {
			t.Fatal("it still leads")
		}
		if index(successor.since(), "HandleDown "+leader.group.cfg.Self.String()+": "+ErrLeft.Error()) < 0 {
			t.Error("the successor was not told that it left")
		}
		if told := leader.since(); told[len(told)-1] != "Terminate "+process.ErrNormal.Error() {
			t.Errorf("told %q", told)
		}
		if err := leader.group.Leave(within(t, time.Second)); err != nil {
			t.Errorf("leaving again: %v", err)
		}
	})
}

func TestALostProcessIsReportedWithTheReason(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		follower.stop()
		for _, m := range n.members {
			m.group.LinkDown(follower.group.cfg.Self, true)
		}
		actorstest.Sleep(time.Second)
		if index(leader.since(), "HandleDown "+follower.group.cfg.Self.String()+": "+ErrGone.Error()) < 0 {
			t.Error("HandleDown did not run")
		}
		if last := leader.applied[len(leader.applied)-1]; last != follower.group.cfg.Self.Name+" is down" {
			t.Errorf("its broadcast is not there: %v", leader.applied)
		}
	})
}

// TestSurrenderedComesBeforeWhatTheLeaderSays: on every follower, and after a change of the leader again.
func TestSurrenderedComesBeforeWhatTheLeaderSays(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		first, _ := n.roles()
		for _, m := range n.members {
			go func() { _, _ = m.call("early") }()
		}
		actorstest.Sleep(time.Second)
		_ = first.group.Leave(within(t, time.Second))
		for name, m := range n.members {
			if m != first {
				if _, err := m.call("late"); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		second, follower := n.roles()
		told := follower.since()
		sync := index(told, `Surrendered "sync of `+second.group.cfg.Self.Name+`"`)
		if sync < 0 || index(told, "FromLeader late") < sync {
			t.Errorf("told %q", told)
		}
		if first := index(told, "Surrendered"); first < 0 || index(told, "FromLeader early") < first {
			t.Errorf("told %q", told)
		}
		if told := second.since(); index(told, "Elected") < 0 {
			t.Errorf("the second leader was told %q", told)
		}
	})
}

// TestAStateThatCannotBeRestoredEndsTheGroup: and nothing is built on it.
func TestAStateThatCannotBeRestoredEndsTheGroup(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		for range 50 {
			if _, err := leader.call("x"); err != nil {
				t.Fatal(err)
			}
		}
		follower.stop()
		errBad := errors.New("not a state of mine")
		again := n.start(follower.group.cfg.Self.Name, 100, func(m *member) { m.refuse = errBad })
		actorstest.Sleep(5 * time.Second)
		if err := mustEnd(t, again); !errors.Is(err, errBad) {
			t.Errorf("Err is %v", err)
		}
		told := again.since()
		if at := index(told, "Restore"); at < 0 || len(told) != at+2 || told[at+1] != "Terminate "+errBad.Error() {
			t.Errorf("told %q", told)
		}
	})
}

// TestTheLeaseEndsWhenTheMajorityIsOutOfReach: the member that is cut off is told, and may not act; the others go on.
func TestTheLeaseEndsWhenTheMajorityIsOutOfReach(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, _ := n.roles()
		held := leader.group.Lease()
		term, _ := held.Current()
		if !held.Holds(term) || len(leader.lapsed) != 0 {
			t.Fatalf("holds term %d: %v, lapsed: %v", term, held.Holds(term), leader.lapsed)
		}
		n.isolate(leader.group.cfg.Self.Name)
		actorstest.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if held.Holds(term) || len(leader.lapsed) != 1 || leader.lapsed[0] != term {
			t.Errorf("holds term %d: %v, lapsed: %v", term, held.Holds(term), leader.lapsed)
		}
		for name, m := range n.members {
			if now, _ := m.group.Lease().Current(); m != leader && (!m.group.Lease().Holds(now) || len(m.lapsed) != 0) {
				t.Errorf("%s: holds %v, lapsed %v", name, m.group.Lease().Holds(now), m.lapsed)
			}
		}
		n.heal()
		actorstest.Sleep(3 * time.Second)
		if now, _ := held.Current(); now != term+1 || !held.Holds(now) || held.Holds(term) {
			t.Errorf("after the heal it holds %d: %v, the old one: %v", now, held.Holds(now), held.Holds(term))
		}
	})
}

// TestAGroupThatNeverStarted: nothing waits for it.
func TestAGroupThatNeverStarted(t *testing.T) {
	group, err := New(nil, Config{Self: Member{"a1", 1}, Candidates: []string{"a1"}, Behaviour: Defaults{}, Send: func(string, []byte) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := group.LeaderCall(t.Context(), nil); !errors.Is(err, ErrStopped) {
		t.Errorf("a call: %v", err)
	}
	if _, err := group.Call(t.Context(), nil); !errors.Is(err, ErrStopped) {
		t.Errorf("a local call: %v", err)
	}
	if err := group.Leave(t.Context()); err != nil {
		t.Errorf("leaving: %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Self: Member{"a1", 1}, Candidates: []string{"a1"}, Behaviour: Defaults{}, Send: func(string, []byte) error { return nil }}
	for name, spoil := range map[string]func(*Config){
		"nobody votes":   func(c *Config) { c.Candidates = nil },
		"twice":          func(c *Config) { c.Candidates = []string{"a1", "a1"} },
		"too many":       func(c *Config) { c.Expect = 2 },
		"negative":       func(c *Config) { c.MaxVoters = -1 },
		"forgetful":      func(c *Config) { c.ForgetAfter = time.Millisecond },
		"witness":        func(c *Config) { c.Candidates, c.Witness = []string{"b1"}, true },
		"no incarnation": func(c *Config) { c.Self.Incarnation = 0 },
		"no behaviour":   func(c *Config) { c.Behaviour = nil },
		"no transport":   func(c *Config) { c.Send = nil },
		"lease":          func(c *Config) { c.Timing.Lease = c.Timing.Heartbeat + 1 },
		"start":          func(c *Config) { c.Timing.StartAfter = time.Second },
	} {
		bad := good
		if spoil(&bad); name == "lease" {
			bad.Timing.Heartbeat = time.Second
		}
		if _, err := New(nil, bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestAGroupThatHasEndedKeepsNothing of what callers still say: neither their calls nor their casts.
func TestAGroupThatHasEndedKeepsNothing(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		follower.stop()
		g := follower.group
		for range 100 {
			if _, err := g.LeaderCall(within(t, time.Second), []byte("x")); !errors.Is(err, ErrStopped) || errors.Is(err, ErrUncertain) {
				t.Fatal(err)
			}
			g.LeaderCast([]byte("x"))
		}
		if kept := g.arrivals.count(); kept > 0 {
			t.Errorf("%d are kept", kept)
		}
	})
}

// TestWhatComesTooEarlyTakesNoRoom: frames and casts for a group that has not started are lost, and cost it nothing later.
func TestWhatComesTooEarlyTakesNoRoom(t *testing.T) {
	g, err := New(nil, Config{
		Self: Member{"a1", 1}, Candidates: []string{"a1"}, Behaviour: Defaults{}, Send: func(string, []byte) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	g.LeaderCast([]byte("early"))
	g.Deliver(Member{"b1", 1}, []byte("early"))
	if n := g.inbox.bytes.Load(); n != 0 {
		t.Errorf("%d bytes wait", n)
	}
}
