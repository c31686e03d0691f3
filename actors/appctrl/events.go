package appctrl

import (
	"fmt"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// An input is one event with the facts of the moment it is handled: the core reads neither clock nor lease.
type input struct {
	At    time.Time
	Held  lease.Term // the lease term held at that moment; zero when none is
	Event event
}

// An event is something that happened. Gen says to which attempt it belongs; one of an earlier attempt changes nothing.
type event interface {
	event()
	String() string
}

// deadline names what a timer guards.
type deadline uint8

const (
	// startDeadline bounds App.Start.
	startDeadline deadline = iota
	// stopDeadline bounds App.Stop.
	stopDeadline
)

// String names the callback that the deadline bounds.
func (d deadline) String() string {
	if d == startDeadline {
		return "start"
	}
	return "stop"
}

type (
	// Lapsed says that the lease term has ended. Whatever is active under it or an earlier one must stop.
	Lapsed struct{ Term lease.Term }
	// Shutdown orders a stop after which the controller ends with process.ErrNormal. Later goals are ignored.
	Shutdown struct{}
	// started says that App.Start returned nil.
	started struct{ Gen uint64 }
	// startFailed says that App.Start returned an error or panicked.
	startFailed struct {
		Gen uint64
		Err string
	}
	// stopped says that App.Stop returned; Err is empty when it did so without an error or panic.
	stopped struct {
		Gen      uint64
		Handover []byte
		Err      string
	}
	// broke says that the instance running as entry Gen declared itself broken, or panicked in Receive.
	broke struct {
		Gen    uint64
		Reason string
	}
	// exited says that the instance actor spawned as Gen is gone.
	exited struct {
		Gen    uint64
		Reason string
	}
	// expired says that the time armed for What of Gen is over.
	expired struct {
		Gen  uint64
		What deadline
	}
)

func (Goal) event()        {}
func (Lapsed) event()      {}
func (Shutdown) event()    {}
func (started) event()     {}
func (startFailed) event() {}
func (stopped) event()     {}
func (broke) event()       {}
func (exited) event()      {}
func (expired) event()     {}

func (e Lapsed) String() string      { return fmt.Sprintf("lapsed term=%d", e.Term) }
func (Shutdown) String() string      { return "shutdown" }
func (e started) String() string     { return fmt.Sprintf("started #%d", e.Gen) }
func (e startFailed) String() string { return fmt.Sprintf("start failed #%d: %s", e.Gen, e.Err) }
func (e broke) String() string       { return fmt.Sprintf("broke #%d: %s", e.Gen, e.Reason) }
func (e exited) String() string      { return fmt.Sprintf("exited #%d: %s", e.Gen, e.Reason) }
func (e expired) String() string     { return fmt.Sprintf("expired %v #%d", e.What, e.Gen) }

func (e stopped) String() string {
	if e.Err != "" {
		return fmt.Sprintf("stopped #%d: %s", e.Gen, e.Err)
	}
	return fmt.Sprintf("stopped #%d", e.Gen)
}

// An effect is something to do. A step's effects are done in order.
type effect interface {
	effect()
	String() string
}

type (
	// spawnInstance makes a fresh value of the application in an actor of its own.
	spawnInstance struct{ Gen uint64 }
	// enterRole makes a Context for the entry Gen and calls App.Start with it; started or startFailed follows.
	enterRole struct {
		Gen   uint64
		Start app.Start
		Term  lease.Term
	}
	// revoke leaves the current Context, so that it is never Active again, and calls nothing.
	revoke struct{ Gen uint64 }
	// leaveRole leaves the current Context and then calls App.Stop with it; Stopped follows.
	leaveRole struct{ Gen uint64 }
	// killInstance leaves the current Context and forgets the actor spawned as Gen, which ends once its callback, if
	// one is running, has returned. Abandon says that one is, against its deadline.
	killInstance struct {
		Gen     uint64
		Abandon bool
	}
	// arm asks for Expired{Gen, What} after a while, in place of what was armed before.
	arm struct {
		Gen   uint64
		What  deadline
		After time.Duration
	}
	// disarm takes the armed time back.
	disarm struct{}
	// tellReport passes a report on.
	tellReport struct{ Report Report }
	// endController ends the controller normally.
	endController struct{}
)

func (spawnInstance) effect() {}
func (enterRole) effect()     {}
func (revoke) effect()        {}
func (leaveRole) effect()     {}
func (killInstance) effect()  {}
func (arm) effect()           {}
func (disarm) effect()        {}
func (tellReport) effect()    {}
func (endController) effect() {}

func (e spawnInstance) String() string { return fmt.Sprintf("spawn #%d", e.Gen) }
func (e revoke) String() string        { return fmt.Sprintf("revoke context #%d", e.Gen) }
func (e leaveRole) String() string     { return fmt.Sprintf("leave and call Stop #%d", e.Gen) }
func (e arm) String() string           { return fmt.Sprintf("arm %v #%d %v", e.What, e.Gen, e.After) }
func (disarm) String() string          { return "disarm" }
func (e tellReport) String() string    { return "report " + e.Report.String() }
func (endController) String() string   { return "end" }

func (e enterRole) String() string {
	s := fmt.Sprintf("enter %v e%d and call Start #%d %v", e.Start.Role, e.Start.Epoch, e.Gen, e.Start)
	if e.Start.Role == app.Active {
		s += fmt.Sprintf(" term=%d", e.Term)
	}
	if len(e.Start.Handover) > 0 {
		s += fmt.Sprintf(" handover=%d bytes", len(e.Start.Handover))
	}
	return s
}

func (e killInstance) String() string {
	if e.Abandon {
		return fmt.Sprintf("abandon #%d", e.Gen)
	}
	return fmt.Sprintf("kill #%d", e.Gen)
}
