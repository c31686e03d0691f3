package gdict

import (
	"errors"
	"fmt"
	"slices"
)

const (
	// DefaultHistoryChanges is how many of the latest changes a member keeps for WatchFrom.
	DefaultHistoryChanges = 10_000
	// DefaultHistoryBytes is how many bytes these may take.
	DefaultHistoryBytes = 4 << 20
)

// pastCost is what a change in the history counts beside its key and value, in bytes.
const pastCost = 128

// ErrCompacted is what every *CompactedError wraps.
var ErrCompacted = errors.New("gdict: the changes after that revision are not kept any more")

// A CompactedError says that a watch cannot go on after Rev without a gap, because this member does not know every change
// since then: it keeps only the latest, and none from before it was started or got a snapshot from the leader. Begin
// again with Watch, which shows everything there is. It wraps ErrCompacted.
type CompactedError struct {
	Rev    uint64 // where the watch was to go on
	Oldest uint64 // the least revision after which this member knows every change
}

func (e *CompactedError) Error() string {
	return fmt.Sprintf("gdict: watch from revision %d: this member knows every change only after %d; begin again with a whole watch",
		e.Rev, e.Oldest)
}

// Unwrap returns ErrCompacted.
func (e *CompactedError) Unwrap() error { return ErrCompacted }

// KeepHistory sets how many of the latest changes this member keeps for WatchFrom, and how many bytes they may take, each
// counting its key, its value and 128 bytes. Zero of either keeps none. The default is DefaultHistoryChanges and
// DefaultHistoryBytes. Members may differ.
func (d *Dict) KeepHistory(changes, bytes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.past.changes, d.past.bytes = changes, bytes
	d.past.forget()
}

// A history holds the latest changes, oldest first: every one after the revision floor.
type history struct {
	items []waiting
	head  int // items before it are gone
	size  int // bytes
	floor uint64

	changes, bytes int // bounds
}

func newHistory() history {
	return history{changes: DefaultHistoryChanges, bytes: DefaultHistoryBytes}
}

func (w waiting) size() int { return len(w.event.Key) + len(w.event.Value) + pastCost }

func (h *history) add(batch []waiting) {
	h.items = append(h.items, batch...)
	for _, w := range batch {
		h.size += w.size()
	}
	h.forget()
}

// forget keeps the bounds.
func (h *history) forget() {
	for h.head < len(h.items) && (len(h.items)-h.head > h.changes || h.size > h.bytes) {
		gone := &h.items[h.head]
		h.floor, h.size = gone.at, h.size-gone.size()
		*gone = waiting{}
		h.head++
	}
	if h.head > len(h.items)/2 {
		kept := copy(h.items, h.items[h.head:])
		clear(h.items[kept:])
		h.items, h.head = h.items[:kept], 0
	}
}

// jump forgets everything: what led to revision rev is not known.
func (h *history) jump(rev uint64) {
	*h = history{floor: rev, changes: h.changes, bytes: h.bytes}
}

// after returns every change after rev that want picks, or a *CompactedError.
func (h *history) after(rev uint64, want func(Event) bool) ([]waiting, error) {
	if rev < h.floor {
		return nil, &CompactedError{Rev: rev, Oldest: h.floor}
	}
	known := h.items[h.head:]
	first, _ := slices.BinarySearchFunc(known, rev, func(w waiting, rev uint64) int {
		if w.at <= rev {
			return -1
		}
		return 1
	})
	var picked []waiting
	for _, w := range known[first:] {
		if want(w.event) {
			picked = append(picked, w)
		}
	}
	return picked, nil
}
