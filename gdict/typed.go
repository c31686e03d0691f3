package gdict

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"sync"
)

// A Source has a dictionary: a *Dict, or a member of a cluster.
type Source interface{ Dict() *Dict }

// Dict returns d, so that a *Dict is a Source.
func (d *Dict) Dict() *Dict { return d }

// ErrNoCounter says that UpdateCounter was called on a Typed whose values are no counters: they must be int or int64, or
// a type declared as one, with the codec Decimal. Nothing was sent.
var ErrNoCounter = errors.New("gdict: the values are no counters")

// A CodecError says that a key or a value could not be encoded or decoded. It wraps what the codec said.
type CodecError struct {
	Key   string // as the dictionary has it; empty where it is the key that could not be encoded
	Part  string // "key" or "value"
	Doing string // "encode" or "decode"
	Type  string // the Go type
	Err   error
}

func (e *CodecError) Error() string {
	switch {
	case e.Key == "":
		return fmt.Sprintf("gdict: cannot encode a key of type %s: %v", e.Type, e.Err)
	case e.Part == partKey:
		return fmt.Sprintf("gdict: key %s: cannot decode it as %s: %v", quoted(e.Key), e.Type, e.Err)
	default:
		return fmt.Sprintf("gdict: key %s: cannot %s its value as %s: %v", quoted(e.Key), e.Doing, e.Type, e.Err)
	}
}

// Unwrap returns what the codec said.
func (e *CodecError) Unwrap() error { return e.Err }

const (
	partKey   = "key"
	partValue = "value"
	doEncode  = "encode"
	doDecode  = "decode"
)

// Codecs say how keys and values become bytes. A nil field means the default of the type.
type Codecs[K, V any] struct {
	Key   Codec[K]
	Value Codec[V]
}

// A Typed is the part of a dictionary whose keys begin with a name and a slash, seen as keys of type K and values of type
// V. It holds nothing of its own, so any number of them may exist. Its methods may be called from any goroutine.
//
// An entry that cannot be decoded, because something else wrote it, is reported by a *CodecError beside the others and
// hides none of them.
type Typed[K, V any] struct {
	dict    *Dict
	prefix  string
	key     Codec[K]
	value   Codec[V]
	counter bool // V is what UpdateCounter writes
}

// Of returns the entries of source under name: Of[string, Price](member, "prices") has the price of "eur" under the key
// "prices/eur". Names may contain slashes; the entries of "a/b" are also among the keys of "a". Of panics if name is
// empty, or if K has no default codec and none is given.
//
// Defaults for keys: strings (Text) and byte slices (Raw) as they are, integers in their order (Ordered). Defaults for
// values: protobuf messages (Proto), strings and byte slices as they are, integers as decimal text (Decimal), and JSON for
// everything else. A type declared as a string, a byte slice or an integer is treated as such; this goes through
// reflection, which naming the codec avoids: Codecs[ID, Price]{Key: Ordered[ID]()}.
func Of[K, V any](source Source, name string, codecs ...Codecs[K, V]) *Typed[K, V] {
	if name == "" {
		panic("gdict: Of needs a name: the keys begin with it")
	}
	t := &Typed[K, V]{dict: source.Dict(), prefix: name + "/"}
	for _, c := range codecs {
		if c.Key != nil {
			t.key = c.Key
		}
		if c.Value != nil {
			t.value = c.Value
		}
	}
	kind := reflect.TypeFor[V]().Kind()
	t.counter = t.value == nil && (kind == reflect.Int || kind == reflect.Int64)
	if c, is := t.value.(interface{ counts() bool }); is {
		t.counter = c.counts()
	}
	if t.key == nil {
		t.key = keyCodec[K]()
	}
	if t.value == nil {
		t.value = valueCodec[V]()
	}
	return t
}

// Prefix is what the keys begin with in the dictionary.
func (t *Typed[K, V]) Prefix() string { return t.prefix }

// Key returns the key as the dictionary has it.
func (t *Typed[K, V]) Key(key K) (string, error) {
	b, err := t.appendKey(nil, key)
	return string(b), err
}

