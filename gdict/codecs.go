package gdict

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"google.golang.org/protobuf/proto"
)

// A Codec turns values of one type into bytes and back. Equal values must give equal bytes where it is used for keys.
// It is called from any goroutine.
type Codec[T any] interface {
	// Append appends v's bytes to dst and returns the result.
	Append(dst []byte, v T) ([]byte, error)
	// Decode does not keep or modify b, unless it says so.
	Decode(b []byte) (T, error)
}

// An Integer is any integer type.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

// Text is the codec of strings: their bytes as they are. Strings sort as keys as they sort in Go.
func Text[T ~string]() Codec[T] { return text[T]{} }

type text[T ~string] struct{}

func (text[T]) Append(dst []byte, v T) ([]byte, error) { return append(dst, v...), nil }
func (text[T]) Decode(b []byte) (T, error)             { return T(b), nil }
func (text[T]) joins()                                 {}

// Raw is the codec of byte slices: the bytes as they are. What it decodes belongs to the dictionary and must not be
// modified, as Entry.Value.
func Raw[T ~[]byte]() Codec[T] { return raw[T]{} }

type raw[T ~[]byte] struct{}

func (raw[T]) Append(dst []byte, v T) ([]byte, error) { return append(dst, v...), nil }
func (raw[T]) Decode(b []byte) (T, error)             { return T(b), nil }
func (raw[T]) joins()                                 {}

// Decimal is the codec of integers as UpdateCounter reads and writes them: decimal text, without leading zeros or a plus
// sign. It is the default for values.
func Decimal[T Integer]() Codec[T] { return decimal[T]{} }

type decimal[T Integer] struct{}

func signed[T Integer]() bool { return ^T(0) < 0 }

func (decimal[T]) Append(dst []byte, v T) ([]byte, error) {
	if signed[T]() {
		return strconv.AppendInt(dst, int64(v), 10), nil
	}
	return strconv.AppendUint(dst, uint64(v), 10), nil
}

// counts tells whether T holds every counter.
func (decimal[T]) counts() bool { return signed[T]() && reflect.TypeFor[T]().Bits() == 64 }

var errNotDecimal = errors.New("it is not a decimal number that fits")

func (c decimal[T]) Decode(b []byte) (T, error) {
	var v T
	if signed[T]() {
		n, err := strconv.ParseInt(string(b), 10, 64)
		if v = T(n); err != nil || int64(v) != n {
			return 0, errNotDecimal
		}
	} else {
		n, err := strconv.ParseUint(string(b), 10, 64)
		if v = T(n); err != nil || uint64(v) != n {
			return 0, errNotDecimal
		}
	}
	var canonical [20]byte
	if again, _ := c.Append(canonical[:0], v); string(again) != string(b) { // it never fails
		return 0, errNotDecimal
	}
	return v, nil
}

// Ordered is the codec of integers as keys, and the default for them: eight bytes, the most significant first, of signed
// types with the sign bit inverted, so that keys sort as the numbers do. All signed types have the same bytes, and so
// have all unsigned ones: a type may be widened later.
func Ordered[T Integer]() Codec[T] { return ordered[T]{} }

type ordered[T Integer] struct{}

const signBit = 1 << 63

func (ordered[T]) Append(dst []byte, v T) ([]byte, error) {
	n := uint64(v) // of a negative number: its sign extended to 64 bits
	if signed[T]() {
		n ^= signBit
	}
	return binary.BigEndian.AppendUint64(dst, n), nil
}

func (ordered[T]) Decode(b []byte) (T, error) {
	if len(b) != 8 {
		return 0, fmt.Errorf("it has %d bytes, and a number has 8", len(b))
	}
	n := binary.BigEndian.Uint64(b)
	if signed[T]() {
		n ^= signBit
	}
	v := T(n)
	if uint64(v) != n {
		return 0, errors.New("the number does not fit")
	}
	return v, nil
}

// JSON is the codec of whatever encoding/json can encode, and the default for values of types that have no other.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

func (jsonCodec[T]) Decode(b []byte) (v T, err error) {
	err = json.Unmarshal(b, &v)
	return v, err
}

// Proto is the codec of a generated protobuf message, T being the pointer to it, and the default for values of such types.
func Proto[T proto.Message]() Codec[T] {
	var none T
	if any(none) == nil {
		panic("gdict: proto.Message itself is no type to decode into: name a generated message")
	}
	return protoCodec[T]{}
}

type protoCodec[T proto.Message] struct{}

func (protoCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(dst, v)
}

