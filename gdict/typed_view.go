package gdict

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
)

// keyBuffers hold encoded keys while they are looked up, so that a local read makes no garbage but its codec's.
var keyBuffers = sync.Pool{New: func() any { return new(make([]byte, 0, 256)) }}

// A TypedView is a View seen through a Typed. It never changes.
type TypedView[K, V any] struct {
	typed *Typed[K, V]
	view  View
}

// At shows a view of the same dictionary through t.
func (t *Typed[K, V]) At(v View) TypedView[K, V] { return TypedView[K, V]{t, v} }

// View returns what this member has now.
func (t *Typed[K, V]) View() TypedView[K, V] { return t.At(t.dict.View()) }

// Read is Dict.Read.
func (t *Typed[K, V]) Read(ctx context.Context, level Level) (TypedView[K, V], error) {
	v, err := t.dict.Read(ctx, level)
	return t.At(v), err
}

// Find is TypedView.Find of what this member has now.
func (t *Typed[K, V]) Find(key K) (item Item[K, V], found bool, err error) { return t.View().Find(key) }

// Fetch is TypedView.Fetch of what this member has now.
func (t *Typed[K, V]) Fetch(key K) (Item[K, V], error) { return t.View().Fetch(key) }

// All is TypedView.All of what this member has now.
func (t *Typed[K, V]) All() iter.Seq2[Item[K, V], error] { return t.View().All() }

// Scan is TypedView.Scan of what this member has now.
func (t *Typed[K, V]) Scan(s Span[K]) iter.Seq2[Item[K, V], error] { return t.View().Scan(s) }

// ToList is TypedView.ToList of what this member has now.
func (t *Typed[K, V]) ToList() ([]Item[K, V], error) { return t.View().ToList() }

// Rev is View.Rev.
func (v TypedView[K, V]) Rev() uint64 { return v.view.Rev() }

// Find returns the entry of key. Its errors are *CodecError; found is true also for an entry whose value cannot be decoded.
func (v TypedView[K, V]) Find(key K) (item Item[K, V], found bool, err error) {
	buffer, _ := keyBuffers.Get().(*[]byte) // the pool holds nothing else
	k, err := v.typed.appendKey((*buffer)[:0], key)
	var e Entry
	if err == nil {
		e, found = v.view.find(k)
	}
	*buffer = k
	keyBuffers.Put(buffer)
	if !found {
		return item, false, err
	}
	item.Key, item.Rev = key, e.Rev
	item.Value, err = v.typed.decodeValue(e)
	return item, true, err
}

// Fetch is Find with an error, wrapping ErrNotFound, that names the missing key.
func (v TypedView[K, V]) Fetch(key K) (Item[K, V], error) {
	item, found, err := v.Find(key)
	if err == nil && !found {
		name, err := v.typed.Key(key)
		if err != nil {
			return item, err
		}
		return item, fmt.Errorf("%w: %s", ErrNotFound, quoted(name))
	}
	return item, err
}

// IsKey tells whether key has an entry. It does not look at its value; its error is a *CodecError.
func (v TypedView[K, V]) IsKey(key K) (bool, error) {
	k, err := v.typed.Key(key)
	return err == nil && v.view.IsKey(k), err
}

// FetchKeys is All without the values, which may be what they like.
func (v TypedView[K, V]) FetchKeys() iter.Seq2[K, error] {
	return func(yield func(K, error) bool) {
		for entry := range v.view.Scan(Range{Prefix: v.typed.prefix}) {
			if !yield(v.typed.decodeKey(entry.Key)) {
				return
			}
		}
	}
}

// Filter is All without the items for which keep is false. An entry that cannot be decoded is not shown to keep and comes
// with its *CodecError.
func (v TypedView[K, V]) Filter(keep func(Item[K, V]) bool) iter.Seq2[Item[K, V], error] {
	return func(yield func(Item[K, V], error) bool) {
		for item, err := range v.All() {
			if (err != nil || keep(item)) && !yield(item, err) {
				return
			}
		}
	}
}

// ToList returns the items in the order of their encoded keys. If there are entries that cannot be decoded they are left out,
// and the error is the *CodecError of the first; All shows each.
func (v TypedView[K, V]) ToList() (items []Item[K, V], err error) {
	items = slices.Collect(Decoded(v.All(), &err))
	return items, err
}

// Decoded goes through what comes without an error, so that it can be collected or given to Fold and Map. What comes with one
// is left out, and afterwards the first such error is in failed, nil if there was none:
//
//	sum := gdict.Fold(gdict.Decoded(prices.All(), &err), 0, func(sum int64, i gdict.Item[string, int64]) int64 { return sum + i.Value })
func Decoded[E any](seq iter.Seq2[E, error], failed *error) iter.Seq[E] {
	return func(yield func(E) bool) {
		*failed = nil
		for element, err := range seq {
			if err != nil {
				*failed = cmp.Or(*failed, err)
				continue
			}
			if !yield(element) {
				return
			}
		}
	}
}

// All goes through the entries in the order of their encoded keys. An entry that cannot be decoded comes with a
// *CodecError and with as much of the item as could be decoded; the entries after it follow all the same.
func (v TypedView[K, V]) All() iter.Seq2[Item[K, V], error] { return v.Scan(Span[K]{}) }

// A Span picks keys. The zero Span is all of them in ascending order.
type Span[K any] struct {
	Prefix  *K   // the keys whose bytes begin with its bytes, for strings and byte slices; nil: all
	From    *K   // the least key, itself included; nil: from the first
	To      *K   // the key before which the span ends; nil: to the last
	Limit   int  // how many entries at most; zero: all
	Reverse bool // in descending order
}

// Scan is All for the keys within s. A bound that cannot be encoded is the only thing it yields then.
func (v TypedView[K, V]) Scan(s Span[K]) iter.Seq2[Item[K, V], error] {
	return func(yield func(Item[K, V], error) bool) {
		r, err := v.typed.within(s)
		if err != nil {
			yield(Item[K, V]{}, err)
			return
		}
		for entry := range v.view.Scan(r) {
			if !yield(v.typed.decode(entry)) {
				return
			}
		}
	}
}

func (t *Typed[K, V]) within(s Span[K]) (r Range, err error) {
	r = Range{Prefix: t.prefix, Limit: s.Limit, Reverse: s.Reverse}
	if s.Prefix != nil {
		if r.Prefix, err = t.Key(*s.Prefix); err != nil {
			return r, err
		}
	}
	if s.From != nil {
		if r.From, err = t.Key(*s.From); err != nil {
			return r, err
		}
	}
	if s.To != nil {
		r.To, err = t.Key(*s.To)
	}
	return r, err
}
