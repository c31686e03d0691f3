package node

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

const (
	up      = "up"
	unknown = "unknown"
	// lastKnown goes before what a leader said that is none any more.
	lastKnown = "last known: "
)

// knowledge is what this member knows of the cluster at one instant. What runs here it knows itself. Everything else is
// what a leader or other members have written, and without a leader it is only the latest that was heard.
type knowledge struct {
	spec    *spec.Spec
	self    planner.Seat
	view    genleader.View
	leased  bool
	asOf    time.Time // everything that was written before is among what follows
	society controller.Society
	orders  map[string]planner.Order
	told    []controller.Instance // by all members, in order
	here    []controller.Instance
}

func (k knowledge) led() bool { return k.view.Leader.Name != "" }

// status shows members as the leader sees them. The leader itself has no need to wait until that is written.
func (k knowledge) status() admin.Status {
	if len(k.view.Standings) > 0 {
		k.society.Members = nil
		for _, s := range k.view.Standings {
			seat := planner.Seat{Member: s.Name, Incarnation: s.Incarnation}
			k.society.Members = append(k.society.Members, controller.SocietyMember{Seat: seat, State: s.State.String()})
		}
	}
	instances := k.instances()
	s := admin.Status{
		Cluster: k.spec.Cluster, Member: k.self.Member, Incarnation: k.self.Incarnation,
		Leader: k.view.Leader.Name, Term: k.view.Term, Role: roleOf(k.view.Phase), AsOf: k.asOf.Round(0),
		Members: k.members(), Alarms: k.alarms(),
	}
	for _, i := range instances {
		s.Instances = append(s.Instances, k.instance(i))
	}
	for _, g := range k.spec.Groups {
		s.Groups = append(s.Groups, k.group(g.Name, instances))
	}
	return s
}

// instances are those of this member as it knows them itself, and the others as they were told. What a member told that
// is dead or has left, or is no longer spoken of, is history.
func (k knowledge) instances() []controller.Instance {
	all := slices.Clone(k.here)
	for _, i := range k.told {
		if i.Seat != k.self && !k.gone(i.Seat) {
			all = append(all, i)
		}
	}
	for _, o := range k.orders {
		for _, f := range o.Failures {
			if f.Instance != "" && !k.gone(f.Seat) {
				all = explained(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b controller.Instance) int {
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Member, b.Member))
	})
	return all
}

// explained adds why an instance failed lately. Since then it was told to be absent, and that it is says nothing of it.
func explained(all []controller.Instance, f planner.Failure) []controller.Instance {
	i := slices.IndexFunc(all, func(i controller.Instance) bool { return i.Seat == f.Seat && i.Instance == f.Instance })
	if i < 0 {
		return append(all, controller.Instance{Seat: f.Seat, Report: appctrl.Report{Instance: f.Instance, Epoch: f.Epoch, Err: f.Err}})
	}
	if all[i].Phase == appctrl.Idle && all[i].Err == "" {
		all[i].Err = f.Err
	}
	return all
}

func (k knowledge) gone(seat planner.Seat) bool {
	members := k.society.Members
	i := slices.IndexFunc(members, func(m controller.SocietyMember) bool { return m.Seat == seat })
	return len(members) > 0 && (i < 0 || members[i].State == planner.Dead.String() || members[i].State == planner.Left.String())
}

func (k knowledge) instance(i controller.Instance) admin.Instance {
	shown := admin.Instance{
		Name: i.Instance, Member: i.Member, Role: i.Role.String(), Phase: i.Phase.String(),
		Epoch: i.Epoch, Start: i.Start, Err: i.Err,
	}
	if !k.led() && i.Seat != k.self {
		shown.Phase, shown.Last = unknown, shown.Phase
	}
	return shown
}

// alarms begin with what keeps the members from having a leader, or from keeping the log.
func (k knowledge) alarms() []string {
	alarms := []string{}
	if k.view.Problem != "" {
		alarms = append(alarms, k.view.Problem)
	}
	for _, a := range k.society.Alarms {
		text := a.Group + ": " + a.Name + ": " + a.Why
		if !k.led() {
			text = lastKnown + text
		}
		alarms = append(alarms, text)
	}
	return alarms
}

// members lists every member of the spec once, by name: its latest incarnation as the leader sees it.
func (k knowledge) members() []admin.Member {
	latest := map[string]controller.SocietyMember{}
	for _, m := range k.society.Members {
		if m.Incarnation >= latest[m.Member].Incarnation {
			latest[m.Member] = m
		}
	}
	if !k.led() {
		latest[k.self.Member] = controller.SocietyMember{Seat: k.self, State: up}
	}
	var members []admin.Member
	for _, name := range slices.Sorted(maps.Keys(k.spec.Members)) {
		known := latest[name]
		id := genleader.Member{Name: name, Incarnation: known.Incarnation}
		m := admin.Member{
			Name: name, Incarnation: known.Incarnation, State: cmp.Or(known.State, unknown), Witness: k.spec.Members[name].Witness,
			Voter: slices.Contains(k.view.Voters, id), Learner: slices.Contains(k.view.Learners, id),
		}
		if !k.led() && name != k.self.Member {
			m.State, m.Last = unknown, known.State
		}
		members = append(members, m)
	}
	return members
}

// group says where a group is meant to be and how far its active has come. Without a leader that can have changed, unless
// the active is this member and nobody else may be it before its lease has run out.
func (k knowledge) group(name string, instances []controller.Instance) admin.Group {
	o := k.orders[name]
	g := admin.Group{Name: name, Epoch: o.Epoch, Standby: []string{}, Phase: appctrl.Idle.String()}
	for _, s := range o.Standby {
		g.Standby = append(g.Standby, s.Member)
	}
	if o.Active != nil {
		g.Active = o.Active.Member
		g.Start = app.Start{Kind: o.Active.Kind, From: o.Active.From}.String()
		g.Phase = phaseOf(name, *o.Active, k.spec, instances).String()
	}
	if !k.led() && (o.Active == nil || o.Active.Seat != k.self || !k.leased) {
		g.Phase = unknown
	}
	return g
}

// byProgress lists the phases from one that will not come to act to the one that does.
var byProgress = []appctrl.Phase{
	appctrl.Failed, appctrl.Idle, appctrl.Quiesced, appctrl.Stopping, appctrl.Quiescing, appctrl.Starting, appctrl.Running,
}

// phaseOf is that of the application of a group which has come least far under an activation.
func phaseOf(name string, a planner.Activation, s *spec.Spec, instances []controller.Instance) appctrl.Phase {
	group, _ := s.Group(name)
	least := appctrl.Running
	for _, application := range s.Apps(group) {
		phase := appctrl.Starting // it has yet to hear of the activation
		for _, i := range instances {
			standsBy := i.Phase == appctrl.Running && i.Role == app.Standby
			if i.Instance == name+"/"+application && i.Seat == a.Seat && i.Epoch == a.Epoch && !standsBy {
				phase = i.Phase
			}
		}
		if slices.Index(byProgress, phase) < slices.Index(byProgress, least) {
			least = phase
		}
	}
	return least
}
