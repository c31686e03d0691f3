//go:build process

package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/gdict"
)

// shortly is for one attempt of several, or for what is answered at once.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// amply bounds a hang: what it is used for takes milliseconds, or some elections and restarts on a busy machine.
func amply(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}

func (c *cluster) dict(at, name string) (*gdict.Dict, *genleader.Group) {
	c.t.Helper()
	dict, group, err := c.nodes[at].OpenDict(name)
	if err != nil {
		c.t.Fatal(err)
	}
	return dict, group
}

// TestUsersOpenDictionariesOfTheirOwn: on running members, in any order, and beside each other; one member closes its part
// and opens it again; and each hibernates when it has nothing to do, while the cluster's own group does not.
func TestUsersOpenDictionariesOfTheirOwn(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	pricesA, groupA := c.dict("a1", "prices")
	ordersW, _ := c.dict("w1", "orders")
	pricesB, groupB := c.dict("b1", "prices")
	ordersA, _ := c.dict("a1", "orders")
	pricesW, _ := c.dict("w1", "prices")
	c.dict("b1", "orders")
	ctx := amply(t)
	if _, err := pricesB.Store(ctx, "eur", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := ordersA.Store(ctx, "eur", []byte("an order")); err != nil {
		t.Fatal(err)
	}
	for dict, want := range map[*gdict.Dict]string{pricesA: "1", pricesW: "1", ordersW: "an order"} {
		c.eventually("everybody has "+want, func() bool {
			view, err := dict.Read(ctx, gdict.Linearizable)
			if err != nil {
				return false
			}
			value, found := view.Find("eur")
			return found && string(value.Value) == want
		})
	}
	hibernating := func(g *genleader.Group) func() bool {
		return func() bool { in, err := g.Inspect(ctx); return err == nil && in.Hibernating }
	}
	c.eventually("the dictionary rests on a1", hibernating(groupA))
	c.eventually("the dictionary rests on b1", hibernating(groupB))
	if hibernating(c.nodes["a1"].group)() {
		t.Error("the cluster's own group hibernates")
	}
	if err := groupB.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	again, _ := c.dict("b1", "prices")
	c.eventually("b1 has its part again", func() bool {
		view, err := again.Read(ctx, gdict.Linearizable)
		if err != nil {
			return false
		}
		_, found := view.Find("eur")
		return found
	})
}

func TestAMemberThatStopsLeavesItsUsersGroups(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	groups := map[string]*genleader.Group{}
	for _, at := range []string{"a1", "b1", "w1"} {
		_, groups[at] = c.dict(at, "prices")
	}
	leads := func() string { return groups["w1"].View().Leader.Name }
	c.eventually("somebody leads", func() bool { return leads() != "" })
	for _, at := range []string{"a1", "b1"} {
		if leads() != at {
			continue
		}
		stopped := c.nodes[at]
		c.stop(at)
		if err := groups[at].Err(); err != nil {
			t.Errorf("the group on %s ended with %v", at, err)
		}
		c.eventually("another leads", func() bool { return leads() != at && leads() != "" })
		if _, _, err := stopped.OpenDict("orders"); !errors.Is(err, ErrStopping) {
			t.Errorf("a dictionary of a member that has stopped: %v", err)
		}
		return
	}
	t.Log("the witness led")
}

// breaks panics when it is told to.
type breaks struct{ genleader.Defaults }

func (breaks) HandleCast(*genleader.Election, any) { panic("told to") }

func TestAUsersGroupThatFailsEndsAlone(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	n := c.nodes["a1"]
	group, err := n.Group("fragile", genleader.Config{Behaviour: breaks{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Group("fragile", genleader.Config{Behaviour: breaks{}}); !errors.Is(err, genleader.ErrOpen) {
		t.Errorf("opened twice: %v", err)
	}
	group.Cast("go")
	<-group.Done()
	if group.Err() == nil {
		t.Error("the group has ended without a reason")
	}
	c.eventually("the member goes on", func() bool { return n.Status().Leader != "" })
	c.eventually("the name is free", func() bool {
		_, err := n.Group("fragile", genleader.Config{Behaviour: breaks{}})
		return err == nil
	})
	for _, name := range []string{"", "gendac.mine"} {
		if _, err := n.Group(name, genleader.Config{Behaviour: breaks{}}); err == nil {
			t.Errorf("a group named %q", name)
		}
	}
}