func (protoCodec[T]) Decode(b []byte) (T, error) {
	var none T
	v, _ := none.ProtoReflect().New().Interface().(T) // a message's own type makes messages of that type
	return v, proto.Unmarshal(b, v)
}

// keyCodec returns the default codec for keys of type K.
func keyCodec[K any]() Codec[K] {
	codec := builtin[K](
		Text[string](), Raw[[]byte](),
		Ordered[int](), Ordered[int8](), Ordered[int16](), Ordered[int32](), Ordered[int64](),
		Ordered[uint](), Ordered[uint8](), Ordered[uint16](), Ordered[uint32](), Ordered[uint64](), Ordered[uintptr](),
	)
	if codec == nil {
		codec = named[K](Ordered[int64](), Ordered[uint64]())
	}
	if codec == nil {
		panic(fmt.Sprintf("gdict: keys of type %v have no default codec: give one in Codecs.Key", reflect.TypeFor[K]()))
	}
	return codec
}

// valueCodec returns the default codec for values of type V.
func valueCodec[V any]() Codec[V] {
	var none V
	if _, is := any(none).(proto.Message); is {
		return protoOf[V]{}
	}
	codec := builtin[V](
		Text[string](), Raw[[]byte](),
		Decimal[int](), Decimal[int8](), Decimal[int16](), Decimal[int32](), Decimal[int64](),
		Decimal[uint](), Decimal[uint8](), Decimal[uint16](), Decimal[uint32](), Decimal[uint64](), Decimal[uintptr](),
	)
	if codec == nil {
		codec = named[V](Decimal[int64](), Decimal[uint64]())
	}
	if codec == nil {
		codec = JSON[V]()
	}
	return codec
}

// builtin returns that of the codecs which is one for T itself, nil if none is.
func builtin[T any](codecs ...any) Codec[T] {
	for _, codec := range codecs {
		if c, is := codec.(Codec[T]); is {
			return c
		}
	}
	return nil
}

// protoOf is protoCodec for a type of which only the running program knows that it is a message.
type protoOf[V any] struct{}

func (protoOf[V]) Append(dst []byte, v V) ([]byte, error) {
	m, _ := any(v).(proto.Message) // valueCodec has looked
	return protoCodec[proto.Message]{}.Append(dst, m)
}

func (protoOf[V]) Decode(b []byte) (V, error) {
	var none V
	m, _ := any(none).(proto.Message)
	fresh := m.ProtoReflect().New().Interface()
	v, _ := fresh.(V)
	return v, proto.Unmarshal(b, fresh)
}

// named returns a codec for a type that is declared as a string, a byte slice or an integer, nil for other types. It goes
// through reflection, which costs some allocations: Text, Raw, Decimal and Ordered of the very type do not.
func named[T any](ints Codec[int64], uints Codec[uint64]) Codec[T] {
	of := reflect.TypeFor[T]()
	switch of.Kind() {
	case reflect.String:
		return byKind[T]{
			get: func(dst []byte, v reflect.Value) ([]byte, error) { return append(dst, v.String()...), nil },
			set: func(b []byte, v reflect.Value) error { v.SetString(string(b)); return nil },
		}
	case reflect.Slice:
		if of.Elem().Kind() != reflect.Uint8 {
			return nil
		}
		return byKind[T]{
			get: func(dst []byte, v reflect.Value) ([]byte, error) { return append(dst, v.Bytes()...), nil },
			set: func(b []byte, v reflect.Value) error { v.SetBytes(b); return nil },
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return byKind[T]{
			get: func(dst []byte, v reflect.Value) ([]byte, error) { return ints.Append(dst, v.Int()) },
			set: func(b []byte, v reflect.Value) error {
				n, err := ints.Decode(b)
				if err == nil && v.OverflowInt(n) {
					return errors.New("the number does not fit")
				}
				v.SetInt(n)
				return err
			},
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return byKind[T]{
			get: func(dst []byte, v reflect.Value) ([]byte, error) { return uints.Append(dst, v.Uint()) },
			set: func(b []byte, v reflect.Value) error {
				n, err := uints.Decode(b)
				if err == nil && v.OverflowUint(n) {
					return errors.New("the number does not fit")
				}
				v.SetUint(n)
				return err
			},
		}
	default:
		return nil
	}
}

type byKind[T any] struct {
	get func(dst []byte, v reflect.Value) ([]byte, error)
	set func(b []byte, v reflect.Value) error
}

func (c byKind[T]) Append(dst []byte, v T) ([]byte, error) { return c.get(dst, reflect.ValueOf(v)) }

func (c byKind[T]) Decode(b []byte) (v T, err error) {
	err = c.set(b, reflect.ValueOf(&v).Elem())
	return v, err
}
