// Package gdict is a dictionary that every member of a group holds whole: writes go through the group's leader and its
// log, reads and watches are local.
//
//	Store, Erase, ...  -> group -> leader: admit -> log -> every member: apply --> state (an immutable tree)
//	   ^                                                      |                      |        |
//	   +------------------ reply of this member's own apply --+         View <-------+        +---> Watch
//
// A revision is the log index of an operation; it only rises. Every member applies the same operations in the same
// order, so at equal revisions all have equal dictionaries.
//
// A View is the dictionary at one revision; everything is read from one. Read returns one that is as fresh as a Level says:
// Local, AtLeast, Bounded, Linearizable. Of shows the keys under a name with types of Go, and does to them what a Dict does.
// A Watch can go on after a revision, also at another member. OwnedBy binds keys to a member or an actor. Export and Import
// are backups in a file.
//
// Promised: a write that returns nil is held by a majority and applied on the caller's own member, so a local read sees
// it; a write is done at most once, however often it is sent; one that returns an error wrapping
// genleader.ErrUncertain may have been done or not, and can go on; after an error of this package's own types without
// that nothing was changed. A watch shows a snapshot and then every later state of its keys, without gap or repeat; one
// that is read too slowly may miss states of a key that a later one has replaced, and counts them, or with EveryChange ends.
// A damaged backup is refused whole. Bad bytes in the log are refused by all members alike.
//
// Not promised: that a local read on another member sees a write at once; that members of different versions agree on
// an operation that only the newer ones know: raise all members first.
package gdict
