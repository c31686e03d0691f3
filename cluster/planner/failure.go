package planner

import (
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/spec"
)

// After a failure a member is not chosen for a while, which doubles with each in a row. A move that only the specification
// wants, away from an active that is well, is put off for longer: it costs an outage each time.
const (
	firstBackoff  = 30 * time.Second
	maxBackoff    = 5 * time.Minute
	maxPreference = 24 * time.Hour
)

// backoff returns how long the failure of that number in a row is waited out, if never longer than limit.
func backoff(count int, limit time.Duration) time.Duration {
	if count < 1 {
		return 0
	}
	wait := firstBackoff
	for ; count > 1 && wait < limit; count-- {
		wait *= 2
	}
	return min(wait, limit)
}

// waitedOut returns how long this failure is waited out, if never longer than limit. The first loss of a process costs
// nothing: a machine that has failed once gets its groups back when it returns.
func waitedOut(f model.Failure, limit time.Duration) time.Duration {
	if f.Lost {
		return backoff(f.Count-1, limit)
	}
	return backoff(f.Count, limit)
}

// preferAgain is from when on an active that is well may be moved to where this failure was.
func preferAgain(f model.Failure) time.Time {
	return f.Until.Add(waitedOut(f, maxPreference) - waitedOut(f, maxBackoff))
}

// remembered is how long a failure of a member that is not tried again still counts for the row. A machine may take long
// to start again after its process was lost, so that one counts for as long as the longest wait.
func remembered(f model.Failure) time.Duration {
	if f.Lost {
		return maxPreference
	}
	return maxBackoff
}

// forgetFailures drops what no longer says anything: of a member that has left in an orderly way; made up for, because
// the group has run there since for maxBackoff; or not tried again for so long that the next failure there counts as the
// first. While the member is being tried it is not forgotten, however long that takes, and a new process of the member
// does not end it. A time further off than the longest there can be is of a clock that has been set back.
func (t *turn) forgetFailures() {
	o := &t.order
	o.Failures = slices.DeleteFunc(o.Failures, func(f model.Failure) bool {
		forget := ""
		switch {
		case t.state(f.Member) == model.Left:
			forget = t.describe(f.Member)
		case f.Until.Sub(t.now) > maxBackoff:
			forget = "it is long ago"
		case !t.madeUp(f).IsZero() && !t.now.Before(t.madeUp(f)):
			forget = "it has been well there since"
		case !t.tried(f.Member.Name) && !t.now.Before(preferAgain(f).Add(remembered(f))):
			forget = "it is long ago"
		}
		if forget != "" {
			t.step("forget the failure of "+f.Member.String(), forget)
		}
		return forget != ""
	})
}

// tried says whether a member has something to do for the group.
func (t *turn) tried(member string) bool {
	o := &t.order
	return o.Target.Name == member || slices.ContainsFunc(o.Standby, func(s model.Member) bool { return s.Name == member }) ||
		(o.Active != nil && o.Active.Member.Name == member) || (o.Previous != nil && o.Previous.Member.Name == member)
}

// madeUp is when the group will have run where it failed for maxBackoff, in a role that shows something: who failed as
// active does not make up for it by standing by. It is zero while the group does not run there.
func (t *turn) madeUp(f model.Failure) time.Time {
	o := &t.order
	if !t.settled() {
		return time.Time{}
	}
	if o.Active.Member.Name == f.Member.Name {
		return t.since(t.runs()).Add(maxBackoff)
	}
	for _, member := range o.Standby {
		if member.Name == f.Member.Name && !f.Active && t.ready(t.group, member) {
			return t.since(t.standsBy(member)).Add(maxBackoff)
		}
	}
	return time.Time{}
}

// recordFailures keeps member from being chosen for a while if an application of the group failed there at epoch, as active
// or as standby.
func (t *turn) recordFailures(member model.Member, epoch uint64, active bool) {
	if report, failed := t.failed(t.group, member, epoch); failed {
		t.avoid(model.Failure{Member: member, Epoch: epoch, Instance: report.Instance, Err: report.Err, Active: active}, report.Instance.String()+" failed there")
	}
}

// avoid keeps the member of a failure from being chosen for a while. A process of the past is not chosen anyway.
func (t *turn) avoid(f model.Failure, why string) {
	if t.up[f.Member.Name] != f.Member {
		return
	}
	f = t.count(f)
	t.step("avoid "+f.Member.String()+" for "+spec.Duration(waitedOut(f, maxBackoff)).String(), why)
}

// recordLoss counts the loss of a process that was active and was not about to end. A process that dies each time that
// it becomes active would otherwise disturb a healthy active for ever, since each start of it is a new incarnation.
func (t *turn) recordLoss(a *model.Activation) {
	o := &t.order
	if f, failed := t.failure(a.Member.Name); failed && f.Epoch == a.Epoch {
		return // counted already
	}
	if o.Active != a || o.Quiesce || !t.gone(a.Member) || t.state(a.Member) == model.Left || t.ended(t.group, a) {
		return
	}
	f := t.count(model.Failure{Member: a.Member, Epoch: a.Epoch, Err: "its process was lost while it was active", Active: true, Lost: true})
	what := "remember the loss of " + a.Member.String()
	if wait := waitedOut(f, maxBackoff); wait > 0 {
		what = "put " + a.Member.Name + " last for " + spec.Duration(wait).String()
	}
	t.step(what, t.describe(a.Member))
}

// count adds a failure to the row of its member, of which only the latest is kept, and sets its times.
func (t *turn) count(f model.Failure) model.Failure {
	o := &t.order
	if i := slices.IndexFunc(o.Failures, func(was model.Failure) bool { return was.Member.Name == f.Member.Name }); i >= 0 {
		f.Count, f.Active = o.Failures[i].Count, f.Active || o.Failures[i].Active
		o.Failures = slices.Delete(o.Failures, i, i+1)
	}
	f.Count++
	f.Until = t.now.Add(waitedOut(f, maxBackoff))
	o.Failures = append(o.Failures, f)
	slices.SortFunc(o.Failures, func(a, b model.Failure) int { return a.Member.Compare(b.Member) })
	return f
}

// failure returns what is remembered of a member, in whatever process it failed.
func (t *turn) failure(member string) (model.Failure, bool) {
	i := slices.IndexFunc(t.order.Failures, func(f model.Failure) bool { return f.Member.Name == member })
	if i < 0 {
		return model.Failure{}, false
	}
	return t.order.Failures[i], true
}

// shunned returns the failure for which an active that is well is not moved to member yet, and for which member is chosen
// last where nobody is active. A process that was only silent and is in contact again was not lost.
func (t *turn) shunned(member model.Member) (model.Failure, bool) {
	f, failed := t.failure(member.Name)
	return f, failed && t.now.Before(preferAgain(f)) && (!f.Lost || f.Member != member)
}

// wakeForBackoff asks to be woken when the first of the members may be tried again.
func (t *turn) wakeForBackoff(members []string) {
	for _, f := range t.order.Failures {
		if slices.Contains(members, f.Member.Name) && t.up[f.Member.Name] == f.Member && !f.Lost {
			t.wake(f.Until)
		}
	}
}
