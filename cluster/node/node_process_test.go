//go:build process

package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/model"
	"github.com/gendac/gendac/gdict"
)

// TestAMemberAloneIsNotInItsCluster: nobody may take its empty dictionary for the cluster's.
func TestAMemberAloneIsNotInItsCluster(t *testing.T) {
	c := newCluster(t)
	cfg := c.config("a1")
	cfg.Admin = "127.0.0.1:0"
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.nodes["a1"] = n
	dict := admin.Client{Addr: n.Admin()}.Dict()
	if _, err := dict.Get(t.Context(), "k", gdict.Local); !errors.Is(err, admin.ErrNotJoined) || !strings.Contains(err.Error(), `"a1" is gathering`) {
		t.Errorf("alone: %v", err)
	}
	if err := notJoined("a1", genleader.View{Problem: "no link to b1"}); !strings.HasSuffix(err.Error(), `"a1" is gathering: no link to b1`) {
		t.Errorf("with a problem: %v", err)
	}
	c.start("b1", "w1")
	c.eventually("a1 is in the cluster", func() bool { return n.Joined() == nil })
	if _, err := dict.Get(t.Context(), "k", gdict.Linearizable); !errors.Is(err, admin.ErrKeyNotFound) {
		t.Errorf("in the cluster: %v", err)
	}
}

// TestPairStartsSwitchesOverAndMovesWhenItsMemberLeaves is the life of a pair without any failure.
func TestPairStartsSwitchesOverAndMovesWhenItsMemberLeaves(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	for _, at := range []string{"a1", "b1", "w1"} {
		c.eventually(at+" sees a1 active and b1 standby", c.settled(at, "a1", "b1"))
	}
	c.eventually("the leader tells how far everybody has the log", func() bool {
		s := c.nodes[c.nodes["a1"].Status().Leader].Status()
		return !slices.ContainsFunc(s.Members, func(m admin.Member) bool { return m.Sending != "replicate" || m.Log < s.Commit }) && s.Applied > 0
	})
	began := c.nodes["w1"].Status()
	pair, _ := began.Group("pair")
	first := pair.Epoch
	if least := uint64(c.nodes["w1"].group.View().Bootstrapped.UnixMilli()); first != least+1 || !strings.Contains(strings.Join(began.Alarms, ""), "began anew") {
		t.Errorf("the first epoch is %d, the cluster began at %d, and the alarms are %q", first, least, began.Alarms)
	}
	if err := c.nodes["w1"].Switchover(amply(t), "pair"); err != nil {
		t.Fatal(err)
	}
	c.eventually("b1 active and a1 standby", c.settled("w1", "b1", "a1"))
	if want := fmt.Sprintf(`b1 active takeover(a1) e%d "from a1"`, first+1); !c.log.has(want) {
		t.Errorf("b1 was not started as %s: %q", want, c.log.all())
	}
	c.stop("b1")
	c.eventually("a1 active again", func() bool {
		g, _ := c.nodes["w1"].Status().Group("pair")
		return g.Active == "a1" && g.Epoch == first+2 && g.Phase == "running"
	})
	c.start("b1")
	c.eventually("b1 returns as standby", c.settled("w1", "a1", "b1"))
	if g, _ := c.nodes["w1"].Status().Group("pair"); g.Epoch != first+2 {
		t.Errorf("epoch %d after a standby returned, want %d", g.Epoch, first+2)
	}
}

func TestSwitchoverIsRefusedWithItsReason(t *testing.T) {
	c := newCluster(t)
	c.start("a1")
	ctx := amply(t)
	if err := c.nodes["a1"].Switchover(ctx, "pair"); !errors.Is(err, admin.ErrNoLeader) {
		t.Errorf("without a majority: %v, want ErrNoLeader", err)
	}
	c.start("b1", "w1")
	c.eventually("settled", c.settled("a1", "a1", "b1"))
	for _, at := range []string{"a1", "b1", "w1"} {
		if err := c.nodes[at].Switchover(ctx, "nothing"); !errors.Is(err, admin.ErrUnknownGroup) {
			t.Errorf("unknown group at %s: %v, want ErrUnknownGroup", at, err)
		}
	}
	c.stop("b1")
	c.eventually("no standby", func() bool {
		g, _ := c.nodes["w1"].Status().Group("pair")
		return len(g.Standby) == 0 && len(c.nodes["w1"].Status().Alarms) == 2 // and that the cluster began just now
	})
	if err := c.nodes["w1"].Switchover(ctx, "pair"); !errors.Is(err, admin.ErrNoStandby) {
		t.Errorf("without a standby: %v, want ErrNoStandby", err)
	}
}

// TestTheLastOneShowsThatItHasStopped: nobody is left to write to, so what it tells others stays as it was.
func TestTheLastOneShowsThatItHasStopped(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	c.eventually("settled", c.settled("a1", "a1", "b1"))
	c.kill("b1")
	c.kill("w1")
	c.eventually("a1 has stopped its instance, and says so", func() bool {
		s := c.nodes["a1"].Status()
		g, _ := s.Group("pair")
		i, _ := s.Instance("pair/switch", "a1")
		return s.Leader == "" && i.Phase == "idle" && i.Err == appctrl.LeaseLost && g.Phase == model.Unreported.String() && !s.AsOf.IsZero()
	})
	c.eventually("a1 says whom it misses", func() bool {
		alarms := c.nodes["a1"].Status().Alarms
		return len(alarms) > 0 && strings.Contains(alarms[0], "no leader: no link to b1, w1")
	})
	for _, m := range c.nodes["a1"].Status().Members {
		if want := map[bool]string{true: model.Up.String(), false: model.Unknown.String()}[m.Name == "a1"]; m.State != want {
			t.Errorf("%s is %s, want %s", m.Name, m.State, want)
		}
	}
}

func (c *cluster) start(names ...string) {
	c.t.Helper()
	for _, name := range names {
		n, err := Start(c.config(name))
		if err != nil {
			c.t.Fatal(err)
		}
		c.nodes[name] = n
	}
}

// kill ends a member without a goodbye.
func (c *cluster) kill(name string) {
	n := c.nodes[name]
	delete(c.nodes, name)
	n.stopping.Store(true)
	n.end(nil, endTimeout)
}

// patience bounds a hang.
const patience = time.Minute

// eventually waits until something is so, and says what is so instead if it never is.
func (c *cluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			for name, n := range c.nodes {
				c.t.Logf("%s: %+v", name, n.Status())
			}
			c.t.Fatalf("%s: not so after %v; the application saw %q", what, patience, c.log.all())
		}
		time.Sleep(time.Millisecond)
	}
}

// settled says whether a member sees the group running on active with that standby.
func (c *cluster) settled(at, active, standby string) func() bool {
	return func() bool {
		s := c.nodes[at].Status()
		g, _ := s.Group("pair")
		i, _ := s.Instance("pair/switch", standby)
		return g.Active == active && g.Phase == "running" && i.Role == "standby" && i.Phase == "running"
	}
}
