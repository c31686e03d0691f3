package supervisor

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// An event is a fact that the core absorbs.
type event interface {
	event()
	String() string
}

// A childEvent is a fact about one incarnation of a child; the core drops it if that is not the current one.
type childEvent interface {
	event
	which() (id string, gen uint64)
}

// of names an incarnation of a child.
type of struct {
	id  string
	gen uint64
}

func (o of) which() (string, uint64) { return o.id, o.gen }
func (o of) String() string          { return fmt.Sprintf("%s#%d", o.id, o.gen) }

type (
	boot  struct{}
	halt  struct{ reason error }
	asked struct{ ask process.From }

	began  struct{ of }
	failed struct {
		of
		reason error
	}
	gone struct {
		of
		at time.Time
	}
	down struct {
		of
		reason error
		at     time.Time
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
)

func (boot) event()      {}
func (halt) event()      {}
func (asked) event()     {}
func (began) event()     {}
func (failed) event()    {}
func (gone) event()      {}
func (down) event()      {}
func (unspawned) event() {}
func (expired) event()   {}

func (boot) String() string        { return "boot" }
func (e halt) String() string      { return fmt.Sprintf("halt: %v", e.reason) }
func (asked) String() string       { return "asked" }
func (e began) String() string     { return "began " + e.of.String() }
func (e failed) String() string    { return fmt.Sprintf("failed %v: %v", e.of, e.reason) }
func (e gone) String() string      { return "gone " + e.of.String() }
func (e down) String() string      { return fmt.Sprintf("down %v: %v", e.of, e.reason) }
func (e unspawned) String() string { return fmt.Sprintf("unspawned %v: %v", e.of, e.reason) }
func (e expired) String() string   { return fmt.Sprintf("expired %v %v", e.of, e.phase) }

// An effect is something that the shell does.
type effect interface {
	effect()
	String() string
}

type (
	spawn struct {
		id   string
		gen  uint64
		name string
	}
	stop struct {
		id  string
		gen uint64
	}
	// arm replaces the child's timer, of which there is one.
	arm struct {
		id    string
		gen   uint64
		phase Phase
		after time.Duration
	}
	disarm  struct{ id string }
	abandon struct {
		id  string
		gen uint64
	}
	describe struct {
		ask      process.From
		children []Info
	}
	tell struct{ notice Notice }
	exit struct{ reason error }
)

func (spawn) effect()    {}
func (stop) effect()     {}
func (arm) effect()      {}
func (disarm) effect()   {}
func (abandon) effect()  {}
func (describe) effect() {}
func (tell) effect()     {}
func (exit) effect()     {}

func (f spawn) String() string    { return fmt.Sprintf("spawn %v as %s", of{f.id, f.gen}, f.name) }
func (f stop) String() string     { return "stop " + of{f.id, f.gen}.String() }
func (f arm) String() string      { return fmt.Sprintf("arm %v %v %v", of{f.id, f.gen}, f.phase, f.after) }
func (f disarm) String() string   { return "disarm " + f.id }
func (f abandon) String() string  { return "abandon " + of{f.id, f.gen}.String() }
func (f describe) String() string { return fmt.Sprintf("describe %v", f.children) }
func (f tell) String() string     { return "tell " + f.notice.String() }
func (f exit) String() string     { return fmt.Sprintf("exit: %v", f.reason) }

// A Notice tells of something that happened to a child.
type Notice struct {
	Child  string
	What   What
	Reason error // nil for Started
}

func (n Notice) String() string {
	if n.Reason == nil {
		return fmt.Sprintf("%s %v", n.Child, n.What)
	}
	return fmt.Sprintf("%s %v: %v", n.Child, n.What, n.Reason)
}

// What happened to a child.
type What int

// The kinds of notice.
const (
	Started    What = iota + 1 // an incarnation is up
	Ended                      // an incarnation ended, for Reason
	Restarting                 // another incarnation is being started because of Reason
	Forsaken                   // did not stop by its deadline; it may still run
)

func (w What) String() string {
	switch w {
	case Started:
		return "started"
	case Ended:
		return "ended"
	case Restarting:
		return "restarting"
	case Forsaken:
		return "abandoned"
	}
	return fmt.Sprintf("What(%d)", int(w))
}

// An Info describes a child at one moment.
type Info struct {
	ID           string
	PID          *actor.PID // nil while there is no incarnation
	Phase        Phase
	Incarnations uint64 // started so far, the present one included
}

func (i Info) String() string { return fmt.Sprintf("%s %v #%d", i.ID, i.Phase, i.Incarnations) }
