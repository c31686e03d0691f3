package gdict

import (
	"fmt"
	"slices"

	"github.com/gendac/gendac/behaviours/lease"
)

// publish tells the history and the watches of the changes that led to one or more revisions. d.mu is held.
func (d *Dict) publish(news []waiting) {
	d.past.add(news)
	for len(news) > 0 && len(d.watches) > 0 {
		n := 1
		for n < len(news) && news[n].at == news[0].at {
			n++
		}
		d.tell(news[:n])
		news = news[n:]
	}
}

// appendStep adds the changes that led to one revision.
func appendStep(news []waiting, changes []change, at uint64, term lease.Term) []waiting {
	for _, c := range changes {
		news = append(news, waiting{event: Event{Entry: c.entry, Erased: c.erased, Term: term}, fresh: c.fresh, at: at})
	}
	return news
}

// emptied returns a slice to use again, unless it once had to be large.
func emptied[T any](s []T) []T {
	const large = 4096
	if cap(s) > large {
		return nil
	}
	clear(s)
	return s[:0]
}

// catchUp tells the watches that go on after a revision which this member has come to only now. d.mu is held.
func (d *Dict) catchUp() {
	d.behind = slices.DeleteFunc(d.behind, func(w *Watch) bool {
		there := d.log.state.rev >= w.since
		if there {
			w.reached()
		}
		return there
	})
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
func (d *Dict) jump(l *snapshotDiff) {
	from, to := l.from, l.to
	d.past.jump(to.rev)
	for w := range d.watches {
		// The difference does not tell when a key was erased, so a reader who is ahead of this member may know it already. One
		// who is ahead of the snapshot knows all of it.
		ahead := w.since > from.rev
		if ahead && w.since < to.rev || !ahead && w.every > 0 && from.rev != to.rev {
			w.finish(&CompactedError{Rev: max(from.rev, w.since), Oldest: to.rev})
			delete(d.watches, w)
			d.behind = slices.DeleteFunc(d.behind, func(other *Watch) bool { return other == w })
		}
	}
	d.catchUp()
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
	d.behind = nil
}
