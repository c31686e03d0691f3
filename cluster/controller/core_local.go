package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

// localPhase is where a member's own controller is.
type localPhase int

const (
	serving  localPhase = iota // carries out orders
	stopping                   // stops everything, takes no orders
	telling                    // has stopped everything, and tells the last reports
	stopped                    // has told them, or has given up stopping or telling
)

func (p localPhase) String() string {
	return [...]string{"serving", "stopping", "telling", "stopped"}[p]
}

const (
	// retryPublish is how long a member waits before it tells a report again that nobody has acknowledged.
	retryPublish = 50 * time.Millisecond
	// tellPatience is how long it goes on telling once everything has stopped: nobody may be left to hear it.
	tellPatience = 500 * time.Millisecond
)

// local carries out the orders that name this member, and keeps its reports in the dictionary up to date.
type local struct {
	spec  *spec.Spec
	self  planner.Seat
	phase localPhase

	bound map[string]binding      // by group: the lease term under which an activation was learned
	goals map[string]appctrl.Goal // by instance: what its controller was told last
	alive map[string]bool         // instances that have a controller
	spent map[string]uint64       // by instance: up to this epoch its controllers have ended, and it is never active again
	await map[string]bool         // by group: an order waits for this member's report of having stopped

	want map[string]string // by key: the report to be published; empty: none
	have map[string]string // by key: the report that is known to be published, or unsure, or refused for good
	busy bool              // a publication is under way, or waits to be tried again

	refused map[string]string // by key: how its report was refused, until one gets through; others go first
}

// unsure is no report: a publication failed, and the dictionary may have it all the same.
const unsure = "?"

// binding keeps an activation under the lease term that was held when it was first seen. A later lease does not revive it.
type binding struct {
	epoch uint64
	term  lease.Term
}

type localEvent interface {
	localEvent()
	String() string
}

type (
	// ordered is a group's order as of now, learned under that lease term.
	ordered struct {
		order planner.Order
		term  lease.Term
	}
	// reported is what an instance's controller said; ended that it is gone, with an error if it crashed.
	reported struct{ report appctrl.Report }
	ended    struct {
		instance string
		err      error
	}
	lapsed struct{ term lease.Term }
	// published is the outcome of a publication; rested ends the pause after one that failed.
	published struct {
		key, value string
		err        error
	}
	rested struct{}
	// stop ends everything in order; giveUp ends the waiting for it, or for the last reports to be heard.
	stop   struct{}
	giveUp struct{ during localPhase }
)

func (ordered) localEvent()   {}
func (reported) localEvent()  {}
func (ended) localEvent()     {}
func (lapsed) localEvent()    {}
func (published) localEvent() {}
func (rested) localEvent()    {}
func (stop) localEvent()      {}
func (giveUp) localEvent()    {}

func (e ordered) String() string {
	return fmt.Sprintf("ordered %s under lease term %d", e.order.Group, e.term)
}

func (e reported) String() string { return fmt.Sprintf("reported %s: %v", e.report.Instance, e.report) }
func (e ended) String() string    { return fmt.Sprintf("ended %s: %s", e.instance, outcome(e.err)) }
func (e lapsed) String() string   { return fmt.Sprintf("lapsed %d", e.term) }
func (e published) String() string {
	return fmt.Sprintf("published %s: %s", e.key, outcome(e.err))
}
func (rested) String() string { return "rested" }
func (stop) String() string   { return "stop" }

func (e giveUp) String() string { return fmt.Sprintf("give up %v", e.during) }

type localEffect interface {
	localEffect()
	String() string
}

type (
	spawn struct{ instance, app string }
	tell  struct {
		instance string
		goal     appctrl.Goal
	}
	tellLapsed struct {
		instance string
		term     lease.Term
	}
	shutDown struct{ instance string }
	publish  struct{ key, value string } // an empty value erases
	rest     struct{ pause time.Duration }
	hurry    struct{ patience time.Duration } // asks for a giveUp of the telling
	complain struct{ what string }            // tells people
	// quiet ends the controller; left are the instances that may still run.
	quiet struct{ left []string }
)

