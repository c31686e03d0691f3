package supervisor

import (
	"slices"
	"time"
)

// A supervisor does one thing after another, as OTP's does, which is one process: what comes while it is in the middle
// of something waits in its inbox. In a running one_for_one the children have nothing to do with one another: there
// only commands wait, for those before them and for the child that they are about.

// tryAgain is a restart whose start failed. It waits behind what has come before it.
type tryAgain struct {
	of
	reason error
	at     time.Time
}

func (tryAgain) event()           {}
func (e tryAgain) String() string { return "try again " + e.of.String() }

// independent says whether the children do not wait for one another.
func (s *state) independent() bool { return s.phase == running && s.spec.Strategy == OneForOne }

// busy says whether the supervisor is in the middle of something.
func (s *state) busy() bool {
	if s.phase < running {
		return true
	}
	blocked := false // by an earlier one that waits for its time, or for its turn to be tried again
	for _, c := range s.children {
		if c.phase == Waiting && (c.held != 0 || c.retry) {
			blocked = true
		}
		if c.doomed || c.moving() && !(c.phase == Waiting && blocked) {
			return true
		}
	}
	return false
}

// moving says whether a child is on the way from one phase to another. One that waits for a time, or for its turn to be
// tried again, is not.
func (c *child) moving() bool {
	return c.phase == Starting || c.phase == Stopping || c.phase == Waiting && c.held == 0 && !c.retry
}

// commanded says whether a command about a child is in progress.
func (c *child) commanded() bool { return len(c.starters)+len(c.stoppers) > 0 }

// takeTurn handles the first event of the inbox whose turn it is.
func (s *state) takeTurn() (fx []effect, took bool) {
	for i, ev := range s.inbox {
		if s.mayTake(i, ev) {
			s.inbox = slices.Delete(s.inbox, i, i+1)
			return s.take(ev), true
		}
		if !s.independent() {
			break
		}
	}
	return nil, false
}

func (s *state) mayTake(i int, ev event) bool {
	if !s.independent() {
		return !s.busy()
	}
	id := about(ev)
	before := func(earlier event) bool { return isCommand(earlier) && (isCommand(ev) || about(earlier) == id) }
	if slices.ContainsFunc(s.inbox[:i], before) {
		return false
	}
	if !isCommand(ev) {
		return true
	}
	return !slices.ContainsFunc(s.children, func(c *child) bool { return c.commanded() || c.ID == id && c.moving() })
}

func isCommand(ev event) bool {
	_, is := ev.(command)
	return is
}

// about is the ID of the child that an event of the inbox is about.
func about(ev event) string {
	switch ev := ev.(type) {
	case startChild:
		return ev.child.ID
	case restartChild:
		return ev.id
	case terminateChild:
		return ev.id
	case deleteChild:
		return ev.id
	case childEvent:
		id, _ := ev.which()
		return id
	}
	return ""
}

// take handles an event of the inbox. What a child did counts from now on, as in OTP.
func (s *state) take(ev event) []effect {
	if cmd, ok := ev.(command); ok {
		return s.command(cmd)
	}
	c := s.find(ev.(childEvent).which())
	if c == nil {
		return nil
	}
	switch ev := ev.(type) {
	case failed:
		ev.at = s.latest(ev.at)
		return s.failed(c, ev)
	case gone:
		ev.at = s.latest(ev.at)
		return s.gone(c, ev)
	case tryAgain:
		if c.phase == Waiting && c.retry {
			return s.restart(c, ev.reason, s.latest(ev.at))
		}
	}
	return nil
}

// latest is the time of the latest event that had one.
func (s *state) latest(at time.Time) time.Time {
	if s.now.Before(at) {
		s.now = at
	}
	return s.now
}

// ends takes in the end of a child, which says itself whether it had started. What that means is decided when it is the
// end's turn. Who panics ends twice: when it panics, and when it is gone.
func (s *state) ends(c *child, ev childEvent, started bool) (fx []effect) {
	if started {
		fx = s.began(c) // it had, only its word is on the way still
	}
	if c.phase == Up && !c.doomed && !s.independent() && s.busy() {
		if i := s.queuedEnd(c); i >= 0 {
			s.inbox[i] = ev
		} else {
			s.inbox = append(s.inbox, ev)
		}
		return fx
	}
	switch ev := ev.(type) {
	case failed:
		return append(fx, s.failed(c, ev)...)
	case gone:
		return append(fx, s.gone(c, ev)...)
	}
	return fx
}

// queuedEnd is where in the inbox the end of a child's current incarnation is; negative if it is not.
func (s *state) queuedEnd(c *child) int {
	return slices.IndexFunc(s.inbox, func(ev event) bool {
		switch ev := ev.(type) {
		case failed:
			return ev.of == c.of()
		case gone:
			return ev.of == c.of()
		}
		return false
	})
}

// takeEnd takes a child's end out of the inbox, for the child is to be stopped now.
func (s *state) takeEnd(c *child) event {
	i := s.queuedEnd(c)
	if i < 0 {
		return nil
	}
	end := s.inbox[i]
	s.inbox = slices.Delete(s.inbox, i, i+1)
	return end
}
