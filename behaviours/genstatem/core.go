package genstatem

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A phase is whom the core waits for.
type phase int

const (
	unborn   phase = iota
	starting       // Init
	entering       // a state enter call
	handling       // a state function
	waiting        // the mailbox
	ended
)

func (p phase) String() string {
	switch p {
	case unborn:
		return "unborn"
	case starting:
		return "starting"
	case entering:
		return "entering"
	case handling:
		return "handling"
	case waiting:
		return "waiting"
	case ended:
		return "ended"
	}
	return fmt.Sprintf("phase(%d)", int(p))
}

// A core is the machine without its callbacks: they are asked for by an effect and answer with an input.
type core[S comparable] struct {
	enters bool // make state enter calls
	traces bool // tell of transitions

	phase     phase
	state     S
	queue     []Event   // handled before the mailbox, in this order
	postponed []Event   // oldest first
	timers    []running // oldest first; those that are due are handled after the queue, in this order
	gen       uint64    // of the timer set last

	// The transition under way.
	old    S     // the state before it
	from   S     // what the state enter call is told
	moved  bool  // the state changed
	event  Event // what is being handled; of no kind: Init
	wanted []Action
}

// A running timer is due if it was set to zero, and else set with the shell.
type running struct {
	timer
	gen     uint64
	content any
	due     bool
}

// An input is what the shell tells the core. It is one struct, not a sum, and each machine has but one: it is made for
// every message and every callback, and must not cost an allocation.
type input[S comparable] struct {
	kind   inputKind
	event  Event     // arrived
	fired  fired     // ranOut
	reason error     // halted, by StopWait
	result Result[S] // returned, by the callback that the last effect asked for
}

type inputKind int

const (
	booted inputKind = iota
	arrived
	ranOut // a timer; a stale one changes nothing
	halted
	returned
)

// fired says that a timer has run out.
type fired struct {
	timer timer
	gen   uint64
}

func (in *input[S]) String() string {
	switch in.kind {
	case booted:
		return "boot"
	case arrived:
		return in.event.String()
	case ranOut:
		return fmt.Sprintf("%v#%d fires", in.fired.timer, in.fired.gen)
	case halted:
		return fmt.Sprintf("halt %v", in.reason)
	case returned:
		return "returns " + in.result.String()
	}
	return fmt.Sprintf("inputKind(%d)", int(in.kind))
}

// An effect is what the core tells the shell to do. Those that call back come last. What they are about is in the core
// where it can be, for an empty effect costs nothing.
type effect interface {
	effect()
	String() string
}

type (
	initialise struct{}
	started    struct{} // Init has succeeded: the start is over
	enter      struct{} // the state, from core.from
	handle     struct{} // core.event
	arm        struct {
		timer timer
		gen   uint64
		after time.Duration
	}
	disarm              struct{ timer timer }
	trace[S comparable] struct {
		event   Event
		old, to S
		actions []Action
		end     error // nil if the machine goes on
	}
	exit struct{ reason error }
)

func (initialise) effect() {}
func (started) effect()    {}
func (enter) effect()      {}
func (handle) effect()     {}
func (reply) effect()      {} // the action itself
func (arm) effect()        {}
func (disarm) effect()     {}
func (*trace[S]) effect()  {}
func (exit) effect()       {}

func (initialise) String() string { return "init" }
func (started) String() string    { return "started" }
func (enter) String() string      { return "enter" }
func (handle) String() string     { return "handle" }
func (a arm) String() string      { return fmt.Sprintf("arm %v#%d for %v", a.timer, a.gen, a.after) }
func (d disarm) String() string   { return "disarm " + d.timer.String() }
func (e exit) String() string     { return fmt.Sprintf("exit %v", e.reason) }
func (t *trace[S]) String() string {
	var actions strings.Builder
	for _, a := range t.actions {
		actions.WriteString("; " + a.String())
	}
	if t.end != nil {
		actions.WriteString("; exit " + t.end.Error())
	}
	return fmt.Sprintf("trace %v: %v -> %v%v", t.event, t.old, t.to, actions.String())
}

// step changes the core and returns fx with the effects added to it.
func (c *core[S]) step(in *input[S], fx []effect) []effect {
	switch in.kind {
	case booted:
		c.phase = starting
		return append(fx, initialise{})
	case arrived:
		if c.phase == waiting {
			return c.deliver(in.event, fx)
		}
	case ranOut:
		if i := c.find(in.fired.timer); c.phase == waiting && i >= 0 && c.timers[i].gen == in.fired.gen {
			return c.deliver(c.takeTimer(i), fx)
		}
	case halted:
		if c.phase == waiting {
			return c.end(in.reason, fx)
		}
	case returned:
		return c.conclude(&in.result, fx)
	}
	return fx
}

