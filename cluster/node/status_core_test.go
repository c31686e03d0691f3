package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

var (
	seatA1 = planner.Seat{Member: "a1", Incarnation: 1}
	seatB1 = planner.Seat{Member: "b1", Incarnation: 2}
)

// aPair is what a1, which is active, knows while all is well and b1 leads.
func aPair(t *testing.T) knowledge {
	t.Helper()
	s, err := spec.Parse([]byte(pairSpec))
	if err != nil {
		t.Fatal(err)
	}
	acts := controller.Instance{Seat: seatA1, Report: appctrl.Report{Instance: "pair/switch", Phase: appctrl.Running, Role: app.Active, Epoch: 2}, Start: "normal"}
	standsBy := controller.Instance{Seat: seatB1, Report: appctrl.Report{Instance: "pair/switch", Phase: appctrl.Running, Role: app.Standby, Epoch: 2}}
	return knowledge{
		spec: s, self: seatA1, leased: true, asOf: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		view: genleader.View{
			Phase: genleader.Following, Term: 3, Leader: genleader.Member{Name: "b1", Incarnation: 2},
			Voters: []genleader.Member{{Name: "a1", Incarnation: 1}, {Name: "b1", Incarnation: 2}},
		},
		society: controller.Society{
			Members: []controller.SocietyMember{{Seat: seatA1, State: "up"}, {Seat: seatB1, State: "up"}},
			Alarms:  []planner.Alarm{{Group: "pair", Name: planner.RedundancyLost, Why: "no standby for a1/1"}},
		},
		orders: map[string]planner.Order{"pair": {
			Group: "pair", Epoch: 2, Active: &planner.Activation{Seat: seatA1, Epoch: 2}, Standby: []planner.Seat{seatB1},
		}},
		told: []controller.Instance{acts, standsBy},
		here: []controller.Instance{acts},
	}
}

// words is what a status says of everything that can be unknown.
func words(s admin.Status) string {
	var b strings.Builder
	for _, m := range s.Members {
		fmt.Fprintf(&b, "%s %s", m.Name, m.State)
		if m.Last != "" {
			fmt.Fprintf(&b, ", last %s", m.Last)
		}
		if m.Voter {
			b.WriteString(", votes")
		}
		b.WriteString("\n")
	}
	for _, g := range s.Groups {
		fmt.Fprintf(&b, "%s on %q %s\n", g.Name, g.Active, g.Phase)
	}
	for _, i := range s.Instances {
		fmt.Fprintf(&b, "%s on %s %s %s", i.Name, i.Member, i.Role, i.Phase)
		if i.Last != "" {
			fmt.Fprintf(&b, ", last %s", i.Last)
		}
		if i.Err != "" {
			fmt.Fprintf(&b, ": %s", i.Err)
		}
		b.WriteString("\n")
	}
	for _, alarm := range s.Alarms {
		fmt.Fprintf(&b, "! %s\n", alarm)
	}
	return b.String()
}

