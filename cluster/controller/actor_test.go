package controller

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/model"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

const pairGroup = "- {name: pair, members: [a1, b1], pair: {active: [switch]}}"

// TestOrdersAreCarriedOut: the leader plans, every member obeys, and everybody can read where things stand.
func TestOrdersAreCarriedOut(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		c.happened("a1 normal epoch 1", "b1 normal")
		for name, m := range c.members {
			order := Orders(m.dict)["pair"]
			if order.Active == nil || order.Active.Member.Name != "a1" || len(order.Standby) != 1 {
				t.Errorf("%s has the order %v", name, order)
			}
			instances := Instances(m.dict)
			if len(instances) != 2 || instances[0].Member.Name != "a1" || instances[0].Start != "normal" || instances[1].Phase != model.Running {
				t.Errorf("%s has the instances %v", name, instances)
			}
			if membership := LeaderSays(m.dict); len(membership.Members) != 3 || membership.Members[2].State != model.Up || len(membership.Alarms) != 0 {
				t.Errorf("%s reads %v", name, membership)
			}
		}
	})
}

func TestASwitchoverHandsOver(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		c.happened("a1 normal epoch 1", "b1 normal")
		if err := c.leader().switchover("pair"); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Second)
		c.happened("a1 stops as active", "b1 takeover(a1) epoch 2 with what a1 left", "a1 normal")
		if err := c.leader().switchover("nowhere"); !errors.Is(err, planner.ErrUnknownGroup) {
			t.Errorf("a group that is not there: %v", err)
		}
	})
}

// TestALargeHandoverDoesNotKeepAGroupFromItsSuccessor, neither one that is too large at all nor one that only this
// dictionary refuses: the takeover goes on without it.
func TestALargeHandoverDoesNotKeepAGroupFromItsSuccessor(t *testing.T) {
	for _, c := range []struct {
		name   string
		leaves int
		limits []gdict.Option
	}{
		{"more than an instance may hand over", 1 << 20, nil},
		{"more than the dictionary takes", 5000, []gdict.Option{gdict.MaxValue(4000)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inCluster(t, pairGroup, func(cl *cluster) {
				cl.happened("a1 normal epoch 1", "b1 normal")
				cl.mu.Lock()
				cl.leaves = c.leaves
				cl.mu.Unlock()
				if err := cl.leader().switchover("pair"); err != nil {
					t.Fatal(err)
				}
				cl.pass(time.Second)
				cl.happened("a1 stops as active", "b1 takeover(a1) epoch 2", "a1 normal")
			}, c.limits...)
		})
	}
}

// TestAWriteGoesOnAfterARecordThatIsTooLarge, and tells which one that was.
func TestAWriteGoesOnAfterARecordThatIsTooLarge(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		m := c.leader()
		got := make(chan written, 1)
		pid := m.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if done, ok := ctx.Message().(written); ok {
				got <- done
			}
		}))
		h := &leaderShell{Leader: Leader{Dict: m.dict}, self: pid, system: m.system}
		large := record{key: "large", value: strings.Repeat("x", 5000)}
		h.write(write{gen: 7, term: m.group.View().Term, records: []record{large, {key: "small", value: "x"}}})
		done := <-got
		if limit := (&gdict.LimitError{}); done.gen != 7 || !errors.As(done.err, &limit) || len(done.refused) != 1 || done.refused[0] != large {
			t.Errorf("the outcome is %v with %v refused", done.err, done.refused)
		}
		if _, ok := m.dict.Find("small"); !ok {
			t.Error("the record after the one that is too large is not there")
		}
		_ = m.system.Root.StopFuture(pid).Wait()
	}, gdict.MaxValue(4000))
}

func TestASwitchoverThatReachesAnotherMemberIsRefused(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		leader := c.leader()
		for _, m := range c.members {
			if m == leader {
				continue
			}
			if err := m.switchover("pair"); !errors.Is(err, ErrNotLeader) {
				t.Errorf("%v answers %v", m.self, err)
			}
		}
	})
}

