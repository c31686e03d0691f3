package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

var (
	memberA1 = model.Member{Name: "a1", Incarnation: 1}
	memberB1 = model.Member{Name: "b1", Incarnation: 2}

	pairSwitch = model.Instance{Group: "pair", App: "switch"}
)

// aPair is what a1, which is active, knows while all is well and b1 leads.
func aPair(t *testing.T) knowledge {
	t.Helper()
	s, err := spec.Parse([]byte(pairSpec))
	if err != nil {
		t.Fatal(err)
	}
	acts := model.Report{Member: memberA1, Instance: pairSwitch, Phase: model.Running, Role: app.Active, Epoch: 2, Start: "normal"}
	standsBy := model.Report{Member: memberB1, Instance: pairSwitch, Phase: model.Running, Role: app.Standby, Epoch: 2}
	return knowledge{
		spec: s, self: memberA1, leased: true, asOf: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		view: genleader.View{
			Phase: genleader.Following, Term: 3, Leader: genleader.Member{Name: "b1", Incarnation: 2},
			Voters: []genleader.Member{{Name: "a1", Incarnation: 1}, {Name: "b1", Incarnation: 2}},
		},
		membership: controller.Membership{
			Members: []model.MemberStatus{{Member: memberA1, State: model.Up}, {Member: memberB1, State: model.Up}},
			Alarms:  []model.Alarm{{Group: "pair", Name: planner.RedundancyLost, Why: "no standby for a1/1"}},
		},
		orders: map[string]model.Order{"pair": {
			Group: "pair", Epoch: 2, Active: &model.Activation{Member: memberA1, Epoch: 2}, Standby: []model.Member{memberB1},
		}},
		told: []model.Report{acts, standsBy},
		here: []model.Report{acts},
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
		if m.Unlisted {
			b.WriteString(", unlisted")
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
	idle := func(k *knowledge, role app.Role, phase model.Phase, err string) {
		k.here = []model.Report{{Member: memberA1, Instance: pairSwitch, Phase: phase, Role: role, Epoch: 2, Err: err}}
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
		{"what runs here is newer than what was told", func(k *knowledge) { idle(k, app.Standby, model.Failed, "no disk") }, `
a1 up, votes
b1 up, votes
w1 unknown
pair on "a1" failed
pair/switch on a1 standby failed: no disk
pair/switch on b1 standby running
! pair: redundancy-lost: no standby for a1/1
`},
		{"an application fails wherever it is tried", func(k *knowledge) {
			k.orders = map[string]model.Order{"pair": {Group: "pair", Epoch: 3, Failures: []model.Failure{
				{Member: memberA1, Epoch: 2, Instance: pairSwitch, Err: "exit status 1"},
				{Member: memberB1, Epoch: 3, Instance: pairSwitch, Err: "exit status 2"},
				{Member: model.Member{Name: "b1", Incarnation: 1}, Epoch: 1, Instance: pairSwitch, Err: "of a process that is gone"},
			}}}
			idle(k, app.Standby, model.Idle, "")
			k.told, k.membership.Alarms = nil, nil
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
			o.Failures = []model.Failure{{Member: memberA1, Epoch: 1, Instance: pairSwitch, Err: "exit status 1"}}
			k.orders["pair"], k.membership.Alarms = o, nil
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
			k.view.Members = []genleader.MemberStatus{{Member: k.view.Leader, State: genleader.Up}, {Member: genleader.Member{Name: "b1", Incarnation: 2}, State: genleader.Dead}}
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
			idle(k, app.Standby, model.Idle, appctrl.LeaseLost)
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
		{"the active is dead", func(k *knowledge) {
			k.view.Leader, k.self = genleader.Member{Name: "b1", Incarnation: 2}, memberB1
			k.here, k.told = k.told[1:], k.told[:1]
			k.membership.Members[0].State = model.Dead
			k.membership.Alarms = []model.Alarm{{Group: "pair", Name: planner.NotActive, Why: "its lease may run on"}}
		}, `
a1 dead, votes
b1 up, votes
w1 unknown
pair on "" idle
pair/switch on b1 standby running
! pair: not-active: its lease may run on
`},
		{"the active is silent", func(k *knowledge) {
			k.self, k.here, k.told = memberB1, k.told[1:], k.told[:1]
			k.membership.Members[0].State, k.membership.Alarms = model.Suspect, nil
		}, `
a1 suspect, votes
b1 up, votes
w1 unknown
pair on "a1" unknown
pair/switch on a1 active running
pair/switch on b1 standby running
`},
		{"somebody votes whom the specification does not name", func(k *knowledge) {
			k.view.Voters = append(k.view.Voters, genleader.Member{Name: "z9", Incarnation: 7})
			k.membership.Alarms, k.membership.More = []model.Alarm{{Name: controller.SpecificationsDiffer, Why: "x"}}, 3
		}, `
a1 up, votes
b1 up, votes
w1 unknown
z9 unknown, votes, unlisted
pair on "a1" running
pair/switch on a1 active running
pair/switch on b1 standby running
! specifications-differ: x
! and 3 more alarms
`},
		{"before there ever was one", func(k *knowledge) {
			alone(k)
			k.membership, k.orders, k.told, k.here = controller.Membership{}, nil, nil, nil
		}, `
a1 up, votes
b1 unknown, votes
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

func TestWhatDiscoveryLacksIsAnAlarm(t *testing.T) {
	status := admin.Status{Members: []admin.Member{{Name: "a1"}, {Name: "b1"}}, Alarms: []string{"another"}}
	addDiscovery(&status, "consul here", member.View{
		Members: []member.Member{{Name: "b1", Addr: "10.0.0.2:7100"}}, Err: errors.New("the token may not read"),
	})
	want := admin.Discovery{Kind: "consul here", Source: "unreachable", Err: "the token may not read"}
	if status.Discovery != want || !slices.Equal(status.Alarms, []string{"another", "discovery: the token may not read"}) {
		t.Errorf("got %+v, alarms %q", status.Discovery, status.Alarms)
	}
	if status.Members[0].Addr != "" || status.Members[1].Addr != "10.0.0.2:7100" {
		t.Errorf("addresses: %+v", status.Members)
	}
}

// TestActiveSinceIsWhenTheActiveSaidThatItRan: of the latest instance, and of nobody who does not run.
func TestActiveSinceIsWhenTheActiveSaidThatItRan(t *testing.T) {
	k, at := aPair(t), time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	k.here[0].Since = at
	if g := k.status().Groups[0]; !g.ActiveSince.Equal(at) || g.Lost != "" {
		t.Errorf("active since %v, lost %q", g.ActiveSince, g.Lost)
	}
	k.here[0].Phase = model.Starting
	if g := k.status().Groups[0]; !g.ActiveSince.IsZero() {
		t.Errorf("it is starting, and active since %v", g.ActiveSince)
	}
	k = aPair(t)
	k.self, k.here, k.membership.Members[0].State = memberB1, nil, model.Dead
	if g := k.status().Groups[0]; g.Active != "" || g.Lost != "a1" {
		t.Errorf("the active is dead, and the status says %+v", g)
	}
}
