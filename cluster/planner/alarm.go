package planner

import (
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"
)

// alarm says what is missing from the finished order.
func (t *turn) alarm() {
	o := &t.order
	switch {
	case o.Active == nil || t.gone(o.Active.Member):
		if len(t.ranking(o)) == 0 {
			t.raise(NoCandidate, t.whyNobody(o))
		} else {
			t.raise(NotActive, t.waits)
		}
		return
	case o.Quiesce:
		t.alarmProgress(o.Active.Member.String()+" has yet to quiesce", t.quiesces())
	case !t.running(t.group, o.Active):
		t.alarmProgress(t.whyNotRunning(o.Active), t.starts())
	default:
		t.alarmPreference()
	}
	if t.group.Pair != nil && len(o.Standby) == 0 {
		t.raise(RedundancyLost, "no standby for "+o.Active.Member.String()+t.whyNoStandby(o))
	}
}

func (t *turn) raise(name, why string) {
	t.plan.Alarms = append(t.plan.Alarms, model.Alarm{Group: t.group.Name, Name: name, Why: why})
}

// alarmProgress is for what takes a moment when all is well: it is an alarm from the grace on.
func (t *turn) alarmProgress(what, stage string) {
	if !t.now.Before(t.since(stage).Add(grace)) {
		t.raise(NotActive, what+", "+told(t.deadline(stage)))
	}
}

// alarmPreference says that the group is not where the specification wants it, because it failed there.
func (t *turn) alarmPreference() {
	if !t.prefers() {
		return
	}
	for _, name := range t.better(t.order.Active.Member.Name) {
		if f, shunned := t.shunned(t.up[name]); shunned {
			t.raise(NotPreferred, f.String()+", it is tried again there at "+clock(preferAgain(f)))
			return
		}
	}
}

// whyNotRunning says how far the application has come that has come least far.
func (t *turn) whyNotRunning(a *model.Activation) string {
	for _, name := range t.spec.Apps(t.group) {
		instance := model.Instance{Group: t.group.Name, App: name}.String()
		switch r, ok := t.report(t.group, a.Member, name, a.Epoch); {
		case t.lacks(t.group, a.Member, name):
			return t.stranger(t.group, a.Member)
		case !ok:
			return a.Member.String() + " has not answered its order for " + instance
		case r.Phase != model.Running:
			why := instance + " is " + r.Phase.String() + " at " + a.Member.String()
			if r.Err != "" {
				why += " (" + model.OneLine(r.Err) + ")"
			}
			return why
		}
	}
	return a.Member.String() + " runs as it did before its order"
}

// told says until when something is waited for.
func told(at time.Time) string {
	if at.IsZero() {
		return "and nobody knows for how long"
	}
	return "until " + clock(at)
}

// clock writes a moment so that it stays the same when it is computed again, to the full second that follows.
func clock(at time.Time) string {
	return at.Add(time.Second - 1).Truncate(time.Second).UTC().Format(time.RFC3339)
}

// whyNobody says what keeps each candidate from being chosen.
func (t *turn) whyNobody(o *model.Order) string {
	var whys []string
	for _, name := range t.group.Candidates() {
		if member, up := t.up[name]; up {
			whys = append(whys, t.unfit(o, member))
		} else {
			whys = append(whys, name+" is not in contact")
		}
	}
	return strings.Join(whys, ", ")
}

// whyNoStandby says which members could stand by if the group had not failed there.
func (t *turn) whyNoStandby(o *model.Order) string {
	var whys []string
	for _, f := range o.Failures {
		if f.Member.Name != o.Active.Member.Name && t.up[f.Member.Name] == f.Member && !f.Lost && t.now.Before(f.Until) {
			whys = append(whys, f.String()+", it is tried again at "+clock(f.Until))
		}
	}
	if len(whys) == 0 {
		return ""
	}
	return ": " + strings.Join(whys, ", ")
}
