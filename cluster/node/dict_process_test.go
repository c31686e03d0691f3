//go:build process

package node

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/gdict"
)

var shout = gdict.Function{Name: "shout", Version: 1, Update: func(old, arg []byte) ([]byte, error) {
	return append(old, arg...), nil
}}

// TestADictionaryOfOnesOwnFromBeginningToEnd: nobody can write before every member has opened it; its options are those of
// gdict.New; it grants no leases; and in memory it is lost when every member has closed it.
func TestADictionaryOfOnesOwnFromBeginningToEnd(t *testing.T) {
	c := newCluster(t)
	names := []string{"a1", "b1", "w1"}
	c.start(names...)
	ctx := amply(t)
	dicts, groups := map[string]*gdict.Dict{}, map[string]*genleader.Group{}
	open := func(name string) {
		var err error
		if dicts[name], groups[name], err = c.nodes[name].OpenDict("prices", gdict.Functions(shout)); err != nil {
			t.Fatal(err)
		}
	}
	open("a1")
	open("b1")
	soon, cancel := context.WithTimeout(ctx, time.Second) // of which nothing may be used up before it is asked
	defer cancel()
	if _, err := dicts["a1"].Store(soon, "eur", nil); !errors.Is(err, genleader.ErrNoLeader) {
		t.Errorf("before all have opened it: %v", err)
	}
	open("w1")
	if _, err := dicts["a1"].Store(ctx, "eur", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if entry, err := dicts["b1"].Update(ctx, "eur", shout, []byte("!")); err != nil || string(entry.Value) != "1!" {
		t.Errorf("%q, %v", entry.Value, err)
	}
	me, refused := gdict.Member(groups["a1"].Member()), (*gdict.RefusedError)(nil)
	if _, err := dicts["a1"].Store(ctx, "mine", nil, gdict.OwnedBy(me)); err != nil {
		t.Error(err)
	}
	if _, err := dicts["a1"].Store(ctx, "mine", nil, gdict.OwnedBy(me.WhileLeased())); !errors.As(err, &refused) {
		t.Errorf("owned while leased: %v", err)
	}
	for _, name := range names {
		if err := groups[name].Leave(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		open(name)
	}
	if view, err := dicts["b1"].Read(ctx, gdict.Linearizable); err != nil || view.Size() != 0 {
		t.Errorf("%d entries, %v; it was closed everywhere", view.Size(), err)
	}
}

// TestInGoNobodyIsKeptFromTheClustersOwnKeys: the controllers write through the same Dict. Only the admin API refuses.
// TestAKeyOfTheClustersDictionaryEndsWithItsMember, who knows its name there, and whether it may act on a change.
func TestAKeyOfTheClustersDictionaryEndsWithItsMember(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	ctx := amply(t)
	b1, a1 := c.nodes["b1"], c.nodes["a1"]
	c.eventually("b1 holds a lease", func() bool { term, _ := b1.Lease().Current(); return b1.Lease().Holds(term) })
	watch := b1.Dict().Watch("jobs/")
	defer watch.Close()
	mine := gdict.OwnedBy(gdict.Member(b1.Self()).WhileLeased())
	for seen := false; !seen; {
		select {
		case e := <-watch.Events():
			if e.Synced {
				if _, err := b1.Dict().Store(ctx, "jobs/7", nil, mine); err != nil {
					t.Fatal(err)
				}
			} else if seen = e.Key == "jobs/7"; !seen || !b1.Lease().Holds(e.Term) {
				t.Fatalf("b1 may not act on %+v", e)
			}
		case <-ctx.Done():
			t.Fatal("its change was not seen")
		}
	}
	c.stop("b1")
	c.eventually("the key is gone", func() bool { _, there := a1.Dict().Find("jobs/7"); return !there })
}

func TestInGoNobodyIsKeptFromTheClustersOwnKeys(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	if _, err := c.nodes["a1"].Dict().Store(amply(t), controller.Reserved+"of nobody", nil); err != nil {
		t.Error(err)
	}
}
