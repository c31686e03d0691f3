package gdict

import (
	"errors"
	"fmt"
	"reflect"
)

// A Source has a dictionary: a *Dict, or a member of a cluster.
type Source interface{ Dict() *Dict }

// Dict returns d, so that a *Dict is a Source.
func (d *Dict) Dict() *Dict { return d }

// ErrNoCounter says that UpdateCounter was called on a Typed whose values are no counters: they must be int or int64, or
// a type declared as one, with the codec Decimal. Nothing was sent.
var ErrNoCounter = errors.New("gdict: the values are no counters")

// ErrNoBytes says that Append was called on a Typed whose values cannot be joined byte by byte: they must be strings or byte
// slices, or of a type declared as one, with the codec Text or Raw. Nothing was sent. For lists there is OfLists.
var ErrNoBytes = errors.New("gdict: the values are no bytes to append to")

// A CodecError says that a key, a value or the argument of an update could not be encoded or decoded. It wraps what the
// codec said.
type CodecError struct {
	Key   string // as the dictionary has it; empty where it is the key that could not be encoded
	Part  string // "key", "value" or "argument"
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
	case e.Part == partArgument:
		return fmt.Sprintf("gdict: key %s: cannot encode the argument of its update as %s: %v", quoted(e.Key), e.Type, e.Err)
	default:
		return fmt.Sprintf("gdict: key %s: cannot %s its value as %s: %v", quoted(e.Key), e.Doing, e.Type, e.Err)
	}
}

// Unwrap returns what the codec said.
func (e *CodecError) Unwrap() error { return e.Err }

const (
	partKey      = "key"
	partValue    = "value"
	partArgument = "argument"
	doEncode     = "encode"
	doDecode     = "decode"
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
	bytes   bool // V is its own bytes, so that Append makes a value longer
}

// Of returns the entries of source under name: Of[string, Price](member, "prices") has the price of "eur" under the key
// "prices/eur". Names may contain slashes, and views may lie within each other: the entries of "a/b" are also among the keys
// of "a", so a view of "a" shows them, as far as it can decode them, and its EraseAll erases them. Give views that must not
// touch each other names of which none begins with another and a slash. Of panics if name is empty, or if K has no default codec and none is given.
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
	t.counter, t.bytes = changesInPlace(t.value)
	if t.key == nil {
		t.key = keyCodec[K]()
	}
	if t.value == nil {
		t.value = valueCodec[V]()
	}
	return t
}

// changesInPlace tells whether values of this codec, nil being the default one of V, are counters, and whether they are the
// bytes that they look like.
func changesInPlace[V any](codec Codec[V]) (counter, bytes bool) {
	switch c := any(codec).(type) {
	case nil:
		of := reflect.TypeFor[V]()
		kind := of.Kind()
		counter = kind == reflect.Int || kind == reflect.Int64
		bytes = kind == reflect.String || kind == reflect.Slice && of.Elem().Kind() == reflect.Uint8
	case interface{ counts() bool }:
		counter = c.counts()
	case interface{ joins() }:
		bytes = true
	}
	return counter, bytes
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

func (t *Typed[K, V]) encode(key K, value V) (k, v []byte, err error) {
	if k, err = t.appendKey(nil, key); err != nil {
		return nil, nil, err
	}
	if v, err = t.value.Append(nil, value); err != nil {
		return nil, nil, &CodecError{Key: string(k), Part: partValue, Doing: doEncode, Type: reflect.TypeFor[V]().String(), Err: err}
	}
	return k, v, nil
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
