package gdict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"
)

// TestReplicasFollowAMap drives three dictionaries on one log, of which any may lead and any may fall behind and catch
// up by the log or by a snapshot, and compares each operation's answer and each dictionary with a plain map. A watch on
// each member is read now and then; what it shows must add up to the map as well.
func TestReplicasFollowAMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Without the wrapper rapid would ask t for its deadline, which a bubble does not have.
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) {
			m := newMachine()
			defer m.close()
			t.Repeat(map[string]func(*rapid.T){
				"store":    m.store,
				"erase":    m.erase,
				"count":    m.count,
				"compare":  m.compare,
				"transact": m.transact,
				"wipe":     m.wipe,
				"update":   m.update,
				"lose":     m.lose,
				"repeat":   m.repeat,
				"garbage":  m.garbage,
				"lead":     func(t *rapid.T) { m.leader = rapid.IntRange(0, len(m.members)-1).Draw(t, "leader") },
				"lag":      func(t *rapid.T) { m.pick(t).lags = true },
				"catch up": func(t *rapid.T) { m.catchUp(t, m.pick(t)) },
				"look":     func(t *rapid.T) { m.pick(t).look(t, rapid.IntRange(1, 20).Draw(t, "events")) },
				"":         m.check,
			})
			for _, member := range m.members {
				m.catchUp(t, member)
				member.look(t, 1<<30)
				member.checkView(t, m.model)
			}
			m.checkEqual(t)
		})
	})
}

// A modelEntry is what the plain map holds.
type modelEntry struct {
	value string
	rev   uint64
}

type machine struct {
	model   map[string]modelEntry
	log     [][]byte // commands, from index 1 on
	leader  int
	members []*member
	traffic
}

// A member is one dictionary and the reader of its watch.
type member struct {
	dict    *Dict
	applied int // entries of the log
	lags    bool
	watch   *Watch
	prefix  string
	view    map[string]modelEntry
	synced  bool
}

func newMachine() *machine {
	m := &machine{model: map[string]modelEntry{}, traffic: traffic{first: map[string]uint64{}}}
	for i, prefix := range []string{"", "a", "b"} {
		// The limits differ on purpose: those of whoever leads count.
		bounds := []Option{MaxKey(3), MaxValue(8), MaxTotal((3 + i) * (entryCost + 4)), MaxSessions(2)}
		if i < 2 { // the third one does not know the function
			bounds = append(bounds, Functions(raise))
		}
		if prefix != "" {
			bounds = append(bounds, Reserve(prefix, i*entryCost))
		}
		d := New(bounds...)
		m.members = append(m.members, &member{dict: d, watch: d.Watch(prefix), prefix: prefix, view: map[string]modelEntry{}})
	}
	return m
}

func (m *machine) close() {
	for _, member := range m.members {
		member.watch.Close()
	}
}

func (m *machine) pick(t *rapid.T) *member { return rapid.SampledFrom(m.members).Draw(t, "member") }

// deliver does a request as the group does.
func (m *machine) deliver(req []byte) (reply []byte) {
	leader := m.members[m.leader]
	m.replay(leader) // a leader has applied everything before it handles a call
	cmd, reply := leader.dict.admit(req)
	if reply != nil {
		return reply
	}
	m.log = append(m.log, cmd)
	reply = m.replay(leader)
	for _, member := range m.members {
		if !member.lags {
			m.replay(member)
		}
	}
	return reply
}

// replay applies what a member has not applied yet, as one batch: that must come to the same as one by one.
func (m *machine) replay(to *member) (reply []byte) {
	to.dict.batch(func() {
		for ; to.applied < len(m.log); to.applied++ {
			reply = to.dict.step(uint64(to.applied+1), 1, m.log[to.applied])
		}
	})
	return reply
}

func (m *machine) catchUp(t *rapid.T, to *member) {
	to.lags = false
	leader := m.members[m.leader]
	m.replay(leader)
	if to != leader && rapid.Bool().Draw(t, "by snapshot") {
		image, err := leader.dict.snapshot()
		if err == nil {
			err = to.dict.restore(image)
		}
		if err != nil {
			t.Fatal(err)
		}
		to.applied = leader.applied
	}
	m.replay(to)
}

var (
	keys   = rapid.SampledFrom([]string{"a", "ab", "abc", "b", "b\xff", "c", "long", ""})
	values = rapid.SampledFrom([]string{"", "x", "7", "-3", "word", "9223372036854775807", "too long"})
)

func (m *machine) write(do func(d *Dict) (uint64, error)) (uint64, error) {
	d := m.members[m.leader].dict
	d.Attach(m)
	return do(d)
}

func (m *machine) store(t *rapid.T) {
	key, value := keys.Draw(t, "key"), values.Draw(t, "value")
	rev, err := m.write(func(d *Dict) (uint64, error) { return d.Store(context.Background(), key, []byte(value)) })
	m.expect(t, key, value, rev, err)
}

// expect checks the answer to a put against the model and follows it there.
func (m *machine) expect(t *rapid.T, key, value string, rev uint64, err error) {
	var limit *LimitError
	switch what := m.limitOf(key, value); {
	case what != "":
		if !errors.As(err, &limit) || limit.What != what {
			t.Fatalf("%q=%q: %v, wanted a limit error for the %s", key, value, err, what)
		}
	case err != nil:
		t.Fatalf("%q=%q: %v", key, value, err)
	default:
		m.model[key] = modelEntry{value, rev}
	}
}

