package gdict

import "iter"

// A Change is an event of a TypedWatch with its key and value decoded.
type Change[K, V any] struct {
	Item[K, V]
	Event Event // as the dictionary has it: Erased, Synced, Through, Term and the raw entry
}

// A TypedWatch is a Watch of the entries of a Typed. Range over All, or select on Events and Decode what comes.
type TypedWatch[K, V any] struct {
	*Watch
	typed *Typed[K, V]
}

// Watch is Dict.Watch of these entries.
func (t *Typed[K, V]) Watch(options ...WatchOption) *TypedWatch[K, V] {
	return &TypedWatch[K, V]{t.dict.Watch(t.prefix, options...), t}
}

// WatchFrom is Dict.WatchFrom of these entries.
func (t *Typed[K, V]) WatchFrom(rev uint64, options ...WatchOption) (*TypedWatch[K, V], error) {
	w, err := t.dict.WatchFrom(t.prefix, rev, options...)
	if err != nil {
		return nil, err
	}
	return &TypedWatch[K, V]{w, t}, nil
}

// Decode returns what an event of this watch says. Its error is a *CodecError, and the change then has what could be
// decoded.
func (w *TypedWatch[K, V]) Decode(e Event) (Change[K, V], error) {
	c := Change[K, V]{Event: e}
	c.Rev = e.Rev
	var err error
	switch {
	case e.Synced:
	case e.Erased:
		c.Key, err = w.typed.decodeKey(e.Key)
	default:
		c.Item, err = w.typed.decode(e.Entry)
	}
	return c, err
}

// All goes through the changes until the watch ends; Err then tells why. One that cannot be decoded comes with a
// *CodecError, and the next ones follow all the same. Leaving the loop does not close the watch.
func (w *TypedWatch[K, V]) All() iter.Seq2[Change[K, V], error] {
	return func(yield func(Change[K, V], error) bool) {
		for event := range w.Events() {
			if !yield(w.Decode(event)) {
				return
			}
		}
	}
}
