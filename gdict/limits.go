package gdict

import "fmt"

const (
	// DefaultMaxKey is the length a key may have, in bytes.
	DefaultMaxKey = 1024
	// DefaultMaxValue is the length a value may have, in bytes.
	DefaultMaxValue = 1 << 20
	// DefaultMaxTotal is the size the whole dictionary may have, in bytes. An entry counts its key, its value and 512
	// bytes for the memory that holds it.
	DefaultMaxTotal = 256 << 20
)

const (
	whatKey   = "key"
	whatValue = "value"
	whatTotal = "dictionary"
)

// A Limit bounds what a dictionary accepts; see MaxKey, MaxValue and MaxTotal. The limits in force are those of the
// leader that admits an operation, also on members that were made with others.
type Limit func(*limits)

type limits struct{ key, value, total uint64 }

// MaxKey bounds the length of a key, in bytes. It panics if n is not positive.
func MaxKey(n int) Limit { return limitTo(whatKey, n, func(l *limits) *uint64 { return &l.key }) }

// MaxValue bounds the length of a value, in bytes. It panics if n is not positive.
func MaxValue(n int) Limit { return limitTo(whatValue, n, func(l *limits) *uint64 { return &l.value }) }

// MaxTotal bounds the size of the whole dictionary, in bytes as DefaultMaxTotal counts them. It panics if n is not positive.
func MaxTotal(n int) Limit { return limitTo(whatTotal, n, func(l *limits) *uint64 { return &l.total }) }

func limitTo(what string, n int, field func(*limits) *uint64) Limit {
	if n <= 0 {
		panic(fmt.Sprintf("gdict: %s limit %d: it must be positive", what, n))
	}
	return func(l *limits) { *field(l) = uint64(n) }
}

func limitsOf(given []Limit) limits {
	l := limits{key: DefaultMaxKey, value: DefaultMaxValue, total: DefaultMaxTotal}
	for _, set := range given {
		set(&l)
	}
	return l
}

// check tells whether an operation's own key and value are within l; the size of the dictionary is put's business.
func (l limits) check(o op) error {
	switch o := o.(type) {
	case store:
		return l.checkPair(o.key, o.value)
	case compareAndStore:
		return l.checkPair(o.key, o.value)
	case erase:
		return l.checkPair(o.key, nil)
	case updateCounter:
		return l.checkPair(o.key, nil)
	default:
		return nil
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
