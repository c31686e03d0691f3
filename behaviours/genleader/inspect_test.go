package genleader

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestInspectShowsWhereEverybodyStands(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		if _, err := follower.call("put x"); err != nil {
			t.Fatal(err)
		}
		actorstest.Sleep(200 * time.Millisecond)
		in, err := leader.group.Inspect(within(t, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if in.Self != leader.group.cfg.Self || in.Phase != Leading || in.Commit != in.LastIndex || in.Applied != in.Commit || in.LogBytes == 0 {
			t.Errorf("the leader says %v", in)
		}
		if len(in.Peers) != 2 {
			t.Fatalf("the leader knows %v, want two others", in.Peers)
		}
		for _, p := range in.Peers {
			if p.Match != in.LastIndex || p.Progress != Replicating || p.State != Up || p.LastContact.IsZero() || !p.Linked {
				t.Errorf("the leader says of a member that has everything: %+v", p)
			}
		}
		theirs, err := follower.group.Inspect(within(t, time.Second))
		if err != nil || theirs.Leader != leader.group.cfg.Self || theirs.Commit != in.Commit || theirs.LeaderHeard.IsZero() {
			t.Errorf("a follower says %v, %v", theirs, err)
		}
		if text := theirs.String(); !strings.Contains(text, "following term=1") || strings.Contains(text, "\n") {
			t.Errorf("not a line that helps: %q", text)
		}
		follower.stop()
		synctest.Wait()
		if _, err := follower.group.Inspect(within(t, time.Second)); !errors.Is(err, ErrStopped) {
			t.Errorf("inspecting a group that has stopped: %v", err)
		}
	})
}

func TestEventsAreToldInTheirOrder(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, _ := n.roles()
		var mu sync.Mutex
		var told []Event
		leader.stop()
		n.mu.Lock()
		delete(n.members, leader.group.cfg.Self.Name)
		n.mu.Unlock()
		for _, m := range n.members {
			m.group.LinkDown(leader.group.cfg.Self, true)
		}
		fresh := n.startWith(leader.group.cfg.Self.Name, 9, nil, func(cfg *Config) {
			cfg.Event = func(e Event) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, e)
			}
		})
		actorstest.Sleep(2 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		var follows, received int
		for i, e := range told {
			switch e := e.(type) {
			case Surrendered:
				follows = i + 1
				if e.Leader.Name == fresh.group.cfg.Self.Name || e.Term != 2 {
					t.Errorf("told %v", e)
				}
			case SnapshotReceived:
				received = i + 1
			case MemberLeft:
				if e.Member != leader.group.cfg.Self || !errors.Is(e.Reason, ErrReplaced) {
					t.Errorf("told %v", e)
				}
			}
		}
		if follows == 0 || received < follows {
			t.Errorf("a joiner was told %v; want whom it follows, then its snapshot", told)
		}
	})
}
