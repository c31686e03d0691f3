package gdict

import (
	"cmp"
	"fmt"
	"strings"
)

const (
	// DefaultMaxKey is the length a key may have, in bytes.
	DefaultMaxKey = 1024
	// DefaultMaxValue is the length a value may have, in bytes.
	DefaultMaxValue = 1 << 20
	// DefaultMaxTotal is the size the whole dictionary may have, in bytes. An entry counts its key, its value and 192
	// bytes for the memory that holds it.
	//
	// What counts is memory: every member holds the whole dictionary, with the garbage of its changes about twice that, and
	// once more while a snapshot from the leader replaces it. Choose MaxTotal so that the smallest member can bear three
	// times as much; when it is reached writes fail with a *LimitError, and no member is killed for want of memory.
	DefaultMaxTotal = 1 << 30
	// DefaultMaxOps is how many conditions and operations, of both branches together, a transaction may have.
	DefaultMaxOps = 128
	// DefaultMaxTxn is how many bytes of keys and values a transaction may have, all together.
	DefaultMaxTxn = 4 << 20
	// DefaultMaxSessions is how many sessions are kept. A Dict has one, seldom more; each keeps up to 64 KiB.
	DefaultMaxSessions = 512
	// DefaultMaxOwners is how many actors may own keys at the same time. Members are not counted.
	DefaultMaxOwners = 4096
)

// maxFunctionName is how many bytes the name of an update function has at most.
const maxFunctionName = 255

const (
	whatKey   = "key"
	whatValue = "value"
	whatTotal = "dictionary"
	whatOps   = "number of operations"
	whatTxn   = "transaction"

	whatOwners   = "number of owners"
	whatFunction = "name of the function"

	whatSessions = "number of sessions" // never in a LimitError: the one that has been idle longest goes

	whatReserve = "reserve" // never in a LimitError: to users a reserve is a smaller dictionary
)

// An Option is given to New, or to a node's OpenDict: Functions, and what bounds the dictionary: MaxKey, MaxValue, MaxTotal, MaxOps, MaxTxn,
// MaxSessions, MaxOwners and Reserve. The limits in force are those of the leader that admits an operation, also on members that
// were made with others.
type Option func(*settings)

// settings are what a Dict is made with.
type settings struct {
	limits
	functions map[functionID]func(old, arg []byte) ([]byte, error)
}

// limits travel with every command: whatever decides about one must be in it.
type limits struct {
	key, value, total uint64
	ops, txn          uint64 // of one transaction: how many conditions and operations, and their bytes
	sessions, owners  uint64
	reserve           uint64 // of total, only for keys that begin with prefix; zero: none
	prefix            string
}

// MaxKey bounds the length of a key, in bytes. It panics if n is not positive.
func MaxKey(n int) Option { return limitTo(whatKey, n, func(l *limits) *uint64 { return &l.key }) }

// MaxValue bounds the length of a value, in bytes. It panics if n is not positive.
func MaxValue(n int) Option {
	return limitTo(whatValue, n, func(l *limits) *uint64 { return &l.value })
}

// MaxTotal bounds the size of the whole dictionary, in bytes as DefaultMaxTotal counts them. It panics if n is not
// positive. See DefaultMaxTotal before choosing a greater one.
func MaxTotal(n int) Option {
	return limitTo(whatTotal, n, func(l *limits) *uint64 { return &l.total })
}

// MaxOps bounds how many conditions and operations a transaction has. It panics if n is not positive.
func MaxOps(n int) Option { return limitTo(whatOps, n, func(l *limits) *uint64 { return &l.ops }) }

// MaxTxn bounds the bytes of all keys and values in a transaction. It panics if n is not positive.
func MaxTxn(n int) Option { return limitTo(whatTxn, n, func(l *limits) *uint64 { return &l.txn }) }

// MaxSessions bounds how many sessions are kept: beyond it the one that has been idle longest expires when another
// begins. There is one for each Dict that has written lately, so n has to be greater than the number of members by a
// good deal. It panics if n is not positive.
func MaxSessions(n int) Option {
	return limitTo(whatSessions, n, func(l *limits) *uint64 { return &l.sessions })
}

// MaxOwners bounds how many actors may own keys at the same time. It panics if n is not positive.
func MaxOwners(n int) Option {
	return limitTo(whatOwners, n, func(l *limits) *uint64 { return &l.owners })
}

// Reserve keeps n bytes of MaxTotal for the keys that begin with prefix, so that a dictionary full of other keys still
// takes those: other keys may make the whole dictionary grow only up to MaxTotal less n, these up to MaxTotal. What the
// keys under prefix take counts in both. There is one reserve at most, and none by default; a later one replaces it.
// Reserve panics if prefix is empty or n is not positive, and New if n is not less than MaxTotal.
func Reserve(prefix string, n int) Option {
	if prefix == "" {
		panic("gdict: a reserve for all keys is none: name a prefix")
	}
	set := limitTo(whatReserve, n, func(l *limits) *uint64 { return &l.reserve })
	return func(s *settings) {
		s.prefix = prefix
		set(s)
	}
}