func (spawn) localEffect()      {}
func (tell) localEffect()       {}
func (tellLapsed) localEffect() {}
func (shutDown) localEffect()   {}
func (publish) localEffect()    {}
func (rest) localEffect()       {}
func (hurry) localEffect()      {}
func (complain) localEffect()   {}
func (quiet) localEffect()      {}

func (e spawn) String() string { return fmt.Sprintf("spawn %s of %s", e.instance, e.app) }
func (e tell) String() string  { return fmt.Sprintf("tell %s: %v", e.instance, e.goal) }
func (e tellLapsed) String() string {
	return fmt.Sprintf("tell %s: lapsed %d", e.instance, e.term)
}
func (e shutDown) String() string { return "shut down " + e.instance }
func (e publish) String() string {
	if e.value == "" {
		return "publish nothing for " + e.key
	}
	return fmt.Sprintf("publish %s = %s", e.key, readable(e.value))
}
func (e rest) String() string  { return fmt.Sprintf("rest %v", e.pause) }
func (e hurry) String() string { return fmt.Sprintf("give up in %v", e.patience) }

func (e complain) String() string { return "complain: " + e.what }

func (e quiet) String() string {
	if len(e.left) > 0 {
		return "not stopped: " + strings.Join(e.left, ", ")
	}
	return "everything has stopped"
}

func newLocal(s *spec.Spec, self planner.Seat) *local {
	return &local{
		spec: s, self: self, bound: map[string]binding{}, goals: map[string]appctrl.Goal{}, alive: map[string]bool{},
		spent: map[string]uint64{}, await: map[string]bool{},
		want: map[string]string{}, have: map[string]string{}, refused: map[string]string{},
	}
}

func stepLocal(l *local, ev localEvent) (*local, []localEffect) {
	var effects []localEffect
	switch ev := ev.(type) {
	case ordered:
		effects = l.obey(ev)
	case reported:
		l.report(ev.report)
	case ended:
		l.ended(ev)
	case lapsed:
		for _, instance := range l.instances() {
			effects = append(effects, tellLapsed{instance, ev.term})
		}
	case published:
		effects = l.published(ev)
	case rested:
		l.busy = false
	case stop:
		if l.phase == serving {
			l.phase = stopping
			for _, instance := range l.instances() {
				effects = append(effects, shutDown{instance})
			}
		}
	case giveUp:
		if ev.during == l.phase {
			effects = append(effects, l.finish()...)
		}
	}
	if l.phase == stopping && len(l.alive) == 0 {
		l.phase = telling
		effects = append(effects, hurry{tellPatience})
	}
	return l, append(effects, l.publishNext()...)
}

func (l *local) instances() []string { return slices.Sorted(maps.Keys(l.alive)) }

// obey tells every application of the group what it shall be on this member. Told the same again, it tells nothing.
func (l *local) obey(ev ordered) []localEffect {
	group, known := l.spec.Group(ev.order.Group)
	if !known || l.phase != serving {
		return nil
	}
	if a := ev.order.Active; a != nil && a.Seat == l.self && l.bound[group.Name].epoch != a.Epoch {
		l.bound[group.Name] = binding{epoch: a.Epoch, term: ev.term}
	}
	previous := ev.order.Previous
	l.await[group.Name] = ev.order.Active == nil && previous != nil && previous.Seat == l.self
	var effects []localEffect
	for _, name := range l.spec.Apps(group) {
		instance := instanceName(group.Name, name)
		goal := l.goal(group, ev.order, name)
		was, told := l.goals[instance]
		switch {
		case told && sameGoal(was, goal):
			continue
		case !told && goal.Want == appctrl.Absent:
			l.forget(instance)
			continue
		case goal.Want == appctrl.Active && goal.Epoch <= l.spent[instance]:
			continue // it is reported to have ended, and another may be active by now
		}
		if !l.alive[instance] {
			l.alive[instance] = true
			effects = append(effects, spawn{instance, name})
		}
		l.goals[instance] = goal
		effects = append(effects, tell{instance, goal})
	}
	return effects
}

