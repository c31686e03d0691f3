package gdict

import (
	"fmt"
	"strings"

	"github.com/gendac/gendac/behaviours/genleader"
)

// An op is one operation as data: what a client asks for and what the log holds.
type op interface {
	op()
	String() string
}

type (
	store struct {
		key, value []byte
		owner      *Owner // nil: none
	}
	erase         struct{ key []byte }
	erasePrefix   struct{ prefix []byte }
	updateCounter struct {
		key   []byte
		delta int64
	}
	compareAndStore struct {
		key, value []byte
		rev        uint64 // of the entry to replace; zero: there must be none
		owner      *Owner // nil: none
	}
	// ownActor begins an owner that is an actor, disown ends it.
	ownActor struct{ owner Owner }
	disown   struct{ owner Owner }
	// memberEnds is the leader's word that a member's process owns nothing any more.
	memberEnds struct {
		member genleader.Member
		how    howEnded
	}
	appendBytes struct{ key, data []byte }
	appendList  struct {
		key    []byte
		values [][]byte
	}
	// update asks the leader to run a function; what it came to, an updated, is in the log in its place.
	update struct {
		key      []byte
		function functionID
		arg      []byte
		initial  []byte // stored if the key is missing; nil: that is an error
	}
	// updated is true of the dictionary only while the key still has what the leader saw, or foresaw; else it is a conflict.
	updated struct {
		key      []byte
		rev      uint64 // that the key had then; zero: it was missing
		saw      []byte // the digest of the value that it was made of; nil: of the one that the key had at rev
		value    []byte
		missing  bool   // nothing is stored: there was no entry
		problem  string // nothing is stored: the function said this
		function functionID
	}
	// txn does all of then if all of ifs hold, else all of otherwise. It has no txn in it.
	txn struct {
		ifs             []cond
		then, otherwise []op
	}
)

func (store) op()           {}
func (erase) op()           {}
func (erasePrefix) op()     {}
func (updateCounter) op()   {}
func (compareAndStore) op() {}
func (appendBytes) op()     {}
func (appendList) op()      {}
func (update) op()          {}
func (updated) op()         {}
func (ownActor) op()        {}
func (disown) op()          {}
func (memberEnds) op()      {}
func (txn) op()             {}

// howEnded says what the leader knows.
type howEnded int

const (
	ended   howEnded = iota + 1 // that process is gone, and all earlier ones of its name: nothing is ever theirs again
	removed                     // it is no member any more, and its lease is over: nothing is its own now
	lapsed                      // its lease is over: nothing that is bound to the lease is its own now
)

func (h howEnded) String() string {
	switch h {
	case ended:
		return "gone"
	case removed:
		return "removed"
	default:
		return "lapsed"
	}
}

func (o ownActor) String() string   { return fmt.Sprintf("begin owner %v", o.owner) }
func (o disown) String() string     { return fmt.Sprintf("end owner %v", o.owner) }
func (o memberEnds) String() string { return fmt.Sprintf("end owner %v, which is %v", o.member, o.how) }

func (o store) String() string       { return "store " + quoted(string(o.key)) }
func (o erase) String() string       { return "erase " + quoted(string(o.key)) }
func (o erasePrefix) String() string { return "erase all under " + quoted(string(o.prefix)) }
func (o updateCounter) String() string {
	return fmt.Sprintf("update counter %s by %d", quoted(string(o.key)), o.delta)
}

func (o compareAndStore) String() string {
	return fmt.Sprintf("compare and store %s at %d", quoted(string(o.key)), o.rev)
}

func (o appendBytes) String() string {
	return fmt.Sprintf("append %d bytes to %s", len(o.data), quoted(string(o.key)))
}

func (o appendList) String() string {
	return fmt.Sprintf("append %d values to the list %s", len(o.values), quoted(string(o.key)))
}

func (o update) String() string {
	return fmt.Sprintf("update %s by %v", quoted(string(o.key)), o.function)
}

func (o updated) String() string {
	return fmt.Sprintf("update %s by %v, which was at %d", quoted(string(o.key)), o.function, o.rev)
}

func (o txn) String() string {
	text := "transaction: if " + listed(o.ifs) + " then " + listed(o.then)
	if len(o.otherwise) > 0 {
		text += " else " + listed(o.otherwise)
	}
	return text
}

// listed names the first of many, so that errors stay short.
func listed[T fmt.Stringer](parts []T) string {
	const shown = 3
	var text []string
	for _, part := range parts[:min(len(parts), shown)] {
		text = append(text, part.String())
	}
	if more := len(parts) - shown; more > 0 {
		text = append(text, fmt.Sprintf("%d more", more))
	}
	return "(" + strings.Join(text, ", ") + ")"
}

// A cond is one condition of a transaction as data.
type cond interface {
	cond()
	String() string
	about() (key, value []byte)
}

type (
	revIs struct {
		key []byte
		rev uint64 // zero: there is no entry
	}
	exists  struct{ key []byte }
	valueIs struct {
		key, value []byte
		not        bool // the key exists and has another value
	}
	counterIn struct {
		key      []byte
		min, max int64
	}
)

func (revIs) cond()     {}
func (exists) cond()    {}
func (valueIs) cond()   {}
func (counterIn) cond() {}

func (c revIs) about() (key, value []byte)     { return c.key, nil }
func (c exists) about() (key, value []byte)    { return c.key, nil }
func (c valueIs) about() (key, value []byte)   { return c.key, c.value }
func (c counterIn) about() (key, value []byte) { return c.key, nil }

func (c revIs) String() string {
	if c.rev == 0 {
		return quoted(string(c.key)) + " is missing"
	}
	return fmt.Sprintf("%s is at %d", quoted(string(c.key)), c.rev)
}

func (c exists) String() string { return quoted(string(c.key)) + " exists" }

func (c valueIs) String() string {
	if c.not {
		return fmt.Sprintf("%s is not %s", quoted(string(c.key)), quoted(string(c.value)))
	}
	return fmt.Sprintf("%s is %s", quoted(string(c.key)), quoted(string(c.value)))
}

func (c counterIn) String() string {
	return fmt.Sprintf("%s counts %d to %d", quoted(string(c.key)), c.min, c.max)
}
