package appctrl

import (
	"fmt"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// An Input is one event with the facts of the moment it is handled: the core reads neither clock nor lease.
type Input struct {
	At    time.Time
	Held  lease.Term // the lease term held at that moment; zero when none is
	Event Event
}

// An Event is something that happened. Gen says to which attempt it belongs; one of an earlier attempt changes nothing.
type Event interface {
	event()
	String() string
}

// Deadline names what a timer guards.
type Deadline uint8

const (
	// StartDeadline bounds App.Start.
	StartDeadline Deadline = iota
	// StopDeadline bounds App.Stop.
	StopDeadline
)

// String names the callback that the deadline bounds.
func (d Deadline) String() string {
	if d == StartDeadline {
		return "start"
	}
	return "stop"
}

type (
	// Lapsed says that the lease term has ended. Whatever is active under it or an earlier one must stop.
	Lapsed struct{ Term lease.Term }
	// Shutdown orders a stop after which the controller ends with process.ErrNormal. Later goals are ignored.
	Shutdown struct{}
	// Started says that App.Start returned nil.
	Started struct{ Gen uint64 }
	// StartFailed says that App.Start returned an error or panicked.
	StartFailed struct {
		Gen uint64
		Err string
	}
	// Stopped says that App.Stop returned; Err is empty when it did so without an error or panic.
	Stopped struct {
		Gen      uint64
		Handover []byte
		Err      string
	}
	// Broke says that the instance running as entry Gen declared itself broken, or panicked in Receive.
	Broke struct {
		Gen    uint64
		Reason string
	}
	// Exited says that the instance actor spawned as Gen is gone.
	Exited struct {
		Gen    uint64
		Reason string
	}
	// Expired says that the time armed for What of Gen is over.
	Expired struct {
		Gen  uint64
		What Deadline
	}
)

func (Goal) event()        {}
func (Lapsed) event()      {}
func (Shutdown) event()    {}
func (Started) event()     {}
func (StartFailed) event() {}
func (Stopped) event()     {}
func (Broke) event()       {}
func (Exited) event()      {}
func (Expired) event()     {}

func (e Lapsed) String() string      { return fmt.Sprintf("lapsed term=%d", e.Term) }
func (Shutdown) String() string      { return "shutdown" }
func (e Started) String() string     { return fmt.Sprintf("started #%d", e.Gen) }
func (e StartFailed) String() string { return fmt.Sprintf("start failed #%d: %s", e.Gen, e.Err) }
func (e Broke) String() string       { return fmt.Sprintf("broke #%d: %s", e.Gen, e.Reason) }
func (e Exited) String() string      { return fmt.Sprintf("exited #%d: %s", e.Gen, e.Reason) }
func (e Expired) String() string     { return fmt.Sprintf("expired %v #%d", e.What, e.Gen) }

func (e Stopped) String() string {
	if e.Err != "" {
		return fmt.Sprintf("stopped #%d: %s", e.Gen, e.Err)
	}
	return fmt.Sprintf("stopped #%d", e.Gen)
}

// An Effect is something to do. A step's effects are done in order.
type Effect interface {
	effect()
	String() string
}

type (
	// SpawnInstance makes a fresh value of the application in an actor of its own.
	SpawnInstance struct{ Gen uint64 }
	// EnterRole makes a Context for the entry Gen and calls App.Start with it; Started or StartFailed follows.
	EnterRole struct {
		Gen   uint64
		Start app.Start
		Term  lease.Term
	}
	// Revoke leaves the current Context, so that it is never Active again, and calls nothing.
	Revoke struct{ Gen uint64 }
	// LeaveRole leaves the current Context and then calls App.Stop with it; Stopped follows.
	LeaveRole struct{ Gen uint64 }
	// KillInstance leaves the current Context and forgets the actor spawned as Gen, which ends once its callback, if
	// one is running, has returned. Abandon says that one is, against its deadline.
	KillInstance struct {
		Gen     uint64
		Abandon bool
	}
	// Arm asks for Expired{Gen, What} after a while, in place of what was armed before.
	Arm struct {
		Gen   uint64
		What  Deadline
		After time.Duration
	}
	// Disarm takes the armed time back.
	Disarm struct{}
	// Tell passes a report on.
	Tell struct{ Report Report }
	// End ends the controller normally.
	End struct{}
)

func (SpawnInstance) effect() {}
func (EnterRole) effect()     {}
func (Revoke) effect()        {}
func (LeaveRole) effect()     {}
func (KillInstance) effect()  {}
func (Arm) effect()           {}
func (Disarm) effect()        {}
func (Tell) effect()          {}
func (End) effect()           {}

func (e SpawnInstance) String() string { return fmt.Sprintf("spawn #%d", e.Gen) }
func (e Revoke) String() string        { return fmt.Sprintf("revoke context #%d", e.Gen) }
func (e LeaveRole) String() string     { return fmt.Sprintf("leave and call Stop #%d", e.Gen) }
func (e Arm) String() string           { return fmt.Sprintf("arm %v #%d %v", e.What, e.Gen, e.After) }
func (Disarm) String() string          { return "disarm" }
func (e Tell) String() string          { return "report " + e.Report.String() }
func (End) String() string             { return "end" }

func (e EnterRole) String() string {
	s := fmt.Sprintf("enter %v e%d and call Start #%d %v", e.Start.Role, e.Start.Epoch, e.Gen, e.Start)
	if e.Start.Role == app.Active {
		s += fmt.Sprintf(" term=%d", e.Term)
	}
	if len(e.Start.Handover) > 0 {
		s += fmt.Sprintf(" handover=%d bytes", len(e.Start.Handover))
	}
	return s
}

func (e KillInstance) String() string {
	if e.Abandon {
		return fmt.Sprintf("abandon #%d", e.Gen)
	}
	return fmt.Sprintf("kill #%d", e.Gen)
}