// goal is what an order means for one application on this member.
func (l *local) goal(group spec.Group, o planner.Order, name string) appctrl.Goal {
	switch a := o.Active; {
	case a != nil && a.Seat == l.self && o.Quiesce:
		return appctrl.Goal{Want: appctrl.Quiesce, Epoch: a.Epoch}
	case a != nil && a.Seat == l.self:
		return appctrl.Goal{
			Want: appctrl.Active, Epoch: a.Epoch, Kind: a.Kind, From: a.From, Handover: a.Handover[name],
			Term: l.bound[group.Name].term,
		}
	case slices.Contains(o.Standby, l.self) && slices.Contains(l.spec.StandbyApps(group), name):
		return appctrl.Goal{Want: appctrl.Standby, Epoch: o.Epoch}
	case o.Previous != nil && a != nil && o.Previous.Seat == l.self:
		return appctrl.Goal{Want: appctrl.Quiesce, Epoch: o.Epoch}
	default:
		return appctrl.Goal{Want: appctrl.Absent, Epoch: o.Epoch}
	}
}

func sameGoal(a, b appctrl.Goal) bool {
	return a.Want == b.Want && a.Epoch == b.Epoch && a.Kind == b.Kind && a.From == b.From && a.Term == b.Term &&
		slices.Equal(a.Handover, b.Handover)
}

// report keeps what an instance said for publication. One that is absent, as it shall be, needs no report unless
// somebody waits for it.
func (l *local) report(r appctrl.Report) {
	goal := l.goals[r.Instance]
	group, _, _ := strings.Cut(r.Instance, "/")
	value := ""
	if r.Phase != appctrl.Idle || goal.Want != appctrl.Absent || r.Err != "" || l.phase != serving || l.await[group] {
		record := reportRecord{Seat: l.self, Report: r}
		if goal.Want == appctrl.Active && r.Role == app.Active {
			record.Start = app.Start{Kind: goal.Kind, From: goal.From}.String()
		}
		value = encode(record)
	}
	l.want[reportKey(l.self, r.Instance)] = value
}

// forget takes back the report of an instance whose controller is gone and which shall be absent. As long as somebody
// waits for just that report it stays.
func (l *local) forget(instance string) {
	group, _, _ := strings.Cut(instance, "/")
	if key := reportKey(l.self, instance); l.want[key] != "" && !l.await[group] {
		l.want[key] = ""
	}
}

// ended forgets an instance's controller. One that crashed has left its role: that is a failure of the instance.
func (l *local) ended(ev ended) {
	delete(l.alive, ev.instance)
	goal, told := l.goals[ev.instance]
	l.spent[ev.instance] = max(l.spent[ev.instance], goal.Epoch)
	delete(l.goals, ev.instance)
	if ev.err != nil && told {
		l.report(appctrl.Report{Instance: ev.instance, Phase: appctrl.Failed, Epoch: goal.Epoch, Err: ev.err.Error()})
	}
}

// publishNext starts the next publication that is needed, one at a time, and notices when nothing is left to tell.
func (l *local) publishNext() []localEffect {
	if l.busy || l.phase == stopped {
		return nil
	}
	next := ""
	for _, key := range slices.Sorted(maps.Keys(l.want)) {
		if l.want[key] == l.have[key] {
			continue
		}
		if next = key; l.refused[key] == "" {
			break
		}
	}
	if next != "" {
		l.busy = true
		return []localEffect{publish{next, l.want[next]}}
	}
	if l.phase == telling {
		return l.finish()
	}
	return nil
}

// finish ends it. Nobody needs to have heard the last reports, but what still runs makes another end of it.
func (l *local) finish() []localEffect {
	if l.phase == stopped {
		return nil
	}
	l.phase = stopped
	return []localEffect{quiet{left: l.instances()}}
}
