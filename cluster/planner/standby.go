package planner

import (
	"fmt"
	"slices"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/spec"
)

// reviewStandby keeps the standby while it is of use and drops it otherwise.
func (t *turn) reviewStandby() {
	o := &t.order
	o.Standby = slices.DeleteFunc(o.Standby, func(member model.Member) bool {
		if _, failed := t.failedStandby(member); failed && t.fit(o, member) {
			t.recordFailures(member, o.Epoch, false)
		}
		t.reviewProgress(member)
		why := t.unfit(o, member)
		if why != "" {
			t.step("drop standby "+member.String(), why)
		}
		return why != ""
	})
	t.oneStandby()
	if o.Active != nil && o.Previous != nil && !t.fit(o, o.Previous.Member) {
		t.step("drop previous "+o.Previous.Member.String(), t.unfit(o, o.Previous.Member))
		o.Previous = nil
	}
}

// oneStandby leaves the first standby, and those beside it that the group is about to move to.
func (t *turn) oneStandby() {
	o := &t.order
	for i := len(o.Standby) - 1; i > 0; i-- {
		member := o.Standby[i]
		if t.group.Sparse() && (o.Active == nil || slices.Contains(t.better(o.Active.Member.Name), member.Name)) {
			continue
		}
		t.step("drop standby "+member.String(), "there is another, and the group does not prefer it to its active")
		o.Standby = slices.Delete(o.Standby, i, i+1)
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
		candidates, why = []model.Member{o.Previous.Member}, "it has quiesced for the active"
	}
	for _, member := range candidates {
		_, failed := t.failedStandby(member)
		if member.Name == o.Active.Member.Name || failed {
			continue
		}
		o.Standby, o.Previous = []model.Member{member}, nil
		t.step("standby "+member.String(), why)
		return
	}
	t.wakeForBackoff(t.group.Candidates())
}

// settled says whether an active in contact runs, with nothing under way.
func (t *turn) settled() bool {
	o := &t.order
	return o.Active != nil && !o.Quiesce && !t.gone(o.Active.Member) && t.running(t.group, o.Active)
}

// failedStandby returns the report of an application that failed at member under the group's present epoch. A later
// failure there cannot be told from it until the member was told to be absent and has said so.
func (t *turn) failedStandby(member model.Member) (model.Report, bool) {
	return t.failed(t.group, member, t.order.Epoch)
}

// reviewProgress gives up a standby of a settled group that does not stand by in time.
func (t *turn) reviewProgress(member model.Member) {
	o := &t.order
	switch {
	case !t.settled() || !t.fit(o, member):
	case t.ready(t.group, member):
	case t.over(t.comesToStandBy(member)):
		why := fmt.Sprintf("it does not stand by within %v", spec.Duration(startWithin(t.spec, t.group)))
		t.avoid(model.Failure{Member: member, Epoch: o.Epoch, Err: why}, why)
	}
}

// prefers says whether the specification wants some members more than others at all times: tiers, and sparse pairs.
func (t *turn) prefers() bool { return t.group.Pair == nil || t.group.Sparse() }

// prefer moves a running group to a member that the specification wants more: a better tier, or in a sparse pair a better
// rank. In a pair that member has to stand by first, beside the standby that there is. Where the group failed it is not
// moved again for a while, which is longer with each failure. The active quiesces first.
func (t *turn) prefer() {
	o := &t.order
	if !t.settled() || !t.prefers() {
		return
	}
	better := t.better(o.Active.Member.Name)
	for _, member := range t.ranking(o) {
		if !slices.Contains(better, member.Name) {
			continue
		}
		if f, shunned := t.shunned(member); shunned {
			t.wake(preferAgain(f))
			continue
		}
		if _, failed := t.failedStandby(member); failed {
			continue // it has yet to say that it is absent
		}
		if t.group.Pair != nil && !slices.Contains(o.Standby, member) {
			o.Standby = append(o.Standby, member)
			t.step("standby "+member.String(), "the group prefers "+member.Name+", which has to stand by first")
		}
		if t.group.Pair != nil && !t.ready(t.group, member) {
			return
		}
		o.Quiesce, o.Target = true, member
		t.step("quiesce "+o.Active.Member.String()+" for "+member.String(), "the group prefers "+member.Name)
		return
	}
	t.wakeForBackoff(better)
}