func limitTo(what string, n int, field func(*limits) *uint64) Option {
	if n <= 0 {
		panic(fmt.Sprintf("gdict: %s limit %d: it must be positive", what, n))
	}
	return func(s *settings) { *field(&s.limits) = uint64(n) }
}

func settingsOf(given []Option) settings {
	s := settings{limits: limits{
		key: DefaultMaxKey, value: DefaultMaxValue, total: DefaultMaxTotal,
		ops: DefaultMaxOps, txn: DefaultMaxTxn, sessions: DefaultMaxSessions, owners: DefaultMaxOwners,
	}}
	for _, set := range given {
		set(&s)
	}
	if s.reserve >= s.total {
		panic(fmt.Sprintf("gdict: a reserve of %d bytes, which is not less than the %d of the dictionary", s.reserve, s.total))
	}
	return s
}

// room returns the size up to which a key may make the dictionary grow. The limits may come from the log, with any
// numbers in them: a reserve beyond the total leaves nothing for other keys.
func (l limits) room(key []byte) uint64 {
	if l.reserve == 0 || strings.HasPrefix(string(key), l.prefix) {
		return l.total
	}
	return l.total - min(l.reserve, l.total)
}

// check tells whether an operation's own keys and values are within l; the size of the dictionary is put's business.
func (l limits) check(o op) error {
	switch o := o.(type) {
	case store:
		return cmp.Or(checkOwner(o.owner), l.checkPair(o.key, o.value))
	case compareAndStore:
		return cmp.Or(checkOwner(o.owner), l.checkPair(o.key, o.value))
	case ownActor:
		return checkActor(o.owner)
	case disown:
		return checkActor(o.owner)
	case memberEnds:
		return Member(o.member).check()
	case erase:
		return l.checkPair(o.key, nil)
	case erasePrefix:
		return l.checkPair(o.prefix, nil)
	case updateCounter:
		return l.checkPair(o.key, nil)
	case appendBytes:
		return l.checkPair(o.key, o.data)
	case appendList:
		return l.checkPair(o.key, encodeList(o.values))
	case update:
		if n := uint64(len(o.function.name)); n > maxFunctionName {
			return &LimitError{What: whatFunction, Size: n, Limit: maxFunctionName}
		}
		if err := l.checkPair(o.key, o.arg); err != nil {
			return err
		}
		return l.checkPair(o.key, o.initial)
	case updated:
		return l.checkPair(o.key, o.value)
	case txn:
		return l.checkTxn(o)
	default:
		return &RefusedError{Problem: "an empty operation"}
	}
}

func checkOwner(o *Owner) error {
	if o == nil {
		return nil
	}
	return o.check()
}

func checkActor(o Owner) error {
	if o.actor == 0 {
		return &RefusedError{Problem: "an owner that is no actor"}
	}
	return o.check()
}

func (l limits) checkTxn(o txn) error {
	n := uint64(len(o.ifs) + len(o.then) + len(o.otherwise))
	if n == 0 || n > l.ops {
		return &LimitError{What: whatOps, Size: n, Limit: l.ops}
	}
	size := uint64(0)
	for _, c := range o.ifs {
		if c == nil {
			return &RefusedError{Problem: "an empty condition"}
		}
		key, value := c.about()
		if err := l.checkPair(key, value); err != nil {
			return err
		}
		size += uint64(len(key) + len(value))
	}
	for _, branch := range [][]op{o.then, o.otherwise} {
		for _, part := range branch {
			switch part.(type) {
			case txn, update, updated, ownActor, disown, memberEnds:
				return &RefusedError{Problem: "an operation within a transaction that has to stand alone"}
			}
			if err := l.check(part); err != nil {
				return err
			}
			size += bytesOf(part)
		}
	}
	if size > l.txn {
		return &LimitError{What: whatTxn, Size: size, Limit: l.txn}
	}
	return nil
}

// bytesOf counts the keys and values of an operation that is no transaction.
func bytesOf(o op) uint64 {
	switch o := o.(type) {
	case store:
		return uint64(len(o.key) + len(o.value))
	case compareAndStore:
		return uint64(len(o.key) + len(o.value))
	case erase:
		return uint64(len(o.key))
	case erasePrefix:
		return uint64(len(o.prefix))
	case updateCounter:
		return uint64(len(o.key))
	case appendBytes:
		return uint64(len(o.key) + len(o.data))
	case appendList:
		return uint64(len(o.key) + len(encodeList(o.values)))
	default:
		return 0
	}
}

func (l limits) checkPair(key, value []byte) error {
	if n := uint64(len(key)); n == 0 || n > l.key {
		return &LimitError{What: whatKey, Key: clipped(string(key)), Size: n, Limit: l.key}
	}
	if n := uint64(len(value)); n > l.value {
		return &LimitError{What: whatValue, Key: string(key), Size: n, Limit: l.value}
	}
	return nil
}