// limitOf names the limit that a put breaks by the model's own reckoning.
func (m *machine) limitOf(key, value string) string {
	l := m.members[m.leader].dict.limits
	total, before := uint64(0), uint64(0)
	for k, e := range m.model {
		before += cost(len(k), len(e.value))
		if k != key {
			total += cost(len(k), len(e.value))
		}
	}
	total += cost(len(key), len(value))
	room := l.total
	if l.prefix != "" && !strings.HasPrefix(key, l.prefix) {
		room -= l.reserve
	}
	switch {
	case key == "" || uint64(len(key)) > l.key:
		return whatKey
	case uint64(len(value)) > l.value:
		return whatValue
	case total > room && total > before:
		return whatTotal
	}
	return ""
}

func (m *machine) erase(t *rapid.T) {
	key := keys.Draw(t, "key")
	_, err := m.write(func(d *Dict) (uint64, error) { return d.Erase(context.Background(), key) })
	var limit *LimitError
	if bad := key == "" || len(key) > 3; bad != errors.As(err, &limit) || (!bad && err != nil) {
		t.Fatalf("erase %q: %v", key, err)
	}
	delete(m.model, key)
}

func (m *machine) count(t *rapid.T) {
	key, delta := keys.Draw(t, "key"), rapid.Int64Range(-2, 2).Draw(t, "delta")
	var n int64
	_, err := m.write(func(d *Dict) (_ uint64, err error) {
		n, err = d.UpdateCounter(context.Background(), key, delta)
		return 0, err
	})
	was, exists := m.model[key]
	before, parse := strconv.ParseInt(was.value, 10, 64)
	if exists && parse != nil {
		if bad := (*ValueError)(nil); !errors.As(err, &bad) || bad.Key != key {
			t.Fatalf("count %q, which is %q: %v", key, was.value, err)
		}
		return
	}
	m.expect(t, key, strconv.FormatInt(before+delta, 10), m.at, err)
	if err == nil && n != before+delta {
		t.Fatalf("count %q: %d, wanted %d", key, n, before+delta)
	}
}

func (m *machine) compare(t *rapid.T) {
	key, value := keys.Draw(t, "key"), values.Draw(t, "value")
	have := m.model[key].rev
	want := rapid.SampledFrom([]uint64{0, have, have + 1}).Draw(t, "want")
	rev, err := m.write(func(d *Dict) (uint64, error) {
		return d.CompareAndStore(context.Background(), key, want, []byte(value))
	})
	broken := m.limitOf(key, value)
	if want == have || broken == whatKey || broken == whatValue {
		m.expect(t, key, value, rev, err)
		return
	}
	conflict := (*ConflictError)(nil)
	if !errors.Is(err, ErrConflict) || !errors.As(err, &conflict) || *conflict != (ConflictError{key, want, have}) {
		t.Fatalf("compare and store %q at %d, which is at %d: %v", key, want, have, err)
	}
}

// garbage puts bytes into the log that no leader of this version would.
func (m *machine) garbage(t *rapid.T) {
	m.log = append(m.log, rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "bytes"))
	m.replay(m.members[m.leader])
}

// check holds the leader's dictionary to the model after every step, and every view to its own rules.
func (m *machine) check(t *rapid.T) {
	leader := m.members[m.leader]
	m.replay(leader)
	entries, rev := leader.dict.ToList("")
	if rev != uint64(len(m.log)) || len(entries) != len(m.model) {
		t.Fatalf("revision %d, %d entries; wanted %d, %d", rev, len(entries), len(m.log), len(m.model))
	}
	size := uint64(0)
	for _, e := range entries {
		if want := m.model[e.Key]; want != (modelEntry{string(e.Value), e.Rev}) {
			t.Fatalf("%q: %q at %d, wanted %v", e.Key, e.Value, e.Rev, want)
		}
		size += cost(len(e.Key), len(e.Value))
	}
	if have := leader.dict.now.Load().size; have != size {
		t.Fatalf("size %d, wanted %d", have, size)
	}
}

func (m *machine) checkEqual(t *rapid.T) {
	var first []byte
	for i, member := range m.members {
		image, err := member.dict.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = image
		} else if !bytes.Equal(first, image) {
			t.Fatalf("member %d differs from member 0", i)
		}
	}
}

// look reads at most n events and checks that each is news.
func (m *member) look(t *rapid.T, n int) {
	for range n {
		synctest.Wait()
		select {
		case event := <-m.watch.Events():
			if err := m.see(event); err != nil {
				t.Fatalf("watch %q: %v: %v", m.prefix, event, err)
			}
		default:
			return
		}
	}
}

func (m *member) see(event Event) error {
	was, known := m.view[event.Key]
	switch {
	case event.Synced && m.synced:
		return errors.New("synced twice")
	case event.Synced:
		m.synced = true
	case !strings.HasPrefix(event.Key, m.prefix):
		return errors.New("not under the prefix")
	case event.Erased && !known:
		return errors.New("erased what was never shown")
	case event.Rev <= was.rev:
		return fmt.Errorf("not after revision %d", was.rev)
	case event.Erased:
		delete(m.view, event.Key)
	default:
		m.view[event.Key] = modelEntry{string(event.Value), event.Rev}
	}
	return nil
}

func (m *member) checkView(t *rapid.T, model map[string]modelEntry) {
	var missing []string
	under := 0
	for key, entry := range model {
		if strings.HasPrefix(key, m.prefix) {
			under++
			if m.view[key] != entry {
				missing = append(missing, key)
			}
		}
	}
	if !m.synced || len(missing) > 0 || len(m.view) != under {
		slices.Sort(missing)
		t.Fatalf("watch %q: synced %v, shows %v; wanted %v (wrong: %q)", m.prefix, m.synced, m.view, model, missing)
	}
}
