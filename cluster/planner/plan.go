package planner

import (
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/spec"
)

// Make returns what the groups of s are to do from now on. It changes nothing that it is given. s must have been validated,
// and the incarnations of one member must rise with time. Orders of groups that s does not have are left out.
//
// The result is to be stored before anyone acts on it; Make on the stored result and the same view returns no Steps.
func Make(s *spec.Spec, v View, now time.Time) Plan {
	k := observe(s, v, now.Round(0).UTC()) // orders are stored, and the monotonic clock means nothing elsewhere
	var plan Plan
	for _, g := range s.Groups {
		t := turn{known: k, group: g, order: clone(k.orders[g.Name]), plan: &plan}
		t.run()
		tidy(&t.order)
		k.orders[g.Name] = t.order
		plan.Orders = append(plan.Orders, t.order)
	}
	return plan
}

// A turn plans one group: it works on a copy of the order and notes what it changes.
type turn struct {
	*known
	group spec.Group
	order model.Order
	plan  *Plan
	waits string // what an activation waits for
}

func (t *turn) run() {
	t.forgetFailures()
	t.reviewStandby()
	t.reviewActive()
	if t.order.Active == nil || t.gone(t.order.Active.Member) {
		t.succeed()
	}
	t.chooseStandby()
	t.prefer()
	t.withdraw()
	t.forgetFailures() // of members that are not tried any more
	t.keep()
	t.alarm()
}

// reviewActive lets a healthy holder be, and takes the activation back from one that does not live up to it.
func (t *turn) reviewActive() {
	o := &t.order
	switch a := o.Active; {
	case a == nil:
	case t.gone(a.Member):
		if o.LostAt.IsZero() {
			o.LostAt = t.now
			t.step("lost "+a.Member.String(), t.describe(a.Member))
		}
	case t.leaving[a.Member] && !(o.Quiesce && t.fit(o, o.Target)):
		t.moveAway(a)
	case o.Quiesce && !t.fit(o, o.Target):
		t.activate(a.Member, a, "its successor "+o.Target.String()+" cannot take over: "+t.unfit(o, o.Target))
	case o.Quiesce && t.ended(t.group, a):
		t.recordFailures(a.Member, a.Epoch, true)
		t.activate(o.Target, a, a.Member.String()+" has quiesced")
	case o.Quiesce: // its controller has deadlines, and answers quiesced, idle or failed
	case t.unworthy(a) != "":
		t.step("release "+a.Member.String(), t.unworthy(a))
		t.recordFailures(a.Member, a.Epoch, true)
		if why := t.silent(a); why != "" {
			t.avoid(model.Failure{Member: a.Member, Epoch: a.Epoch, Err: why, Active: true}, "it has not answered")
		}
		o.Active, o.Previous = nil, bare(a)
	case !o.LostAt.IsZero():
		o.LostAt = time.Time{}
		t.step("back "+a.Member.String(), "it is in contact again and has not stopped")
	}
}

// moveAway makes a holder that is about to leave quiesce for its standby, or else for the next candidate. If there is
// neither, it is to stop, so that it need not wait.
func (t *turn) moveAway(a *model.Activation) {
	o := &t.order
	why := a.Member.String() + " is about to leave"
	if next := t.successors(o); len(next) > 0 {
		o.Quiesce, o.Target = true, next[0]
		t.step("quiesce "+a.Member.String()+" for "+next[0].String(), why)
		return
	}
	o.Active, o.Previous, o.Quiesce, o.Target = nil, bare(a), false, model.Member{}
	t.step("release "+a.Member.String(), why+", and nobody can take over")
}

// activate gives the group to member, after last (nil when nothing ran). It must be safe to do so.
func (t *turn) activate(member model.Member, last *model.Activation, why string) {
	o := &t.order
	next := &model.Activation{Member: member, Epoch: max(o.Epoch, t.epochsAbove) + 1, Apps: t.spec.Apps(t.group)}
	switch {
	case last == nil:
	case last.Member.Name == member.Name: // where it was before, it starts anew: there is no other member to name
		next.Handover = t.handover(t.group, last)
	default:
		next.Kind, next.From, next.Handover = takeoverOrFailover(t.gone(last.Member)), last.Member.Name, t.handover(t.group, last)
	}
	quiesced := o.Quiesce && last != nil && last.Member != member
	o.Epoch, o.Active, o.Previous = next.Epoch, next, nil
	o.Quiesce, o.Target, o.LostAt = false, model.Member{}, time.Time{}
	o.Standby = slices.DeleteFunc(o.Standby, func(s model.Member) bool { return s.Name == member.Name })
	if quiesced && t.group.Pair != nil && len(o.Standby) == 0 && t.fit(o, last.Member) {
		o.Previous = bare(last)
	}
	t.step("activate "+next.String(), why)
}

func (t *turn) step(what, why string) {
	t.plan.Steps = append(t.plan.Steps, Step{Group: t.group.Name, What: what, Why: why})
}

func (t *turn) wake(at time.Time) {
	if at.After(t.now) && (t.plan.Wake.IsZero() || at.Before(t.plan.Wake)) {
		t.plan.Wake = at
	}
}
