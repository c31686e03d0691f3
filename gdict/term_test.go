package gdict

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestAWriteOfATermIsDoneInThatTermOnly, by the member that leads in it.
func TestAWriteOfATermIsDoneInThatTermOnly(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		nodes := b.startThree(t)
		if _, err := nodes[0].dict.Store(t.Context(), "first", nil); err != nil { // there is a leader
			t.Fatal(err)
		}
		var leader, follower *node
		for _, n := range nodes {
			if n.group.View().Phase == genleader.Leading {
				leader = n
			} else {
				follower = n
			}
		}
		term := leader.group.View().Term
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		rev, err := leader.dict.InTerm(term).CompareAndStore(ctx, "k", 0, []byte("v"))
		if err != nil {
			t.Fatal(err)
		}
		for name, erase := range map[string]TermWriter{
			"a term to come": leader.dict.InTerm(term + 1), "a member that follows": follower.dict.InTerm(term),
		} {
			if _, err := erase.Erase(ctx, "k"); !errors.Is(err, genleader.ErrNoLeader) || errors.Is(err, genleader.ErrUncertain) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if e, found := leader.dict.Find("k"); !found || e.Rev != rev {
			t.Errorf("it is %+v, %v", e, found)
		}
		if _, err := leader.dict.InTerm(term).Erase(ctx, "k"); err != nil {
			t.Error(err)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}
