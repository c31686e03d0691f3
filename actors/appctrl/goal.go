package appctrl

import (
	"fmt"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// Want is what an instance shall be.
type Want uint8

const (
	// Absent: stopped, and its value gone.
	Absent Want = iota
	// Standby: running in role standby.
	Standby
	// Active: running in role active under the goal's epoch and lease term.
	Active
	// Quiesce: stopped with its handover reported, its value kept for a quick return. Where nothing runs, Idle will do.
	Quiesce
)

var wants = [...]string{Absent: "absent", Standby: "standby", Active: "active", Quiesce: "quiesce"}

// String returns the want in lower case.
func (w Want) String() string {
	if int(w) < len(wants) {
		return wants[w]
	}
	return fmt.Sprintf("Want(%d)", uint8(w))
}

// A Goal says what the instance shall be from now on. It is absolute: the latest one counts, may arrive at any moment and
// any number of times, and is kept until the transition under way has ended. A goal with a lower epoch than one seen
// before changes nothing, and neither does one that asks to be active under an epoch that was left before.
type Goal struct {
	Want     Want
	Epoch    uint64     // highest epoch ever given for this instance's group
	Kind     app.Kind   // why, for the Start that this goal leads to
	From     string     // the member that was active before
	Handover []byte     // what it handed over
	Term     lease.Term // the member's lease term at the moment the order was given; used for Active
}

// String shows what is set.
func (g Goal) String() string {
	s := fmt.Sprintf("goal %v e%d", g.Want, g.Epoch)
	if g.Want == Active {
		s += fmt.Sprintf(" %v term=%d", g.start(), g.Term)
	}
	return s
}

func (g Goal) start() app.Start {
	role := app.Standby
	if g.Want == Active {
		role = app.Active
	}
	return app.Start{Kind: g.Kind, From: g.From, Role: role, Epoch: g.Epoch, Handover: g.Handover}
}

// Phase is where an instance is on its way to its goal.
type Phase uint8

const (
	// Idle: no value exists, nothing acts.
	Idle Phase = iota
	// Starting: App.Start is running.
	Starting
	// Running: the role is entered.
	Running
	// Quiescing: the role is left, App.Stop is running, and the value is to be kept.
	Quiescing
	// Quiesced: the role is left, nothing acts, the value is kept and its handover was reported.
	Quiesced
	// Stopping: the role is left, App.Stop is running, and the value is to be thrown away.
	Stopping
	// Failed: no value exists; starting was given up until a goal of a newer epoch.
	Failed
)

var phases = [...]string{"idle", "starting", "running", "quiescing", "quiesced", "stopping", "failed"}

// String returns the phase in lower case, as in reports.
func (p Phase) String() string {
	if int(p) < len(phases) {
		return phases[p]
	}
	return fmt.Sprintf("Phase(%d)", uint8(p))
}

// MarshalText encodes the phase as its name.
func (p Phase) MarshalText() ([]byte, error) {
	if int(p) >= len(phases) {
		return nil, fmt.Errorf("appctrl: %v has no name", p)
	}
	return []byte(phases[p]), nil
}

// UnmarshalText accepts exactly the names that MarshalText writes.
func (p *Phase) UnmarshalText(text []byte) error {
	for i, name := range phases {
		if name == string(text) {
			*p = Phase(i)
			return nil
		}
	}
	return fmt.Errorf("appctrl: %q is not a phase", text)
}

// A Report is where an instance is. One is made on every change of phase, role, epoch or error, in order; an Idle that is
// left within the same step is not reported. Idle, Quiesced and Failed promise that every activation begun here so far is
// over: nothing of this instance is, or will ever be, Active under its epoch again.
type Report struct {
	Instance string
	Phase    Phase
	Role     app.Role // entered, being entered or being left; standby while Idle
	Epoch    uint64   // of the role entry while there is one, else of the latest goal
	Handover []byte   // what an active instance handed over; only while Quiesced, at most app.MaxHandover bytes
	Err      string   // why it is Failed, Idle against its goal, Quiesced without its handover, or being restarted
}

// String is the report without its handover bytes.
func (r Report) String() string {
	s := r.Phase.String()
	if r.Phase != Idle {
		s += " " + r.Role.String()
	}
	s += fmt.Sprintf(" e%d", r.Epoch)
	if len(r.Handover) > 0 {
		s += fmt.Sprintf(" handover=%d bytes", len(r.Handover))
	}
	if r.Err != "" {
		s += fmt.Sprintf(" err=%q", r.Err)
	}
	return s
}

// differs says whether r is news after last.
func (r Report) differs(last Report) bool {
	return r.Phase != last.Phase || r.Role != last.Role || r.Epoch != last.Epoch || r.Err != last.Err
}
