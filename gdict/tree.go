package gdict

import (
	"iter"
	"strings"
	"unsafe"

	"github.com/tidwall/btree"
)

// treeDegree gives nodes of at most 15 entries: small enough that a write copies little, wide enough that an entry takes
// little more than itself.
const treeDegree = 8

// A tree is a sorted map of entries that never changes. An edit of it leads to another that shares what stayed the same,
// so whoever holds a tree may read it while others are made. Its entries must not be modified.
type tree struct{ *btree.Map[string, *Entry] }

func emptyTree() tree { return tree{btree.NewMap[string, *Entry](treeDegree)} }

// find returns the entry of a key that nobody changes meanwhile.
func (t tree) find(key []byte) (Entry, bool) {
	return t.Find(unsafe.String(unsafe.SliceData(key), len(key))) // it is not kept: a lookup allocates nothing
}

// Find returns the entry of a key.
func (t tree) Find(key string) (Entry, bool) {
	entry, found := t.Get(key)
	if !found {
		return Entry{}, false
	}
	return *entry, true
}

// up goes through the entries from a key on, in ascending order.
func (t tree) up(from string) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		t.Ascend(from, func(_ string, entry *Entry) bool { return yield(*entry) })
	}
}

// down goes through the entries before a key, in descending order; all of them if it is empty.
func (t tree) down(before string) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if before == "" {
			t.Reverse(func(_ string, entry *Entry) bool { return yield(*entry) })
			return
		}
		t.Descend(before, func(key string, entry *Entry) bool { return key == before || yield(*entry) })
	}
}

// scan goes through the entries whose keys begin with prefix, in ascending order.
func (t tree) scan(prefix string) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for entry := range t.up(prefix) {
			if !strings.HasPrefix(entry.Key, prefix) || !yield(entry) {
				return
			}
		}
	}
}

// edit is a tree in the making. It is one goroutine's, until done.
type edit struct{ tree }

// edit begins with what t holds. Only one goroutine at a time may begin edits of t; readers may go on.
func (t tree) edit() edit { return edit{tree{t.IsoCopy()}} }

// put stores an entry under its key.
func (e edit) put(entry *Entry) { e.Set(entry.Key, entry) }

// remove takes out the entry of a key and returns it.
func (e edit) remove(key string) (was Entry, existed bool) {
	entry, existed := e.Delete(key)
	if !existed {
		return Entry{}, false
	}
	return *entry, true
}

// done returns the tree that the edit came to. The edit must not be used any more.
func (e edit) done() tree { return e.tree }
