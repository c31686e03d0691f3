package planner

import (
	"cmp"
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/spec"
)

// Make returns what the groups of s are to do from now on. It changes nothing that it is given. s must have been validated,
// and seats of one member must have incarnations that rise with time. Orders of groups that s does not have are left out.
//
// The result is to be stored before anyone acts on it; Make on the stored result and the same view returns no Steps.
func Make(s *spec.Spec, v View, now time.Time) Plan {
	k := observe(s, v, now.Round(0).UTC()) // orders are stored, and the monotonic clock means nothing elsewhere
	var plan Plan
	for _, g := range s.Groups {
		t := turn{known: k, group: g, order: k.orders[g.Name].clone(), plan: &plan}
		t.run()
		t.order.tidy()
		k.orders[g.Name] = t.order
		plan.Orders = append(plan.Orders, t.order)
	}
	return plan
}

// A turn plans one group: it works on a copy of the order and notes what it changes.
type turn struct {
	*known
	group spec.Group
	order Order
	plan  *Plan
}

func (t *turn) run() {
	t.forgetFailures()
	t.reviewStandby()
	t.reviewActive()
	if t.order.Active == nil || t.gone(t.order.Active.Seat) {
		t.succeed()
	}
	t.chooseStandby()
	t.prefer()
	t.alarm()
}

// reviewActive lets a healthy holder be, and takes the activation back from one that does not live up to it.
func (t *turn) reviewActive() {
	o := &t.order
	switch a := o.Active; {
	case a == nil:
	case t.gone(a.Seat):
		if o.LostAt.IsZero() {
			o.LostAt = t.now
			t.step("lost "+a.Seat.String(), t.describe(a.Seat))
		}
	case o.Quiesce && !t.fit(o, o.Target):
		t.activate(a.Seat, a, "its successor "+o.Target.String()+" cannot take over: "+t.unfit(o, o.Target))
	case o.Quiesce && t.ended(t.group, a):
		t.recordFailures(a.Seat, a.Epoch)
		t.activate(o.Target, a, a.Seat.String()+" has quiesced")
	case o.Quiesce: // its controller has deadlines, and answers quiesced, idle or failed
	case t.broken(t.group, a) != "":
		t.step("release "+a.Seat.String(), t.broken(t.group, a))
		t.recordFailures(a.Seat, a.Epoch)
		o.Active, o.Previous = nil, a.bare()
	case !o.LostAt.IsZero():
		o.LostAt = time.Time{}
		t.step("back "+a.Seat.String(), "it is in contact again and has not stopped")
	}
}

// activate gives the group to seat, after last (nil when nothing ran). It must be safe to do so.
func (t *turn) activate(seat Seat, last *Activation, why string) {
	o := &t.order
	next := &Activation{Seat: seat, Epoch: o.Epoch + 1}
	switch {
	case last == nil:
	case last.Member == seat.Member: // where it was before, it starts anew: there is no other member to name
		next.Handover = t.handover(t.group, last)
	default:
		next.Kind, next.From, next.Handover = takeoverOrFailover(t.gone(last.Seat)), last.Member, t.handover(t.group, last)
	}
	quiesced := o.Quiesce && last != nil && last.Seat != seat
	o.Epoch, o.Active, o.Previous = next.Epoch, next, nil
	o.Quiesce, o.Target, o.LostAt = false, Seat{}, time.Time{}
	o.Standby = slices.DeleteFunc(o.Standby, func(s Seat) bool { return s.Member == seat.Member })
	if quiesced && t.group.Pair != nil && len(o.Standby) == 0 && t.fit(o, last.Seat) {
		o.Previous = last.bare()
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

// alarm says what is missing from the finished order.
func (t *turn) alarm() {
	o := &t.order
	raise := func(name, why string) {
		t.plan.Alarms = append(t.plan.Alarms, Alarm{Group: t.group.Name, Name: name, Why: why})
	}
	switch {
	case o.Active == nil || t.gone(o.Active.Seat):
		if len(t.ranking(o)) == 0 {
			raise(NoCandidate, t.whyNobody(o))
		}
	case t.group.Pair != nil && len(o.Standby) == 0:
		raise(RedundancyLost, "no standby for "+o.Active.Seat.String()+t.whyNoStandby(o))
	}
}

// forgetFailures drops what no longer says anything: of another incarnation, or expired for so long that the next failure
// there counts as the first. A time further off than the longest there can be is of a clock that has been set back.
func (t *turn) forgetFailures() {
	o := &t.order
	o.Failures = slices.DeleteFunc(o.Failures, func(f Failure) bool {
		forget := ""
		switch seat, up := t.up[f.Member]; {
		case up && seat.Incarnation > f.Incarnation:
			forget = "the member has a new incarnation"
		case t.state(f.Seat) != Up && t.state(f.Seat) != Suspect:
			forget = t.describe(f.Seat)
		case !t.now.Before(f.Until.Add(maxBackoff)) || f.Until.Sub(t.now) > maxBackoff:
			forget = "it is long ago"
		}
		if forget != "" {
			t.step("forget the failure of "+f.Seat.String(), forget)
		}
		return forget != ""
	})
}

const (
	firstBackoff = 30 * time.Second
	maxBackoff   = 5 * time.Minute
)

// recordFailures keeps seat from being chosen for a while if an application of the group failed there at epoch.
func (t *turn) recordFailures(seat Seat, epoch uint64) {
	report, failed := t.failed(t.group, seat, epoch)
	if !failed || t.up[seat.Member] != seat { // a seat of the past is not chosen anyway
		return
	}
	o, f := &t.order, Failure{Seat: seat}
	if i := slices.IndexFunc(o.Failures, func(f Failure) bool { return f.Seat == seat }); i >= 0 {
		f = o.Failures[i]
		o.Failures = slices.Delete(o.Failures, i, i+1)
	}
	wait := firstBackoff
	for range f.Count {
		wait = min(2*wait, maxBackoff)
		if wait == maxBackoff {
			break
		}
	}
	f.Epoch, f.Until, f.Count, f.Instance, f.Err = epoch, t.now.Add(wait), f.Count+1, report.Instance, report.Err
	o.Failures = append(o.Failures, f)
	slices.SortFunc(o.Failures, func(a, b Failure) int { return a.Seat.compare(b.Seat) })
	t.step("avoid "+seat.String()+" for "+spec.Duration(wait).String(), report.Instance+" failed there")
}

func (s Seat) compare(other Seat) int {
	return cmp.Or(cmp.Compare(s.Member, other.Member), cmp.Compare(s.Incarnation, other.Incarnation))
}
