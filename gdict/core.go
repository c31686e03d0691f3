package gdict

import "fmt"

// A state is the dictionary after the log entry rev. It is immutable: apply returns another one that shares its parts.
type state struct {
	tree tree
	rev  uint64 // log index of the last operation applied, whether it changed anything or not
	size uint64 // sum of the costs of all entries, in bytes

	// editing says that the tree is this turn's own and not shown to anybody yet, so that an edit of it may be done in it.
	editing bool

	owned  owned
	limits *limits // in force: those that came with the last command that brought any; nil before the first
}

func emptyState() state { return state{tree: emptyTree(), owned: emptyOwned()} }

// An outcome is what one operation tells its caller beside that it was done.
type outcome struct {
	number int64  // a counter's new value; how long a value or list is now; how many entries were erased
	value  []byte // what an update has stored
}

// A result is what a command came to. With err set nothing was changed.
type result struct {
	rev uint64
	outcome
	branched bool      // it was a transaction:
	held     bool      // whether its conditions held
	parts    []outcome // one for each operation of the branch that was carried out
	err      error
	unlogged bool // the leader refused this attempt: it is not in the log
}

// A change is one key's step from one state to the next.
type change struct {
	entry  Entry // of an erased key: its key, and the revision of the erasing
	erased bool
	fresh  bool // the key had no entry before
}

// entryCost is what an entry counts beside its key and value, for the memory that holds it: some 115 bytes, measured
// with 300,000 entries, and once more while a write copies what it changes. Changing it would let members decide
// differently: it is part of the log's meaning.
const entryCost = 192

func cost(key, value int) uint64 { return uint64(key) + uint64(value) + entryCost }

// apply decides what a command does to s, and returns the next state, the answer, and the changes in their order, in room
// if there is enough. It depends on nothing but its arguments, so that every member that applies the same log has the same
// dictionary. An index that is not after s.rev was applied already and changes nothing.
func apply(s state, index uint64, c command, room []change) (state, result, []change) {
	if index <= s.rev {
		return s, result{err: &RefusedError{Problem: fmt.Sprintf("index %d is not after revision %d", index, s.rev)}}, nil
	}
	s.rev = index
	if c.err != nil {
		return s, result{err: c.err}, nil
	}
	if c.limits != nil {
		s.limits = c.limits
	}
	if s.limits == nil {
		return s, result{err: &RefusedError{Problem: "no limits are in force"}}, nil
	}
	if err := s.limits.check(c.op); err != nil {
		return s, result{err: err}, nil
	}
	var r result
	var err error
	o, many := c.op.(txn)
	d := &draft{state: s, edit: edit{s.tree}, changes: room[:0]}
	if many || !s.editing { // a transaction may fail halfway
		d.edit = s.tree.edit()
	}
	if many {
		r, err = d.transact(o)
	} else {
		r.outcome, err = d.do(c.op)
	}
	if err != nil {
		return s, result{err: err}, nil
	}
	r.rev = index
	next, changes := d.finish()
	return next, r, changes
}

// difference lists the changes under a prefix that lead from one state to another: the new and changed entries by revision, then the
// erased ones, which have the revision of the later state because their own is not known any more.
func difference(from, to state, prefix string) []change {
	var changed []change
	for entry := range to.tree.scan(prefix) {
		was, existed := from.tree.Get(entry.Key)
		if !existed || was.Rev != entry.Rev || string(was.Value) != string(entry.Value) {
			changed = append(changed, change{entry: entry, fresh: !existed})
		}
	}
	sortByRev(changed)
	for entry := range from.tree.scan(prefix) {
		if _, remains := to.tree.Get(entry.Key); !remains {
			changed = append(changed, change{entry: Entry{Key: entry.Key, Rev: to.rev}, erased: true})
		}
	}
	return changed
}
