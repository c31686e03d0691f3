package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/cluster/spec"
)

// localPhase is where a member's own controller is.
type localPhase int

const (
	serving  localPhase = iota // carries out orders
	leaving                    // goes on with that until the groups it is active for have moved
	stopping                   // stops everything, takes no orders
	telling                    // has stopped everything, and tells the last reports
	stopped                    // has told them, or has given up stopping or telling
)

func (p localPhase) String() string {
	return [...]string{"serving", "leaving", "stopping", "telling", "stopped"}[p]
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
	self  model.Member
	phase localPhase

	bound map[string]binding              // by group: the lease term under which an activation was learned
	goals map[model.Instance]appctrl.Goal // by instance: what its controller was told last
	alive map[model.Instance]bool         // instances that have a controller
	spent map[model.Instance]uint64       // by instance: up to this epoch its controllers have ended, and it is never active again
	await map[string]bool                 // by group: an order waits for this member's report of having stopped
	holds map[string]bool                 // groups that this member is the active of, by their latest orders
	quiet map[model.Instance]bool         // instances that said last that they act no more, and have nothing left to hand over

	patience time.Duration // of the stop

	want map[string]string // by key: the report to be published; empty: none
	have map[string]string // by key: the report that is known to be published, or unsure, or refused for good
	busy bool              // a publication is under way, or waits to be tried again

	refused map[string]string // by key: how its report was refused, until one gets through; others go first
	held    map[string]bool   // by key: what was refused is not tried again yet
	tries   map[string]int    // by key: how often in a row

	digest string              // of the specification
	lacks  map[string][]string // by group: what orders name of it, and the specification lacks
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
		order model.Order
		term  lease.Term
	}
	// began is the first event.
	began struct{}
	// reported is what an instance's controller said, and when; ended that it is gone, with an error if it crashed.
	reported struct {
		report model.Report
		at     time.Time
	}
	ended struct {
		instance model.Instance
		err      error
	}
	lapsed struct{ term lease.Term }
	// renumbered is who this member is from now on. Nothing has run here yet.
	renumbered struct{ self model.Member }
	// published is the outcome of a publication; pauseOver ends the pause after one that failed.
	published struct {
		key, value string
		err        error
	}
	pauseOver struct{ key string } // empty: the pause was for all
	// stop ends everything in order, and gives each phase of that so much time; giveUp says that it is over for one.
	stop   struct{ patience time.Duration }
	giveUp struct{ during localPhase }
)

func (began) localEvent()      {}
func (ordered) localEvent()    {}
func (reported) localEvent()   {}
func (ended) localEvent()      {}
func (lapsed) localEvent()     {}
func (renumbered) localEvent() {}
func (published) localEvent()  {}
func (pauseOver) localEvent()  {}
func (stop) localEvent()       {}
func (giveUp) localEvent()     {}

func (e ordered) String() string {
	return fmt.Sprintf("ordered %s under lease term %d", e.order.Group, e.term)
}

func (e reported) String() string { return fmt.Sprintf("reported %s: %v", e.report.Instance, e.report) }

func (e ended) String() string      { return fmt.Sprintf("ended %s: %s", e.instance, outcome(e.err)) }
func (e renumbered) String() string { return "renumbered " + e.self.String() }
func (e lapsed) String() string     { return fmt.Sprintf("lapsed %d", e.term) }
func (e published) String() string {
	return fmt.Sprintf("published %s: %s", e.key, outcome(e.err))
}
func (began) String() string       { return "began" }
func (e pauseOver) String() string { return strings.TrimSpace("pauseOver " + e.key) }
func (stop) String() string        { return "stop" }

func (e giveUp) String() string { return fmt.Sprintf("give up %v", e.during) }

type localEffect interface {
	localEffect()
	String() string
}

