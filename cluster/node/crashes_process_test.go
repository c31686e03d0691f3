//go:build process && linux

package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTheDeathOfWhoeverIsNotActiveMovesNothing(t *testing.T) {
	c := newCluster(t, newLoopback(t), "fast")
	before := c.judge.holds()
	bystanders := func() []string { return []string{"w1", other(before.Member)} }
	for range 2 { // the second time around, whoever led the first time does not
		for _, victim := range bystanders() {
			leader := c.leader()
			c.kill(victim)
			died := now()
			c.await("led", func() string {
				if c.leader() == "" || c.leader() == victim {
					return "a leader among the rest"
				}
				return ""
			})
			t.Logf("%s killed, %s led: %s leads after %v", victim, leader, c.leader(), ms(now()-died))
			time.Sleep(startAfter)
			c.unmoved(before, victim+" is dead")
			c.start(victim)
			c.settle(before.Member)
			c.unmoved(before, victim+" is back")
		}
	}
	c.leads(false) // the one case that the rounds above may have missed
	before = c.judge.holds()
	leader := c.leader()
	c.kill(leader)
	time.Sleep(startAfter)
	c.unmoved(before, "the leader "+leader+" is dead")
	c.start(leader)
	c.settle(before.Member)
	c.unmoved(before, leader+" is back")
}

// TestTheLastOfThreeStopsActing loses the majority at once, and with it the log: nothing goes on from there but a new
// cluster, whose epochs begin again.
func TestTheLastOfThreeStopsActing(t *testing.T) {
	c := newCluster(t, newLoopback(t), "fast")
	c.switchover("a1") // so that epochs do not begin where they are
	before := c.judge.holds()
	if before.Member != "b1" || before.Epoch < 2 {
		t.Fatalf("%v, want b1 in a later epoch", before)
	}
	c.kill("a1", "w1")
	died := now()
	time.Sleep(startAfter + 2*election)
	last := c.judge.holds()
	t.Logf("last act %v after the majority had died", ms(last.last-died))
	if last.Epoch != before.Epoch || last.last > died+leaseLength {
		t.Errorf("%v, until %v after the majority had died", last, last.last-died)
	}

	c.start("a1", "w1")
	c.await("aware of the loss, each with the same words", func() string {
		told := map[string]bool{}
		for _, name := range []string{"a1", "b1", "w1"} {
			alarms := c.says(name).Alarms
			if len(alarms) == 0 || !strings.Contains(alarms[0], "2 of 3 voters were restarted and have lost the log (a1, w1); it is left on b1") ||
				!strings.Contains(alarms[0], "gendac dict export FILE --read local --admin ADDRESS-OF-b1") {
				return fmt.Sprintf("the alarm of %s, which has %q", name, alarms)
			}
			told[alarms[0]] = true
		}
		if len(told) > 1 {
			return fmt.Sprintf("one alarm, not %v", told)
		}
		return ""
	})
	time.Sleep(stillFor)
	if h := c.judge.holds(); h.Epoch != last.Epoch || h.acts != last.acts {
		t.Errorf("somebody acts without the log: %v, after %v", h, last)
	}

	c.kill("b1")
	if err := judged(c.judge.spells()); err != nil {
		t.Error(err)
	}
	c.judge.begin()
	c.start("b1")
	c.settle("a1")
	if h := c.judge.holds(); h.Epoch <= last.Epoch || h.Start != "normal" {
		t.Errorf("begun anew with %v, want a1 normal in an epoch above %d", h, last.Epoch)
	}
}

// TestAllAtOnceAgainAndAgain kills everybody at moments that come ever later in the life of a cluster.
func TestAllAtOnceAgainAndAgain(t *testing.T) {
	c := newCluster(t, newLoopback(t), "fast")
	began := uint64(time.Now().UnixMilli())
	for round := range 8 {
		c.kill(names...)
		c.judge.begin()
		c.start(names...)
		time.Sleep(time.Duration(round) * 50 * time.Millisecond)
	}
	c.settle("a1")
	if h := c.judge.holds(); h.Epoch <= began {
		t.Errorf("%v, want an epoch above %d", h, began)
	}
}

func TestAStormOfRestartsMovesNothing(t *testing.T) {
	for _, victim := range []string{"b1", "w1"} {
		t.Run(victim, func(t *testing.T) {
			c := newCluster(t, newLoopback(t), "fast")
			before := c.judge.holds()
			began := now()
			for round := range 10 {
				c.kill(victim)
				c.start(victim)
				time.Sleep(time.Duration(round) * 30 * time.Millisecond) // it gets a bit further each time
			}
			t.Logf("10 restarts in %v", ms(now()-began))
			c.settle("a1")
			time.Sleep(election)
			c.unmoved(before, "after the storm")
		})
	}
}

