package gdict

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A functionID names an update function.
type functionID struct {
	name    string
	version uint32
}

func (f functionID) String() string { return fmt.Sprintf("%q version %d", clipped(f.name), f.version) }

// update stores what a function made of the value that the leader saw or foresaw, or returns what it said, if that is the
// value now. Only the log knows that: also a leader that has been replaced without knowing it runs functions.
func (d *draft) update(o updated) (outcome, error) {
	was, exists := d.edit.find(o.key)
	seen := was.Rev == o.rev
	if o.saw != nil {
		seen = exists && bytes.Equal(digest(was.Value), o.saw)
	}
	switch {
	case !seen:
		return outcome{}, &ConflictError{Key: string(o.key), Want: o.rev, Have: was.Rev}
	case o.missing:
		return outcome{}, &missingError{key: string(o.key)}
	case o.problem != "":
		return outcome{}, &UpdateError{Key: string(o.key), Function: o.function.name, Version: o.function.version, Problem: o.problem}
	default:
		return outcome{value: o.value}, d.put(was, o.key, o.value)
	}
}

// digest stands for a value that is too long to be named. A function makes the same of equal values, whoever stored them.
func digest(value []byte) []byte {
	sum := sha256.Sum256(value)
	return sum[:]
}

// append adds bytes to the value of a key, or makes one of them.
func (d *draft) append(o appendBytes) (outcome, error) {
	was, _ := d.edit.find(o.key)
	value := make([]byte, 0, len(was.Value)+len(o.data))
	value = append(append(value, was.Value...), o.data...)
	if err := d.limits.checkPair(o.key, value); err != nil {
		return outcome{}, err
	}
	return outcome{number: int64(len(value))}, d.put(was, o.key, value)
}

// appendList adds values to the list under a key, or makes one of them.
func (d *draft) appendList(o appendList) (outcome, error) {
	was, exists := d.edit.find(o.key)
	n := 0
	if exists {
		old, err := was.List()
		if err != nil {
			return outcome{}, err
		}
		n = len(old)
	}
	value := append(make([]byte, 0, len(was.Value)+16), was.Value...)
	value = append(value, encodeList(o.values)...)
	if err := d.limits.checkPair(o.key, value); err != nil {
		return outcome{}, err
	}
	return outcome{number: int64(n + len(o.values))}, d.put(was, o.key, value)
}

// encodeList writes each value behind its length, so that lists are joined by joining their bytes.
func encodeList(values [][]byte) []byte {
	size := 0
	for _, value := range values {
		size += len(value) + binary.MaxVarintLen32
	}
	list := make([]byte, 0, size)
	for _, value := range values {
		list = binary.AppendUvarint(list, uint64(len(value)))
		list = append(list, value...)
	}
	return list
}

// decodeList returns the values of a list; they are parts of it. There is one way only to write a length.
func decodeList(list []byte) (values [][]byte, ok bool) {
	for len(list) > 0 {
		length, n := binary.Uvarint(list)
		if n <= 0 || length > uint64(len(list)-n) || (n > 1 && list[n-1] == 0) {
			return nil, false
		}
		end := n + int(length)
		values = append(values, list[n:end:end])
		list = list[end:]
	}
	return values, true
}

// A missingError says that there is no entry to update.
type missingError struct{ key string }

func (e *missingError) Error() string { return fmt.Sprintf("%v: %s", ErrNotFound, quoted(e.key)) }
func (e *missingError) Unwrap() error { return ErrNotFound }
