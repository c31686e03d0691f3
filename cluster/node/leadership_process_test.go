//go:build process

package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
)

// shown is a group as a member describes it.
func (c *cluster) shown(at, name string) admin.RaftGroup {
	c.t.Helper()
	g, err := c.nodes[at].RaftGroup(shortly(c.t), name)
	if err != nil {
		c.t.Fatalf("%s at %s: %v", name, at, err)
	}
	return g
}

func (c *cluster) names(at string) string {
	var names []string
	for _, g := range c.nodes[at].RaftGroups(shortly(c.t)) {
		names = append(names, g.Name)
	}
	return strings.Join(names, " ")
}

// openEverywhere opens a dictionary on the three members and waits until one of the pair leads it.
func (c *cluster) openEverywhere(name string) (leader, other string, groups map[string]*genleader.Group) {
	c.t.Helper()
	groups = map[string]*genleader.Group{}
	for _, at := range []string{"a1", "b1", "w1"} {
		_, groups[at] = c.dict(at, name)
	}
	c.eventually("somebody else than the witness leads "+name, func() bool {
		leader = c.shown("w1", name).Leader
		return leader == "a1" || leader == "b1"
	})
	other = map[string]string{"a1": "b1", "b1": "a1"}[leader]
	return leader, other, groups
}

func TestAnOperatorSeesGroupsAndMovesTheirLeaders(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	leader, other, groups := c.openEverywhere("prices")
	if got := c.names("w1"); got != "gendac.cluster prices" {
		t.Errorf("open are %q", got)
	}
	c.eventually("the leader knows how far everybody is", func() bool {
		g := c.shown(leader, "prices")
		return g.Role == "leader" && g.Applied > 0 && g.Applied == g.Commit && len(g.Members) == 3 &&
			!slices.ContainsFunc(g.Members, func(m admin.RaftMember) bool {
				return !m.Voter || m.Log < g.Commit || m.Witness != (m.Name == "w1") || (m.Name != leader) != (m.Sending == "replicate" && m.Linked && m.Heard != nil)
			})
	})
	var moved admin.Transfer
	var err error
	c.eventually("the other is ready", func() bool { // on a busy machine it is heard too late now and then
		moved, err = c.nodes["w1"].TransferLeadership(shortly(t), "prices", other)
		return !errors.Is(err, genleader.ErrNotReady)
	})
	if err != nil || moved.From != leader || moved.Leader != other || moved.Group != "prices" {
		t.Fatalf("handed over: %+v, %v", moved, err)
	}
	if g := c.shown("w1", "prices"); g.Leader != other || g.Term != moved.Term || g.Role != "follower" || g.Member != "w1" {
		t.Errorf("afterwards: %+v", g)
	}
	if led, follows := c.shown(other, "prices"), c.shown("w1", "prices"); led.LeaderHeard != nil || follows.LeaderHeard == nil {
		t.Errorf("the leader, which has followed, heard a leader %v ms ago, a follower %v", led.LeaderHeard, follows.LeaderHeard)
	}
	again, err := c.nodes["w1"].TransferLeadership(amply(t), "prices", other)
	if err != nil || again.From != other || again.Leader != other || again.Term != moved.Term {
		t.Errorf("to the leader itself: %+v, %v", again, err)
	}
	c.eventually("b1 leads the cluster's own group", func() bool {
		_, err := c.nodes["a1"].TransferLeadership(shortly(t), clusterGroup, "b1")
		return err == nil && c.nodes["a1"].Status().Leader == "b1"
	})
	c.refusals(other, groups)
}

