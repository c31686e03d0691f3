package planner

import (
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/spec"
)

// succeed gives a group that nobody holds to the next member, as soon as that is safe and the specification wants it.
func (t *turn) succeed() {
	o := &t.order
	last := o.Active
	if last == nil {
		last = o.Previous
	}
	why := "first start"
	if last != nil {
		safe, ok := t.safe(last)
		if !ok {
			return
		}
		why = safe
		t.recordLoss(last)
	} else if o.Epoch > 0 {
		why = "start after a full stop"
	}
	if member, waits := t.awaitReturn(last); waits {
		return
	} else if member != (model.Member{}) {
		t.activate(member, last, why+", and "+member.Name+" came back within failover_delay")
		return
	}
	order := t.successors(o)
	switch {
	case len(order) > 0:
		if !t.settling(order[0]) {
			t.activate(order[0], last, why)
		}
	case last != nil && t.state(last.Member) == model.Left && !t.anyUp():
		o.Active, o.Previous, o.Quiesce, o.Target, o.LostAt = nil, nil, false, model.Member{}, time.Time{}
		t.step("stop", "the last member that could be active has left")
	default:
		t.wakeForBackoff(t.group.Candidates())
	}
}

func (t *turn) anyUp() bool {
	return slices.ContainsFunc(t.group.Candidates(), func(name string) bool { _, up := t.up[name]; return up })
}

// safe says why nothing of an activation can act any more. If something may, it asks to be woken when that is over.
func (t *turn) safe(a *model.Activation) (why string, ok bool) {
	m, listed := t.members[a.Member]
	switch {
	case t.ended(t.group, a):
		return a.Member.String() + " has stopped", true
	case listed && m.State == model.Up:
		t.waits = a.Member.String() + " has yet to say that it has stopped, " + told(t.deadline(t.ends(a)))
		return "", false
	case listed && m.State == model.Left:
		return t.describe(a.Member), true
	case listed && m.State == model.Dead && t.spec.Fast(t.group):
		return t.describe(a.Member) + ", and the group is fast", true
	}
	at := t.unknownSafeAt
	if listed {
		at = m.SafeAt
	}
	if at.IsZero() || t.now.Before(at) {
		t.wake(at)
		t.waits = t.describe(a.Member) + ": its lease may run on, " + told(at)
		return "", false
	}
	return t.describe(a.Member) + ", and its lease has run out", true
}

// awaitReturn holds a group for the member that lost it, for failover_delay. It returns that member if it is
// back in time, and whether there is still time to wait for it. A successor that was already chosen is not held up.
func (t *turn) awaitReturn(last *model.Activation) (back model.Member, waits bool) {
	o := &t.order
	delay := t.group.FailoverDelay.Std()
	if last == nil || delay == 0 || o.LostAt.IsZero() || (o.Quiesce && t.fit(o, o.Target)) {
		return model.Member{}, false
	}
	until := o.LostAt.Add(delay)
	if !t.now.Before(until) || o.LostAt.After(t.now) {
		return model.Member{}, false
	}
	if f, failed := t.failure(last.Member.Name); failed && f.Count > 1 {
		return model.Member{}, false // it has been waited for already, and was lost again
	}
	if member := t.up[last.Member.Name]; t.fit(o, member) {
		return member, false
	}
	if t.gone(last.Member) {
		t.wake(until)
		t.waits = "failover_delay is for " + last.Member.Name + " to come back, " + told(until)
		return model.Member{}, true
	}
	return model.Member{}, false
}

// settling says whether a first start waits for a better candidate. Members start at about the same time, and whoever is
// quickest is not to win over who was meant to.
func (t *turn) settling(choice model.Member) bool {
	o := &t.order
	if o.Epoch > 0 {
		return false
	}
	var missing []string
	for _, name := range t.better(choice.Name) {
		if _, up := t.up[name]; !up {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return false
	}
	if o.LostAt.IsZero() {
		o.LostAt = t.now
		t.step("wait", "first start, and "+strings.Join(missing, ", ")+" may still come")
	}
	until := o.LostAt.Add(t.spec.Timing.Settle.Std())
	t.wake(until)
	t.waits = "first start, and " + strings.Join(missing, ", ") + " may still come, " + told(until)
	return t.now.Before(until) && !o.LostAt.After(t.now)
}

// better returns the candidates that the group prefers to member. Members of one tier are equals.
func (t *turn) better(member string) []string {
	if t.group.Pair != nil {
		return t.group.Members[:max(0, slices.Index(t.group.Members, member))]
	}
	var names []string
	for _, tier := range t.group.On {
		if slices.Contains(tier, member) {
			break
		}
		names = append(names, tier...)
	}
	return names
}

// successors returns the members that may be activated, best first: who was chosen already, the standby, then by ranking,
// and last those of members that have failed again and again.
func (t *turn) successors(o *model.Order) []model.Member {
	var members []model.Member
	if o.Quiesce && t.fit(o, o.Target) {
		members = append(members, o.Target)
	}
	for _, member := range o.Standby {
		if t.fit(o, member) {
			members = append(members, member)
		}
	}
	ranking := t.ranking(o)
	for _, last := range []bool{false, true} {
		for _, member := range ranking {
			if _, shunned := t.shunned(member); shunned == last {
				members = append(members, member)
			}
		}
	}
	return members
}

// ranking returns the fit candidates in the group's order of preference. Within a tier those with the fewest active
// groups come first, then those with the lower name.
func (t *turn) ranking(o *model.Order) []model.Member {
	tiers := t.group.On
	if t.group.Pair != nil {
		tiers = []spec.Tier{t.group.Members}
	}
	var members []model.Member
	for _, tier := range tiers {
		var equal []model.Member
		for _, name := range tier {
			if member := t.up[name]; t.fit(o, member) {
				equal = append(equal, member)
			}
		}
		if t.group.Pair == nil {
			slices.SortFunc(equal, func(a, b model.Member) int {
				if d := t.load(a) - t.load(b); d != 0 {
					return d
				}
				return a.Compare(b)
			})
		}
		members = append(members, equal...)
	}
	return members
}

// load counts the other groups that are active at member.
func (t *turn) load(member model.Member) int {
	n := 0
	for name, o := range t.orders {
		if name != t.group.Name && o.Active != nil && o.Active.Member == member {
			n++
		}
	}
	return n
}

// fit says whether member may be chosen: a candidate, in contact, its latest incarnation, and no recent failure there.
func (t *turn) fit(o *model.Order, member model.Member) bool { return t.unfit(o, member) == "" }

func (t *turn) unfit(o *model.Order, member model.Member) string {
	switch {
	case !slices.Contains(t.group.Candidates(), member.Name) || t.spec.Members[member.Name].Witness:
		return member.String() + " is no candidate"
	case t.up[member.Name] != member:
		return t.describe(member)
	case t.leaving[member]:
		return member.String() + " is about to leave"
	case t.stranger(t.group, member) != "":
		return t.stranger(t.group, member)
	}
	for _, f := range o.Failures {
		if f.Member == member && !f.Lost && t.now.Before(f.Until) {
			return f.String() + ", it is tried again at " + clock(f.Until)
		}
	}
	return ""
}

func takeoverOrFailover(gone bool) app.Kind {
	if gone {
		return app.Failover
	}
	return app.Takeover
}
