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
	Waiting   Phase = iota // not started yet
	Starting               // spawned, not up yet
	Up                     // started
	Stopping               // told to stop
	Gone                   // ended, and not to be started again
	Abandoned              // did not stop in time; may still run
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

// child is one child. Gen counts its incarnations and never decreases. Of an incarnation that ended two facts come in
// any order, its reason and that it is gone; both are needed before its place is free.
type child struct {
	id      string
	restart Restart
	start   time.Duration
	stop    time.Duration

	phase  Phase
	gen    uint64
	name   string // the actor's; another one after an abandonment
	late   bool   // stopped because it did not start in time
	gone   bool   // protoactor's word
	down   bool   // the monitor's word
	reason error
}

func (c child) live() bool { return c.phase == Starting || c.phase == Up || c.phase == Stopping }

// state is a supervisor's. Step copies children before it writes to them.
type state struct {
	phase    phase
	max      int
	period   time.Duration
	children []child     // in start order
	restarts []time.Time // within the last period
	reason   error       // why it is stopping
}

func newState(s Spec) state {
	st := state{max: s.MaxRestarts, period: s.Period}
	for _, c := range s.Children {
		st.children = append(st.children, child{id: c.ID, name: c.ID, restart: c.Restart, start: c.Start, stop: c.Shutdown})
	}
	return st
}

// step absorbs one event and then makes whatever moves have become possible.
func step(s state, ev event) (state, []effect) {
	s.children = append([]child(nil), s.children...)
	s.restarts = append([]time.Time(nil), s.restarts...)
	var fx []effect
	switch ev := ev.(type) {
	case boot:
		if s.phase == booting {
			s.phase = starting
		}
	case halt:
		fx = s.giveUp(ev.reason)
	case asked:
		return s, []effect{describe{ask: ev.ask, children: s.infos()}}
	case childEvent:
		if c := s.find(ev.which()); c != nil {
			fx = s.absorb(c, ev)
		}
	}
	return s, append(fx, s.converge()...)
}

// absorb takes in what happened to the current incarnation of a child.
func (s *state) absorb(c *child, ev childEvent) []effect {
	switch ev := ev.(type) {
	case began:
		if c.phase == Starting {
			c.phase = Up
			return []effect{disarm{c.id}, tell{Notice{c.id, Started, nil}}}
		}
	case failed:
		c.reason = ev.reason // a plain actor's only word on why
	case gone:
		c.gone = true
		return s.ended(c, ev.at)
	case down:
		c.down = true
		if c.reason == nil {
			c.reason = ev.reason
		}
		return s.ended(c, ev.at)
	case unspawned:
		c.gone, c.down, c.reason = true, true, ev.reason
		return s.ended(c, ev.at)
	case expired:
		return s.expire(c, ev)
	}
	return nil
}

// expire is the end of a child's patience: one that does not start is stopped, one that does not stop is abandoned.
func (s *state) expire(c *child, ev expired) []effect {
	if ev.phase != c.phase {
		return nil
	}
	if c.phase == Starting {
		if s.phase == stopping {
			return nil // it is stopped when its turn comes
		}
		c.late = true
		return stopOne(c)
	}
	fx := []effect{abandon{id: c.id, gen: c.gen}, tell{Notice{c.id, Forsaken, process.ErrKilled}}}
	late := c.late
	c.phase, c.reason = Abandoned, process.ErrKilled
	c.name = fmt.Sprintf("%s~%d", c.id, c.gen+1)
	if late {
		return append(fx, s.misstart(c, process.ErrTimeout, ev.at)...)
	}
	return fx
}

// ended decides what an end means, once both facts about it are in.
func (s *state) ended(c *child, at time.Time) []effect {
	if !c.gone || !c.down || !c.live() {
		return nil
	}
	was := c.phase
	c.phase = Gone
	fx := []effect{disarm{c.id}, tell{Notice{c.id, Ended, c.reason}}}
	switch {
	case c.late:
		return append(fx, s.misstart(c, process.ErrTimeout, at)...)
	case s.phase == stopping || was == Stopping:
		return fx
	case was == Starting:
		return append(fx, s.misstart(c, c.reason, at)...)
	case wanted(c.restart, process.EndingOf(c.reason)):
		return append(fx, s.again(c, c.reason, at)...)
	default:
		return fx
	}
}

