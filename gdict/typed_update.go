package gdict

import (
	"context"
	"fmt"
	"reflect"
)

// A TypedFunction is a Function of values and arguments that are types of Go:
//
//	var raise = gdict.TypedFunction[Price, int64]{Name: "raise", Version: 1, Update: func(old Price, by int64) (Price, error) {
//		old.Cents += by
//		return old, nil
//	}}
//
//	dict := gdict.New(gdict.Functions(raise.Function())) // on every member that may lead
//	item, err := prices.Update(ctx, "eur", raise.With(5))
type TypedFunction[V, A any] struct {
	Name    string
	Version uint32
	// Update is Function.Update. What it gets is its own. That it cannot be decoded is an error of the update.
	Update func(old V, arg A) (V, error)

	Value    Codec[V] // that of the views that it is used with; nil: the default one for values
	Argument Codec[A] // nil: the default one for values
}

// Function returns f as Functions takes it.
func (f TypedFunction[V, A]) Function() Function {
	if f.Update == nil {
		return Function{Name: f.Name, Version: f.Version}
	}
	value, argument := f.Value, f.argument()
	if value == nil {
		value = valueCodec[V]()
	}
	return Function{Name: f.Name, Version: f.Version, Update: func(old, arg []byte) ([]byte, error) {
		was, err := value.Decode(old)
		if err != nil {
			return nil, fmt.Errorf("cannot decode the value as %v: %w", reflect.TypeFor[V](), err)
		}
		with, err := argument.Decode(arg)
		if err != nil {
			return nil, fmt.Errorf("cannot decode the argument as %v: %w", reflect.TypeFor[A](), err)
		}
		next, err := f.Update(was, with)
		if err != nil {
			return nil, err
		}
		b, err := value.Append(nil, next)
		if err != nil {
			return nil, fmt.Errorf("cannot encode the new value as %v: %w", reflect.TypeFor[V](), err)
		}
		return b, nil
	}}
}

func (f TypedFunction[V, A]) argument() Codec[A] {
	if f.Argument == nil {
		return valueCodec[A]()
	}
	return f.Argument
}

// A Call is a function of values of type V together with its argument. TypedFunction.With makes one; the zero Call is none,
// and an update by it is a *RefusedError.
type Call[V any] struct {
	function functionID
	arg      []byte
	err      *CodecError // of arg, without the key
}

// With returns f with its argument, for Typed.Update.
func (f TypedFunction[V, A]) With(arg A) Call[V] {
	c := Call[V]{function: functionID{f.Name, f.Version}}
	var err error
	if c.arg, err = f.argument().Append(nil, arg); err != nil {
		c.err = &CodecError{Part: partArgument, Doing: doEncode, Type: reflect.TypeFor[A]().String(), Err: err}
	}
	return c
}

// Update is Dict.Update. A *CodecError that says "decode" comes when it was done: the function has made something that the
// view cannot read, and the item has the key and revision.
func (t *Typed[K, V]) Update(ctx context.Context, key K, call Call[V]) (Item[K, V], error) {
	k, err := t.appendKey(nil, key)
	if err != nil {
		return Item[K, V]{}, err
	}
	return t.update(ctx, key, update{key: k}, call)
}

// UpdateOr is Dict.UpdateOr; see Update.
func (t *Typed[K, V]) UpdateOr(ctx context.Context, key K, call Call[V], initial V) (Item[K, V], error) {
	k, b, err := t.encode(key, initial)
	if err != nil {
		return Item[K, V]{}, err
	}
	if b == nil {
		b = []byte{} // nil would be none
	}
	return t.update(ctx, key, update{key: k, initial: b}, call)
}

func (t *Typed[K, V]) update(ctx context.Context, key K, o update, call Call[V]) (item Item[K, V], err error) {
	if call.err != nil {
		named := *call.err
		named.Key = string(o.key)
		return item, &named
	}
	o.function, o.arg = call.function, call.arg
	entry, err := t.dict.update(ctx, o)
	if err != nil {
		return item, err
	}
	item.Key, item.Rev = key, entry.Rev
	item.Value, err = t.decodeValue(entry)
	return item, err
}
