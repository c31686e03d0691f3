package gdict

import (
	"bytes"
	"math"
	"reflect"
	"testing"
)

// FuzzHotCommand: what is read by hand is what the general code reads.
func FuzzHotCommand(f *testing.F) {
	for i, o := range samples() {
		f.Add(encodeOp(o))
		f.Add(encodeRequest(o, requestID{session: 7, seq: uint64(i + 2), acknowledged: 2, born: 1}))
		f.Add(encodeCommand(encodeOp(o), settingsOf(nil).limits))
	}
	f.Add([]byte{})
	for _, unusual := range [][]byte{
		{8, 1, 18, 3, 10, 1, 'k', 18, 3, 10, 1, 'k'},         // two operations
		{18, 3, 10, 1, 'k', 8, 1},                            // not in order
		{8, 1, 18, 6, 10, 1, 'k', 10, 1, 'l'},                // two keys
		{8, 1, 18, 3, 18, 1, 'v'},                            // no key
		{8, 1, 18, 0},                                        // nothing
		{8, 0x81, 0, 18, 3, 10, 1, 'k'},                      // a long way to say 1
		{8, 0x81, 0x80, 0x80, 0x80, 0x10, 18, 3, 10, 1, 'k'}, // 1 in the 32 bits that count
		{8, 1, 168, 1, 0, 18, 3, 10, 1, 'k'},                 // a zero that is written
		{8, 1, 18, 0x83, 0, 10, 1, 'k'},                      // a long way to say 3
		{8, 1, 18, 6, 10, 1, 'k', 0, 1, 'v'},                 // a field with the number 0
		{8, 1, 34, 6, 10, 1, 'k', 16, 1, 16, 2},              // two numbers
		{8, 1, 18, 6, 10, 1, 'k', 26, 1, 'v'},                // an owner
	} {
		f.Add(unusual)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, hot := hotCommand(b)
		if !hot {
			return
		}
		if general := decodeAnyCommand(b); !reflect.DeepEqual(c, general) {
			t.Fatalf("%+v by hand, %+v by the general code", c, general)
		}
	})
}

// FuzzHotRequest: what is written by hand is what the general code writes.
func FuzzHotRequest(f *testing.F) {
	for _, o := range samples() {
		at := requestID{session: 7, seq: 3, acknowledged: 2, born: 1}
		if b, general := encodeRequest(o, at), encodeAnyRequest(o, at); !bytes.Equal(b, general) {
			f.Errorf("%v: %x, %x by the general code", o, b, general)
		}
	}
	for kind := range byte(5) {
		f.Add(kind, []byte("key"), []byte("value"), int64(-7), uint64(9), uint64(300), uint64(299), uint64(1<<40))
		f.Add(kind, []byte{}, []byte{}, int64(0), uint64(0), uint64(0), uint64(0), uint64(0))
		f.Add(kind, make([]byte, 128), make([]byte, 300), int64(math.MinInt64), uint64(math.MaxUint64), uint64(1), uint64(1), uint64(0))
	}
	f.Fuzz(func(t *testing.T, kind byte, key, value []byte, number int64, session, seq, acknowledged, born uint64) {
		o := []op{
			store{key: key, value: value},
			erase{key: key},
			updateCounter{key: key, delta: number},
			compareAndStore{key: key, rev: uint64(number), value: value},
			appendBytes{key: key, data: value},
		}[kind%5]
		at := requestID{session: session, seq: seq, acknowledged: acknowledged, born: born}
		b, hot := hotRequest(o, at)
		if _, general := o.(appendBytes); general == hot {
			t.Fatalf("%v is written by hand: %v", o, hot)
		}
		if general := encodeAnyRequest(o, at); hot && !bytes.Equal(b, general) {
			t.Fatalf("%x by hand, %x by the general code", b, general)
		}
		if _, read := hotCommand(b); hot && read != at.sensible() {
			t.Fatalf("%x is read by hand: %v", b, read)
		}
	})
}

// FuzzHotReply: a reply that is read by hand is what the general code reads, and written by both alike.
func FuzzHotReply(f *testing.F) {
	for _, r := range []result{
		{rev: 1},
		{rev: math.MaxUint64, outcome: outcome{number: math.MinInt64}},
		{rev: 300, outcome: outcome{number: 1}},
		{},
		{rev: 1, outcome: outcome{value: []byte("v")}},
		{rev: 1, unlogged: true},
		{rev: 1, branched: true},
		{err: &ConflictError{"k", 1, 2}},
	} {
		f.Add(encodeAnyReply(r))
	}
	f.Add([]byte{8, 1, 18, 4, 8, 1, 8, 2})
	f.Add([]byte{8, 1, 18, 2, 8, 1, 18, 2, 8, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, hot := hotReply(b)
		general, err := decodeAnyReply(b)
		if hot && (err != nil || !reflect.DeepEqual(r, general)) {
			t.Fatalf("%+v by hand, %+v by the general code (%v)", r, general, err)
		}
		if again, hot := encodeHotReply(general); err == nil && hot && !bytes.Equal(again, encodeAnyReply(general)) {
			t.Fatalf("%x by hand, %x by the general code", again, encodeAnyReply(general))
		}
	})
}
