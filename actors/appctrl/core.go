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
	MaxRestarts               int           // restarts in place allowed within Within; one more failure is Failed
	Within                    time.Duration
}

// A State is everything the controller of one instance knows. New makes the first one.
type State struct {
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

	Restarts []time.Time // within the window; never written in place
	Handover []byte
	Err      string
	Told     Report // the last report
}

// New returns the state of an instance that nobody wants yet.
func New(instance string, limits Limits) State {
	return State{Instance: instance, Limits: limits, Told: Report{Instance: instance}}
}

// A turn is one step under way: the state to be and the effects so far.
type turn struct {
	State
	in Input
	fx []Effect
}

// Step absorbs one input and returns the next state and what to do about it, in order. The move it makes follows from the
// whole state, so repeated and late events do no harm.
func Step(s State, in Input) (State, []Effect) {
	t := &turn{State: s, in: in}
	switch ev := in.Event.(type) {
	case Goal:
		t.goal(ev)
	case Lapsed:
		t.Lapsed = max(t.Lapsed, ev.Term)
	case Shutdown:
		t.Down = true
		t.cutStart("")
	case Started:
		t.started(ev)
	case StartFailed:
		t.startFailed(ev)
	case Stopped:
		t.stopped(ev)
	case Broke:
		t.broke(ev)
	case Exited:
		t.exited(ev)
	case Expired:
		t.expired(ev)
	}
	t.converge()
	return t.State, t.fx
}

func (t *turn) do(fx ...Effect) { t.fx = append(t.fx, fx...) }

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
		t.Restarts = nil
	}
	t.Goal, t.Then = g, Idle // having given up was an answer to the earlier goal
	if t.Phase == Failed || t.Phase == Idle {
		t.Phase, t.Role, t.Err = Idle, app.Standby, ""
	}
	if g.Want == Absent {
		t.cutStart("")
	}
}

func (t *turn) started(ev Started) {
	if t.Phase != Starting || ev.Gen != t.Gen {
		return
	}
	t.do(Disarm{})
	t.Entered = true
	switch {
	case t.Cut:
		t.leave(Stopping)
	case t.Broken != "":
		t.crash(t.Broken)
	default:
		t.Phase, t.Err = Running, ""
		t.Ran = app.Start{Kind: app.Restart, Role: t.Role, Epoch: t.Epoch}
		t.tell()
	}
}

func (t *turn) startFailed(ev StartFailed) {
	if t.Phase != Starting || ev.Gen != t.Gen {
		return
	}
	t.do(Disarm{})
	t.attemptFailed("start: " + ev.Err)
	if t.Entered { // as a standby, before: the value gets its Stop
		t.leave(Stopping)
		return
	}
	t.discard(false)
}

func (t *turn) stopped(ev Stopped) {
	if ev.Gen != t.Gen || (t.Phase != Quiescing && t.Phase != Stopping) {
		return
	}
	t.do(Disarm{})
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

func (t *turn) broke(ev Broke) {
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

func (t *turn) exited(ev Exited) {
	if t.Born == 0 || ev.Gen != t.Born {
		return
	}
	t.do(Disarm{})
	switch t.Phase {
	case Starting, Running:
		t.attemptFailed("exited: " + ev.Reason)
	case Quiescing, Quiesced, Stopping:
		t.fail("exited: " + ev.Reason)
	case Idle, Failed:
	}
	t.discard(false)
}

func (t *turn) expired(ev Expired) {
	if ev.Gen != t.Gen {
		return
	}
	switch {
	case ev.What == StartDeadline && t.Phase == Starting:
		t.attemptFailed(fmt.Sprintf("start did not return within %v: abandoned", t.Limits.StartTimeout))
		t.discard(true)
	case ev.What == StopDeadline && (t.Phase == Quiescing || t.Phase == Stopping):
		t.fail(fmt.Sprintf("stop did not return within %v: abandoned", t.Limits.StopTimeout))
		t.discard(true)
	}
}

// crash ends an instance that is broken: it gets its Stop, then the restart rules apply.
func (t *turn) crash(reason string) {
	t.attemptFailed("crashed: " + reason)
	t.leave(Stopping)
}

// attemptFailed notes a failure and whether another attempt is allowed. A revoked entry is not attempted again.
func (t *turn) attemptFailed(why string) {
	if t.Cut {
		return
	}
	t.Err = why
	var recent []time.Time
	for _, at := range t.Restarts {
		if t.in.At.Sub(at) < t.Limits.Within {
			recent = append(recent, at)
		}
	}
	if len(recent) >= t.Limits.MaxRestarts {
		t.Restarts, t.Then = recent, Failed
		t.Err += fmt.Sprintf(" (gave up: %d restarts within %v)", len(recent), t.Limits.Within)
		return
	}
	t.Restarts = append(recent, t.in.At)
}

// fail adds to the error that is reported.
func (t *turn) fail(why string) {
	if t.Err != "" {
		why = t.Err + "; " + why
	}
	t.Err = why
}
