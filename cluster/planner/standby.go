package planner

import "slices"

// reviewStandby keeps the standby while it is of use and drops it otherwise.
func (t *turn) reviewStandby() {
	o := &t.order
	o.Standby = slices.DeleteFunc(o.Standby, func(seat Seat) bool {
		if _, failed := t.failedStandby(seat); failed && t.fit(o, seat) {
			t.recordFailures(seat, o.Epoch)
		}
		why := t.unfit(o, seat)
		if why != "" {
			t.step("drop standby "+seat.String(), why)
		}
		return why != ""
	})
	if o.Active != nil && o.Previous != nil && !t.fit(o, o.Previous.Seat) {
		t.step("drop previous "+o.Previous.Seat.String(), t.unfit(o, o.Previous.Seat))
		o.Previous = nil
	}
}

// chooseStandby gives a pair whose active is running a standby: who has just quiesced for it, or the next by rank.
func (t *turn) chooseStandby() {
	o := &t.order
	if t.group.Pair == nil || len(o.Standby) > 0 || !t.settled() {
		return
	}
	candidates, why := t.ranking(o), "the next candidate by rank"
	if o.Previous != nil {
		candidates, why = []Seat{o.Previous.Seat}, "it has quiesced for the active"
	}
	for _, seat := range candidates {
		_, failed := t.failedStandby(seat)
		if seat.Member == o.Active.Member || failed {
			continue
		}
		o.Standby, o.Previous = []Seat{seat}, nil
		t.step("standby "+seat.String(), why)
		return
	}
	t.wakeForBackoff(t.group.Candidates())
}

// settled says whether an active in contact runs, with nothing under way.
func (t *turn) settled() bool {
	o := &t.order
	return o.Active != nil && !o.Quiesce && !t.gone(o.Active.Seat) && t.running(t.group, o.Active)
}

// failedStandby returns the report of an application that failed at seat under the group's present epoch. A later
// failure there cannot be told from it until the seat was told to be absent and has said so.
func (t *turn) failedStandby(seat Seat) (Report, bool) {
	return t.failed(t.group, seat, t.order.Epoch)
}

// prefer moves a running group to a seat that the specification wants more: a better tier, or in a sparse pair a better
// rank. The active quiesces first; a standby that is to take over is waited for.
func (t *turn) prefer() {
	o := &t.order
	if !t.settled() || (t.group.Pair != nil && !t.group.Sparse()) {
		return
	}
	better := t.better(o.Active.Member)
	for _, seat := range t.ranking(o) {
		if !slices.Contains(better, seat.Member) {
			continue
		}
		if slices.Contains(o.Standby, seat) && !t.ready(t.group, seat) {
			return
		}
		o.Quiesce, o.Target = true, seat
		t.step("quiesce "+o.Active.Seat.String()+" for "+seat.String(), "the group prefers "+seat.Member)
		return
	}
	t.wakeForBackoff(better)
}
