package supervisor

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// A Notice tells of something that happened to a child.
type Notice struct {
	Child  string // its ID; of an instance, that of the template
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
	Ended                      // an incarnation ended, for Reason; a crash if that is process.Abnormal
	Restarting                 // it is started again because of Reason
	Forsaken                   // did not stop by its deadline; it may still run
	GaveUp                     // because of it the supervisor ends, with Reason: *StartError or *IntensityError
	ShutDown                   // it was significant, and the supervisor ends with it: *SignificantError
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
	case GaveUp:
		return "gave up"
	case ShutDown:
		return "shut down"
	}
	return fmt.Sprintf("What(%d)", int(w))
}

// An Event is a Notice as supervisors publish it on the event stream of their actor system.
type Event struct {
	Supervisor *actor.PID
	PID        *actor.PID // the incarnation's; nil where there is none
	Notice
}

func (e Event) String() string { return fmt.Sprintf("%s: %v", e.Supervisor.GetId(), e.Notice) }

// Subscribe calls f with what happens in every supervisor of the system until cancel, which may be called from f and
// more than once. Of one supervisor f hears in order; of several, in any order and at the same time. It is called in the
// supervisor's turn: it must not block and not panic, so send on to an actor or a channel with room.
func Subscribe(system *actor.ActorSystem, f func(Event)) (cancel func()) {
	sub := system.EventStream.Subscribe(func(e any) {
		if e, ok := e.(*Event); ok {
			f(*e)
		}
	})
	return func() { system.EventStream.Unsubscribe(sub) }
}

// An Info describes a child at one moment.
type Info struct {
	ID           string     // of an instance, that of the template
	PID          *actor.PID // nil while there is no incarnation
	Phase        Phase
	Incarnations uint64 // started so far, the present one included
	Type         Type
	Restart      Restart

	gen uint64
}

func (i Info) String() string { return fmt.Sprintf("%s %v #%d", i.ID, i.Phase, i.Incarnations) }

// Counts is what a supervisor has, OTP's count_children.
type Counts struct {
	Specs       int // children, running or not; 1 for a simple_one_for_one
	Active      int // children with an incarnation
	Supervisors int // children of that Type, running or not
	Workers     int // likewise
}