func (t *Typed[K, V]) appendKey(dst []byte, key K) ([]byte, error) {
	b, err := t.key.Append(append(dst, t.prefix...), key)
	if err != nil {
		return b, &CodecError{Part: partKey, Doing: doEncode, Type: reflect.TypeFor[K]().String(), Err: err}
	}
	return b, nil
}

func (t *Typed[K, V]) encode(key K, value V) (string, []byte, error) {
	k, err := t.Key(key)
	if err != nil {
		return "", nil, err
	}
	b, err := t.value.Append(nil, value)
	if err != nil {
		return "", nil, &CodecError{Key: k, Part: partValue, Doing: doEncode, Type: reflect.TypeFor[V]().String(), Err: err}
	}
	return k, b, nil
}

// Store is Dict.Store. Every writing method also fails with a *CodecError before anything is sent.
func (t *Typed[K, V]) Store(ctx context.Context, key K, value V) (rev uint64, err error) {
	k, b, err := t.encode(key, value)
	if err != nil {
		return 0, err
	}
	return t.dict.Store(ctx, k, b)
}

// Erase is Dict.Erase.
func (t *Typed[K, V]) Erase(ctx context.Context, key K) (rev uint64, err error) {
	k, err := t.Key(key)
	if err != nil {
		return 0, err
	}
	return t.dict.Erase(ctx, k)
}

// CompareAndStore is Dict.CompareAndStore.
func (t *Typed[K, V]) CompareAndStore(ctx context.Context, key K, rev uint64, value V) (uint64, error) {
	k, b, err := t.encode(key, value)
	if err != nil {
		return 0, err
	}
	return t.dict.CompareAndStore(ctx, k, rev, b)
}

// StoreIfMissing is Dict.StoreIfMissing.
func (t *Typed[K, V]) StoreIfMissing(ctx context.Context, key K, value V) (rev uint64, err error) {
	return t.CompareAndStore(ctx, key, 0, value)
}

// CompareAndErase is Dict.CompareAndErase.
func (t *Typed[K, V]) CompareAndErase(ctx context.Context, key K, rev uint64) (uint64, error) {
	k, err := t.Key(key)
	if err != nil {
		return 0, err
	}
	return t.dict.CompareAndErase(ctx, k, rev)
}

// UpdateCounter is Dict.UpdateCounter. It fails with ErrNoCounter where the values are no counters.
func (t *Typed[K, V]) UpdateCounter(ctx context.Context, key K, delta int64) (int64, error) {
	k, err := t.Key(key)
	if err != nil {
		return 0, err
	}
	if !t.counter {
		return 0, fmt.Errorf("%w: key %s has values of type %v", ErrNoCounter, quoted(k), reflect.TypeFor[V]())
	}
	return t.dict.UpdateCounter(ctx, k, delta)
}

// An Item is an entry with its key and value decoded.
type Item[K, V any] struct {
	Key   K
	Value V
	Rev   uint64 // log index of the last change of this key
}

// decode returns what an entry is. With an error, which is a *CodecError, the item has what could be decoded.
func (t *Typed[K, V]) decode(e Entry) (item Item[K, V], err error) {
	item.Rev = e.Rev
	if item.Key, err = t.decodeKey(e.Key); err != nil {
		return item, err
	}
	item.Value, err = t.decodeValue(e)
	return item, err
}

func (t *Typed[K, V]) decodeKey(key string) (K, error) {
	k, err := t.key.Decode([]byte(key[len(t.prefix):]))
	if err != nil {
		return k, &CodecError{Key: key, Part: partKey, Doing: doDecode, Type: reflect.TypeFor[K]().String(), Err: err}
	}
	return k, nil
}

func (t *Typed[K, V]) decodeValue(e Entry) (V, error) {
	v, err := t.value.Decode(e.Value)
	if err != nil {
		return v, &CodecError{Key: e.Key, Part: partValue, Doing: doDecode, Type: reflect.TypeFor[V]().String(), Err: err}
	}
	return v, nil
}

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

// All goes through the entries in the order of their encoded keys. An entry that cannot be decoded comes with a
// *CodecError and with as much of the item as could be decoded; the entries after it follow all the same.
func (v TypedView[K, V]) All() iter.Seq2[Item[K, V], error] { return v.Scan(Span[K]{}) }

// A Span picks keys. The zero Span is all of them in ascending order.
type Span[K any] struct {
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