// TestAMemberThatIsCutOffStopsInTime: its lease ends, its instance stops, and only then another one is active. When it is
// back it becomes the standby. pass looks all the time that never two are active.
func TestAMemberThatIsCutOffStopsInTime(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		c.happened("a1 normal epoch 1", "b1 normal")
		c.cut("a1", true)
		c.pass(5 * time.Second)
		c.happened("a1 stops as active", "b1 failover(a1) epoch 2")
		c.cut("a1", false)
		c.pass(5 * time.Second)
		c.happened("a1 normal")
	})
}

// TestALeaderThatIsHeldUpInItsLookActivatesNobody: a1 is silent for less than its lease, and the leader's controller reads
// that just then. When the controller goes on, the moment that it has read is over, and a1 has a later lease.
func TestALeaderThatIsHeldUpInItsLookActivatesNobody(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		c.happened("a1 normal epoch 1", "b1 normal")
		if err := c.leader().group.TransferLeadership(c.t.Context(), "c1"); err != nil {
			t.Fatal(err)
		}
		c.pass(time.Second)
		c.mu.Lock()
		heldUp := false
		c.stall = func(m *testMember) {
			view := m.group.View()
			lost := slices.ContainsFunc(view.Members, func(s genleader.MemberStatus) bool { return s.Name == "a1" && s.State == genleader.Suspect })
			if lost && !heldUp {
				heldUp = true
				time.Sleep(3 * time.Second)
			}
		}
		c.mu.Unlock()
		c.cut("a1", true)
		c.pass(560 * time.Millisecond) // half a lease, and no more than it takes to stand for election
		c.cut("a1", false)
		c.pass(5 * time.Second)
		if !heldUp {
			t.Fatal("the leader was not held up")
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.active["a1"].Active() || c.active["b1"] != nil {
			t.Errorf("a1 acts: %v; happened:\n  %s", c.active["a1"].Active(), strings.Join(c.lines, "\n  "))
		}
	})
}

// TestAMemberThatIsCutOffKnowsWhatRunsOnIt, although it cannot write that down for others.
func TestAMemberThatIsCutOffKnowsWhatRunsOnIt(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		m := c.members["a1"]
		shows := func(want string) {
			t.Helper()
			if got := m.here.Instances(); len(got) != 1 || got[0].Member != m.self || got[0].Instance != pairSwitch || got[0].String() != want {
				t.Errorf("here are %v, want %s", got, want)
			}
		}
		shows("running active e1 after normal")
		c.cut("a1", true)
		c.pass(5 * time.Second)
		shows(`idle e1 err="lease lost"`)
		if told := Instances(m.dict); told[0].Phase != model.Running {
			t.Errorf("the dictionary has heard of it: %v", told[0])
		}
		c.cut("a1", false)
		c.pass(5 * time.Second)
		shows("running standby e2")
	})
}

// TestAnInstanceThatFailedIsTriedAgain: there is nowhere else to go, so it is tried again in its place after the pause
// that follows a failure.
func TestAnInstanceThatFailedIsTriedAgain(t *testing.T) {
	inCluster(t, "- {name: solo, on: [a1], run: [switch]}", func(c *cluster) {
		c.happened("a1 normal epoch 1")
		c.mu.Lock()
		c.failing = true
		ctx := c.active["a1"]
		c.mu.Unlock()
		ctx.Fail(errors.New("broken"))
		c.pass(20 * time.Second)
		c.mu.Lock()
		c.failing, c.lines = false, nil
		c.mu.Unlock()
		c.pass(20 * time.Second)
		c.happened("a1 normal epoch 2")
	})
}

