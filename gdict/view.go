package gdict

import (
	"fmt"
	"iter"
	"strings"
)

// A View is the dictionary at one revision. It never changes, so everything read from one View fits together; it is cheap
// to get and to keep, and safe for any goroutine. Dict.View and Dict.Read return one; the zero View is empty.
type View struct{ s *state }

// View returns what this member has now, which is what Local reads. It takes no lock and sends nothing.
func (d *Dict) View() View { return View{d.now.Load()} }

// Rev is the revision of the view: that of the last operation in it, whether it changed anything or not.
func (v View) Rev() uint64 {
	if v.s == nil {
		return 0
	}
	return v.s.rev
}

// Size is the number of entries.
func (v View) Size() int {
	if v.s == nil {
		return 0
	}
	return v.s.tree.Len()
}

// Find returns the entry of key.
func (v View) Find(key string) (Entry, bool) {
	if v.s == nil {
		return Entry{}, false
	}
	return v.s.tree.Find(key)
}

func (v View) find(key []byte) (Entry, bool) {
	if v.s == nil {
		return Entry{}, false
	}
	return v.s.tree.find(key)
}

// Fetch is Find with an error, wrapping ErrNotFound, that names the missing key.
func (v View) Fetch(key string) (Entry, error) {
	entry, found := v.Find(key)
	if !found {
		return Entry{}, fmt.Errorf("%w: %s", ErrNotFound, quoted(key))
	}
	return entry, nil
}

// IsKey tells whether key has an entry.
func (v View) IsKey(key string) bool {
	_, found := v.Find(key)
	return found
}

// All goes through all entries in ascending order of their keys.
func (v View) All() iter.Seq[Entry] { return v.Scan(Range{}) }

// ToList returns the entries whose keys begin with prefix, in ascending order.
func (v View) ToList(prefix string) []Entry {
	var entries []Entry
	for entry := range v.Scan(Range{Prefix: prefix}) {
		entries = append(entries, entry)
	}
	return entries
}

// FetchKeys returns the keys that begin with prefix, in ascending order.
func (v View) FetchKeys(prefix string) []string {
	var keys []string
	for entry := range v.Scan(Range{Prefix: prefix}) {
		keys = append(keys, entry.Key)
	}
	return keys
}

// Filter goes through the entries for which keep is true, in ascending order of their keys.
func (v View) Filter(keep func(Entry) bool) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for entry := range v.All() {
			if keep(entry) && !yield(entry) {
				return
			}
		}
	}
}

// Fold gives every element of seq to f together with what f returned before, at first with acc, and returns the last
// result: Fold(view.All(), 0, func(sum int, e Entry) int { return sum + len(e.Value) }).
func Fold[E, A any](seq iter.Seq[E], acc A, f func(A, E) A) A {
	for element := range seq {
		acc = f(acc, element)
	}
	return acc
}

// Map goes through what f makes of every element of seq.
func Map[E, R any](seq iter.Seq[E], f func(E) R) iter.Seq[R] {
	return func(yield func(R) bool) {
		for element := range seq {
			if !yield(f(element)) {
				return
			}
		}
	}
}

// A Range picks entries by their keys. The zero Range is all of them in ascending order.
type Range struct {
	Prefix  string // what the keys begin with
	From    string // the least key, itself included
	To      string // the key before which the range ends; empty: no end
	Limit   int    // how many entries at most, after Reverse; zero: all
	Reverse bool   // in descending order
}

// holds tells whether a key lies within r.
func (r Range) holds(key string) bool {
	return strings.HasPrefix(key, r.Prefix) && key >= r.From && (r.To == "" || key < r.To)
}

// end returns the key before which r ends, empty for none.
func (r Range) end() string {
	after := following(r.Prefix)
	if r.To == "" || after != "" && after < r.To {
		return after
	}
	return r.To
}

// following returns the least key that is greater than all that begin with prefix, empty if there is none.
func following(prefix string) string {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] < 0xff {
			return prefix[:i] + string([]byte{prefix[i] + 1})
		}
	}
	return ""
}

// Scan goes through the entries within r. It reads no more of the dictionary than it yields.
func (v View) Scan(r Range) iter.Seq[Entry] {
	if v.s == nil {
		return func(func(Entry) bool) {}
	}
	if r.Limit <= 0 {
		return v.within(r)
	}
	return func(yield func(Entry) bool) {
		left := r.Limit
		for entry := range v.within(r) {
			if left--; !yield(entry) || left == 0 {
				return
			}
		}
	}
}

// within is Scan without Limit.
func (v View) within(r Range) iter.Seq[Entry] {
	switch {
	case r.Reverse:
		return v.down(r)
	case r.From == "" && r.To == "":
		return v.s.tree.scan(r.Prefix)
	default:
		return v.up(r)
	}
}

func (v View) up(r Range) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for entry := range v.s.tree.up(max(r.From, r.Prefix)) {
			if !r.holds(entry.Key) || !yield(entry) {
				return
			}
		}
	}
}

func (v View) down(r Range) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for entry := range v.s.tree.down(r.end()) {
			if !r.holds(entry.Key) || !yield(entry) {
				return
			}
		}
	}
}
