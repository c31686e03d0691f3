package gdict

import (
	"cmp"
	"context"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/lease"
)

// DefaultTimeout is how long a write waits when its context has no deadline.
const DefaultTimeout = 5 * time.Second

// A Caller brings a request to the leader and its reply back; *genleader.Group is one.
type Caller interface {
	LeaderCallWithin(ctx context.Context, bounds genleader.Bounds, req []byte) ([]byte, error)
}

// An Entry is a key and its value. Rev is the log index of the last change of this key. The bytes of Value belong to the
// dictionary and must not be modified.
type Entry struct {
	Key   string
	Value []byte
	Rev   uint64
}

// Counter returns the value as UpdateCounter understands it: a decimal number of 64 bits, without leading zeros or plus
// sign. It returns a *ValueError if the value is none.
func (e Entry) Counter() (int64, error) {
	n, err := strconv.ParseInt(string(e.Value), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(e.Value) {
		return 0, &ValueError{Key: e.Key, Problem: "its value is no counter"}
	}
	return n, nil
}

// A Dict is one member's copy of the dictionary and the way to change it. All methods may be called from any goroutine.
type Dict struct {
	limits    limits // of this member, for what it admits as leader
	functions map[functionID]func(old, arg []byte) ([]byte, error)
	caller    atomic.Pointer[Caller] // for reads; writes go through writer
	now       atomic.Pointer[state]

	writer writer
	reaper ownerReaper
	ahead  speculativeValues // for updates that this member admits

	mu      sync.Mutex // orders new states and watches; never held while waiting
	log     replica    // what the log has come to; now is its state, for readers
	changes []change   // room for those of one step
	news    []waiting  // of the batch that is being applied
	watches map[*Watch]struct{}
	behind  []*Watch // those that go on after a revision which this member has not come to
	past    history
	ended   error // why the group's instance ended; nil while it runs
}

// New makes an empty dictionary. It is filled once the group runs Behaviour, and can be written after Attach.
func New(options ...Option) *Dict {
	s := settingsOf(options)
	d := &Dict{limits: s.limits, functions: s.functions, watches: make(map[*Watch]struct{}), past: newHistory()}
	d.log.state = emptyState()
	d.show()
	return d
}

// Attach tells the dictionary where to send its writes. Before it, writes fail with ErrNotAttached.
func (d *Dict) Attach(caller Caller) {
	d.caller.Store(&caller)
	d.writer.attach(caller)
	d.reaper.attach(caller)
}

// Find returns the local entry of key. It takes no lock and sends nothing.
func (d *Dict) Find(key string) (Entry, bool) { return d.now.Load().tree.Find(key) }

// Fetch is Find with an error, wrapping ErrNotFound, that names the missing key.
func (d *Dict) Fetch(key string) (Entry, error) { return d.View().Fetch(key) }

// ToList returns the local entries whose keys begin with prefix, in ascending order, all as of revision rev: that of the
// last operation applied here.
func (d *Dict) ToList(prefix string) (entries []Entry, rev uint64) {
	v := d.View()
	return v.ToList(prefix), v.Rev()
}

// admit is the leader's part: it gives an operation its limits for the log if others are in force, or refuses it with a
// reply. A leader has applied everything that earlier leaders left, and what it has admitted itself has its own limits: so
// those that it finds in force are so when the operation is applied.
func (d *Dict) admit(req []byte) (cmd, refusal []byte) {
	c := decodeCommand(req)
	err := c.err
	if err == nil {
		err = d.limits.check(c.op)
	}
	if err == nil && c.limits != nil {
		err = &RefusedError{Problem: "an operation with limits of its own"}
	}
	now := d.now.Load()
	switch o := c.op.(type) {
	case update:
		if err != nil {
			break
		}
		var done updated
		if done, err = d.runUpdate(*now, o); err == nil {
			req = encodeRequest(done, c.requestID)
		}
	case updated, memberEnds:
		err = &RefusedError{Problem: "what only a leader says"}
	default:
		err = cmp.Or(err, d.admitOwners(c.op))
	}
	if err != nil {
		return nil, encodeReply(result{err: err, unlogged: true})
	}
	return d.ordered(req), nil
}

// ordered is what the log gets of a request: with this member's limits, if others are in force.
func (d *Dict) ordered(req []byte) []byte {
	if l := d.now.Load().limits; l != nil && *l == d.limits {
		return req
	}
	return encodeCommand(req, d.limits)
}

// batch lets apply take entries of the log into the dictionary by step. Readers see them all at once, and then the
// watches are told of each.
func (d *Dict) batch(apply func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.log.state.tree
	d.log.state.tree, d.log.state.editing = was.edit().done(), true
	apply()
	d.log.state.editing = false
	if len(d.news) == 0 {
		d.log.state.tree = was
	}
	d.show()
	d.catchUp()
	d.publish(d.news)
	d.news = emptied(d.news)
	d.watchOwners()
}

// step takes one entry of the log into the dictionary, within batch. term is the member's lease at this moment.
func (d *Dict) step(index uint64, term lease.Term, cmd []byte) []byte {
	reply, changes := d.log.apply(index, cmd, d.changes)
	d.ahead.see(cmd, changes)
	if len(changes) > 0 {
		d.news = appendStep(d.news, changes, index, term)
		d.changes = emptied(changes)
	}
	return reply
}

// apply is a batch of one.
func (d *Dict) apply(index uint64, term lease.Term, cmd []byte) (reply []byte) {
	d.batch(func() { reply = d.step(index, term, cmd) })
	return reply
}

// show lets readers have what the log has come to.
func (d *Dict) show() {
	s := d.log.state
	d.now.Store(&s)
}

// image captures all that the log decides, as it is now.
func (d *Dict) image() image {
	d.mu.Lock()
	defer d.mu.Unlock()
	return image{replica{state: d.log.state, sessions: d.log.sessions.clone()}}
}

// load reads a snapshot, and returns what replaces the dictionary by it; the watches then see the difference. On an
// error nothing is changed.
func (d *Dict) load(snapshot io.Reader) (install func(), err error) {
	next, err := readSnapshot(snapshot)
	if err != nil {
		return nil, err
	}
	ahead := d.diffTo(next.state)
	return func() { d.install(next, ahead) }, nil
}

// install replaces the dictionary. What the watches see of it has been speculated, unless the log has gone on meanwhile.
func (d *Dict) install(next replica, ahead *snapshotDiff) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.log.state
	d.log = next
	d.ahead.forget()
	d.show()
	if ahead.from != was {
		ahead = newSnapshotDiff(was, next.state)
	}
	d.jump(ahead)
}
