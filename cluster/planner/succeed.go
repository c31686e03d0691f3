package planner

import (
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/spec"
)

// succeed gives a group that nobody holds to the next seat, as soon as that is safe and the specification wants it.
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
	} else if o.Epoch > 0 {
		why = "start after a full stop"
	}
	if seat, waits := t.awaitReturn(last); waits {
		return
	} else if seat != (Seat{}) {
		t.activate(seat, last, why+", and "+seat.Member+" came back within failover_delay")
		return
	}
	order := t.successors(o)
	switch {
	case len(order) > 0:
		if !t.settling(order[0]) {
			t.activate(order[0], last, why)
		}
	case last != nil && t.state(last.Seat) == Left && !t.anyUp():
		o.Active, o.Previous, o.Quiesce, o.Target, o.LostAt = nil, nil, false, Seat{}, time.Time{}
		t.step("stop", "the last member that could be active has left")
	default:
		t.wakeForBackoff(t.group.Candidates())
	}
}

func (t *turn) anyUp() bool {
	return slices.ContainsFunc(t.group.Candidates(), func(name string) bool { _, up := t.up[name]; return up })
}

// safe says why nothing of an activation can act any more. If something may, it asks to be woken when that is over.
func (t *turn) safe(a *Activation) (why string, ok bool) {
	m, listed := t.seats[a.Seat]
	switch {
	case t.ended(t.group, a):
		return a.Seat.String() + " has stopped", true
	case listed && m.State == Up:
		return "", false
	case listed && m.State == Left:
		return t.describe(a.Seat), true
	case listed && m.State == Dead && t.spec.Fast(t.group):
		return t.describe(a.Seat) + ", and the group is fast", true
	}
	at := t.unknownSafeAt
	if listed {
		at = m.SafeAt
	}
	if at.IsZero() || t.now.Before(at) {
		t.wake(at)
		return "", false
	}
	return t.describe(a.Seat) + ", and its lease has run out", true
}

// awaitReturn holds a group for the member that lost it, for failover_delay. It returns the seat of the member if it is
// back in time, and whether there is still time to wait for it. A successor that was already chosen is not held up.
func (t *turn) awaitReturn(last *Activation) (back Seat, waits bool) {
	o := &t.order
	delay := t.group.FailoverDelay.Std()
	if last == nil || delay == 0 || o.LostAt.IsZero() || (o.Quiesce && t.fit(o, o.Target)) {
		return Seat{}, false
	}
	until := o.LostAt.Add(delay)
	if !t.now.Before(until) || o.LostAt.After(t.now) {
		return Seat{}, false
	}
	if seat := t.up[last.Member]; t.fit(o, seat) {
		return seat, false
	}
	if t.gone(last.Seat) {
		t.wake(until)
		return Seat{}, true
	}
	return Seat{}, false
}

// settling says whether a first start waits for a better candidate. Members start at about the same time, and whoever is
// quickest is not to win over who was meant to.
func (t *turn) settling(choice Seat) bool {
	o := &t.order
	if o.Epoch > 0 {
		return false
	}
	var missing []string
	for _, name := range t.better(choice.Member) {
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

// successors returns the seats that may be activated, best first: who was chosen already, the standby, then by ranking.
func (t *turn) successors(o *Order) []Seat {
	var seats []Seat
	if o.Quiesce && t.fit(o, o.Target) {
		seats = append(seats, o.Target)
	}
	for _, seat := range o.Standby {
		if t.fit(o, seat) {
			seats = append(seats, seat)
		}
	}
	return append(seats, t.ranking(o)...)
}

// ranking returns the fit candidates in the group's order of preference. Within a tier those with the fewest active
// groups come first, then those with the lower name.
func (t *turn) ranking(o *Order) []Seat {
	tiers := t.group.On
	if t.group.Pair != nil {
		tiers = []spec.Tier{t.group.Members}
	}
	var seats []Seat
	for _, tier := range tiers {
		var equal []Seat
		for _, name := range tier {
			if seat := t.up[name]; t.fit(o, seat) {
				equal = append(equal, seat)
			}
		}
		if t.group.Pair == nil {
			slices.SortFunc(equal, func(a, b Seat) int {
				if d := t.load(a) - t.load(b); d != 0 {
					return d
				}
				return a.compare(b)
			})
		}
		seats = append(seats, equal...)
	}
	return seats
}

// load counts the other groups that are active at seat.
func (t *turn) load(seat Seat) int {
	n := 0
	for name, o := range t.orders {
		if name != t.group.Name && o.Active != nil && o.Active.Seat == seat {
			n++
		}
	}
	return n
}

// wakeForBackoff asks to be woken when the first of the members may be tried again.
func (t *turn) wakeForBackoff(members []string) {
	for _, f := range t.order.Failures {
		if slices.Contains(members, f.Member) && t.up[f.Member] == f.Seat {
			t.wake(f.Until)
		}
	}
}

// whyNobody says what keeps each candidate from being chosen.
func (t *turn) whyNobody(o *Order) string {
	var whys []string
	for _, name := range t.group.Candidates() {
		if seat, up := t.up[name]; up {
			whys = append(whys, t.unfit(o, seat))
		} else {
			whys = append(whys, name+" is not in contact")
		}
	}
	return strings.Join(whys, ", ")
}

// whyNoStandby says which members could stand by if the group had not failed there.
func (t *turn) whyNoStandby(o *Order) string {
	var whys []string
	for _, f := range o.Failures {
		if f.Member != o.Active.Member && t.up[f.Member] == f.Seat && t.now.Before(f.Until) {
			whys = append(whys, f.String())
		}
	}
	if len(whys) == 0 {
		return ""
	}
	return ": " + strings.Join(whys, ", ")
}

// fit says whether seat may be chosen: a candidate, in contact, its latest incarnation, and no recent failure there.
func (t *turn) fit(o *Order, seat Seat) bool { return t.unfit(o, seat) == "" }

func (t *turn) unfit(o *Order, seat Seat) string {
	switch {
	case !slices.Contains(t.group.Candidates(), seat.Member) || t.spec.Members[seat.Member].Witness:
		return seat.String() + " is no candidate"
	case t.up[seat.Member] != seat:
		return t.describe(seat)
	}
	for _, f := range o.Failures {
		if f.Seat == seat && t.now.Before(f.Until) {
			return f.String()
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
