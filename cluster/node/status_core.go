package node

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/spec"
)

const (
	// bootstrapTold is for how long after it a bootstrap is an alarm.
	bootstrapTold = 10 * time.Minute

	// lastKnown goes before what a leader said that is none any more.
	lastKnown = "last known: "
)

// knowledge is what this member knows of the cluster at one instant. What runs here it knows itself. Everything else is
// what a leader or other members have written, and without a leader it is only the latest that was heard.
type knowledge struct {
	spec       *spec.Spec
	self       model.Member
	view       genleader.View
	now        time.Time // by the wall clock
	leased     bool
	asOf       time.Time // everything that was written before is among what follows
	membership controller.Membership
	orders     map[string]model.Order
	said       map[model.Member]controller.MemberRecord
	digest     string         // of this member's specification
	told       []model.Report // by all members, in order
	here       []model.Report
}

func (k knowledge) led() bool { return k.view.Leader.Name != "" }

// status shows members as the leader sees them. The leader itself has no need to wait until that is written.
func (k knowledge) status() admin.Status {
	if len(k.view.Members) > 0 {
		k.membership.Members = nil
		for _, s := range k.view.Members {
			k.membership.Members = append(k.membership.Members, model.MemberStatus{Member: model.Member(s.Member), State: controller.StateOf(s.State)})
		}
	}
	instances := k.instances()
	s := admin.Status{
		Cluster: k.spec.Cluster, Member: k.self.Name, Incarnation: k.self.Incarnation,
		Leader: k.view.Leader.Name, Term: k.view.Term, Role: roleOf(k.view.Phase), AsOf: k.asOf.Round(0),
		Spec: k.digest, Members: k.members(), Alarms: k.alarms(),
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
func (k knowledge) instances() []model.Report {
	all := slices.Clone(k.here)
	for _, i := range k.told {
		if i.Member != k.self && !k.gone(i.Member) {
			all = append(all, i)
		}
	}
	for _, o := range k.orders {
		for _, f := range o.Failures {
			if f.Instance != (model.Instance{}) && !k.gone(f.Member) {
				all = explained(all, f)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b model.Report) int {
		return cmp.Or(a.Instance.Compare(b.Instance), cmp.Compare(a.Member.Name, b.Member.Name))
	})
	return all
}

// explained adds why an instance failed lately. Since then it was told to be absent, and that it is says nothing of it.
func explained(all []model.Report, f model.Failure) []model.Report {
	i := slices.IndexFunc(all, func(i model.Report) bool { return i.Member == f.Member && i.Instance == f.Instance })
	if i < 0 {
		return append(all, model.Report{Member: f.Member, Instance: f.Instance, Phase: model.Idle, Epoch: f.Epoch, Err: f.Err})
	}
	if all[i].Phase == model.Idle && all[i].Err == "" {
		all[i].Err = f.Err
	}
	return all
}

func (k knowledge) gone(member model.Member) bool {
	members := k.membership.Members
	i := slices.IndexFunc(members, func(m model.MemberStatus) bool { return m.Member == member })
	return len(members) > 0 && (i < 0 || members[i].State == model.Dead || members[i].State == model.Left)
}

func (k knowledge) instance(i model.Report) admin.Instance {
	shown := admin.Instance{
		Name: i.Instance.String(), Member: i.Member.Name, Role: i.Role.String(), Phase: i.Phase.String(),
		Epoch: i.Epoch, Start: i.Start, Err: i.Err,
	}
	if !k.led() && i.Member != k.self {
		shown.Phase, shown.Last = model.Unreported.String(), shown.Phase
	}
	return shown
}

// alarms begin with what keeps the members from having a leader, or from keeping the log.
func (k knowledge) alarms() []string {
	alarms := []string{}
	if k.view.LogLoss.Any() {
		alarms = append(alarms, lossAlarm(k.view.LogLoss))
	}
	if k.view.Problem != "" && k.view.Problem != k.view.LogLoss.String() {
		alarms = append(alarms, k.view.Problem)
	}
	if age := k.now.Sub(k.view.Bootstrapped); !k.view.Bootstrapped.IsZero() && age < bootstrapTold && age > -bootstrapTold {
		alarms = append(alarms, fmt.Sprintf("bootstrap: the cluster began anew at %s: its dictionary was empty then, and epochs begin above all former ones",
			k.view.Bootstrapped.Format(time.RFC3339)))
	}
	for _, a := range k.membership.Alarms {
		text := a.Name + ": " + a.Why
		if a.Group != "" {
			text = a.Group + ": " + text
		}
		if !k.led() {
			text = lastKnown + text
		}
		alarms = append(alarms, text)
	}
	if k.membership.More > 0 {
		alarms = append(alarms, fmt.Sprintf("and %d more alarms", k.membership.More))
	}
	return alarms
}

// names are those of the specification, and of everybody else who votes or has the log.
func (k knowledge) names() []string {
	names := slices.Collect(maps.Keys(k.spec.Members))
	for _, m := range slices.Concat(k.view.Voters, k.view.Learners) {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// members lists every member once, by name: its latest incarnation as the leader sees it.
func (k knowledge) members() []admin.Member {
	latest := map[string]model.MemberStatus{}
	for _, m := range k.membership.Members {
		if m.Member.Incarnation >= latest[m.Member.Name].Member.Incarnation {
			latest[m.Member.Name] = m
		}
	}
	if !k.led() {
		latest[k.self.Name] = model.MemberStatus{Member: k.self, State: model.Up}
	}
	var members []admin.Member
	for _, name := range k.names() {
		known := latest[name]
		_, listed := k.spec.Members[name]
		m := admin.Member{
			Name: name, Incarnation: known.Member.Incarnation, State: known.State.String(), Witness: k.spec.Members[name].Witness,
			Voter: named(k.view.Voters, name), Learner: named(k.view.Learners, name), Unlisted: !listed, Spec: k.said[known.Member].Digest,
		}
		if !k.led() && name != k.self.Name {
			if m.State = model.Unknown.String(); known.State != model.Unknown {
				m.Last = known.State.String()
			}
		}
		members = append(members, m)
	}
	return members
}

// named says whether a member of that name is among them, whichever of its processes it is: a vote counts until another
// process has taken it.
func named(members []genleader.Member, name string) bool {
	return slices.ContainsFunc(members, func(m genleader.Member) bool { return m.Name == name })
}

// stateOf is what the leader says of a member.
func (k knowledge) stateOf(member model.Member) model.MemberState {
	for _, m := range k.membership.Members {
		if m.Member == member {
			return m.State
		}
	}
	return model.Unknown
}

// group says where a group is meant to be and how far its active has come. Without a leader that can have changed, unless
// the active is this member and nobody else may be it before its lease has run out.
func (k knowledge) group(name string, instances []model.Report) admin.Group {
	o := k.orders[name]
	g := admin.Group{Name: name, Epoch: o.Epoch, Standby: []string{}, Phase: model.Idle.String()}
	for _, s := range o.Standby {
		g.Standby = append(g.Standby, s.Name)
	}
	if o.Active != nil {
		g.Active = o.Active.Member.Name
		g.Start = app.Start{Kind: o.Active.Kind, From: o.Active.From}.String()
		g.Phase = phaseOf(name, *o.Active, k.spec, instances).String()
		if g.Phase == model.Running.String() {
			g.ActiveSince = activeSince(name, *o.Active, instances)
		}
		switch {
		case k.gone(o.Active.Member): // nobody acts, and who did is history
			g.Active, g.Lost, g.Start, g.Phase = "", o.Active.Member.Name, "", model.Idle.String()
		case k.stateOf(o.Active.Member) == model.Suspect && o.Active.Member != k.self:
			g.Phase = model.Unreported.String() // it may act until its lease has ended
		}
	}
	if !k.led() && (o.Active == nil || o.Active.Member != k.self || !k.leased) {
		g.Phase = model.Unreported.String()
	}
	return g
}

// activeSince is when the last of the group's instances came to run as active, by the clock of their member.
func activeSince(name string, a model.Activation, instances []model.Report) time.Time {
	var last time.Time
	for _, i := range instances {
		if i.Member == a.Member && i.Instance.Group == name && i.Since.After(last) {
			last = i.Since
		}
	}
	return last
}

// phaseOf is that of the application of a group which has come least far under an activation.
func phaseOf(name string, a model.Activation, s *spec.Spec, instances []model.Report) model.Phase {
	group, _ := s.Group(name)
	least := model.Running
	for _, application := range s.Apps(group) {
		instance := model.Instance{Group: name, App: application}
		phase := model.Starting // it has yet to hear of the activation
		for _, i := range instances {
			standsBy := i.Phase == model.Running && i.Role == app.Standby
			if i.Instance == instance && i.Member == a.Member && i.Epoch == a.Epoch && !standsBy {
				phase = i.Phase
			}
		}
		if phase.Progress() < least.Progress() {
			least = phase
		}
	}
	return least
}