// deliver has the state function handle event, which cancels the event timeout.
func (c *core[S]) deliver(event Event, fx []effect) []effect {
	fx = c.cancelTimer(timer{kind: EventTimeoutEvent}, fx)
	c.phase, c.event, c.old, c.moved, c.wanted = handling, event, c.state, false, nil
	return append(fx, handle{})
}

// conclude takes what a callback returned.
func (c *core[S]) conclude(r *Result[S], fx []effect) []effect {
	legal, problem := c.legal(r)
	for _, a := range r.actions[:legal] {
		if _, ok := a.(reply); ok {
			fx = append(fx, a.(effect))
		}
	}
	if problem != "" {
		where := c.where()
		if r.move == next && c.phase == handling {
			c.state = r.next
		}
		return c.end(&BadReturnError{Where: where, Problem: problem}, fx)
	}
	if len(c.wanted) == 0 {
		c.wanted = r.actions
	} else {
		c.wanted = append(slices.Clip(c.wanted), r.actions...)
	}
	if r.move == stop {
		return c.end(r.reason, fx)
	}
	return c.move(r, fx)
}

// move changes the state, and makes the state enter call if there is to be one.
func (c *core[S]) move(r *Result[S], fx []effect) []effect {
	again := r.move == repeat
	switch {
	case c.phase == starting:
		if r.move == next {
			c.state = r.next
		}
		c.old, c.from, again = c.state, c.state, true
		fx = append(fx, started{})
	case c.phase == entering: // repeated, if at all, as it was
	case r.move == next && r.next != c.state:
		c.state, c.from, c.moved, again = r.next, c.old, true, true
	default:
		c.from = c.state
	}
	if again && c.enters {
		c.phase = entering
		return append(fx, enter{})
	}
	return c.settle(fx)
}

func (c *core[S]) end(reason error, fx []effect) []effect {
	if c.traces && c.phase != waiting {
		fx = append(fx, &trace[S]{c.event, c.old, c.state, c.wanted, reason})
	}
	c.phase = ended
	return append(fx, exit{reason})
}

// legal says how many of the actions of a result are in order, and what is wrong with the rest, if anything.
func (c *core[S]) legal(r *Result[S]) (n int, problem string) {
	if c.phase == entering && r.move == next && r.next != c.state {
		return 0, fmt.Sprintf("a state enter call cannot change the state to %v", r.next)
	}
	for i, a := range r.actions {
		if problem := c.illegal(r.move, a); problem != "" {
			return i, problem
		}
	}
	return len(r.actions), ""
}

func (c *core[S]) illegal(m move, a Action) string {
	switch a := a.(type) {
	case nil:
		return "a nil action"
	case reply:
		return ""
	case nextEvent:
		if m != stop && c.phase != entering && (a.event.Kind < CallEvent || a.event.Kind > NamedTimeoutEvent) {
			return "the event of NextEvent has no kind"
		}
	case postpone:
	default:
		if m != stop {
			return ""
		}
	}
	switch {
	case m == stop:
		return fmt.Sprintf("only replies can go with an exit, not %q", a)
	case c.phase == entering:
		return fmt.Sprintf("a state enter call cannot %s", a)
	}
	return ""
}

func (c *core[S]) where() string {
	switch c.phase {
	case starting:
		return "Init"
	case entering:
		return fmt.Sprintf("state enter call of %v", c.state)
	default:
		return fmt.Sprintf("state %v handling %v", c.state, c.event)
	}
}

// settle carries the transition out, when all its callbacks have returned.
func (c *core[S]) settle(fx []effect) []effect {
	if c.traces {
		fx = append(fx, &trace[S]{c.event, c.old, c.state, c.wanted, nil})
	}
	var inserted []Event
	postponed := false
	for _, a := range c.wanted {
		switch a := a.(type) {
		case nextEvent:
			inserted = append(inserted, a.event)
		case postpone:
			postponed = c.event.Kind != initEvent
		}
	}
	if postponed {
		c.postponed = append(c.postponed, c.event)
	}
	if c.moved {
		if len(c.postponed) > 0 {
			c.queue, c.postponed = slices.Concat(c.postponed, c.queue), nil
		}
		fx = c.cancelTimer(timer{kind: StateTimeoutEvent}, fx)
	}
	if len(inserted) > 0 {
		c.queue = slices.Concat(inserted, c.queue)
	}
	return c.proceed(c.setTimers(fx))
}

// proceed handles what is queued, then what is due, and then waits.
func (c *core[S]) proceed(fx []effect) []effect {
	if len(c.queue) > 0 {
		event := c.queue[0]
		c.queue = c.queue[1:]
		return c.deliver(event, fx)
	}
	if i := slices.IndexFunc(c.timers, func(r running) bool { return r.due }); i >= 0 {
		return c.deliver(c.takeTimer(i), fx)
	}
	c.phase, c.queue, c.wanted, c.event = waiting, nil, nil, Event{}
	return fx
}
