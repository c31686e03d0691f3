package gdict

import (
	"fmt"

	"github.com/gendac/gendac/behaviours/lease"
)

// publish tells the history and the watches of one step: the changes that led to a revision. d.mu is held.
func (d *Dict) publish(step []waiting) {
	d.past.add(step)
	d.tell(step)
}

func stepOf(changes []change, at uint64, term lease.Term) []waiting {
	step := make([]waiting, len(changes))
	for i, c := range changes {
		step[i] = waiting{event: Event{Entry: c.entry, Erased: c.erased, Term: term}, fresh: c.fresh, at: at}
	}
	return step
}

func (d *Dict) tell(step []waiting) {
	for w := range d.watches {
		if !w.push(step) {
			delete(d.watches, w)
		}
	}
}

// jump tells the history and the watches that a snapshot has taken the place of the changes between two states. Who must
// not miss any of them is told that, and the others see the difference. d.mu is held.
func (d *Dict) jump(l *leap) {
	from, to := l.from, l.to
	d.past.jump(to.rev)
	for w := range d.watches {
		// The difference does not tell when a key was erased, so a reader who is ahead of this member may know it already.
		ahead := w.since > from.rev && w.since < to.rev
		if ahead || w.every > 0 && from.rev != to.rev {
			w.finish(&CompactedError{Rev: max(from.rev, w.since), Oldest: to.rev})
			delete(d.watches, w)
		}
	}
	for w := range d.watches {
		if !w.push(l.step(w.prefix)) {
			delete(d.watches, w)
		}
	}
}

// end tells all watches that nothing comes any more.
func (d *Dict) end(reason error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = fmt.Errorf("%w: %w", ErrEnded, reason)
	if reason == nil {
		d.ended = ErrEnded
	}
	for w := range d.watches {
		w.finish(d.ended)
	}
	clear(d.watches)
}
