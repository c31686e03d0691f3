//go:build process

package node

import (
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/controller"
)

// b1StandsBy says whether b1 sees that the order names its very process, and runs as it says.
func (c *cluster) b1StandsBy() bool {
	b1 := c.nodes["b1"]
	order := controller.Orders(b1.Dict())["pair"]
	return len(order.Standby) == 1 && order.Standby[0] == b1.member() && c.settled("b1", "a1", "b1")()
}

// TestAMemberUnderAnEarlierClockTakesTheNextNumber: b1 starts 2 h ahead, dies, and starts again under a clock that is right. It
// is taken up at once, its keys are its own, and it stands by.
func TestAMemberUnderAnEarlierClockTakesTheNextNumber(t *testing.T) {
	c := newCluster(t)
	c.ahead = map[string]time.Duration{"b1": 2 * time.Hour}
	c.start("a1", "b1", "w1")
	c.eventually("b1 stands by", c.b1StandsBy)
	first := c.nodes["b1"].Self()
	c.kill("b1")
	c.ahead = nil
	c.start("b1")
	c.eventually("the new b1 stands by", c.b1StandsBy)
	b1 := c.nodes["b1"]
	if self := b1.Self(); self.Incarnation <= first.Incarnation {
		t.Errorf("it is %v after %v", self, first)
	}
	if err := b1.Err(); err != nil {
		t.Errorf("it has ended: %v", err)
	}
}

// TestTheNumberIsKeptOnDisk: all members start 2 h ahead, and start again one after the other under a clock that is right.
func TestTheNumberIsKeptOnDisk(t *testing.T) {
	c := newCluster(t)
	c.data = t.TempDir()
	names := []string{"a1", "b1", "w1"}
	c.ahead = map[string]time.Duration{"a1": 2 * time.Hour, "b1": 2 * time.Hour, "w1": 2 * time.Hour}
	c.start(names...)
	c.eventually("b1 stands by", c.b1StandsBy)
	was := map[string]uint64{}
	for _, name := range names {
		was[name] = c.nodes[name].Self().Incarnation
		c.kill(name)
	}
	c.ahead = nil
	c.start(names...)
	for _, name := range names {
		if got := c.nodes[name].Self().Incarnation; got != was[name]+1 {
			t.Errorf("%s is %d after %d", name, got, was[name])
		}
	}
	c.eventually("b1 stands by again", c.b1StandsBy)
}
