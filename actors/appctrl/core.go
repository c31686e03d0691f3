package appctrl

import (
	"fmt"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// LeaseLost is the Err of an activation that ended, or never began, because its lease term was over.
const LeaseLost = "lease lost"

// Limits are the rules of one instance.
type Limits struct {
	StartTimeout, StopTimeout time.Duration // bound App.Start and App.Stop
	MaxRestarts               int           // restarts in place: of starts that fail in a row, and of crashes within Within
	Within                    time.Duration // of running; time in which App.Start or App.Stop runs does not count
}

// A state is everything the controller of one instance knows. newState makes the first one.
type state struct {
	Limits   Limits
	Instance string

	Goal   Goal       // the latest accepted; its epoch is the highest seen
	Acted  uint64     // the epoch of the latest activation that was begun
	Spent  uint64     // no activation under this or a lower epoch may begin
	Lapsed lease.Term // the highest term known to have ended
	Down   bool       // Shutdown was ordered
	Ended  bool       // and carried out

	Phase Phase
	Role  app.Role
	Epoch uint64     // as reported
	Term  lease.Term // of the active entry
	Then  Phase      // what Stopping ends in: Idle or Failed

	Gen     uint64    // counts entries and leaves; it never decreases
	Born    uint64    // Gen at which the current value was spawned; zero when there is none
	Entered bool      // a Start of the current value succeeded and no Stop followed
	Cut     bool      // the entry under way was revoked and stops as soon as it has started
	Broken  string    // why the entry under way will be broken when it has started
	Ran     app.Start // the restart that follows when what reached Running last crashes; Normal when it was stopped

	Unstarted int             // starts that failed since the instance last ran for Within
	Since     time.Time       // when it reached Running last
	Uptime    time.Duration   // for how long it has been Running in all, up to the last crash
	Crashes   []time.Duration // of Uptime, those within the window; never written in place
	Handover  []byte
	Err       string
	Told      Report // the last report
}

// newState returns the state of an instance that nobody wants yet.
func newState(instance string, limits Limits) state {
	return state{Instance: instance, Limits: limits, Told: Report{Instance: instance}}
}

// A turn is one step under way: the state to be and the effects so far.
type turn struct {
	state
	in input
	fx []effect
}

// step absorbs one input and returns the next state and what to do about it, in order. The move it makes follows from the
// whole state, so repeated and late events do no harm.
func step(s state, in input) (state, []effect) {
	t := &turn{state: s, in: in}
	switch ev := in.Event.(type) {
	case Goal:
		t.goal(ev)
	case Lapsed:
		t.Lapsed = max(t.Lapsed, ev.Term)
	case Shutdown:
		t.Down = true
		t.cutStart("")
	case started:
		t.started(ev)
	case startFailed:
		t.startFailed(ev)
	case stopped:
		t.stopped(ev)
	case broke:
		t.broke(ev)
	case exited:
		t.exited(ev)
	case expired:
		t.expired(ev)
	}
	t.converge()
	return t.state, t.fx
}

func (t *turn) do(fx ...effect) { t.fx = append(t.fx, fx...) }

func (t *turn) goal(g Goal) {
	switch {
	case t.Down, g.Epoch < t.Goal.Epoch:
		return
	case g.Epoch == t.Goal.Epoch && g.Want == t.Goal.Want:
		return
	case g.Want == Active && g.Epoch <= t.Spent:
		return
	}
	if g.Epoch > t.Goal.Epoch {
		t.Unstarted, t.Uptime, t.Crashes = 0, 0, nil
	}
	t.Goal, t.Then = g, Idle // having given up was an answer to the earlier goal
	if t.Phase == Failed || t.Phase == Idle {
		t.Phase, t.Role, t.Err = Idle, app.Standby, ""
	}
	if g.Want == Absent {
		t.cutStart("")
	}
}

func (t *turn) started(ev started) {
	if t.Phase != Starting || ev.Gen != t.Gen {
		return
	}
	t.do(disarm{})
	t.Entered = true
	switch {
	case t.Cut:
		t.leave(Stopping)
	case t.Broken != "":
		t.crash(t.Broken)
	default:
		t.Phase, t.Err, t.Since = Running, "", t.in.At
		t.Ran = app.Start{Kind: app.Restart, Role: t.Role, Epoch: t.Epoch}
		t.tell()
	}
}

func (t *turn) startFailed(ev startFailed) {
	if t.Phase != Starting || ev.Gen != t.Gen {
		return
	}
	t.do(disarm{})
	t.startLost("start: " + ev.Err)
	if t.Entered { // as a standby, before: the value gets its Stop
		t.leave(Stopping)
		return
	}
	t.discard(false)
}

func (t *turn) stopped(ev stopped) {
	if ev.Gen != t.Gen || (t.Phase != Quiescing && t.Phase != Stopping) {
		return
	}
	t.do(disarm{})
	t.Entered = false
	if ev.Err != "" {
		t.fail("stop: " + ev.Err)
	}
	if t.Phase == Stopping || ev.Err != "" {
		t.discard(false)
		return
	}
	t.Phase = Quiesced
	if t.Role == app.Active {
		t.handOver(ev.Handover)
	}
	t.tell()
}

// handOver keeps what an active instance left, if it is within bounds. That it has stopped is true all the same.
func (t *turn) handOver(left []byte) {
	if len(left) > app.MaxHandover {
		t.fail(fmt.Sprintf("the handover of %d bytes is dropped: the limit is %d bytes", len(left), app.MaxHandover))
		return
	}
	t.Handover = left
}

func (t *turn) broke(ev broke) {
	if ev.Gen != t.Gen {
		return
	}
	switch t.Phase {
	case Starting:
		t.Broken = ev.Reason
	case Running:
		t.crash(ev.Reason)
	case Idle, Quiescing, Quiesced, Stopping, Failed:
	}
}

func (t *turn) exited(ev exited) {
	if t.Born == 0 || ev.Gen != t.Born {
		return
	}
	t.do(disarm{})
	switch t.Phase {
	case Starting:
		t.startLost("exited: " + ev.Reason)
	case Running:
		t.crashed("exited: " + ev.Reason)
	case Quiescing, Quiesced, Stopping:
		t.fail("exited: " + ev.Reason)
	case Idle, Failed:
	}
	t.discard(false)
}

func (t *turn) expired(ev expired) {
	if ev.Gen != t.Gen {
		return
	}
	switch {
	case ev.What == startDeadline && t.Phase == Starting:
		t.startLost(fmt.Sprintf("start did not return within %v: abandoned", t.Limits.StartTimeout))
		t.discard(true)
	case ev.What == stopDeadline && (t.Phase == Quiescing || t.Phase == Stopping):
		t.fail(fmt.Sprintf("stop did not return within %v: abandoned", t.Limits.StopTimeout))
		t.discard(true)
	}
}

// crash ends an instance that is broken: it gets its Stop, then the restart rules apply.
func (t *turn) crash(reason string) {
	t.crashed("crashed: " + reason)
	t.leave(Stopping)
}

// startLost notes a start that failed, and whether another is allowed. However long each attempt took, all of them count
// until the instance has run for Within. A revoked entry is not attempted again.
func (t *turn) startLost(why string) {
	if t.Cut {
		return
	}
	t.Err = why
	t.Unstarted = min(t.Unstarted, t.Limits.MaxRestarts) + 1
	if t.Unstarted > t.Limits.MaxRestarts {
		t.giveUp(fmt.Sprintf("%d starts failed", t.Unstarted))
	}
}

// crashed notes the end of an instance whose start had succeeded, and whether a restart is allowed. The window is counted
// in time of running: otherwise crashes after slow starts would never be close enough together.
func (t *turn) crashed(why string) {
	if t.Cut {
		return
	}
	t.Err = why
	if t.Phase == Running {
		ran := t.in.At.Sub(t.Since)
		t.Uptime += ran
		if ran >= t.Limits.Within {
			t.Unstarted = 0
		}
	}
	var recent []time.Duration
	for _, at := range t.Crashes {
		if t.Uptime-at < t.Limits.Within {
			recent = append(recent, at)
		}
	}
	if len(recent) >= t.Limits.MaxRestarts {
		t.Crashes = recent
		t.giveUp(fmt.Sprintf("%d restarts within %v", len(recent), t.Limits.Within))
		return
	}
	t.Crashes = append(recent, t.Uptime)
}

func (t *turn) giveUp(why string) {
	t.Then = Failed
	t.Err += " (gave up: " + why + ")"
}

// fail adds to the error that is reported.
func (t *turn) fail(why string) {
	if t.Err != "" {
		why = t.Err + "; " + why
	}
	t.Err = why
}
