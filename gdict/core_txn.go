package gdict

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A draft is the next state in the making: the one place where operations change anything. It is thrown away whole if one
// of them fails; an operation that fails has not changed anything itself. Each sees what those before it have done.
type draft struct {
	state
	edit    edit
	changes []change
	owning  bool // owned is being changed
}

// finish returns the state that the draft has come to, and what leads to it.
func (d *draft) finish() (state, []change) {
	if len(d.changes) > 0 {
		d.tree = d.edit.done()
	}
	return d.state, d.changes
}

// do carries out one operation that is no transaction.
func (d *draft) do(o op) (outcome, error) {
	switch o := o.(type) {
	case store:
		was, _ := d.edit.find(o.key)
		return outcome{}, d.putOwned(was, o.key, o.value, o.owner)
	case erase:
		return outcome{number: d.remove(o.key)}, nil
	case erasePrefix:
		return outcome{number: d.removeAll(o.prefix)}, nil
	case updateCounter:
		return d.count(o)
	case compareAndStore:
		was, _ := d.edit.find(o.key)
		if was.Rev != o.rev {
			return outcome{}, &ConflictError{Key: string(o.key), Want: o.rev, Have: was.Rev}
		}
		return outcome{}, d.putOwned(was, o.key, o.value, o.owner)
	case ownActor:
		return outcome{}, d.begin(o)
	case disown:
		return outcome{number: d.end(o)}, nil
	case memberEnds:
		return outcome{number: d.memberEnds(o)}, nil
	case appendBytes:
		return d.append(o)
	case appendList:
		return d.appendList(o)
	case updated:
		return d.update(o)
	case update:
		return outcome{}, &RefusedError{Problem: "an update has no place in the log, only what the leader makes of it"}
	default:
		return outcome{}, &RefusedError{Problem: fmt.Sprintf("unknown operation %T", o)}
	}
}

// transact carries out one branch of a transaction.
func (d *draft) transact(o txn) (result, error) {
	r := result{branched: true, held: true}
	for _, c := range o.ifs {
		r.held = r.held && d.holds(c)
	}
	branch := o.then
	if !r.held {
		branch = o.otherwise
	}
	for _, part := range branch {
		done, err := d.do(part)
		if err != nil {
			return result{}, err
		}
		r.parts = append(r.parts, done)
	}
	d.changes = lastOfEach(d.changes)
	return r, nil
}

// holds tells whether a condition is true of what was there before the transaction.
func (d *draft) holds(c cond) bool {
	key, _ := c.about()
	entry, found := d.edit.find(key)
	switch c := c.(type) {
	case revIs:
		return entry.Rev == c.rev
	case exists:
		return found
	case valueIs:
		return found && bytes.Equal(entry.Value, c.value) != c.not
	case counterIn:
		n, err := int64(0), error(nil)
		if found {
			n, err = entry.Counter()
		}
		return err == nil && c.min <= n && n <= c.max
	default:
		return false
	}
}

// put replaces entry was of key by value, at revision d.rev. The owner is unchanged.
func (d *draft) put(was Entry, key, value []byte) error {
	id := d.ownerIDOf(key)
	return d.putFor(was, key, value, id, id)
}

// putOwned stores a copy of value under key at d.rev, for an owner or, with nil, for none. A part of the log's own bytes
// would keep all of them in memory.
func (d *draft) putOwned(was Entry, key, value []byte, owner *Owner) error {
	id := ""
	if owner != nil {
		if err := d.mayOwn(*owner); err != nil {
			return err
		}
		id = owner.id()
	}
	return d.putFor(was, key, bytes.Clone(value), d.ownerIDOf(key), id)
}

// putFor stores value under key, whose entry was this one and belonged to former. An overwrite that shrinks a dictionary
// beyond its limit is allowed.
func (d *draft) putFor(was Entry, key, value []byte, former, owner string) error {
	entry, fresh := &Entry{Key: was.Key, Value: value, Rev: d.rev}, was.Rev == 0
	size := d.size + cost(len(key), len(value))
	if fresh {
		entry.Key = string(key)
	} else {
		size -= cost(len(key), len(was.Value))
	}
	if former != "" {
		size -= ownerCost(entry.Key, former)
	}
	if owner != "" {
		size += ownerCost(entry.Key, owner)
	}
	if room := d.limits.room(key); size > room && size > d.size {
		return &LimitError{What: whatTotal, Key: entry.Key, Size: size, Limit: room}
	}
	d.edit.put(entry)
	d.bind(entry.Key, former, owner)
	d.size = size
	d.changes = append(d.changes, change{entry: *entry, fresh: fresh})
	return nil
}

// remove erases key, and returns how many entries that were. Erasing what is not there is done already, and no change.
func (d *draft) remove(key []byte) int64 {
	was, existed := d.edit.remove(string(key))
	if !existed {
		return 0
	}
	d.forget(was)
	return 1
}

// removeAll erases the keys that begin with prefix, in their order.
func (d *draft) removeAll(prefix []byte) int64 {
	doomed := slices.Collect(d.edit.scan(string(prefix)))
	for _, was := range doomed {
		d.edit.remove(was.Key)
		d.forget(was)
	}
	return int64(len(doomed))
}

func (d *draft) forget(was Entry) {
	d.size -= cost(len(was.Key), len(was.Value))
	if owner := d.ownerIDOf([]byte(was.Key)); owner != "" {
		d.size -= ownerCost(was.Key, owner)
		d.bind(was.Key, owner, "")
	}
	d.changes = append(d.changes, change{entry: Entry{Key: was.Key, Rev: d.rev}, erased: true})
}

// count adds to the counter under a key; a missing key counts from zero.
func (d *draft) count(o updateCounter) (outcome, error) {
	was, exists := d.edit.find(o.key)
	var n int64
	if exists {
		var err error
		if n, err = was.Counter(); err != nil {
			return outcome{}, err
		}
	}
	if (o.delta > 0 && n > math.MaxInt64-o.delta) || (o.delta < 0 && n < math.MinInt64-o.delta) {
		problem := fmt.Sprintf("counter %d cannot change by %d: it would not fit in 64 bits", n, o.delta)
		return outcome{}, &ValueError{Key: string(o.key), Problem: problem}
	}
	n += o.delta
	text := strconv.AppendInt(nil, n, 10)
	if err := d.limits.checkPair(o.key, text); err != nil {
		return outcome{}, err
	}
	return outcome{number: n}, d.put(was, o.key, text)
}

// lastOfEach keeps one change of each key, its last, in the place of that one: what happened in between was never there
// for anybody to see. A key that came and went leaves nothing.
func lastOfEach(changes []change) []change {
	if len(changes) < 2 {
		return changes
	}
	type span struct {
		last  int
		fresh bool
	}
	keys := make(map[string]span, len(changes))
	for i, c := range changes {
		s, seen := keys[c.entry.Key]
		if !seen {
			s.fresh = c.fresh
		}
		s.last = i
		keys[c.entry.Key] = s
	}
	if len(keys) == len(changes) {
		return changes
	}
	kept := changes[:0]
	for i, c := range changes {
		s := keys[c.entry.Key]
		if s.last != i || (c.erased && s.fresh) {
			continue
		}
		c.fresh = s.fresh
		kept = append(kept, c)
	}
	return kept
}
