package gdict

// queueBound is how many events wait one by one before they are coalesced.
const queueBound = 1024

// waiting is an event that its reader does not have yet. Events of one step of the dictionary have the same at.
type waiting struct {
	event Event
	fresh bool   // the key had no entry before it
	at    uint64 // the dictionary's revision after the step
}

// A queue holds the events that a reader does not have yet, oldest first. The zero queue is empty.
type queue struct {
	items []waiting
	head  int // items before it are gone
	bound int // coalesce when more than these wait; zero means queueBound
}

func (q *queue) len() int { return len(q.items) - q.head }

// pop returns the oldest event. Through is set in the last of a step: a step is pushed whole, so if more of it were to
// come it would be here.
func (q *queue) pop() (Event, bool) {
	if q.len() == 0 {
		return Event{}, false
	}
	w := q.items[q.head]
	q.items[q.head] = waiting{}
	if q.head++; q.head == len(q.items) {
		*q = queue{items: q.items[:0]}
		if cap(q.items) > queueBound {
			q.items = nil
		}
	}
	if q.len() == 0 || q.items[q.head].at != w.at {
		w.event.Through = w.at
	}
	return w.event, true
}

// push adds the events of one step, and may keep the slice. It returns how many events were left out for it by coalescing.
func (q *queue) push(step ...waiting) (dropped int) {
	if q.head > queueBound && q.head > len(q.items)/2 {
		kept := copy(q.items, q.items[q.head:])
		clear(q.items[kept:])
		q.items, q.head = q.items[:kept], 0
	}
	if q.len() == 0 {
		// A step has no key twice that is worth looking for, however long it is: a snapshot's has each once.
		q.items, q.head, q.bound = step, 0, max(q.bound, 2*len(step))
		return 0
	}
	q.items = append(q.items, step...)
	if before := q.len(); before > max(q.bound, queueBound) {
		q.coalesce()
		// Twice what is left, so that the work stays proportional to the events and not to their square.
		q.bound = 2 * q.len()
		dropped = before - q.len()
	}
	return dropped
}

// coalesce keeps the latest event of each key, in its place, and nothing of a key that came and went.
func (q *queue) coalesce() {
	last := make(map[string]int, q.len())   // where the key's latest event is
	fresh := make(map[string]bool, q.len()) // whether the key had no entry before its first event
	for i, w := range q.items[q.head:] {
		key := w.event.Key
		if _, seen := last[key]; !seen {
			fresh[key] = w.fresh
		}
		last[key] = i
	}
	kept := make([]waiting, 0, len(last))
	for i, w := range q.items[q.head:] {
		key := w.event.Key
		if last[key] != i || (w.event.Erased && fresh[key]) {
			continue
		}
		w.fresh = fresh[key]
		kept = append(kept, w)
	}
	q.items, q.head = kept, 0
}
