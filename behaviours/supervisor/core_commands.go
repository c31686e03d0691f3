package supervisor

import (
	"fmt"
	"slices"

	"github.com/gendac/gendac/behaviours/process"
)

// errStopping refuses what comes too late; it was not done.
var errStopping = fmt.Errorf("supervisor: it is stopping: %w", process.ErrNoProc)

// command begins with a command whose turn it is; the answer may come later.
func (s *state) command(cmd command) []effect {
	if s.phase >= stopping {
		return []effect{answer{ask: cmd.from(), err: errStopping}}
	}
	switch cmd := cmd.(type) {
	case startChild:
		return s.startChild(cmd)
	case restartChild:
		return s.restartChild(cmd)
	case terminateChild:
		return s.terminateChild(cmd)
	case deleteChild:
		return s.deleteChild(cmd)
	case launch:
		return []effect{answer{ask: cmd.ask, err: &CommandError{Err: ErrSimple}}}
	case terminatePID:
		return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.text, Err: ErrNotFound}}}
	}
	return nil
}

func (s *state) startChild(cmd startChild) []effect {
	if err := s.spec.validateChild("child", cmd.child); err != nil {
		return []effect{answer{ask: cmd.ask, err: err}}
	}
	if c := s.byID(cmd.child.ID); c != nil {
		why := ErrAlreadyPresent
		if c.live() || c.phase == Waiting {
			why = ErrAlreadyStarted
		}
		return []effect{s.fail(cmd.ask, c, why)}
	}
	spec := cmd.child.withDefaults()
	s.children = append(s.children, &child{Child: spec, name: spec.ID, added: true, starters: []process.From{cmd.ask}})
	return nil
}

func (s *state) restartChild(cmd restartChild) []effect {
	c := s.byID(cmd.id)
	switch {
	case c == nil:
		return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.id, Err: ErrNotFound}}}
	case c.live():
		return []effect{s.fail(cmd.ask, c, ErrRunning)}
	case c.phase == Waiting:
		return []effect{s.fail(cmd.ask, c, ErrRestarting)}
	}
	c.phase, c.held, c.retry, c.starters = Waiting, 0, false, []process.From{cmd.ask}
	return nil
}

func (s *state) terminateChild(cmd terminateChild) []effect {
	c := s.byID(cmd.id)
	switch {
	case c == nil:
		return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.id, Err: ErrNotFound}}}
	case c.live():
		return s.terminate(c, cmd.ask)
	case c.phase == Waiting:
		c.phase, c.retry = Gone, false
		return append(s.laidDown(c, keep), answer{ask: cmd.ask})
	}
	return []effect{answer{ask: cmd.ask}}
}

// terminate stops a child that lives and keeps its spec.
func (s *state) terminate(c *child, ask process.From) []effect {
	c.stoppers = append(c.stoppers, ask)
	c.fate = keep
	return s.stop(c, timeless)
}

func (s *state) deleteChild(cmd deleteChild) []effect {
	c := s.byID(cmd.id)
	switch {
	case c == nil:
		return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.id, Err: ErrNotFound}}}
	case c.live():
		return []effect{s.fail(cmd.ask, c, ErrRunning)}
	case c.phase == Waiting:
		return []effect{s.fail(cmd.ask, c, ErrRestarting)}
	}
	s.remove(c)
	return []effect{answer{ask: cmd.ask}}
}

func (s *state) fail(ask process.From, c *child, why error) effect {
	f := answer{ask: ask, err: &CommandError{ID: c.ID, Err: why}}
	if c.live() {
		f.child = c.of()
	}
	return f
}

// answer answers what only looks, at any time.
func (s *state) answer(q question) []effect {
	switch q := q.(type) {
	case asked:
		return []effect{describe{ask: q.ask, infos: s.infos(), strategy: s.spec.Strategy}}
	case counted:
		return []effect{answer{ask: q.ask, value: s.count()}}
	case specAsked:
		c := s.byID(q.id)
		if c == nil {
			return []effect{answer{ask: q.ask, err: &CommandError{ID: q.id, Err: ErrNotFound}}}
		}
		return []effect{answer{ask: q.ask, value: c.Child}}
	}
	return nil
}

func (s *state) count() Counts {
	n := Counts{Specs: len(s.children)}
	for _, c := range s.children {
		if c.live() {
			n.Active++
		}
		if c.Type == Supervisor {
			n.Supervisors++
		} else {
			n.Workers++
		}
	}
	return n
}

func (s *state) infos() []Info {
	infos := make([]Info, 0, len(s.children))
	for _, c := range s.children {
		infos = append(infos, Info{ID: c.ID, Phase: c.phase, Incarnations: c.starts, Type: c.Type, Restart: c.Restart, gen: c.gen})
	}
	return infos
}

func (s *state) byID(id string) *child {
	i := slices.IndexFunc(s.children, func(c *child) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return s.children[i]
}
