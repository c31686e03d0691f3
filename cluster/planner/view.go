package planner

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/spec"
)

// known is a view made ready for questions. Nothing in it depends on the order of the view's lists.
type known struct {
	spec          *spec.Spec
	now           time.Time
	unknownSafeAt time.Time
	epochsAbove   uint64
	members       map[model.Member]MemberFacts
	up            map[string]model.Member // the latest incarnation in contact, by member
	leaving       map[model.Member]bool
	reports       map[reportKey]model.Report
	orders        map[string]model.Order // by group; those of this plan replace those of the view
	stages        map[string]Stage       // by group/what, as the last plan left them
}

type reportKey struct {
	member   model.Member
	instance model.Instance
}

func observe(s *spec.Spec, v View, now time.Time) *known {
	k := &known{
		spec: s, now: now, unknownSafeAt: v.UnknownSafeAt, epochsAbove: v.EpochsAbove,
		members: map[model.Member]MemberFacts{}, up: map[string]model.Member{}, leaving: map[model.Member]bool{}, reports: map[reportKey]model.Report{}, orders: map[string]model.Order{},
		stages: map[string]Stage{},
	}
	for _, stage := range v.Stages {
		k.stages[stage.Group+"/"+stage.What] = stage
	}
	for _, m := range v.Members {
		if m.State == model.Unknown {
			m.State = model.Suspect // who is not known to be up is not chosen, and is safe when its lease is over
		}
		if was, twice := k.members[m.Member]; twice {
			m.State = min(m.State, was.State) // the one that forbids more
			if was.SafeAt.After(m.SafeAt) {
				m.SafeAt = was.SafeAt
			}
			m.Lacks = append(slices.Clone(m.Lacks), was.Lacks...)
		}
		k.members[m.Member] = m
	}
	for member, m := range k.members {
		if was, ok := k.up[member.Name]; m.State == model.Up && (!ok || member.Incarnation > was.Incarnation) {
			k.up[member.Name] = member
		}
	}
	for _, member := range v.Leaving {
		k.leaving[member] = true
	}
	for _, r := range v.Reports {
		key := reportKey{r.Member, r.Instance}
		if was, twice := k.reports[key]; !twice || compare(r, was) > 0 {
			k.reports[key] = r
		}
	}
	for _, o := range v.Orders {
		if was, twice := k.orders[o.Group]; !twice || o.Epoch > was.Epoch {
			k.orders[o.Group] = o
		}
	}
	for _, g := range s.Groups {
		o := k.orders[g.Name]
		o.Group = g.Name
		k.orders[g.Name] = o
	}
	return k
}

// compare is greater than zero if r is to be believed rather than other: the later one, or the more cautious.
func compare(r, other model.Report) int {
	return cmp.Or(
		cmp.Compare(r.Epoch, other.Epoch),
		cmp.Compare(r.Phase.Progress(), other.Phase.Progress()),
		cmp.Compare(r.Role, other.Role),
		bytes.Compare(r.Handover, other.Handover),
		cmp.Compare(r.Err, other.Err),
	)
}

// state returns the state of a member; one that is not listed counts as dead, without its process being known to be gone.
func (k *known) state(member model.Member) model.MemberState {
	if m, listed := k.members[member]; listed {
		return m.State
	}
	return model.Dead
}

func (k *known) gone(member model.Member) bool { return k.state(member) != model.Up }

// describe says what is known about a member, for a reason.
func (k *known) describe(member model.Member) string {
	m, listed := k.members[member]
	switch {
	case !listed:
		return member.String() + " is not known any more"
	case m.State == model.Up && k.up[member.Name] != member:
		return member.String() + " has a later incarnation"
	case m.State == model.Suspect:
		return member.String() + " is silent"
	case m.State == model.Dead:
		return "the process of " + member.String() + " is gone"
	case m.State == model.Left:
		return member.String() + " has left"
	default:
		return member.String() + " is up"
	}
}

// report returns what the instance of an application at member said, if it has accepted a goal of epoch or later.
func (k *known) report(g spec.Group, member model.Member, application string, epoch uint64) (model.Report, bool) {
	r, ok := k.reports[reportKey{member, model.Instance{Group: g.Name, App: application}}]
	return r, ok && r.Epoch >= epoch
}

// ended says whether every application has reported that it acts no more under the activation. A report of a lower epoch
// says nothing: that instance may have yet to receive its order.
func (k *known) ended(g spec.Group, a *model.Activation) bool {
	for _, name := range k.spec.Apps(g) {
		if k.lacks(g, a.Member, name) {
			continue
		}
		if r, ok := k.report(g, a.Member, name, a.Epoch); !ok || !r.Phase.Over() {
			return false
		}
	}
	return true
}

// lacks says whether member has told that its specification does not have this application of the group.
func (k *known) lacks(g spec.Group, member model.Member, application string) bool {
	lacks := k.members[member].Lacks
	return slices.Contains(lacks, g.Name) || slices.Contains(lacks, model.Instance{Group: g.Name, App: application}.String())
}

// stranger says what of the group member does not have; empty when it has everything.
func (k *known) stranger(g spec.Group, member model.Member) string {
	lacks := k.members[member].Lacks
	if slices.Contains(lacks, g.Name) {
		return member.String() + " has another specification, without the group " + g.Name
	}
	for _, name := range k.spec.Apps(g) {
		if k.lacks(g, member, name) {
			return member.String() + " has another specification, without " + model.Instance{Group: g.Name, App: name}.String()
		}
	}
	return ""
}

// broken says which application had the activation and is not living up to it; empty when none is.
func (k *known) broken(g spec.Group, a *model.Activation) string {
	for _, name := range k.spec.Apps(g) {
		if r, ok := k.report(g, a.Member, name, a.Epoch); ok && r.Phase.Over() {
			why := r.Instance.String() + " is " + r.Phase.String() + " there"
			if r.Err != "" {
				why += ": " + r.Err
			}
			return why
		}
	}
	return ""
}

// running says whether every application runs as active under exactly this activation.
func (k *known) running(g spec.Group, a *model.Activation) bool {
	for _, name := range k.spec.Apps(g) {
		r, ok := k.report(g, a.Member, name, a.Epoch)
		if !ok || r.Epoch != a.Epoch || r.Phase != model.Running || r.Role != app.Active {
			return false
		}
	}
	return true
}

// ready says whether every standby application runs at member.
func (k *known) ready(g spec.Group, member model.Member) bool {
	for _, name := range k.spec.StandbyApps(g) {
		if r, ok := k.report(g, member, name, 0); !ok || r.Phase != model.Running || r.Role != app.Standby {
			return false
		}
	}
	return true
}

// failed returns the report of the first application that failed at member under epoch or later.
func (k *known) failed(g spec.Group, member model.Member, epoch uint64) (model.Report, bool) {
	for _, name := range k.spec.Apps(g) {
		if r, ok := k.report(g, member, name, epoch); ok && r.Phase == model.Failed {
			return r, true
		}
	}
	return model.Report{}, false
}

// handover collects what the applications of an activation left for the next.
func (k *known) handover(g spec.Group, a *model.Activation) map[string][]byte {
	var left map[string][]byte
	for _, name := range k.spec.Apps(g) {
		if r, ok := k.report(g, a.Member, name, a.Epoch); ok && r.Phase == model.Quiesced && len(r.Handover) > 0 {
			if left == nil {
				left = map[string][]byte{}
			}
			left[name] = bytes.Clone(r.Handover)
		}
	}
	return left
}
