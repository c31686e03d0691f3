package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/spec"
)

const (
	// orderMargin is added to every deadline: for an order and its answer to travel, also past a change of leaders.
	orderMargin = 5 * time.Second
	// grace is how long a start or a quiesce may take before it is an alarm.
	grace = time.Second
	// longest bounds what deadlines are made of, so that sums of them cannot overflow.
	longest = 365 * 24 * time.Hour
)

// Every order has a deadline, which follows from what the controllers of the instances promise.
//
//   - An order is answered once a callback that is under way has ended: start_timeout + stop_timeout, and the margin.
//     That is also for reporting that an instance has stopped or quiesced.
//   - A start has succeeded or failed after (restarts + 1) times (start_timeout + stop_timeout), and the margin.
//
// The longest of the group's applications counts.

// answerWithin is how long a member may take to answer any order of a group.
func answerWithin(s *spec.Spec, g spec.Group) time.Duration {
	var most time.Duration
	for _, name := range s.Apps(g) {
		a := s.Applications[name]
		most = max(most, a.StartTimeout.Std()+a.StopTimeout.Std())
	}
	return min(most, longest) + orderMargin
}

// startWithin is how long it may take to bring a group's instances to run, or to fail.
func startWithin(s *spec.Spec, g spec.Group) time.Duration {
	var most time.Duration
	for _, name := range s.Apps(g) {
		a := s.Applications[name]
		attempt, attempts := a.StartTimeout.Std()+a.StopTimeout.Std(), time.Duration(a.MaxRestarts())+1
		if attempt > 0 && attempts > longest/attempt {
			return longest + orderMargin
		}
		most = max(most, attempt*attempts)
	}
	return most + orderMargin
}

// The stages of a group, each by the epoch that it belongs to.
func (t *turn) starts() string   { return fmt.Sprintf("start %d", t.order.Epoch) }
func (t *turn) runs() string     { return fmt.Sprintf("run %d", t.order.Epoch) }
func (t *turn) quiesces() string { return fmt.Sprintf("quiesce %d", t.order.Epoch) }

func (t *turn) ends(a *model.Activation) string { return fmt.Sprintf("end %d", a.Epoch) }

func (t *turn) standsBy(member model.Member) string { return fmt.Sprintf("standby %v", member) }

func (t *turn) comesToStandBy(member model.Member) string {
	return fmt.Sprintf("start standby %v", member)
}

// since says since when the group has been in a stage: from now on, if it was not at the end of the last plan.
func (t *turn) since(stage string) time.Time {
	if was, known := t.known.stages[t.group.Name+"/"+stage]; known && !was.Since.After(t.now) {
		return was.Since
	}
	return t.now
}

// keep notes the stages of the finished order for the next plan, which is made when the first of them is over.
func (t *turn) keep() {
	o := &t.order
	switch {
	case o.Active == nil && o.Previous != nil:
		if at := t.remember(t.ends(o.Previous)); !t.ended(t.group, o.Previous) {
			t.wake(at)
		}
	case o.Active == nil:
	case o.Quiesce:
		t.wake(t.remember(t.quiesces()))
		t.wake(t.since(t.quiesces()).Add(grace))
	case t.gone(o.Active.Member):
	case !t.running(t.group, o.Active):
		t.wake(t.remember(t.starts()))
		t.wake(t.since(t.starts()).Add(grace))
		t.wake(t.since(t.starts()).Add(answerWithin(t.spec, t.group)))
	default:
		t.remember(t.runs())
		for _, member := range o.Standby {
			if t.ready(t.group, member) {
				t.remember(t.standsBy(member))
			} else {
				t.wake(t.remember(t.comesToStandBy(member)))
			}
		}
		for _, f := range o.Failures {
			t.wake(t.madeUp(f))
		}
	}
}

func (t *turn) remember(stage string) (deadline time.Time) {
	t.plan.Stages = append(t.plan.Stages, Stage{Group: t.group.Name, What: stage, Since: t.since(stage)})
	return t.deadline(stage)
}

// deadline is until when a stage may last.
func (t *turn) deadline(stage string) time.Time {
	within := answerWithin(t.spec, t.group)
	if strings.HasPrefix(stage, "start ") {
		within = startWithin(t.spec, t.group)
	}
	return t.since(stage).Add(within)
}

// over says whether a stage has lasted longer than it may.
func (t *turn) over(stage string) bool { return !t.now.Before(t.deadline(stage)) }

// unworthy says why the activation of a member in contact is to be taken back; empty when it is not.
func (t *turn) unworthy(a *model.Activation) string {
	if why := t.broken(t.group, a); why != "" {
		return why
	}
	if why := t.stranger(t.group, a.Member); why != "" && (t.ended(t.group, a) || t.another(a.Member)) {
		return why
	}
	return t.silent(a)
}

// silent says which order the holder of an activation has not answered, or carried out, in time. If nobody else could
// take over it stays: an alarm says so.
func (t *turn) silent(a *model.Activation) string {
	if t.running(t.group, a) || t.broken(t.group, a) != "" || t.stranger(t.group, a.Member) != "" || !t.another(a.Member) {
		return ""
	}
	for _, name := range t.spec.Apps(t.group) {
		if _, answered := t.report(t.group, a.Member, name, a.Epoch); !answered && t.now.Sub(t.since(t.starts())) >= answerWithin(t.spec, t.group) {
			return fmt.Sprintf("it has not answered its order for %s/%s within %v", t.group.Name, name, spec.Duration(answerWithin(t.spec, t.group)))
		}
	}
	if t.over(t.starts()) {
		return fmt.Sprintf("it does not run within %v: %s", spec.Duration(startWithin(t.spec, t.group)), t.whyNotRunning(a))
	}
	return ""
}

// another says whether somebody else could be active.
func (t *turn) another(than model.Member) bool {
	return slices.ContainsFunc(t.successors(&t.order), func(member model.Member) bool { return member.Name != than.Name })
}

// withdraw lists the holder of an activation that was told to end and does not say that it has, once its time is over, if
// somebody else could act. Silence proves nothing, and the end of its lease does. It stays listed until it is succeeded.
func (t *turn) withdraw() {
	o := &t.order
	a, stage := o.Previous, ""
	switch {
	case o.Active == nil && a != nil:
		stage = t.ends(a)
	case o.Active != nil && o.Quiesce:
		a, stage = o.Active, t.quiesces()
	default:
		return
	}
	if t.ended(t.group, a) || !t.over(stage) || !t.another(a.Member) {
		return
	}
	why := fmt.Sprintf("%v has not said within %v that it has stopped", a.Member, spec.Duration(answerWithin(t.spec, t.group)))
	if f, failed := t.failure(a.Member.Name); t.up[a.Member.Name] == a.Member && (!failed || f.Epoch != a.Epoch) {
		t.avoid(model.Failure{Member: a.Member, Epoch: a.Epoch, Err: why, Active: true}, "it has not answered")
	}
	t.plan.Withdraw = append(t.plan.Withdraw, a.Member)
	t.raise(Overdue, why+": it gets no more leases, and is succeeded when its lease is over for certain")
}
