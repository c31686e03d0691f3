package gdict

import (
	"bytes"
	"sync"
	"sync/atomic"
)

// A leader foresees what will become of so many keys at most, and of so many bytes of values. Nothing is lost beyond
// that but time.
const (
	maxForeseen      = 1024
	maxForeseenBytes = 8 << 20
)

// speculativeValues are the values that keys will have when the updates that this leader has admitted are applied. The
// next update of such a key is made of that value, so that many of one key can be on their way at once. It is a guess:
// what came of an update says which value it was made of, and the log decides. So anything in it may be forgotten at
// any time.
type speculativeValues struct {
	some  atomic.Bool // there is anything in it
	mu    sync.Mutex
	keys  map[string][]byte
	bytes int // of all values
}

// of returns the value that a key is about to have.
func (f *speculativeValues) of(key []byte) (value []byte, speculated bool) {
	if !f.some.Load() {
		return nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	value, speculated = f.keys[string(key)]
	return value, speculated
}

// expect says what an update that was admitted will make of its key.
func (f *speculativeValues) expect(o updated) {
	if o.missing || o.problem != "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(string(o.key))
	if f.keys == nil || len(f.keys) >= maxForeseen || f.bytes+len(o.value) > maxForeseenBytes {
		f.keys, f.bytes = map[string][]byte{}, 0
	}
	f.keys[string(o.key)] = bytes.Clone(o.value) // whoever made it may use the room again
	f.bytes += len(o.value)
	f.some.Store(true)
}

func (f *speculativeValues) drop(key string) {
	f.bytes -= len(f.keys[key])
	delete(f.keys, key)
}

// see hears what an entry of the log has come to. A key that has the value which was expected needs no expectation any
// more; an update that has changed nothing was made of a wrong one.
func (f *speculativeValues) see(cmd []byte, changes []change) {
	if !f.some.Load() {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range changes {
		if value, speculated := f.keys[c.entry.Key]; speculated && !c.erased && string(value) == string(c.entry.Value) {
			f.drop(c.entry.Key)
		}
	}
	if len(changes) == 0 {
		if failed, is := decodeCommand(cmd).op.(updated); is {
			f.drop(string(failed.key))
		}
	}
	f.some.Store(len(f.keys) > 0)
}

// forget is for a new leader, and for a dictionary that was replaced.
func (f *speculativeValues) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys, f.bytes = nil, 0
	f.some.Store(false)
}
