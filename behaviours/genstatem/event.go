package genstatem

import (
	"fmt"

	"github.com/gendac/gendac/behaviours/process"
)

// A From names the caller of a call. It is good for one reply.
type From = process.From

// A Kind is where an event comes from.
type Kind int

// The kinds of events. The first three come from outside, the others from the machine itself.
const (
	CallEvent         Kind = iota + 1 // Call; Event.From waits for a reply
	CastEvent                         // Cast
	InfoEvent                         // any other message: *process.Down, timers of process.After, a plain Send
	InternalEvent                     // NextEvent with Internal; cannot be mistaken for one from outside
	EventTimeoutEvent                 // EventTimeout: nothing else happened in time
	StateTimeoutEvent                 // StateTimeout: the state lasted so long
	NamedTimeoutEvent                 // NamedTimeout; Event.Name says which
)

// initEvent stands for Init where an event is expected.
const initEvent Kind = 0

func (k Kind) String() string {
	switch k {
	case initEvent:
		return "init"
	case CallEvent:
		return "call"
	case CastEvent:
		return "cast"
	case InfoEvent:
		return "info"
	case InternalEvent:
		return "internal"
	case EventTimeoutEvent:
		return "event timeout"
	case StateTimeoutEvent:
		return "state timeout"
	case NamedTimeoutEvent:
		return "timeout"
	}
	return fmt.Sprintf("Kind(%d)", int(k))
}

// An Event is what a state function handles.
type Event struct {
	Kind    Kind
	From    From   // of a call, else nobody
	Name    string // of a named timeout, else empty
	Content any    // the request, the message, or what the timeout was given
}

func (e Event) String() string {
	out := e.Kind.String()
	if e.Name != "" {
		out += " " + e.Name
	}
	if e.Content != nil {
		out += fmt.Sprintf(" %+v", e.Content)
	}
	return out
}

// Internal is an event for NextEvent that no one else can send.
func Internal(content any) Event { return Event{Kind: InternalEvent, Content: content} }