func TestStatusTellsWhatIsKnownFromWhatWas(t *testing.T) {
	idle := func(k *knowledge, role app.Role, phase appctrl.Phase, err string) {
		k.here = []controller.Instance{{Seat: seatA1, Report: appctrl.Report{Instance: "pair/switch", Phase: phase, Role: role, Epoch: 2, Err: err}}}
	}
	alone := func(k *knowledge) {
		k.view.Phase, k.view.Leader, k.view.Problem = genleader.Leaderless, genleader.Member{}, "no leader: 1 of 3 voters can be reached"
	}
	for _, c := range []struct {
		name   string
		change func(*knowledge)
		want   string
	}{
		{"all is well", func(*knowledge) {}, `
a1 up, votes
b1 up, votes
w1 unknown
pair on "a1" running
pair/switch on a1 active running
pair/switch on b1 standby running
! pair: redundancy-lost: no standby for a1/1
`},
		{"what runs here is newer than what was told", func(k *knowledge) { idle(k, app.Standby, appctrl.Failed, "no disk") }, `
a1 up, votes
b1 up, votes
w1 unknown
pair on "a1" failed
pair/switch on a1 standby failed: no disk
pair/switch on b1 standby running
! pair: redundancy-lost: no standby for a1/1
`},
		{"an application fails wherever it is tried", func(k *knowledge) {
			k.orders = map[string]planner.Order{"pair": {Group: "pair", Epoch: 3, Failures: []planner.Failure{
				{Seat: seatA1, Epoch: 2, Instance: "pair/switch", Err: "exit status 1"},
				{Seat: seatB1, Epoch: 3, Instance: "pair/switch", Err: "exit status 2"},
				{Seat: planner.Seat{Member: "b1", Incarnation: 1}, Epoch: 1, Instance: "pair/switch", Err: "of a process that is gone"},
			}}}
			idle(k, app.Standby, appctrl.Idle, "")
			k.told, k.society.Alarms = nil, nil
		}, `
a1 up, votes
b1 up, votes
w1 unknown
pair on "" idle
pair/switch on a1 standby idle: exit status 1
pair/switch on b1 standby idle: exit status 2
`},
		{"what failed runs again", func(k *knowledge) {
			o := k.orders["pair"]
			o.Failures = []planner.Failure{{Seat: seatA1, Epoch: 1, Instance: "pair/switch", Err: "exit status 1"}}
			k.orders["pair"], k.society.Alarms = o, nil
		}, `
a1 up, votes
b1 up, votes
w1 unknown
pair on "a1" running
pair/switch on a1 active running
pair/switch on b1 standby running
`},
		{"a leader that cannot write knows more than what is written", func(k *knowledge) {
			k.view.Phase, k.view.Leader = genleader.Leading, genleader.Member{Name: "a1", Incarnation: 1}
			k.view.Standings = []genleader.Standing{{Member: k.view.Leader}, {Member: genleader.Member{Name: "b1", Incarnation: 2}, State: genleader.Dead}}
		}, `
a1 up, votes
b1 dead, votes
w1 unknown
pair on "a1" running
pair/switch on a1 active running
! pair: redundancy-lost: no standby for a1/1
`},
		{"without a leader, while its lease holds", alone, `
a1 up, votes
b1 unknown, last up, votes
w1 unknown
pair on "a1" running
pair/switch on a1 active running
pair/switch on b1 standby unknown, last running
! no leader: 1 of 3 voters can be reached
! last known: pair: redundancy-lost: no standby for a1/1
`},
		{"without a leader, after that", func(k *knowledge) {
			alone(k)
			idle(k, app.Standby, appctrl.Idle, appctrl.LeaseLost)
			k.leased = false
		}, `
a1 up, votes
b1 unknown, last up, votes
w1 unknown
pair on "a1" unknown
pair/switch on a1 standby idle: lease lost
pair/switch on b1 standby unknown, last running
! no leader: 1 of 3 voters can be reached
! last known: pair: redundancy-lost: no standby for a1/1
`},
		{"before there ever was one", func(k *knowledge) {
			alone(k)
			k.society, k.orders, k.told, k.here = controller.Society{}, nil, nil, nil
		}, `
a1 up, votes
b1 unknown
w1 unknown
pair on "" unknown
! no leader: 1 of 3 voters can be reached
`},
	} {
		k := aPair(t)
		c.change(&k)
		got := k.status()
		if "\n"+words(got) != c.want {
			t.Errorf("%s:\n%swant%s", c.name, words(got), c.want)
		}
		if !got.AsOf.Equal(k.asOf) {
			t.Errorf("%s: as of %v, want %v", c.name, got.AsOf, k.asOf)
		}
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
		return s.Leader == "" && i.Phase == "idle" && i.Err == appctrl.LeaseLost && g.Phase == unknown && !s.AsOf.IsZero()
	})
	c.eventually("a1 says whom it misses", func() bool {
		alarms := c.nodes["a1"].Status().Alarms
		return len(alarms) > 0 && strings.Contains(alarms[0], "no leader: no link to b1, w1")
	})
	for _, m := range c.nodes["a1"].Status().Members {
		if want := map[bool]string{true: up, false: unknown}[m.Name == "a1"]; m.State != want {
			t.Errorf("%s is %s, want %s", m.Name, m.State, want)
		}
	}
}
