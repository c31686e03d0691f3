package supervisor

import (
	"fmt"
	"time"

	"github.com/gendac/gendac/behaviours/process"
)

// An event is a fact, or a wish, that a core absorbs.
type event interface {
	event()
	String() string
}

// A childEvent is a fact about one incarnation of a child; the core drops it if that is not the current one.
type childEvent interface {
	event
	which() (id string, gen uint64)
}

// of names an incarnation of a child. Gen alone is unique within the supervisor.
type of struct {
	id  string
	gen uint64
}

func (o of) which() (string, uint64) { return o.id, o.gen }
func (o of) String() string          { return fmt.Sprintf("%s#%d", o.id, o.gen) }

// Facts.
type (
	boot struct{}
	halt struct{ reason error }

	began struct {
		of
		at time.Time
	}
	failed struct {
		of
		started bool
		reason  error
		at      time.Time
		pid     string // as in gone
	}
	gone struct {
		of
		started bool
		reason  error
		at      time.Time
		pid     string // the incarnation's, by which callers may know an instance that is to be started again
	}
	unspawned struct {
		of
		reason error
		at     time.Time
	}
	expired struct {
		of
		phase Phase
		at    time.Time
	}
	waited struct {
		hold uint64
		at   time.Time
	}
	landed  struct{ lot uint64 } // all of it have begun, or ended
	overdue struct{ at time.Time }
	// mustered answers a muster: who has neither begun nor ended.
	mustered struct {
		lot    uint64
		absent []uint64
		at     time.Time
	}
)

func (boot) event()      {}
func (halt) event()      {}
func (began) event()     {}
func (failed) event()    {}
func (gone) event()      {}
func (unspawned) event() {}
func (expired) event()   {}
func (waited) event()    {}
func (landed) event()    {}
func (overdue) event()   {}
func (mustered) event()  {}

func (boot) String() string     { return "boot" }
func (e halt) String() string   { return fmt.Sprintf("halt: %v", e.reason) }
func (e began) String() string  { return "began " + e.of.String() }
func (e failed) String() string { return fmt.Sprintf("failed %v: %v", e.of, e.reason) }
func (e gone) String() string {
	return fmt.Sprintf("gone %v, started %t: %v", e.of, e.started, e.reason)
}
func (e unspawned) String() string { return fmt.Sprintf("unspawned %v: %v", e.of, e.reason) }
func (e expired) String() string   { return fmt.Sprintf("expired %v %v", e.of, e.phase) }
func (e waited) String() string    { return fmt.Sprintf("waited %d", e.hold) }
func (e landed) String() string    { return fmt.Sprintf("landed %d", e.lot) }
func (overdue) String() string     { return "overdue" }
func (e mustered) String() string  { return fmt.Sprintf("mustered %d: absent %v", e.lot, e.absent) }

// A command is a wish of somebody's who waits for the answer.
type command interface {
	event
	from() process.From
}

// A question is a command that only looks.
type question interface {
	command
	question()
}

type asker struct{ ask process.From }

func (a asker) from() process.From { return a.ask }
func (asker) event()               {}

type (
	startChild struct {
		asker
		child Child
	}
	restartChild struct {
		asker
		id string
	}
	terminateChild struct {
		asker
		id string
	}
	deleteChild struct {
		asker
		id string
	}
	// launch starts instances of the template.
	launch struct {
		asker
		args []any
		at   time.Time
	}
	// terminatePID terminates an instance, or calls off its restart.
	terminatePID struct {
		asker
		text  string
		pid   any    // the shell's; it knows the gen
		gen   uint64 // zero if no instance has the PID
		known string // as in gone; empty if the PID is none of this actor system's
		alive bool   // there is a process with this PID
	}

	asked     struct{ asker }
	counted   struct{ asker }
	specAsked struct {
		asker
		id string
	}
)

func (asked) question()     {}
func (counted) question()   {}
func (specAsked) question() {}

func (c startChild) String() string     { return "start " + c.child.ID }
func (c restartChild) String() string   { return "restart " + c.id }
func (c terminateChild) String() string { return "terminate " + c.id }
func (c deleteChild) String() string    { return "delete " + c.id }
func (c launch) String() string         { return fmt.Sprintf("launch %v", c.args) }
func (c terminatePID) String() string   { return fmt.Sprintf("terminate #%d", c.gen) }
func (asked) String() string            { return "asked" }
func (counted) String() string          { return "counted" }
func (c specAsked) String() string      { return "spec of " + c.id }
