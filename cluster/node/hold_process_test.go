//go:build process

package node

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestAStopThatWouldLoseTheStateIsHeld: two of three members in memory stop in order, and their groups with them. The last one
// says whom it waits for, keeps its vote and its instances, and goes on. Forced, it stops.
func TestAStopThatWouldLoseTheStateIsHeld(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	c.eventually("settled", c.settled("a1", "a1", "b1"))
	for _, name := range []string{"a1", "b1", "w1"} {
		c.dict(name, "prices")
	}
	for _, name := range []string{"a1", "b1", "w1"} {
		c.eventually(name+" is ready", func() bool { return c.nodes[name].Ready(t.Context()) == nil })
	}
	c.stop("w1")
	c.stop("b1")
	a1 := c.nodes["a1"]
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err := a1.Stop(ctx)
	if held := new(genleader.HeldError); !errors.Is(err, ErrHeld) || !errors.As(err, &held) || !strings.Contains(held.Reason, "is away") {
		t.Fatalf("%v, want ErrHeld and who is away", err)
	}
	if _, err := a1.Dict().Store(amply(t), "eur", []byte("1")); err != nil {
		t.Errorf("a write after a stop that was held: %v", err)
	}
	c.eventually("it still acts", func() bool {
		i, _ := a1.Status().Instance("pair/switch", "a1")
		return i.Role == "active" && i.Phase == "running"
	})
	c.stop("a1", Force())
}

// TestAMemberThatIsAloneStopsAtOnce: it has nobody to wait for.
func TestAMemberThatIsAloneStopsAtOnce(t *testing.T) {
	cfg := newCluster(t).config("a1")
	cfg.Spec = alone(t)
	cfg.Name = "solo"
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}