// refusals are those of a group that a member leads.
func (c *cluster) refusals(leader string, groups map[string]*genleader.Group) {
	for _, e := range []struct {
		group, to string
		want      error
		words     string
	}{
		{"prices", "c1", genleader.ErrUnknownMember, "voters are a1, b1, w1"},
		{"prices", "w1", genleader.ErrWitness, `"w1"`},
		{"pries", "a1", admin.ErrGroupNotOpen, `"pries"`},
		{"pair", "a1", admin.ErrGroupNotOpen, "a group of the specification"},
	} {
		_, err := c.nodes[leader].TransferLeadership(amply(c.t), e.group, e.to)
		if !errors.Is(err, e.want) || !strings.Contains(err.Error(), e.words) {
			c.t.Errorf("%s to %s: %v, want %v with %s", e.group, e.to, err, e.want, e.words)
		}
	}
	for name, group := range groups {
		if name == leader || name == "w1" {
			continue
		}
		if err := group.Leave(amply(c.t)); err != nil {
			c.t.Fatal(err)
		}
		if got := c.names(name); got != clusterGroup {
			c.t.Errorf("%s has left, and shows %q", name, got)
		}
		if _, err := c.nodes[name].RaftGroup(shortly(c.t), "prices"); !errors.Is(err, admin.ErrGroupNotOpen) {
			c.t.Errorf("a group that was left: %v", err)
		}
		c.eventually("who has left is not ready", func() bool {
			_, err := c.nodes[leader].TransferLeadership(shortly(c.t), "prices", name)
			return errors.Is(err, genleader.ErrNotReady)
		})
	}
}

func TestALearnerDoesNotLead(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	for _, at := range []string{"a1", "b1", "w1"} {
		if _, err := c.nodes[at].Group("ranked", genleader.Config{Behaviour: breaks{}, Candidates: []string{"a1", "w1"}}); err != nil {
			t.Fatal(err)
		}
	}
	c.eventually("b1 learns", func() bool {
		g := c.shown("b1", "ranked")
		i := slices.IndexFunc(g.Members, func(m admin.RaftMember) bool { return m.Name == "b1" })
		return g.Leader == "a1" && i >= 0 && g.Members[i].Learner && !g.Members[i].Voter
	})
	_, err := c.nodes["b1"].TransferLeadership(amply(t), "ranked", "b1")
	if !errors.Is(err, genleader.ErrNotVoter) || !strings.HasSuffix(err.Error(), "voters are a1, w1") {
		t.Errorf("got %v", err)
	}
}

func TestAGroupThatHasFailedIsShownUntilItIsOpenedAgain(t *testing.T) {
	c := newCluster(t)
	c.start("a1")
	n := c.nodes["a1"]
	open := func() bool {
		_, err := n.Group("fragile", genleader.Config{Behaviour: breaks{}})
		return err == nil
	}
	if !open() {
		t.Fatal("cannot be opened")
	}
	if g := c.shown("a1", "fragile"); g.Role != "gathering" || g.Leader != "" || len(g.Members) != 1 || g.Busy || len(g.Problems) != 0 {
		t.Errorf("alone: %+v", g)
	}
	n.groups["fragile"].Cast("go")
	<-n.groups["fragile"].Done()
	if g := c.shown("a1", "fragile"); g.Role != "failed" || len(g.Problems) != 1 || !strings.Contains(g.Problems[0], "told to") || c.names("a1") != "gendac.cluster fragile" {
		t.Errorf("failed: %+v", g)
	}
	if _, err := n.TransferLeadership(amply(t), "fragile", "a1"); !errors.Is(err, admin.ErrGroupNotOpen) || !strings.Contains(err.Error(), "told to") {
		t.Errorf("a transfer of it: %v", err)
	}
	c.eventually("it is open again", open)
	if g := c.shown("a1", "fragile"); g.Role != "gathering" {
		t.Errorf("opened again: %+v", g)
	}
}

// hangs does not return from a cast until it is let go.
type hangs struct {
	genleader.Defaults
	entered, letGo chan struct{}
}

func (h hangs) HandleCast(*genleader.Election, any) {
	close(h.entered)
	<-h.letGo
}

func TestAGroupThatIsBusyIsShownAsFarAsItIsKnown(t *testing.T) {
	c := newCluster(t)
	c.start("a1")
	h := hangs{entered: make(chan struct{}), letGo: make(chan struct{})}
	group, err := c.nodes["a1"].Group("slow", genleader.Config{Behaviour: h})
	if err != nil {
		t.Fatal(err)
	}
	group.Cast("go")
	<-h.entered
	defer close(h.letGo)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	g, err := c.nodes["a1"].RaftGroup(ctx, "slow")
	if err != nil || !g.Busy || g.Role != "gathering" || len(g.Members) != 1 || len(g.Problems) != 1 {
		t.Errorf("got %+v, %v", g, err)
	}
	if _, err := c.nodes["a1"].TransferLeadership(ctx, "slow", "a1"); err == nil {
		t.Error("a group that hangs was handed over")
	}
}