type (
	spawn struct{ instance model.Instance }
	tell  struct {
		instance model.Instance
		goal     appctrl.Goal
	}
	tellLapsed struct {
		instance model.Instance
		term     lease.Term
	}
	shutDown struct{ instance model.Instance }
	publish  struct{ key, value string } // an empty value erases
	pauseFor struct {                    // asks for pauseOver
		pause time.Duration
		key   string
	}
	hurry struct { // asks for a giveUp of that phase
		during   localPhase
		patience time.Duration
	}
	complain struct{ what string } // tells people
	// quiet ends the controller; left are the instances that may still run.
	quiet struct{ left []model.Instance }
)

func (spawn) localEffect()      {}
func (tell) localEffect()       {}
func (tellLapsed) localEffect() {}
func (shutDown) localEffect()   {}
func (publish) localEffect()    {}
func (pauseFor) localEffect()   {}
func (hurry) localEffect()      {}
func (complain) localEffect()   {}
func (quiet) localEffect()      {}

func (e spawn) String() string { return fmt.Sprintf("spawn %s of %s", e.instance, e.instance.App) }
func (e tell) String() string  { return fmt.Sprintf("tell %s: %v", e.instance, e.goal) }
func (e tellLapsed) String() string {
	return fmt.Sprintf("tell %s: lapsed %d", e.instance, e.term)
}
func (e shutDown) String() string { return "shut down " + e.instance.String() }
func (e publish) String() string {
	switch {
	case e.value == "":
		return "publish nothing for " + e.key
	case strings.HasPrefix(e.key, leavingKeys):
		return "publish " + e.key
	case !strings.HasPrefix(e.key, reportKeys):
		return fmt.Sprintf("publish %s = %s", e.key, e.value)
	}
	return fmt.Sprintf("publish %s = %s", e.key, readable(e.value))
}

func (e pauseFor) String() string {
	return strings.TrimSpace(fmt.Sprintf("pause %v %s", e.pause, e.key))
}
func (e hurry) String() string { return fmt.Sprintf("give up %v in %v", e.during, e.patience) }

func (e complain) String() string { return "complain: " + e.what }

func (e quiet) String() string {
	if len(e.left) > 0 {
		return "not stopped: " + names(e.left)
	}
	return "everything has stopped"
}

func newLocal(s *spec.Spec, self model.Member) *local {
	return &local{
		spec: s, self: self, bound: map[string]binding{}, goals: map[model.Instance]appctrl.Goal{}, alive: map[model.Instance]bool{},
		spent: map[model.Instance]uint64{}, await: map[string]bool{}, holds: map[string]bool{}, quiet: map[model.Instance]bool{},
		want: map[string]string{}, have: map[string]string{}, refused: map[string]string{},
		held: map[string]bool{}, tries: map[string]int{}, lacks: map[string][]string{},
	}
}

func stepLocal(l *local, ev localEvent) (*local, []localEffect) {
	var effects []localEffect
	switch ev := ev.(type) {
	case began:
		if l.digest == "" {
			l.digest = l.spec.Digest()
		}
		l.describe()
	case ordered:
		l.compare(ev.order)
		effects = l.obey(ev)
	case reported:
		l.report(ev.report, ev.at)
	case ended:
		l.ended(ev)
	case lapsed:
		for _, instance := range l.instances() {
			effects = append(effects, tellLapsed{instance, ev.term})
		}
	case renumbered:
		delete(l.want, memberKey(l.self)) // the leader erases what it has of a number that nobody has
		l.self = ev.self
		l.describe()
	case published:
		effects = l.published(ev)
	case pauseOver:
		if delete(l.held, ev.key); ev.key == "" {
			l.busy = false
		}
	case stop:
		if l.phase == serving {
			effects = l.leave(ev.patience)
		}
	case giveUp:
		effects = l.giveUp(ev.during)
	}
	if l.phase == leaving && !l.acts() {
		effects = append(effects, l.shutDown()...)
	}
	if l.phase == stopping && len(l.alive) == 0 {
		l.phase = telling
		effects = append(effects, hurry{telling, tellPatience})
	}
	return l, append(effects, l.publishNext()...)
}

