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

// A core is the machine without its callbacks: they are asked for by an effect and answer with an event. step consumes
// the core it is given.
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
	old    S
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

// An input is what the shell tells the core.
type input interface {
	input()
	String() string
}

type (
	booted  struct{}
	arrived struct{ event Event }
	halted  struct{ reason error } // by StopWait
	// fired says that a timer has run out; a stale one changes nothing.
	fired struct {
		timer timer
		gen   uint64
	}
	// returned is a callback's answer to the last effect.
	returned[S comparable] struct{ result Result[S] }
)

func (booted) input()      {}
func (arrived) input()     {}
func (halted) input()      {}
func (fired) input()       {}
func (returned[S]) input() {}

func (booted) String() string        { return "boot" }
func (a arrived) String() string     { return a.event.String() }
func (h halted) String() string      { return fmt.Sprintf("halt %v", h.reason) }
func (f fired) String() string       { return fmt.Sprintf("%v#%d fires", f.timer, f.gen) }
func (r returned[S]) String() string { return "returns " + r.result.String() }

// An effect is what the core tells the shell to do. Those that call back come last.
type effect interface {
	effect()
	String() string
}

type (
	initialise          struct{}
	enter[S comparable] struct{ old, state S }
	handle              struct{ event Event }
	answer              struct{ reply }
	arm                 struct {
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
func (enter[S]) effect()   {}
func (handle) effect()     {}
func (answer) effect()     {}
func (arm) effect()        {}
func (disarm) effect()     {}
func (trace[S]) effect()   {}
func (exit) effect()       {}

func (initialise) String() string { return "init" }
func (e enter[S]) String() string { return fmt.Sprintf("enter %v from %v", e.state, e.old) }
func (h handle) String() string   { return "handle " + h.event.String() }
func (a arm) String() string      { return fmt.Sprintf("arm %v#%d for %v", a.timer, a.gen, a.after) }
func (d disarm) String() string   { return "disarm " + d.timer.String() }
func (e exit) String() string     { return fmt.Sprintf("exit %v", e.reason) }
func (t trace[S]) String() string {
	var actions strings.Builder
	for _, a := range t.actions {
		actions.WriteString("; " + a.String())
	}
	if t.end != nil {
		actions.WriteString("; exit " + t.end.Error())
	}
	return fmt.Sprintf("trace %v: %v -> %v%v", t.event, t.old, t.to, actions.String())
}

func step[S comparable](c core[S], in input) (core[S], []effect) {
	switch in := in.(type) {
	case booted:
		c.phase = starting
		return c, []effect{initialise{}}
	case arrived:
		if c.phase == waiting {
			return c.deliver(in.event, nil)
		}
	case fired:
		if i := c.find(in.timer); c.phase == waiting && i >= 0 && c.timers[i].gen == in.gen {
			return c.deliver(c.takeTimer(i), nil)
		}
	case halted:
		if c.phase == waiting {
			return c.end(in.reason, nil)
		}
	case returned[S]:
		return c.conclude(in.result)
	}
	return c, nil
}

// deliver has the state function handle event, which cancels the event timeout.
func (c core[S]) deliver(event Event, fx []effect) (core[S], []effect) {
	c, fx = c.cancelTimer(timer{kind: EventTimeoutEvent}, fx)
	c.phase, c.event, c.old, c.moved, c.wanted = handling, event, c.state, false, nil
	return c, append(fx, handle{event})
}

// conclude takes what a callback returned.
func (c core[S]) conclude(r Result[S]) (core[S], []effect) {
	if problem := c.illegal(r); problem != "" {
		return c.end(&BadReturnError{Where: c.where(), Problem: problem}, nil)
	}
	var fx []effect
	for _, a := range r.actions {
		if a, ok := a.(reply); ok {
			fx = append(fx, answer{a})
		}
	}
	c.wanted = append(slices.Clip(c.wanted), r.actions...)
	if r.move == stop {
		return c.end(r.reason, fx)
	}
	again := r.move == repeat || c.phase == starting
	if c.phase == starting {
		if r.move == next {
			c.state = r.next
		}
		c.old = c.state
	} else if r.move == next && r.next != c.state {
		c.state, c.moved, again = r.next, true, true
	}
	if again && c.enters {
		from := c.old
		if r.move == repeat {
			from = c.state
		}
		c.phase = entering
		return c, append(fx, enter[S]{from, c.state})
	}
	return c.settle(fx)
}

func (c core[S]) end(reason error, fx []effect) (core[S], []effect) {
	if c.traces && c.phase != waiting {
		fx = append(fx, trace[S]{c.event, c.old, c.state, c.wanted, reason})
	}
	c.phase = ended
	return c, append(fx, exit{reason})
}

// illegal says what is wrong with a result, if anything.
func (c core[S]) illegal(r Result[S]) string {
	if c.phase == entering && r.move == next && r.next != c.state {
		return fmt.Sprintf("a state enter call cannot change the state to %v", r.next)
	}
	for _, a := range r.actions {
		_, isReply := a.(reply)
		inserted, isNext := a.(nextEvent)
		_, isPostpone := a.(postpone)
		switch {
		case a == nil:
			return "a nil action"
		case r.move == stop && !isReply:
			return fmt.Sprintf("only replies can go with an exit, not %q", a)
		case c.phase == entering && (isNext || isPostpone):
			return fmt.Sprintf("a state enter call cannot %s", a)
		case isNext && (inserted.event.Kind < CallEvent || inserted.event.Kind > NamedTimeoutEvent):
			return "the event of NextEvent has no kind"
		}
	}
	return ""
}

func (c core[S]) where() string {
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
func (c core[S]) settle(fx []effect) (core[S], []effect) {
	if c.traces {
		fx = append(fx, trace[S]{c.event, c.old, c.state, c.wanted, nil})
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
		c.queue, c.postponed = slices.Concat(c.postponed, c.queue), nil
		c, fx = c.cancelTimer(timer{kind: StateTimeoutEvent}, fx)
	}
	if len(inserted) > 0 {
		c.queue = slices.Concat(inserted, c.queue)
	}
	c, fx = c.setTimers(fx)
	return c.proceed(fx)
}

// proceed handles what is queued, then what is due, and then waits.
func (c core[S]) proceed(fx []effect) (core[S], []effect) {
	if len(c.queue) > 0 {
		event := c.queue[0]
		c.queue = c.queue[1:]
		return c.deliver(event, fx)
	}
	if i := slices.IndexFunc(c.timers, func(r running) bool { return r.due }); i >= 0 {
		return c.deliver(c.takeTimer(i), fx)
	}
	c.phase, c.queue, c.wanted, c.event = waiting, nil, nil, Event{}
	return c, fx
}