// TestTheActiveDiesAgainAndAgain kills whoever acts as soon as the one before is back: earlier, the second death would
// take the majority's memory with it.
func TestTheActiveDiesAgainAndAgain(t *testing.T) {
	for _, failover := range []string{"fast", "safe"} {
		t.Run(failover, func(t *testing.T) {
			c := newCluster(t, newLoopback(t), failover)
			for range 6 {
				was := c.judge.holds()
				died := now()
				c.kill(was.Member)
				c.start(was.Member)
				c.await("taken over", func() string {
					if c.judge.holds().Epoch == was.Epoch {
						return "a later epoch"
					}
					return c.absent()
				})
				all := c.judge.spells()
				next := all[len(all)-1]
				t.Logf("%s died, %s acts %v later", was.Member, next.Member, ms(next.At-died))
				if failover == "safe" && next.At < all[len(all)-2].until {
					t.Errorf("%v, although the lease of %v had not ended", next, all[len(all)-2])
				}
			}
			c.settle("")
		})
	}
}

// TestADuplicateIsRefusedAndTheFirstDoesNotNotice starts a second process with the name of one that runs.
func TestADuplicateIsRefusedAndTheFirstDoesNotNotice(t *testing.T) {
	n := newLoopback(t)
	c := newCluster(t, n, "fast")
	before := c.judge.holds()
	elsewhere := newLoopback(t) // for free ports
	_ = elsewhere.conn.Close()
	for name, d := range map[string]struct {
		config memberConfig
		says   string
	}{
		"same port":    {memberConfig{}, n.addr("a1")},
		"another port": {memberConfig{Bind: elsewhere.addr("a1")}, elsewhere.addr("a1")},
	} {
		t.Run(name, func(t *testing.T) {
			d.config.Name, d.config.Spec, d.config.Judge = "a1", c.spec, n.judgeAddr("a1")
			first := c.logs["a1"]
			c.logs["a1"] = &logBuffer{}
			p := c.spawn(d.config)
			said := c.logs["a1"]
			c.logs["a1"] = first
			select {
			case <-p.exited:
			case <-time.After(10 * time.Second):
				_ = p.Process.Kill()
				<-p.exited
				t.Error("it runs")
			}
			var lines []string
			for line := range strings.Lines(said.String()) {
				if !strings.Contains(line, "level=") {
					lines = append(lines, strings.TrimSpace(line))
				}
			}
			if p.ProcessState.ExitCode() != 1 || len(lines) != 1 || !strings.Contains(lines[0], d.says) {
				t.Errorf("exited with %d and said %q, want one line that names %s", p.ProcessState.ExitCode(), lines, d.says)
			}
			t.Log(lines)
			c.unmoved(before, "after the refusal")
		})
	}
	time.Sleep(startAfter)
	c.settle("a1")
	c.unmoved(before, "later")
}

// TestADuplicateBehindTheSameAddressNeverActsWithTheFirst starts a second process with the name of the active one, on
// another port and with the first one's address for the others, as a copied configuration has it. The others may take
// either for the member, and then refuse the other one until it is started again; but the two never act at once.
func TestADuplicateBehindTheSameAddressNeverActsWithTheFirst(t *testing.T) {
	n := newLoopback(t)
	c := newCluster(t, n, "safe")
	before := c.judge.holds()
	elsewhere := newLoopback(t) // for free ports
	_ = elsewhere.conn.Close()
	duplicate := c.spawn(memberConfig{
		Name: "a1", Bind: elsewhere.addr("a1"), Advertise: n.addr("a1"), Spec: c.spec, Judge: n.judgeAddr("a1"),
	})
	end := func() {
		_ = duplicate.Process.Kill() // fails only when it has ended
		<-duplicate.exited
	}
	t.Cleanup(end)
	time.Sleep(stillFor)
	if all := c.judge.spells(); len(all) > 1 {
		t.Logf("%v followed on %v", all[1], all[0])
		if all[1].At < all[0].until {
			t.Errorf("that is %v before the end of the lease", all[0].until-all[1].At)
		}
	}
	end()
	c.kill("a1")
	c.start("a1")
	c.settle("")
	if h := c.judge.holds(); h.Epoch < before.Epoch {
		t.Errorf("%v, after %v", h, before)
	}
}
