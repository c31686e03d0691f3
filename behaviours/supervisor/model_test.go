package supervisor_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// The model is what a supervisor means, after OTP's documentation and written without a look at the core: it does one
// thing at a time, in plain recursion, on a clock of its own. The core does the same in steps, each waiting for actors.

// plan describes one child: a worker, or a supervisor with a plan for each of its children.
type plan struct {
	id          string
	restart     supervisor.Restart
	significant bool
	slow, hang  time.Duration // of the start, of the stop
	brutal      bool
	sub         *treePlan
}

type treePlan struct {
	strategy supervisor.Strategy
	max      int
	period   time.Duration
	auto     supervisor.AutoShutdown
	backoff  supervisor.Backoff
	kids     []*plan
}

const patience = 2 * time.Second // the shutdown deadline of every worker

// silent says that the worker's stop is not written down, because it is nobody's turn then.
func (p *plan) silent() bool { return p.brutal || p.hang > patience }

// world is the model's: the clock, what happened, and which starts are going to fail.
type world struct {
	now   time.Duration
	lines []string
	fails map[string][]error
}

type actorModel struct {
	*plan
	owner  *supModel
	up     bool
	starts int
	sup    *supModel // while up, if it is a supervisor
}

type supModel struct {
	*treePlan
	w        *world
	self     *actorModel // nil of the root
	kids     []*actorModel
	restarts []time.Duration
	dead     bool
	reason   process.Ending
}

func newSup(w *world, p *treePlan, self *actorModel) *supModel {
	s := &supModel{treePlan: p, w: w, self: self}
	if p.strategy != supervisor.SimpleOneForOne {
		for _, k := range p.kids {
			s.kids = append(s.kids, &actorModel{plan: k, owner: s})
		}
	}
	return s
}

// boot starts all children, or none.
func (s *supModel) boot() error {
	for _, k := range slices.Clone(s.kids) {
		if err := k.start(); err != nil {
			s.stopAll()
			return err
		}
	}
	return nil
}

// start starts one actor. A worker that ignores is no error, and down.
func (a *actorModel) start() error {
	a.starts++
	if a.sub != nil {
		sup := newSup(a.owner.w, a.sub, a)
		if err := sup.boot(); err != nil {
			return err
		}
		a.up, a.sup = true, sup
		return nil
	}
	w := a.owner.w
	w.lines = append(w.lines, "+"+a.id)
	w.now += a.slow
	if next := w.fails[a.id]; len(next) > 0 {
		w.fails[a.id] = next[1:]
		if next[0] == supervisor.ErrIgnore {
			a.forgetIfTemporary()
			return nil
		}
		return next[0]
	}
	a.up = true
	return nil
}

func (a *actorModel) forgetIfTemporary() {
	if a.restart == supervisor.Temporary {
		a.owner.remove(a)
	}
}

func (s *supModel) remove(a *actorModel) {
	s.kids = slices.DeleteFunc(s.kids, func(o *actorModel) bool { return o == a })
}

// stop stops one actor, which lives.
func (a *actorModel) stop() {
	a.up = false
	w := a.owner.w
	switch {
	case a.sup != nil:
		a.sup.stopAll()
		a.sup = nil
	case a.brutal:
	default:
		w.now += min(a.hang, patience)
		if !a.silent() {
			w.lines = append(w.lines, "-"+a.id)
		}
	}
}

func (s *supModel) stopAll() {
	s.dead = true
	begin, end := s.w.now, s.w.now
	for _, k := range slices.Backward(slices.Clone(s.kids)) {
		if !k.up {
			continue
		}
		if s.strategy == supervisor.SimpleOneForOne {
			s.w.now = begin // all at once
		}
		k.stop()
		end = max(end, s.w.now)
	}
	s.w.now = end
}

// died is the end of an actor that the supervisor did not stop.
func (a *actorModel) died(e process.Ending) {
	a.up, a.sup = false, nil
	s := a.owner
	switch {
	case a.restart == supervisor.Permanent, a.restart == supervisor.Transient && e == process.Abnormal:
		s.revive(a)
		return
	case a.restart == supervisor.Temporary || s.strategy == supervisor.SimpleOneForOne:
		s.remove(a)
	}
	active := slices.ContainsFunc(s.kids, func(k *actorModel) bool { return k.significant && k.up })
	if a.significant && (s.auto == supervisor.AnySignificant || !active) {
		s.end(process.Shutdown)
	}
}

