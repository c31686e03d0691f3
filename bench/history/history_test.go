package history

import (
	"strings"
	"testing"
	"time"
)

// A tale writes records by hand, one nanosecond after the other.
type tale struct {
	records []Record
	ids     int
}

func (t *tale) add(r Record) {
	r.At = int64(len(t.records) + 1)
	t.records = append(t.records, r)
}

func (t *tale) begin(process string, o Op) int {
	t.ids++
	o.Group = "g"
	t.add(Record{Kind: Invoke, Process: process, ID: t.ids, Op: &o})
	return t.ids
}

func (t *tale) end(process string, id int, r Result) {
	t.add(Record{Kind: Return, Process: process, ID: id, Result: &r})
}

func (t *tale) do(process string, o Op, r Result) { t.end(process, t.begin(process, o), r) }

func (t *tale) watch(process string, id int, since uint64, changes ...Record) {
	t.add(Record{Kind: Opened, Process: process, ID: id, Rev: since})
	if since == 0 {
		t.add(Record{Kind: Synced, Process: process, ID: id})
	}
	for _, c := range changes {
		c.Kind, c.Process, c.ID = Change, process, id
		if c.Through == 0 {
			c.Through = c.Rev
		}
		t.add(c)
	}
}

func store(key, value string) Op { return Op{Then: []Action{{Do: "store", Key: key, Value: value}}} }
func add(key string, d int64) Op { return Op{Then: []Action{{Do: "add", Key: key, Delta: d}}} }
func read(keys ...string) Op     { return Op{Read: keys} }
func done(rev uint64) Result     { return Result{Outcome: Done, Held: true, Rev: rev} }
func sees(key, v string) Result {
	return Result{Outcome: Done, Held: true, Values: map[string]string{key: v}}
}
func at(rev uint64, key, value string) Record { return Record{Rev: rev, Key: key, Value: value} }

func (t *tale) judge() []string {
	_, problems := Linear(t.records, time.Minute, "")
	u, more := Watched(t.records)
	problems = append(problems, more...)
	problems = append(problems, u.Acknowledged(t.records)...)
	_, more = u.Locals(t.records)
	return append(problems, more...)
}

var none = Result{Outcome: Done, Held: true}

func TestWhatIsWrongIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(*tale)
		want string // part of the one problem; empty: none
	}{
		"a write is read": {func(t *tale) {
			t.do("a", store("k", "1"), done(1))
			t.do("b", read("k"), sees("k", "1"))
			t.watch("a", 1, 0, at(1, "k", "1"))
		}, ""},
		"a stale read": {func(t *tale) {
			t.do("a", store("k", "1"), done(1))
			t.do("b", read("k"), none)
			t.watch("a", 1, 0, at(1, "k", "1"))
		}, "group g, 2 operations: Illegal"},
		"an unknown write may take effect late": {func(t *tale) {
			t.do("a", store("k", "1"), Result{Outcome: Unknown})
			t.do("b", read("k"), none)
			t.do("b", read("k"), sees("k", "1"))
		}, ""},
		"and not twice": {func(t *tale) {
			t.do("a", store("k", "1"), Result{Outcome: Unknown})
			t.do("b", read("k"), sees("k", "1"))
			t.do("b", read("k"), none)
		}, "Illegal"},
		"a write whose process died stays open": {func(t *tale) {
			t.begin("a", store("k", "1"))
			t.do("b", read("k"), none)
			t.do("b", read("k"), sees("k", "1"))
		}, ""},
		"a refused write is seen": {func(t *tale) {
			t.do("a", store("k", "1"), Result{Outcome: Refused})
			t.watch("a", 1, 0, at(1, "k", "1"))
		}, "was refused () and is done at 1"},
		"an acknowledged write is lost": {func(t *tale) {
			t.do("a", store("k", "1"), done(1))
			t.watch("a", 1, 0)
		}, "was done at 1, the watches show it at []"},
		"a write is done twice": {func(t *tale) {
			t.do("a", store("k", "1"), done(1))
			t.watch("a", 1, 0, at(1, "k", "1"), at(2, "k", "1"))
		}, "was done 2 times"},
		"an addition is counted twice": {func(t *tale) {
			t.do("a", add("n", 1), Result{Outcome: Done, Held: true, Sum: 1})
			t.do("a", add("n", 1), Result{Outcome: Done, Held: true, Sum: 3})
		}, "Illegal"},
		"a comparison succeeds on what was not there": {func(t *tale) {
			t.do("a", store("k", "1"), done(1))
			t.do("b", store("k", "2"), done(2))
			t.do("a", Op{If: []Cond{{Key: "k", Value: "1"}}, Then: store("k", "3").Then}, done(3))
			t.watch("a", 1, 0, at(1, "k", "1"), at(2, "k", "2"), at(3, "k", "3"))
		}, "Illegal"},
		"half a transaction is read": {func(t *tale) {
			t.do("a", Op{Then: []Action{{Do: "store", Key: "k", Value: "1"}, {Do: "store", Key: "l", Value: "2"}}}, done(1))
			t.do("b", read("k", "l"), sees("k", "1"))
			t.watch("a", 1, 0, Record{Rev: 1, Key: "k", Value: "1"}, Record{Rev: 1, Key: "l", Value: "2"})
		}, "Illegal"},
		"a watch leaves one out": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"), at(2, "k", "2"), at(3, "k", "3"))
			t.watch("b", 1, 0, at(1, "k", "1"), at(3, "k", "3"))
		}, "b: a watch shows [] at 2, others [k=2]"},
		"a watch repeats one": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"), at(1, "k", "1"))
		}, "a: a watch shows k=1 at 1, after 1 and through 1"},
		"two watches see another order": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"), at(2, "k", "2"))
			t.watch("b", 1, 0, at(1, "k", "2"), at(2, "k", "2"))
		}, "at 1, others"},
		"a watch that goes on misses the first": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"), at(2, "k", "2"), at(3, "k", "3"))
			t.watch("b", 1, 1, at(3, "k", "3"))
		}, "b: a watch shows [] at 2"},
		"a snapshot is not what was there": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"), at(2, "k", "2"))
			t.add(Record{Kind: Opened, Process: "b", ID: 1})
			t.add(Record{Kind: Change, Process: "b", ID: 1, Rev: 1, Key: "k", Value: "1"})
			t.add(Record{Kind: Synced, Process: "b", ID: 1, Rev: 2})
		}, "the snapshot at 2 shows k={1 1}, want {2 2}"},
		"the death of a process in the middle of a transaction": {func(t *tale) {
			t.watch("a", 1, 0, Record{Rev: 1, Key: "k", Value: "1", Through: 0}, Record{Rev: 2, Key: "l", Value: "2"})
			t.add(Record{Kind: Opened, Process: "b", ID: 1})
			t.add(Record{Kind: Synced, Process: "b", ID: 1})
			t.add(Record{Kind: Change, Process: "b", ID: 1, Rev: 1, Key: "k", Value: "1"})
		}, ""},
		"a local read goes back": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"), at(2, "k", "2"))
			t.add(Record{Kind: Local, Process: "a", Rev: 2, Key: "k", Value: "2"})
			t.add(Record{Kind: Local, Process: "a", Rev: 1, Key: "k", Value: "1"})
		}, "as of 1, after 2"},
		"a local read does not see its own write": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"))
			t.add(Record{Kind: Local, Process: "a", Seen: 1, Key: "k", Erased: true})
		}, "its own write at 1"},
		"a read does not cover what it claims to": {func(t *tale) {
			t.do("a", store("k", "1"), done(1)) // acknowledged at 2
			t.watch("a", 1, 0, at(1, "k", "1"))
			t.add(Record{Kind: Local, Process: "b", Key: "k", Erased: true, Covers: 3})
		}, "and 1 was acknowledged in time"},
		"a read covers what was acknowledged before": {func(t *tale) {
			t.do("a", store("k", "1"), done(1))
			t.watch("a", 1, 0, at(1, "k", "1"))
			t.add(Record{Kind: Local, Process: "b", Key: "k", Erased: true, Covers: 2})
		}, ""},
		"a local read of what was never there": {func(t *tale) {
			t.watch("a", 1, 0, at(1, "k", "1"))
			t.add(Record{Kind: Local, Process: "a", Rev: 1, Key: "k", Value: "7"})
		}, "reads k=7 as of 1"},
	} {
		tale := &tale{}
		c.tell(tale)
		problems := tale.judge()
		switch {
		case c.want == "" && len(problems) > 0:
			t.Errorf("%s: %q", name, problems)
		case c.want != "" && (len(problems) == 0 || !strings.Contains(strings.Join(problems, "\n"), c.want)):
			t.Errorf("%s: %q, want %q", name, problems, c.want)
		}
	}
}
