package gdict

import (
	"fmt"
	"strings"
	"sync"

	"github.com/gendac/gendac/behaviours/lease"
)

// An Event is what a watch sees: an entry that exists or has changed; with Erased, a key that has no entry any more
// (Value is nil, Rev that of the erasing); with Synced, the end of the snapshot (Key is empty, Rev that of the snapshot).
//
// Term is the member's lease term when it applied the change: whoever acts on an order that came with Term may do so
// only while lease.Holds(Term). It is zero, held by nobody, when that is not known: for the snapshot that a watch
// begins with, for its Synced event, and for changes that came with a snapshot from the leader instead of one by one.
type Event struct {
	Entry
	Erased bool
	Synced bool
	Term   lease.Term
}

func (e Event) String() string {
	switch {
	case e.Synced:
		return fmt.Sprintf("synced @%d", e.Rev)
	case e.Erased:
		return fmt.Sprintf("erased %q @%d term %d", e.Key, e.Rev, e.Term)
	default:
		return fmt.Sprintf("%q=%q @%d term %d", e.Key, e.Value, e.Rev, e.Term)
	}
}

// A Watch shows the entries under a prefix: first one event for each that exists, in the order of their keys, then an
// event with Synced, then every change in the order of the log. Nothing is missing between the snapshot and the
// changes, and nothing comes twice.
//
// A reader that falls behind slows nobody: its events wait. When more than a thousand wait they are coalesced: of each
// key only the latest event stays, in its place by the time of that last change, and a key that came and went meanwhile
// leaves nothing. So what waits is bounded by the reader's keys and the dictionary's, however long the
// reader stays away.
type Watch struct {
	prefix string
	dict   *Dict
	events chan Event
	wake   chan struct{} // holds at most one token: there may be something in the queue
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when the pump has returned
	once   sync.Once

	mu    sync.Mutex
	queue queue
	over  bool  // nothing will be queued any more
	err   error // why, if not by Close
}

// Watch begins a watch of the keys that begin with prefix; the empty prefix watches all. Close it to release it.
func (d *Dict) Watch(prefix string) *Watch {
	w := &Watch{
		prefix: prefix,
		dict:   d,
		events: make(chan Event),
		wake:   make(chan struct{}, 1),
		stop:   make(chan struct{}),
		done:   make(chan struct{}),
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == nil {
		d.watches[w] = struct{}{}
	} else {
		w.over, w.err = true, d.ended
	}
	go w.pump(*d.now.Load())
	return w
}

// Events returns the channel of the watch. It is closed after Close, and after the last event once the group's local
// instance has ended; Err tells which.
func (w *Watch) Events() <-chan Event { return w.events }

// Err returns nil unless the group's local instance has ended; then an error that wraps ErrEnded and the reason. After
// that no more changes are shown.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Close ends the watch and closes its channel; what waits is dropped. It may be called more than once.
func (w *Watch) Close() {
	w.once.Do(func() {
		w.dict.mu.Lock()
		delete(w.dict.watches, w)
		w.dict.mu.Unlock()
		close(w.stop)
	})
	<-w.done
}

// push queues a change for the reader. It never waits.
func (w *Watch) push(c change, term lease.Term) {
	if !strings.HasPrefix(c.entry.Key, w.prefix) {
		return
	}
	w.mu.Lock()
	w.queue.push(waiting{Event{Entry: c.entry, Erased: c.erased, Term: term}, c.fresh})
	w.mu.Unlock()
	w.nudge()
}

// finish lets the reader have what waits and then ends the watch.
func (w *Watch) finish(err error) {
	w.mu.Lock()
	w.over, w.err = true, err
	w.mu.Unlock()
	w.nudge()
}

func (w *Watch) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// pump brings the snapshot and then the queue to the reader until the watch is closed or over.
func (w *Watch) pump(snapshot state) {
	defer close(w.done)
	defer close(w.events)
	rev := snapshot.rev
	for entry := range scan(snapshot, w.prefix) {
		if !w.send(Event{Entry: entry}) {
			return
		}
	}
	snapshot = state{} // a slow reader must not keep the old tree alive
	if !w.send(Event{Entry: Entry{Rev: rev}, Synced: true}) {
		return
	}
	for {
		event, found, over := w.next()
		switch {
		case found:
			if !w.send(event) {
				return
			}
		case over:
			return
		default:
			select {
			case <-w.wake:
			case <-w.stop:
				return
			}
		}
	}
}

func (w *Watch) next() (event Event, found, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	event, found = w.queue.pop()
	return event, found, w.over
}

func (w *Watch) send(event Event) bool {
	select {
	case w.events <- event:
		return true
	case <-w.stop:
		return false
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