// revive restarts an actor and whom the strategy says, until that works or has been tried too often.
func (s *supModel) revive(a *actorModel) {
	begin := s.w.now
	s.restarts = slices.DeleteFunc(s.restarts, func(t time.Duration) bool { return begin-t >= s.period })
	if len(s.restarts) >= s.max {
		s.end(process.Abnormal)
		return
	}
	s.restarts = append(s.restarts, begin)
	victims := s.victims(a)
	for _, v := range slices.Backward(victims) {
		if v.up {
			v.stop()
			v.forgetIfTemporary()
		}
	}
	delay := s.backoff.Min << (len(s.restarts) - 1)
	if s.backoff.Max > 0 {
		delay = min(delay, s.backoff.Max)
	}
	s.w.now = max(s.w.now, begin+delay)
	for _, v := range victims {
		if !slices.Contains(s.kids, v) {
			continue
		}
		if s.strategy == supervisor.SimpleOneForOne { // another instance, the youngest
			s.remove(v)
			s.kids = append(s.kids, v)
		}
		if err := v.start(); err != nil {
			s.revive(v)
			return
		}
		if s.strategy == supervisor.SimpleOneForOne && !v.up {
			s.remove(v)
		}
	}
}

func (s *supModel) victims(a *actorModel) []*actorModel {
	i := slices.Index(s.kids, a)
	switch s.strategy {
	case supervisor.OneForAll:
		return slices.Clone(s.kids)
	case supervisor.RestForOne:
		return slices.Clone(s.kids[i:])
	default:
		return []*actorModel{a}
	}
}

// end is the end of a supervisor by itself.
func (s *supModel) end(e process.Ending) {
	s.stopAll()
	s.reason = e
	if s.self != nil {
		s.self.died(e)
	}
}

// The commands return nil, or what the error must be.

func (s *supModel) find(id string) *actorModel {
	i := slices.IndexFunc(s.kids, func(k *actorModel) bool { return k.id == id })
	if i < 0 {
		return nil
	}
	return s.kids[i]
}

func (s *supModel) startChild(p *plan) error {
	if k := s.find(p.id); k != nil {
		if k.up {
			return supervisor.ErrAlreadyStarted
		}
		return supervisor.ErrAlreadyPresent
	}
	a := &actorModel{plan: p, owner: s}
	s.kids = append(s.kids, a)
	err := a.start()
	if err != nil {
		s.remove(a)
	}
	return err
}

func (s *supModel) restartChild(id string) error {
	k := s.find(id)
	switch {
	case k == nil:
		return supervisor.ErrNotFound
	case k.up:
		return supervisor.ErrRunning
	}
	return k.start()
}

func (s *supModel) terminateChild(id string) error {
	k := s.find(id)
	switch {
	case k == nil:
		return supervisor.ErrNotFound
	case k.up:
		k.stop()
		k.forgetIfTemporary()
	}
	return nil
}

func (s *supModel) deleteChild(id string) error {
	k := s.find(id)
	switch {
	case k == nil:
		return supervisor.ErrNotFound
	case k.up:
		return supervisor.ErrRunning
	}
	s.remove(k)
	return nil
}

// startMany starts n instances, all at once.
func (s *supModel) startMany(n int) {
	begin, end := s.w.now, s.w.now
	for range n {
		s.w.now = begin
		a := &actorModel{plan: s.treePlan.kids[0], owner: s}
		if err := a.start(); err == nil && a.up {
			s.kids = append(s.kids, a)
		}
		end = max(end, s.w.now)
	}
	s.w.now = end
}

// draw writes down who is there.
func (s *supModel) draw(indent string) (out string) {
	for _, k := range s.kids {
		phase := "gone"
		if k.up {
			phase = "up"
		}
		out += fmt.Sprintf("%s%s %s #%d\n", indent, k.id, phase, k.starts)
		if k.sup != nil {
			out += k.sup.draw(indent + "  ")
		}
	}
	return out
}

// sups lists the supervisors that live, the root first, with the way to each.
func (s *supModel) sups(way []string) (out []located) {
	out = append(out, located{s, way})
	for _, k := range s.kids {
		if k.sup != nil {
			out = append(out, k.sup.sups(append(slices.Clone(way), k.id))...)
		}
	}
	return out
}

type located struct {
	*supModel
	way []string
}
