package genleader

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// hubHeartbeats is how many frames three hubs send in a second if no group says anything.
const hubHeartbeats = 3 * 2 * 10

func TestAGroupWithNothingToDoSendsNothing(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := n.open("orders")
		actorstest.Sleep(2 * time.Second)
		for name, m := range members {
			if !m.hibernates(t) {
				t.Errorf("%s does not hibernate", name)
			}
		}
		const atTheEdge = 3 * 2 // heartbeats at the very beginning and the very end of the minute
		if sent := n.count(time.Minute); sent > 60*hubHeartbeats+atTheEdge {
			t.Errorf("%d frames in a minute, want the hubs' %d heartbeats", sent, 60*hubHeartbeats)
		}
		for name, m := range members {
			if phase := m.group.View().Phase; phase != Leading && phase != Following {
				t.Errorf("%s is %v after a minute of rest", name, phase)
			}
		}
	})
}

func TestACallWakesAGroupAndThenItHibernatesAgain(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := n.open("orders")
		actorstest.Sleep(2 * time.Second)
		follower := followerOf(t, members)
		for _, m := range members {
			m.told()
		}
		began := time.Now()
		if err := follower.call("x"); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 5*time.Millisecond {
			t.Errorf("the call took %v", took)
		}
		actorstest.Sleep(2 * time.Second)
		for name, m := range members {
			if told := m.told(); told != "awake\nhibernates" {
				t.Errorf("%s was told %q, want that it woke and hibernates again", name, told)
			}
		}
		if _, err := leaderOf(t, members).group.ReadIndex(within(t, time.Second)); err != nil {
			t.Errorf("a read of a group that hibernates: %v", err)
		}
		actorstest.Sleep(2 * time.Second)
		if _, err := follower.group.ReadIndex(within(t, time.Second)); err != nil {
			t.Errorf("a read of a follower that hibernates: %v", err)
		}
	})
}

func TestAGroupThatHibernatesFailsOverAsFastAsOneThatIsAwake(t *testing.T) {
	for _, leases := range []bool{false, true} {
		inHubNet(t, func(t *testing.T, n *hubNet) {
			members := n.open("orders", func(cfg *Config) { cfg.Leases = leases })
			actorstest.Sleep(2 * time.Second)
			leader := leaderOf(t, members)
			if leader.hibernates(t) == leases {
				t.Fatalf("with leases %v: hibernates %v", leases, !leases)
			}
			began := time.Now()
			n.kill(leader.host)
			for leaderless(members) && time.Since(began) < time.Minute {
				actorstest.Sleep(time.Millisecond)
			}
			t.Logf("leases %v: another leader %v after the process died", leases, time.Since(began))
			if took := time.Since(began); took > 30*time.Millisecond {
				t.Errorf("leases %v: %v without a leader after the process died", leases, took)
			}
		})
		inHubNet(t, func(t *testing.T, n *hubNet) {
			members := n.open("orders", func(cfg *Config) { cfg.Leases = leases })
			actorstest.Sleep(2 * time.Second)
			leader := leaderOf(t, members)
			began := time.Now()
			n.isolate(leader.host.self.Name)
			delete(members, leader.host.self.Name)
			for leaderless(members) && time.Since(began) < time.Minute {
				actorstest.Sleep(time.Millisecond)
			}
			t.Logf("leases %v: another leader %v after a silent cut", leases, time.Since(began))
			if took := time.Since(began); took > 3*leader.group.cfg.Timing.Election/2 {
				t.Errorf("leases %v: %v without a leader after a silent cut", leases, took)
			}
		})
	}
}

func leaderless(members map[string]*tenant) bool {
	for _, m := range members {
		if !m.host.gone && m.group.View().Phase == Leading {
			return false
		}
	}
	return true
}

func TestAGroupWithoutAMemberDoesNotRest(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := n.open("orders")
		actorstest.Sleep(2 * time.Second)
		gone := followerOf(t, members)
		n.kill(gone.host)
		actorstest.Sleep(2 * time.Second)
		if leaderOf(t, members).hibernates(t) {
			t.Error("the leader hibernates, and a member is gone")
		}
		n.start(gone.host.self.Name, 9)
		members[gone.host.self.Name] = n.hosts[gone.host.self.Name].open("orders")
		actorstest.Sleep(3 * time.Second)
		for name, m := range members {
			if !m.hibernates(t) {
				t.Errorf("%s does not hibernate after all are there again", name)
			}
		}
	})
}

func TestOneMemberThatNeedsLeasesKeepsTheGroupAwake(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := map[string]*tenant{}
		for _, name := range n.names {
			members[name] = n.hosts[name].open("orders", func(cfg *Config) { cfg.Leases = name == "b1" })
		}
		actorstest.Sleep(3 * time.Second)
		for name, m := range members {
			term, until := m.group.Lease().Current()
			if m.hibernates(t) && m == leaderOf(t, members) {
				t.Errorf("%s hibernates", name)
			}
			if held := m.group.Lease().Holds(term) && until.After(time.Now()); held != (name == "b1") {
				t.Errorf("%s holds a lease: %v", name, held)
			}
		}
	})
}

func TestAShortSilenceWakesAGroupAndCostsNoLeader(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := n.open("orders")
		actorstest.Sleep(2 * time.Second)
		leader := leaderOf(t, members)
		for _, m := range members {
			m.told()
		}
		n.isolate(leader.host.self.Name)
		actorstest.Sleep(350 * time.Millisecond)
		n.mu.Lock()
		clear(n.cuts)
		n.mu.Unlock()
		actorstest.Sleep(2 * time.Second)
		synctest.Wait()
		for name, m := range members {
			if told := m.told(); strings.Contains(told, "lost") || !strings.HasSuffix(told, "hibernates") {
				t.Errorf("%s was told %q", name, told)
			}
		}
	})
}

func TestNobodyHoldsALeaseThatNobodyNeeds(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := n.open("orders")
		actorstest.Sleep(300 * time.Millisecond)
		for name, m := range members {
			if term, until := m.group.Lease().Current(); term != 0 || !until.IsZero() {
				t.Errorf("%s holds %v until %v", name, term, until)
			}
		}
		for _, s := range leaderOf(t, members).group.View().Members {
			if s.State != Up {
				t.Errorf("%v", s)
			}
		}
	})
}
