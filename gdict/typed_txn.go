package gdict

import (
	"fmt"
	"reflect"
)

// TypedOps makes the operations of a typed view for Dict.Txn, where they stand beside those of other views and untyped ones.
// Each is named like the method of Typed that does the same on its own, and is what the function of that name makes of the
// encoded key and value. What cannot be encoded makes Txn fail before anything is sent.
type TypedOps[K, V any] struct{ typed *Typed[K, V] }

// Op makes operations of a transaction:
//
//	done, err := dict.Txn(ctx,
//		gdict.If(stock.Cond().CounterIn("apple", 1, math.MaxInt64)),
//		gdict.Then(stock.Op().UpdateCounter("apple", -1), orders.Op().Store(7, order)))
func (t *Typed[K, V]) Op() TypedOps[K, V] { return TypedOps[K, V]{t} }

// Store is Store.
func (o TypedOps[K, V]) Store(key K, value V, options ...StoreOption) Op {
	k, v, err := o.typed.encode(key, value)
	return Op{store{key: k, value: v, owner: ownerFrom(options)}, err}
}

// StoreIfMissing is StoreIfMissing.
func (o TypedOps[K, V]) StoreIfMissing(key K, value V, options ...StoreOption) Op {
	return o.CompareAndStore(key, 0, value, options...)
}

// CompareAndStore is CompareAndStore.
func (o TypedOps[K, V]) CompareAndStore(key K, rev uint64, value V, options ...StoreOption) Op {
	k, v, err := o.typed.encode(key, value)
	return Op{compareAndStore{key: k, rev: rev, value: v, owner: ownerFrom(options)}, err}
}

// Erase is Erase.
func (o TypedOps[K, V]) Erase(key K) Op {
	k, err := o.typed.appendKey(nil, key)
	return Op{erase{key: k}, err}
}

// EraseAll is ErasePrefix of everything in the view.
func (o TypedOps[K, V]) EraseAll() Op { return ErasePrefix(o.typed.prefix) }

// ErasePrefix is ErasePrefix; see Typed.ErasePrefix.
func (o TypedOps[K, V]) ErasePrefix(prefix K) Op {
	k, err := o.typed.appendKey(nil, prefix)
	if err == nil && len(k) == len(o.typed.prefix) {
		err = &LimitError{What: whatKey, Limit: o.typed.dict.limits.key}
	}
	return Op{erasePrefix{prefix: k}, err}
}

// UpdateCounter is UpdateCounter. Where the values are no counters Txn fails with ErrNoCounter.
func (o TypedOps[K, V]) UpdateCounter(key K, delta int64) Op {
	k, err := o.typed.counterKey(key)
	return Op{updateCounter{key: k, delta: delta}, err}
}

// Append is Append. Where the values are no strings or byte slices Txn fails with ErrNoBytes.
func (o TypedOps[K, V]) Append(key K, data V) Op {
	k, v, err := o.typed.encode(key, data)
	if err == nil && !o.typed.bytes {
		err = fmt.Errorf("%w: key %s has values of type %v", ErrNoBytes, quoted(string(k)), reflect.TypeFor[V]())
	}
	return Op{appendBytes{key: k, data: v}, err}
}

func (t *Typed[K, V]) counterKey(key K) ([]byte, error) {
	k, err := t.appendKey(nil, key)
	if err == nil && !t.counter {
		err = fmt.Errorf("%w: key %s has values of type %v", ErrNoCounter, quoted(string(k)), reflect.TypeFor[V]())
	}
	return k, err
}

// TypedConds makes the conditions of a typed view for Dict.Txn. Each is what the function of its name makes of the encoded
// key and value.
type TypedConds[K, V any] struct{ typed *Typed[K, V] }

// Cond makes conditions of a transaction; see Op.
func (t *Typed[K, V]) Cond() TypedConds[K, V] { return TypedConds[K, V]{t} }

// RevIs is RevIs.
func (c TypedConds[K, V]) RevIs(key K, rev uint64) Cond {
	k, err := c.typed.appendKey(nil, key)
	return Cond{revIs{key: k, rev: rev}, err}
}

// Missing is Missing.
func (c TypedConds[K, V]) Missing(key K) Cond { return c.RevIs(key, 0) }

// Exists is Exists.
func (c TypedConds[K, V]) Exists(key K) Cond {
	k, err := c.typed.appendKey(nil, key)
	return Cond{exists{key: k}, err}
}

// ValueIs is ValueIs: it holds if the entry has the very bytes that value is encoded to. Another program, or another version
// of a codec, may have written an equal value differently; RevIs asks for no more than it says.
func (c TypedConds[K, V]) ValueIs(key K, value V) Cond {
	k, v, err := c.typed.encode(key, value)
	return Cond{valueIs{key: k, value: v}, err}
}

// ValueIsNot is ValueIsNot; see ValueIs.
func (c TypedConds[K, V]) ValueIsNot(key K, value V) Cond {
	k, v, err := c.typed.encode(key, value)
	return Cond{valueIs{key: k, value: v, not: true}, err}
}

// CounterIn is CounterIn. Where the values are no counters Txn fails with ErrNoCounter.
func (c TypedConds[K, V]) CounterIn(key K, low, high int64) Cond {
	k, err := c.typed.counterKey(key)
	return Cond{counterIn{key: k, min: low, max: high}, err}
}
