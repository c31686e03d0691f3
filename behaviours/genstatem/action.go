package genstatem

import (
	"fmt"
	"math"
	"time"
)

// Infinity is a timeout that never comes: setting it cancels the one that runs.
const Infinity time.Duration = math.MaxInt64

// An Action is something that a callback asks for besides the next state. Actions are taken in order; of two that
// contradict each other the later counts.
type Action interface {
	action()
	String() string
}

type (
	reply struct {
		from  From
		value any
		err   error
	}
	nextEvent struct{ event Event }
	postpone  struct{}
	set       struct {
		timer   timer
		after   time.Duration
		content any
	}
	cancel struct{ timer timer }
	update struct {
		timer   timer
		content any
	}
)

func (reply) action()     {}
func (nextEvent) action() {}
func (postpone) action()  {}
func (set) action()       {}
func (cancel) action()    {}
func (update) action()    {}

func (a reply) String() string {
	if a.err != nil {
		return fmt.Sprintf("reply error %v", a.err)
	}
	return fmt.Sprintf("reply %+v", a.value)
}
func (a nextEvent) String() string { return "next event " + a.event.String() }
func (postpone) String() string    { return "postpone" }
func (a set) String() string       { return fmt.Sprintf("set %v %v %+v", a.timer, a.after, a.content) }
func (a cancel) String() string    { return "cancel " + a.timer.String() }
func (a update) String() string    { return fmt.Sprintf("update %v %+v", a.timer, a.content) }

// Reply answers a call, of this event or of an earlier one. See Answer for replies from elsewhere.
func Reply(from From, value any) Action { return reply{from: from, value: value} }

// ReplyError answers a call with an error, which Call returns unchanged.
func ReplyError(from From, err error) Action { return reply{from: from, err: err} }

// NextEvent has event handled next, in the state that is next, before everything that waits. Several are handled in the
// order of the actions. Not in a state enter call.
func NextEvent(event Event) Action { return nextEvent{event} }

// Postpone has the event of this callback handled again when the state has changed. Not in a state enter call; Init has
// no event and its Postpone is ignored.
func Postpone() Action { return postpone{} }

// StateTimeout delivers a state timeout event with content once the state has lasted for d from now. A change of state
// cancels it; setting it again replaces it.
//
// For all timeouts: zero, or less, means right after the events that are queued already and before any from the
// mailbox. Infinity cancels.
func StateTimeout(d time.Duration, content any) Action {
	return set{timer{kind: StateTimeoutEvent}, d, content}
}

// EventTimeout delivers an event timeout event with content if nothing else is handled for d. Every event cancels it,
// one that was postponed or inserted too; so it needs no cancelling.
func EventTimeout(d time.Duration, content any) Action {
	return set{timer{kind: EventTimeoutEvent}, d, content}
}

// NamedTimeout delivers a named timeout event with content after d, whatever happens meanwhile. Each name is a timeout
// of its own; setting one again replaces it.
func NamedTimeout(name string, d time.Duration, content any) Action {
	return set{named(name), d, content}
}

// CancelStateTimeout cancels the state timeout, if there is one.
func CancelStateTimeout() Action { return cancel{timer{kind: StateTimeoutEvent}} }

// CancelNamedTimeout cancels a named timeout, if there is one.
func CancelNamedTimeout(name string) Action { return cancel{named(name)} }

// UpdateStateTimeout gives the state timeout another content and leaves its time. If there is none, it is a
// StateTimeout of zero.
func UpdateStateTimeout(content any) Action { return update{timer{kind: StateTimeoutEvent}, content} }

// UpdateNamedTimeout gives a named timeout another content and leaves its time. If there is none, it is a NamedTimeout
// of zero.
func UpdateNamedTimeout(name string, content any) Action { return update{named(name), content} }

func named(name string) timer { return timer{kind: NamedTimeoutEvent, name: name} }

// A timer names one of the machine's timeouts; its kind is that of the event it becomes.
type timer struct {
	kind Kind
	name string
}

func (t timer) String() string {
	if t.kind == NamedTimeoutEvent {
		return "timeout " + t.name
	}
	return t.kind.String()
}