// TestAStopTellsThatEverythingHasStopped: what the last reports say is in the dictionary before the controller ends.
func TestAStopTellsThatEverythingHasStopped(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		c.happened("a1 normal epoch 1", "b1 normal")
		m := c.members["a1"]
		m.system.Root.Send(m.local.Load(), Stop{Patience: 5 * time.Second})
		if reason := <-m.ended; !errors.Is(reason, process.ErrNormal) {
			t.Errorf("ended: %v", reason)
		}
		synctest.Wait()
		for _, i := range Instances(m.dict) {
			if i.Member.Name == "a1" && i.Phase != model.Idle {
				t.Errorf("the last report of a1 is %v", i)
			}
		}
		c.pass(time.Second)
		c.happened("a1 stops as active", "b1 takeover(a1) epoch 2 with what a1 left")
	})
}

// TestAMemberThatStopsHandsOver, whether it leads or not, to its standby or, in a group of tiers, to the next candidate:
// the successor has the group, and what was left to it, before the member's controller ends.
func TestAMemberThatStopsHandsOver(t *testing.T) {
	for name, groups := range map[string]string{"pair": pairGroup, "tiers": "- {name: pair, on: [a1, b1], run: [switch]}"} {
		for _, leads := range []string{"a1", "c1"} {
			t.Run(name+" led by "+leads, func(t *testing.T) {
				inCluster(t, groups, func(c *cluster) {
					if leader := c.leader(); leader.self.Name != leads {
						if err := leader.group.TransferLeadership(c.t.Context(), leads); err != nil {
							t.Fatal(err)
						}
					}
					c.pass(time.Second)
					c.mu.Lock()
					c.lines = nil
					c.mu.Unlock()
					m := c.members["a1"]
					m.system.Root.Send(m.local.Load(), Stop{Patience: 5 * time.Second})
					if reason := <-m.ended; !errors.Is(reason, process.ErrNormal) {
						t.Errorf("ended: %v", reason)
					}
					if order := Orders(m.dict)["pair"]; order.Active == nil || order.Active.Member.Name != "b1" {
						t.Errorf("a1 has ended, and the group's order is %v", order)
					}
					c.happened("a1 stops as active", "b1 takeover(a1) epoch 2 with what a1 left")
				})
			})
		}
	}
}

// TestAMemberThatStopsAloneDoesNotWait for a successor that there is not.
func TestAMemberThatStopsAloneDoesNotWait(t *testing.T) {
	inCluster(t, "- {name: solo, on: [a1], run: [switch]}", func(c *cluster) {
		m, began := c.members["a1"], time.Now()
		m.system.Root.Send(m.local.Load(), Stop{Patience: 5 * time.Second})
		if reason := <-m.ended; !errors.Is(reason, process.ErrNormal) {
			t.Errorf("ended: %v", reason)
		}
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		c.happened("a1 normal epoch 1", "a1 stops as active")
	})
}

// TestAStopWithNobodyToHearIt: a member that is cut off waits for a successor no longer than its lease runs, and ends with
// nothing told.
func TestAStopWithNobodyToHearIt(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		m := c.members["a1"]
		c.cut("a1", true)
		began := time.Now()
		m.system.Root.Send(m.local.Load(), Stop{Patience: 5 * time.Second})
		if reason := <-m.ended; !errors.Is(reason, process.ErrNormal) {
			t.Errorf("it ended with %v", reason)
		}
		if took := time.Since(began); took > 1500*time.Millisecond { // a lease, and the patience of telling
			t.Errorf("it took %v", took)
		}
	})
}

// TestALeaderThatEndsAnswersWhoeverWaits: one order is on its way, the other command was kept for a look that will
// never come.
func TestALeaderThatEndsAnswersWhoeverWaits(t *testing.T) {
	inCluster(t, pairGroup, func(c *cluster) {
		m := c.leader()
		c.cut(m.self.Name, true) // its order cannot be stored
		answers := make(chan error, 2)
		for range 2 {
			m.system.Root.Send(m.leader.Load(), Switchover{Group: "pair", Reply: func(err error) { answers <- err }})
		}
		synctest.Wait()
		if err := m.system.Root.StopFuture(m.leader.Load()).Wait(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := <-answers; !errors.Is(err, ErrEnded) {
				t.Errorf("answered %v", err)
			}
		}
	})
}
