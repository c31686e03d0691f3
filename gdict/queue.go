package gdict

// queueBound is how many events wait one by one before they are coalesced.
const queueBound = 1024

// waiting is an event that its reader does not have yet; fresh says that the key had no entry before it.
type waiting struct {
	event Event
	fresh bool
}

// A queue holds the events that a reader does not have yet, oldest first. The zero queue is empty.
type queue struct {
	items []waiting
	head  int // items before it are gone
	bound int // coalesce when more than these wait; zero means queueBound
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) pop() (Event, bool) {
	if q.len() == 0 {
		return Event{}, false
	}
	event := q.items[q.head].event
	q.items[q.head] = waiting{}
	if q.head++; q.head == len(q.items) {
		*q = queue{items: q.items[:0]}
		if cap(q.items) > queueBound {
			q.items = nil
		}
	}
	return event, true
}

func (q *queue) push(w waiting) {
	if q.head > queueBound && q.head > len(q.items)/2 {
		kept := copy(q.items, q.items[q.head:])
		clear(q.items[kept:])
		q.items, q.head = q.items[:kept], 0
	}
	q.items = append(q.items, w)
	if q.len() > max(q.bound, queueBound) {
		q.coalesce()
		// Twice what is left, so that the work stays proportional to the events and not to their square.
		q.bound = 2 * q.len()
	}
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
