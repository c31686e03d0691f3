//go:build process && linux

package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestAnActiveThatIgnoresItsOrderIsSucceededWhenItsLeaseIsOver: a1's own specification gives its application ten minutes
// to stop, and the application neither returns from Stop nor ceases to act while the lease holds. The leader's
// specification has the default, so it waits for 20 s (start_timeout + stop_timeout + 5 s) and then withholds a1's lease.
// The judge says that two never act at once.
func TestAnActiveThatIgnoresItsOrderIsSucceededWhenItsLeaseIsOver(t *testing.T) {
	c := newCluster(t, newLoopback(t), "safe")
	c.kill("a1")
	c.await("b1 to act", func() string {
		if h := c.judge.holds(); h.Member != "b1" {
			return "acts of b1, last are those of " + h.Member
		}
		return ""
	})
	stubborn := strings.Replace(c.spec, "failover: safe", "failover: safe, stop_timeout: 10m", 1)
	if stubborn == c.spec {
		t.Fatal("the specification has another form")
	}
	c.running["a1"] = c.spawn(memberConfig{Name: "a1", Judge: c.network.judgeAddr("a1"), Spec: stubborn, Stubborn: true})
	c.settle("b1")
	c.switchover("b1") // a1 never leads: it has been a follower since it began

	before := c.judge.holds()
	ordered := now()
	var asked time.Time
	c.await("an alarm", func() string {
		if time.Since(asked) > 2*time.Second { // again until it is taken: the leader may not have heard yet that b1 stands by
			asked = time.Now()
			fmt.Fprintln(c.running["w1"].stdin, wordSwitchover)
		}
		for _, alarm := range c.says("w1").Alarms {
			if strings.Contains(alarm, "a1/") && strings.Contains(alarm, "it gets no more leases") {
				return ""
			}
		}
		return "an alarm that a1 gets no more leases"
	})
	c.await("b1 to act after a1", func() string {
		if h := c.judge.holds(); h.Member != "b1" || h.Epoch <= before.Epoch {
			return "acts of b1, last are those of " + h.String()
		}
		return ""
	})
	time.Sleep(stillFor) // a1 goes on trying
	all := c.judge.spells()
	last, next := all[len(all)-2], all[len(all)-1]
	t.Logf("ordered, then %v of acts; %v between its last act and the successor's first", ms(last.last-ordered), ms(next.At-last.last))
	switch {
	case last.Member != "a1" || last.Epoch != before.Epoch || next.Member != "b1":
		t.Errorf("%v, then %v", last, next)
	case last.last-ordered < 5*time.Second:
		t.Errorf("a1 did not ignore its order: it acted for %v", last.last-ordered)
	case next.At < last.until:
		t.Errorf("%v, although the lease of %v had not ended", next, last)
	}
	select {
	case <-c.running["a1"].exited:
		t.Error("a1 has ended: it shows nothing")
	default:
	}
}
