package gdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gendac/gendac/behaviours/lease"
)

// ErrOverrun says that a watch with EveryChange was read too slowly. What it has shown is complete up to its last event;
// WatchFrom goes on there.
var ErrOverrun = errors.New("gdict: the watch was read too slowly to show every change")

// An Event is what a watch sees: an entry that exists or has changed; with Erased, a key that has no entry any more
// (Value is nil, Rev that of the erasing); with Synced, the end of what a watch begins with (Key is empty, Rev that of the
// dictionary then).
//
// Through, unless it is zero, says that everything up to this revision has been shown: a reader that remembers the last
// one can go on after it with WatchFrom. It is zero while more events of the same step follow, such as the rest of a
// transaction or of a snapshot.
//
// Term is the member's lease term when it applied the change: whoever acts on an order that came with Term may do so
// only while lease.Holds(Term). It is zero, held by nobody, when that is not known: for the snapshot that a watch
// begins with, for its Synced event, and for changes that came with a snapshot from the leader instead of one by one.
type Event struct {
	Entry
	Erased  bool
	Synced  bool
	Through uint64
	Term    lease.Term
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
// changes, and nothing comes twice. One that WatchFrom returned begins with the changes since a revision instead.
//
// A reader that falls behind slows nobody: its events wait. When more than a thousand wait they are coalesced: of each
// key only the latest event stays, in its place by the time of that last change, and a key that came and went meanwhile
// leaves nothing. So what waits is bounded by the reader's keys and the dictionary's, however long the
// reader stays away. Coalesced counts what was left out; EveryChange ends the watch instead.
//
// A watch that has ended by itself, with the group's local instance or as EveryChange says, still shows what waits. If its
// reader takes nothing of that for ten seconds it drops the rest and closes its channel: a watch that is neither read nor
// closed keeps nothing of its member for longer than that.
type Watch struct {
	prefix string
	every  int    // events that may wait; more end the watch. Zero: coalesce
	since  uint64 // changes up to this revision are known to the reader already
	dict   *Dict
	events chan Event
	wake   chan struct{} // holds at most one token: there may be something in the queue
	settle chan struct{} // taken by the pump where it waits: it has written down what the reader was given
	stop   chan struct{} // closed by Close
	ending chan struct{} // closed when the watch has ended by itself
	done   chan struct{} // closed when the pump has returned
	once   sync.Once
	left   atomic.Uint64 // events left out

	mu      sync.Mutex
	queue   queue
	behind  bool   // this member has not come to since
	idle    bool   // the reader has had all that was queued
	through uint64 // of the latest event that the reader has had
	over    bool   // nothing will be queued any more
	err     error  // why, if not by Close
}

// lingers is how long a watch that has ended by itself waits for its reader to take the next event.
const lingers = 10 * time.Second

// A WatchOption changes what a watch does with a reader that is too slow.
type WatchOption func(*Watch)

// EveryChange makes a watch that never leaves a change out. If more than n events wait for the reader it shows those that
// wait, ends, and Err wraps ErrOverrun; if this member gets a snapshot from the leader, so that it does not know every
// change itself, Err wraps ErrCompacted. It panics if n is not positive.
func EveryChange(n int) WatchOption {
	if n <= 0 {
		panic(fmt.Sprintf("gdict: EveryChange(%d): some events must be able to wait", n))
	}
	return func(w *Watch) { w.every = n }
}

// Watch begins a watch of the keys that begin with prefix; the empty prefix watches all. Close it to release it.
func (d *Dict) Watch(prefix string, options ...WatchOption) *Watch {
	w := d.newWatch(prefix, options)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.admitWatch(w)
	go w.pump(*d.now.Load(), nil)
	return w
}

// WatchFrom goes on after revision rev, the last Through that an earlier watch of the prefix showed, on this member or on
// another: it shows every later change, then Synced, then what comes. There is no gap and no repeat. If this member
// does not know every change since rev any more it fails with a *CompactedError, which wraps ErrCompacted; see
// KeepHistory.
//
// On a member that has not yet applied rev the watch is silent until it has: then it shows Synced at rev, and goes on with
// what follows. So with a revision that never was, or that was before the cluster lost its memory, it may be silent for
// ever: a Read of AtLeast(rev) tells that first, with a deadline.
func (d *Dict) WatchFrom(prefix string, rev uint64, options ...WatchOption) (*Watch, error) {
	w := d.newWatch(prefix, options)
	w.since = rev
	d.mu.Lock()
	defer d.mu.Unlock()
	known, err := d.past.after(rev, w.wants)
	if err != nil {
		return nil, err
	}
	d.admitWatch(w)
	now := d.log.state.rev
	if w.behind = now < rev; w.behind && d.ended == nil {
		d.behind = append(d.behind, w)
	}
	go w.pump(state{rev: max(rev, now)}, known)
	return w, nil
}

func (d *Dict) newWatch(prefix string, options []WatchOption) *Watch {
	w := &Watch{
		prefix: prefix,
		dict:   d,
		events: make(chan Event),
		wake:   make(chan struct{}, 1),
		settle: make(chan struct{}),
		stop:   make(chan struct{}),
		ending: make(chan struct{}),
		done:   make(chan struct{}),
	}
	for _, set := range options {
		set(w)
	}
	return w
}

// admitWatch registers w for later changes. If the dictionary has ended, w ends. d.mu is held.
func (d *Dict) admitWatch(w *Watch) {
	if d.ended == nil {
		d.watches[w] = struct{}{}
	} else {
		w.end(d.ended)
	}
}

// Events returns the channel of the watch. It is closed after Close, and after the last event once the watch has ended by
// itself; Err tells which.
func (w *Watch) Events() <-chan Event { return w.events }

// Err returns nil unless the watch has ended by itself: an error that wraps ErrEnded and the reason when the group's local
// instance has ended; with EveryChange also one that wraps ErrOverrun or ErrCompacted, and ErrCompacted after a WatchFrom
// on a member that was behind. After that no more changes are shown.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Coalesced is how many events have been left out so far because the reader was too slow.
func (w *Watch) Coalesced() uint64 { return w.left.Load() }

// Through is up to which revision the reader has seen everything, as the Through of events says it: but it goes on while
// nothing under the prefix changes. Whoever remembers it now and then, when it has done with the events that it has
// received, can go on after it with WatchFrom however long the watch was quiet. It is zero before the first such event.
func (w *Watch) Through() uint64 {
	select { // what the reader has been given counts, even if whoever gave it has not come to write that down
	case w.settle <- struct{}{}:
	case <-w.done:
	}
	w.dict.mu.Lock()
	defer w.dict.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advanceThrough()
	return w.through
}

// advanceThrough notes that an idle watch has seen everything up to the present revision. It is called with the
// dictionary locked, so that everything that was applied is queued.
func (w *Watch) advanceThrough() {
	if w.idle && !w.over && w.queue.len() == 0 {
		w.through = max(w.through, w.dict.log.state.rev)
	}
}

// Close ends the watch and closes its channel; what waits is dropped. It may be called more than once.
func (w *Watch) Close() {
	w.once.Do(func() {
		w.dict.mu.Lock()
		w.mu.Lock()
		w.advanceThrough()
		w.over = true
		w.mu.Unlock()
		delete(w.dict.watches, w)
		w.dict.behind = slices.DeleteFunc(w.dict.behind, func(other *Watch) bool { return other == w })
		w.dict.mu.Unlock()
		close(w.stop)
	})
	<-w.done
}

func (w *Watch) wants(e Event) bool { return strings.HasPrefix(e.Key, w.prefix) }

// push queues the changes of one step for the reader. It never waits. It returns false once the watch is over.
func (w *Watch) push(step []waiting) bool {
	var mine []waiting
	if len(step) > queueBound { // a snapshot's, of which this watch wants all
		mine = make([]waiting, 0, len(step))
	}
	for _, s := range step {
		if s.at > w.since && w.wants(s.event) {
			mine = append(mine, s)
		}
	}
	if len(mine) == 0 {
		return true
	}
	w.mu.Lock()
	defer w.nudge()
	defer w.mu.Unlock()
	if w.every > 0 && w.queue.len()+len(mine) > w.every {
		w.end(fmt.Errorf("%w: %d events wait, and %d more have come", ErrOverrun, w.queue.len(), len(mine)))
		return false
	}
	if w.every > 0 {
		w.queue.bound = w.every // never coalesced
	}
	w.left.Add(uint64(w.queue.push(mine...)))
	return true
}

// finish lets the reader have what waits and then ends the watch.
func (w *Watch) finish(err error) {
	w.mu.Lock()
	w.end(err)
	w.mu.Unlock()
	w.nudge()
}

// end lets nothing more be queued. w.mu is held, or nobody else has the watch yet.
func (w *Watch) end(err error) {
	if !w.over {
		close(w.ending)
	}
	w.over, w.err = true, err
}

func (w *Watch) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// pump brings what the watch begins with and then the queue to the reader until the watch is closed or over. It begins
// with the entries of a state, or without its tree with the changes that led to it.
func (w *Watch) pump(begin state, changes []waiting) {
	defer close(w.done)
	defer close(w.events)
	rev := begin.rev
	if begin.tree.Map != nil {
		for entry := range begin.tree.scan(w.prefix) {
			if !w.send(Event{Entry: entry}) {
				return
			}
		}
	}
	begin = state{} // a slow reader must not keep the old tree alive
	for past := (queue{items: changes}); past.len() > 0; {
		event, _ := past.pop()
		if !w.send(event) {
			return
		}
	}
	if !w.catchUp() || !w.send(Event{Entry: Entry{Rev: rev}, Synced: true, Through: rev}) {
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
			case <-w.settle:
			case <-w.stop:
				return
			}
		}
	}
}

// catchUp waits until this member has come to where the watch goes on. It returns false if the watch ends first.
func (w *Watch) catchUp() bool {
	for {
		w.mu.Lock()
		behind, over := w.behind, w.over
		w.mu.Unlock()
		if !behind || over {
			return !behind
		}
		select {
		case <-w.wake:
		case <-w.settle:
		case <-w.stop:
			return false
		}
	}
}

// reached says that this member has come to where the watch goes on.
func (w *Watch) reached() {
	w.mu.Lock()
	w.behind = false
	w.mu.Unlock()
	w.nudge()
}

func (w *Watch) next() (event Event, found, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	event, found = w.queue.pop()
	w.idle = !found
	return event, found, w.over
}

// send waits for the reader, but for a watch that has ended not without a limit.
func (w *Watch) send(event Event) bool {
	ending := w.ending
	var tooLate <-chan time.Time
	for {
		select {
		case <-ending:
			ending, tooLate = nil, time.After(lingers)
		case <-tooLate:
			return false
		case w.events <- event:
			if event.Through > 0 {
				w.mu.Lock()
				w.through = event.Through
				w.mu.Unlock()
			}
			return true
		case <-w.settle:
		case <-w.stop:
			return false
		}
	}
}