func (l *local) instances() []model.Instance {
	return slices.SortedFunc(maps.Keys(l.alive), model.Instance.Compare)
}

// obey tells every application of the group what it shall be on this member. Told the same again, it tells nothing.
func (l *local) obey(ev ordered) []localEffect {
	group, known := l.spec.Group(ev.order.Group)
	if !known || (l.phase != serving && l.phase != leaving) {
		return nil
	}
	l.holds[group.Name] = ev.order.Active != nil && ev.order.Active.Member == l.self
	if a := ev.order.Active; a != nil && a.Member == l.self && l.bound[group.Name].epoch != a.Epoch {
		l.bound[group.Name] = binding{epoch: a.Epoch, term: ev.term}
	}
	previous := ev.order.Previous
	l.await[group.Name] = ev.order.Active == nil && previous != nil && previous.Member == l.self
	var effects []localEffect
	for _, name := range l.spec.Apps(group) {
		instance := model.Instance{Group: group.Name, App: name}
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
			effects = append(effects, spawn{instance})
		}
		l.goals[instance] = goal
		if goal.Want == appctrl.Active {
			delete(l.quiet, instance)
		}
		effects = append(effects, tell{instance, goal})
	}
	return effects
}

// goal is what an order means for one application on this member.
func (l *local) goal(group spec.Group, o model.Order, name string) appctrl.Goal {
	switch a := o.Active; {
	case a != nil && a.Member == l.self && o.Quiesce:
		return appctrl.Goal{Want: appctrl.Quiesce, Epoch: a.Epoch}
	case a != nil && a.Member == l.self:
		return appctrl.Goal{
			Want: appctrl.Active, Epoch: a.Epoch, Kind: a.Kind, From: a.From, Handover: a.Handover[name],
			Term: l.bound[group.Name].term,
		}
	case slices.Contains(o.Standby, l.self) && slices.Contains(l.spec.StandbyApps(group), name):
		return appctrl.Goal{Want: appctrl.Standby, Epoch: o.Epoch}
	case o.Previous != nil && a != nil && o.Previous.Member == l.self:
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
func (l *local) report(r model.Report, at time.Time) {
	goal := l.goals[r.Instance]
	l.quiet[r.Instance] = r.Phase == model.Idle || r.Phase == model.Failed
	value := ""
	if r.Phase != model.Idle || goal.Want != appctrl.Absent || r.Err != "" || l.phase != serving || l.await[r.Instance.Group] {
		r.Member = l.self
		if goal.Want == appctrl.Active && r.Role == app.Active {
			r.Start = app.Start{Kind: goal.Kind, From: goal.From}.String()
			if r.Phase == model.Running {
				r.Since = at.Round(0).UTC()
			}
		}
		value = encode(r)
	}
	l.want[reportKey(l.self, r.Instance)] = value
}

// forget takes back the report of an instance whose controller is gone and which shall be absent. As long as somebody
// waits for just that report it stays.
func (l *local) forget(instance model.Instance) {
	if key := reportKey(l.self, instance); l.want[key] != "" && !l.await[instance.Group] {
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
		l.report(model.Report{Instance: ev.instance, Phase: model.Failed, Epoch: goal.Epoch, Err: ev.err.Error()}, time.Time{})
	}
}

// publishNext starts the next publication that is needed, one at a time, and notices when nothing is left to tell.
func (l *local) publishNext() []localEffect {
	if l.busy || l.phase == stopped {
		return nil
	}
	next := ""
	for _, key := range slices.Sorted(maps.Keys(l.want)) {
		if l.want[key] == l.have[key] || l.held[key] {
			continue
		}
		if l.phase == telling && key == memberKey(l.self) {
			continue // nobody needs it any more
		}
		if next = key; l.refused[key] == "" {
			break
		}
	}
	if next != "" {
		l.busy = true
		return []localEffect{publish{next, l.want[next]}}
	}
	if l.phase == telling && len(l.held) == 0 {
		return l.finish()
	}
	return nil
}
