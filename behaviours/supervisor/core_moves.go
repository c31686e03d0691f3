package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/process"
)

// timeless is when something is stopped whose end is nothing to react to.
var timeless time.Time

// converge makes one of the moves that follow from where everything is, if there is any.
func (s *state) converge() (fx []effect, moved bool) {
	switch s.phase {
	case starting, running:
		if fx, wait := s.stopDoomed(); wait {
			return fx, len(fx) > 0
		}
		if fx, took := s.takeTurn(); took {
			return fx, true
		}
		if fx := s.startNext(); len(fx) > 0 {
			return fx, true
		}
		if s.phase == starting && !slices.ContainsFunc(s.children, (*child).onTheWay) {
			s.phase = running
			return nil, true
		}
	case stopping:
		return s.stopNext()
	case booting, done:
	}
	return nil, false
}

// onTheWay says whether the supervisor has to wait for this child before it has started itself.
func (c *child) onTheWay() bool {
	return c.phase == Waiting || c.phase == Starting || c.phase == Stopping
}

// stopDoomed stops the last of the children that are to be stopped for a sibling's sake, if none is stopping already.
func (s *state) stopDoomed() (fx []effect, wait bool) {
	if s.independent() {
		return nil, false // nobody is but one that has panicked, and stops by itself
	}
	for _, c := range slices.Backward(s.children) {
		switch {
		case !c.doomed:
		case c.phase == Stopping:
			return nil, true
		default:
			return s.stop(c, timeless), true
		}
	}
	return nil, false
}

// startNext starts who waits. One after another, except that a running one_for_one does not let one child wait for
// another, with which it has nothing to do.
func (s *state) startNext() (fx []effect) {
	serial := !s.independent()
	if serial && slices.ContainsFunc(s.children, func(c *child) bool { return c.phase == Starting || c.phase == Stopping }) {
		return nil
	}
	for _, c := range s.children {
		if c.phase != Waiting {
			continue
		}
		if c.held == 0 && !c.retry {
			fx = append(fx, s.spawn(c)...)
		}
		if serial {
			return fx
		}
	}
	return fx
}

// stopNext stops the last child that lives, unless one is stopping already, and ends when there is none.
func (s *state) stopNext() (fx []effect, moved bool) {
	if slices.ContainsFunc(s.children, func(c *child) bool { return c.phase == Stopping }) {
		return nil, false
	}
	for _, c := range slices.Backward(s.children) {
		if c.live() {
			return s.stop(c, timeless), true
		}
	}
	s.phase = done
	return []effect{exit{s.reason}}, false
}

func (s *state) spawn(c *child) []effect {
	s.gens++
	c.phase, c.gen, c.starts = Starting, s.gens, c.starts+1
	c.late, c.retry, c.reason = false, false, nil
	fx := []effect{spawn{of: c.of(), name: c.name, child: c.Child}}
	if c.Start < Infinity {
		fx = append(fx, arm{of: c.of(), phase: Starting, after: c.Start})
	}
	return fx
}

// stop tells a child to stop, unless it has ended and only the turn of its end has not come. At is when, in case that is
// its end.
func (s *state) stop(c *child, at time.Time) []effect {
	if end, dead := s.takeEnd(c).(gone); dead {
		c.phase = Stopping
		return s.gone(c, end)
	}
	fx := []effect{stop{c.of()}}
	switch c.Shutdown {
	case BrutalKill:
		return append(fx, s.abandon(c, at)...)
	case Infinity:
		fx = append(fx, disarm{c.of()})
	default:
		fx = append(fx, arm{of: c.of(), phase: Stopping, after: c.Shutdown})
	}
	c.phase = Stopping
	return fx
}

func (s *state) abandon(c *child, at time.Time) []effect {
	fx := []effect{abandon{c.of()}, tell{c.gen, Notice{c.ID, Forsaken, process.ErrKilled}}}
	c.name = fmt.Sprintf("%s~%d", c.ID, s.gens+1)
	return append(fx, s.ended(c, Abandoned, process.ErrKilled, at)...)
}

// over is the end of a child that is not started again. If it was significant it may be the supervisor's as well.
func (s *state) over(c *child, reason error) []effect {
	if c.Restart == Temporary && !c.live() {
		s.remove(c)
	}
	matters := func(o *child) bool { return o != c && o.matters() }
	if !c.Significant || s.spec.AutoShutdown == AllSignificant && slices.ContainsFunc(s.children, matters) {
		return nil
	}
	return s.giveUp(&SignificantError{ID: c.ID, Reason: reason})
}

// matters says whether a supervisor that ends with the last of its significant children has to wait for this one.
func (c *child) matters() bool {
	over := c.phase == Stopping && (c.fate == keep || c.fate == drop)
	return c.Significant && !over && (c.live() || c.phase == Waiting)
}

func isIgnore(reason error) bool { return errors.Is(reason, ErrIgnore) }

func respond(asks []process.From, err error) (fx []effect) {
	for _, ask := range asks {
		fx = append(fx, answer{ask: ask, err: err})
	}
	return fx
}

// present answers those who wait for a child with its PID.
func present(asks []process.From, c *child) (fx []effect) {
	for _, ask := range asks {
		fx = append(fx, answer{ask: ask, child: c.of()})
	}
	return fx
}

// lastWord tells why a supervisor ends, unless it was told to.
func lastWord(reason error) []effect {
	var much *IntensityError
	var start *StartError
	var significant *SignificantError
	switch {
	case errors.As(reason, &significant):
		return []effect{tell{0, Notice{significant.ID, ShutDown, reason}}}
	case errors.As(reason, &much):
		return []effect{tell{0, Notice{much.ID, GaveUp, reason}}}
	case errors.As(reason, &start):
		return []effect{tell{0, Notice{start.ID, GaveUp, reason}}}
	}
	return nil
}

// A window counts the restarts of the last period.
type window struct {
	max    int
	period time.Duration
	times  []time.Time
}

// add counts a restart at a time and returns how many there are in the period that ends then, unless they are too many.
func (w *window) add(at time.Time) (n int, ok bool) {
	w.times = slices.DeleteFunc(w.times, func(t time.Time) bool { return at.Sub(t) >= w.period })
	if len(w.times) >= w.max {
		return 0, false
	}
	w.times = append(w.times, at)
	return len(w.times), true
}