// misstart: a first start that fails ends the supervisor; a restart that fails is tried again, and counts.
func (s *state) misstart(c *child, reason error, at time.Time) []effect {
	if s.phase == stopping {
		return nil
	}
	if c.gen == 1 {
		return s.giveUp(&StartError{ID: c.id, Reason: reason})
	}
	return s.again(c, reason, at)
}

// again starts a child again, unless that has happened too often.
func (s *state) again(c *child, reason error, at time.Time) []effect {
	s.restarts = within(s.restarts, at, s.period)
	if len(s.restarts) >= s.max {
		return s.giveUp(&IntensityError{ID: c.id, MaxRestarts: s.max, Period: s.period, Reason: reason})
	}
	s.restarts = append(s.restarts, at)
	fx := []effect{tell{Notice{c.id, Restarting, reason}}}
	for _, v := range victims(s.children, c) {
		fx = append(fx, spawnOne(v)...)
	}
	return fx
}

// victims lists, in start order, the children that one death takes down: for one_for_one, the dead one alone.
func victims(_ []child, dead *child) []*child { return []*child{dead} }

// giveUp begins the end. The first reason counts.
func (s *state) giveUp(reason error) []effect {
	if s.phase < stopping {
		s.phase, s.reason = stopping, reason
	}
	return nil
}

// converge makes the moves that follow from where everything is.
func (s *state) converge() []effect {
	switch s.phase {
	case starting:
		for i := range s.children {
			c := &s.children[i]
			if c.phase == Waiting {
				return spawnOne(c)
			}
			if c.phase == Starting || c.phase == Stopping {
				return nil
			}
		}
		s.phase = running
	case stopping:
		return s.stopNext()
	case booting, running, done:
	}
	return nil
}

// stopNext stops the last child that lives, unless one is stopping already, and ends when there is none.
func (s *state) stopNext() []effect {
	if slices.ContainsFunc(s.children, func(c child) bool { return c.phase == Stopping }) {
		return nil
	}
	for i := len(s.children) - 1; i >= 0; i-- {
		if c := &s.children[i]; c.live() {
			return stopOne(c)
		}
	}
	s.phase = done
	return []effect{exit{s.reason}}
}

func spawnOne(c *child) []effect {
	c.phase, c.gen = Starting, c.gen+1
	c.gone, c.down, c.late, c.reason = false, false, false, nil
	return []effect{spawn{id: c.id, gen: c.gen, name: c.name}, arm{id: c.id, gen: c.gen, phase: Starting, after: c.start}}
}

func stopOne(c *child) []effect {
	c.phase = Stopping
	return []effect{stop{id: c.id, gen: c.gen}, arm{id: c.id, gen: c.gen, phase: Stopping, after: c.stop}}
}

// wanted says whether a child of this type is to be started again after this end.
func wanted(r Restart, e process.Ending) bool {
	switch r {
	case Permanent:
		return true
	case Transient:
		return e == process.Abnormal
	default:
		return false
	}
}

// within drops what is no longer in the window that ends at now.
func within(times []time.Time, now time.Time, period time.Duration) []time.Time {
	kept := times[:0]
	for _, t := range times {
		if now.Sub(t) < period {
			kept = append(kept, t)
		}
	}
	return kept
}

// find returns the child if the event is of its current incarnation.
func (s *state) find(id string, gen uint64) *child {
	for i := range s.children {
		if c := &s.children[i]; c.id == id && c.gen == gen {
			return c
		}
	}
	return nil
}

func (s *state) infos() []Info {
	infos := make([]Info, 0, len(s.children))
	for _, c := range s.children {
		infos = append(infos, Info{ID: c.id, Phase: c.phase, Incarnations: c.gen})
	}
	return infos
}
