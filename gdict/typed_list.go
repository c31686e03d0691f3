package gdict

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
)

// Elements is the codec of lists as AppendList makes them longer: each element, encoded by its own codec, behind its length.
// With nil it is the default one for values.
func Elements[E any](element Codec[E]) Codec[[]E] {
	if element == nil {
		element = valueCodec[E]()
	}
	return elements[E]{element}
}

type elements[E any] struct{ element Codec[E] }

func (c elements[E]) Append(dst []byte, list []E) ([]byte, error) {
	var room []byte
	for i, v := range list {
		b, err := c.element.Append(room[:0], v)
		if err != nil {
			return dst, fmt.Errorf("element %d: %w", i, err)
		}
		dst = append(binary.AppendUvarint(dst, uint64(len(b))), b...)
		room = b
	}
	return dst, nil
}

func (c elements[E]) Decode(b []byte) ([]E, error) {
	encoded, ok := decodeList(b)
	if !ok {
		return nil, errors.New("it is no list")
	}
	list := make([]E, len(encoded))
	for i, one := range encoded {
		var err error
		if list[i], err = c.element.Decode(one); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return list, nil
}

// Lists is a Typed whose values are lists of E, and AppendList makes them longer. A value that is stored is a whole list.
type Lists[K, E any] struct {
	*Typed[K, []E]
	element Codec[E]
}

// OfLists is Of for lists: OfLists[string, Event](member, "events"). Codecs.Value is that of the elements, and its default
// that of values.
func OfLists[K, E any](source Source, name string, codecs ...Codecs[K, E]) *Lists[K, E] {
	var given Codecs[K, []E]
	element := valueCodec[E]()
	for _, c := range codecs {
		if c.Key != nil {
			given.Key = c.Key
		}
		if c.Value != nil {
			element = c.Value
		}
	}
	given.Value = Elements(element)
	return &Lists[K, E]{Of(source, name, given), element}
}

// AppendList is Dict.AppendList.
func (l *Lists[K, E]) AppendList(ctx context.Context, key K, elements ...E) (length int, err error) {
	done, err := l.write(ctx, l.Op().AppendList(key, elements...))
	return int(done.number), err
}

// ListOps is TypedOps for lists.
type ListOps[K, E any] struct {
	TypedOps[K, []E]
	element Codec[E]
}

// Op makes operations of a transaction; see Typed.Op.
func (l *Lists[K, E]) Op() ListOps[K, E] { return ListOps[K, E]{l.Typed.Op(), l.element} }

// AppendList is AppendList.
func (o ListOps[K, E]) AppendList(key K, elements ...E) Op {
	k, err := o.typed.appendKey(nil, key)
	values := make([][]byte, len(elements))
	for i := 0; i < len(elements) && err == nil; i++ {
		if values[i], err = o.element.Append(nil, elements[i]); err != nil {
			err = &CodecError{Key: string(k), Part: partValue, Doing: doEncode, Type: reflect.TypeFor[E]().String(), Err: err}
		}
	}
	return Op{appendList{key: k, values: values}, err}
}
