package supervisor

import (
	"fmt"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/process"
)

// phase is where the supervisor is.
type phase int

const (
	booting phase = iota
	starting
	running
	stopping
	done
)

func (p phase) String() string {
	return [...]string{"booting", "starting", "running", "stopping", "done"}[p]
}

// A Phase is where a child is.
type Phase int

// The phases of a child.
const (
	Waiting   Phase = iota // to be started, for the first time or again
	Starting               // spawned, not up yet
	Up                     // started
	Stopping               // told to stop
	Gone                   // ended, and not to be started again by itself
	Abandoned              // the same, but did not stop in time; may still run
)

func (p Phase) String() string {
	switch p {
	case Waiting:
		return "waiting"
	case Starting:
		return "starting"
	case Up:
		return "up"
	case Stopping:
		return "stopping"
	case Gone:
		return "gone"
	case Abandoned:
		return "abandoned"
	}
	return fmt.Sprintf("Phase(%d)", int(p))
}

// A fate is what becomes of a child when it has stopped.
type fate int

const (
	open  fate = iota // its end decides
	again             // started again, with the sibling for whose sake it is stopped
	keep              // its spec is kept
	drop              // it is forgotten
)

// child is one child. Gen names its present or last incarnation and is unique within the supervisor.
type child struct {
	Child
	name   string // the actor's; another one after an abandonment
	phase  Phase
	gen    uint64
	starts uint64 // incarnations so far
	reason error  // given before the end
	late   bool   // stopped because it did not start in time
	doomed bool   // to be stopped for a sibling's sake, in its turn
	fate   fate
	held   uint64 // Waiting until this hold is over
	retry  bool   // Waiting for its turn to be tried again
	dying  bool   // Stopping by itself after a panic, which has been dealt with

	added    bool           // by a StartChild that has not succeeded yet
	starters []process.From // wait for it to start
	stoppers []process.From // wait for it to stop
}

func (c *child) of() of { return of{c.ID, c.gen} }

func (c *child) live() bool { return c.phase == Starting || c.phase == Up || c.phase == Stopping }

// state is a supervisor's, except that of a simple_one_for_one. A state that was stepped must not be used again.
type state struct {
	spec     Spec
	phase    phase
	children []*child // in start order
	window   window
	gens     uint64    // incarnations so far, of all children
	holds    uint64    // back-offs so far
	inbox    []event   // commands, ends and tries that wait for their turn
	now      time.Time // of the latest event that had a time
	reason   error     // why it is stopping
}

func newState(s Spec) *state {
	st := &state{spec: s, window: window{max: s.MaxRestarts, period: s.Period}}
	for _, c := range s.Children {
		st.children = append(st.children, &child{Child: c, name: c.ID})
	}
	return st
}

// step absorbs one event and then makes whatever moves have become possible.
func (s *state) step(ev event) []effect {
	fx := s.absorb(ev)
	for {
		more, moved := s.converge()
		fx = append(fx, more...)
		if !moved {
			return fx
		}
	}
}

func (s *state) absorb(ev event) []effect {
	switch ev := ev.(type) {
	case boot:
		if s.phase == booting {
			s.phase = starting
		}
	case halt:
		return s.giveUp(ev.reason)
	case waited:
		s.latest(ev.at)
		for _, c := range s.children {
			if c.held == ev.hold {
				c.held = 0
			}
		}
	case question:
		return s.answer(ev)
	case command:
		if s.phase >= stopping {
			return s.command(ev)
		}
		s.inbox = append(s.inbox, ev)
	case childEvent:
		if c := s.find(ev.which()); c != nil {
			return s.happened(c, ev)
		}
	}
	return nil
}

// happened takes in what happened to the current incarnation of a child.
func (s *state) happened(c *child, ev childEvent) []effect {
	switch ev := ev.(type) {
	case began:
		s.latest(ev.at)
		return s.began(c)
	case failed:
		s.latest(ev.at)
		c.reason = ev.reason // a plain actor's only word on why
		return s.ends(c, ev, ev.started)
	case gone:
		s.latest(ev.at)
		return s.ends(c, ev, ev.started)
	case unspawned:
		s.latest(ev.at)
		return s.ended(c, Gone, ev.reason, ev.at)
	case expired:
		s.latest(ev.at)
		return s.expired(c, ev)
	}
	return nil
}

// began: one that has started after it was told to stop has started all the same, for those who asked for it.
func (s *state) began(c *child) (fx []effect) {
	switch {
	case c.phase == Stopping && !c.late && len(c.starters) > 0:
	case c.phase == Starting:
		c.phase = Up
		fx = []effect{disarm{c.of()}, tell{c.gen, Notice{c.ID, Started, nil}}}
	default:
		return nil
	}
	c.added = false
	fx = append(fx, present(c.starters, c)...)
	c.starters = nil
	return fx
}

// failed decides what a panic means. The child is Stopping until it is gone.
func (s *state) failed(c *child, ev failed) []effect {
	if c.phase != Up || c.doomed {
		return nil // its going decides
	}
	c.phase, c.dying, c.fate = Stopping, true, keep
	fx := []effect{tell{c.gen, Notice{c.ID, Ended, ev.reason}}}
	switch c.Shutdown {
	case Infinity:
	case BrutalKill: // it is on its way by itself
		fx = append(fx, arm{of: c.of(), phase: Stopping, after: DefaultShutdown})
	default:
		fx = append(fx, arm{of: c.of(), phase: Stopping, after: c.Shutdown})
	}
	if c.Restart.again(process.EndingOf(ev.reason)) {
		return append(fx, s.restart(c, ev.reason, ev.at)...)
	}
	return append(fx, s.over(c, ev.reason)...)
}

func (s *state) gone(c *child, ev gone) []effect {
	if !c.live() {
		return nil
	}
	reason := ev.reason
	if c.reason != nil {
		reason = c.reason
	}
	return s.ended(c, Gone, reason, ev.at)
}

// expired is the end of a child's patience: one that does not start is stopped, one that does not stop is abandoned.
func (s *state) expired(c *child, ev expired) []effect {
	switch {
	case ev.phase != c.phase:
		return nil
	case c.phase == Stopping:
		return s.abandon(c, ev.at)
	case s.phase == stopping || c.doomed:
		return nil // it is stopped when its turn comes
	}
	c.late = true
	return s.stop(c, ev.at)
}

// ended decides what an end means. Phase is Gone, or Abandoned.
func (s *state) ended(c *child, phase Phase, reason error, at time.Time) []effect {
	was, fate, late, told := c.phase, c.fate, c.late, c.dying
	c.phase, c.fate, c.late, c.doomed, c.dying, c.reason = phase, open, false, false, false, nil
	fx := []effect{disarm{c.of()}}
	if phase == Gone && !told {
		fx = append(fx, tell{c.gen, Notice{c.ID, Ended, reason}})
	}
	fx = append(fx, respond(c.stoppers, nil)...)
	c.stoppers = nil
	switch {
	case s.phase == stopping:
		return append(fx, s.refuse(c, process.ErrShutdown)...)
	case fate == again:
		c.phase = Waiting
		return fx
	case fate == keep || fate == drop:
		return append(fx, s.laidDown(c, fate)...)
	case late:
		return append(fx, s.misstart(c, process.ErrTimeout, at)...)
	case was == Starting && isIgnore(reason):
		return append(fx, s.ignored(c)...)
	case was == Starting:
		return append(fx, s.misstart(c, reason, at)...)
	case c.Restart.again(process.EndingOf(reason)):
		return append(fx, s.restart(c, reason, at)...)
	default:
		return append(fx, s.over(c, reason)...)
	}
}

// laidDown is the end of a child that was to stop.
func (s *state) laidDown(c *child, fate fate) []effect {
	fx := s.refuse(c, process.ErrShutdown)
	if fate == drop || c.Restart == Temporary {
		s.remove(c)
	}
	return fx
}

// ignored is the end of a child that has nothing to do.
func (s *state) ignored(c *child) []effect {
	fx := respond(c.starters, nil)
	c.starters, c.added = nil, false
	if c.Restart == Temporary {
		s.remove(c)
	}
	return fx
}

// misstart: a first start that fails ends the supervisor, one by a command is answered, and a restart that fails is
// tried again, and counts.
func (s *state) misstart(c *child, reason error, at time.Time) []effect {
	switch {
	case len(c.starters) > 0:
		return s.refuse(c, reason)
	case s.phase == starting && c.starts <= 1:
		return s.giveUp(&StartError{ID: c.ID, Reason: reason})
	default:
		c.phase, c.retry = Waiting, true
		s.inbox = append(s.inbox, tryAgain{c.of(), reason, at})
		return nil
	}
}

// refuse tells those who wait for a start that there was none. A child that was to be added is not.
func (s *state) refuse(c *child, reason error) []effect {
	fx := respond(c.starters, &StartError{ID: c.ID, Reason: reason})
	c.starters = nil
	if c.added {
		s.remove(c)
	}
	return fx
}

// restart starts a child again, and with it those whom the strategy says, unless that has happened too often.
func (s *state) restart(c *child, reason error, at time.Time) []effect {
	n, ok := s.window.add(at)
	if !ok {
		if c.retry {
			c.phase = Gone
		}
		return s.giveUp(&IntensityError{ID: c.ID, MaxRestarts: s.spec.MaxRestarts, Period: s.spec.Period, Reason: reason})
	}
	fx := []effect{tell{0, Notice{c.ID, Restarting, reason}}}
	hold := uint64(0)
	if delay := s.spec.Backoff.before(n); delay > 0 {
		s.holds++
		hold = s.holds
		fx = append(fx, wait{hold, delay})
	}
	for _, v := range victims(s.spec.Strategy, s.children, c) {
		v.held, v.retry = hold, false
		switch {
		case !v.live():
			v.phase = Waiting
		case v.Restart == Temporary:
			v.doomed, v.fate = true, drop
		default:
			v.doomed, v.fate = true, again
		}
	}
	return fx
}

// victims lists, in start order, the children that one death takes down.
func victims(strategy Strategy, children []*child, dead *child) []*child {
	i := slices.Index(children, dead)
	switch strategy {
	case OneForAll:
		return children
	case RestForOne:
		return children[i:]
	default:
		return children[i : i+1]
	}
}

func (s *state) remove(c *child) {
	s.children = slices.DeleteFunc(s.children, func(o *child) bool { return o == c })
}

// giveUp begins the end. The first reason counts.
func (s *state) giveUp(reason error) []effect {
	if s.phase >= stopping {
		return nil
	}
	s.phase, s.reason = stopping, reason
	fx := lastWord(reason)
	for _, ev := range s.inbox {
		if cmd, ok := ev.(command); ok {
			fx = append(fx, s.command(cmd)...)
		}
	}
	s.inbox = slices.DeleteFunc(s.inbox, isCommand)
	for _, c := range slices.Clone(s.children) {
		if c.phase == Waiting {
			fx = append(fx, s.refuse(c, process.ErrShutdown)...)
		}
	}
	return fx
}

func (s *state) ready() bool { return s.phase == running }

func (s *state) find(id string, gen uint64) *child {
	for _, c := range s.children {
		if c.ID == id && c.gen == gen {
			return c
		}
	}
	return nil
}
