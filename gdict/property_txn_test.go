package gdict

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// transact draws a transaction and holds its answer and what it leaves to a model that knows nothing of drafts: each
// operation is done to a copy of the map, which is kept only if all of them went well.
func (m *machine) transact(t *rapid.T) {
	conditions := rapid.SliceOfN(rapid.Custom(m.drawCond), 0, 2).Draw(t, "if")
	then := rapid.SliceOfN(rapid.Custom(m.drawOp), 0, 4).Draw(t, "then")
	otherwise := rapid.SliceOfN(rapid.Custom(m.drawOp), 0, 2).Draw(t, "else")
	var ifs []Cond
	var ops, alternative []Op
	holds := true
	for _, c := range conditions {
		ifs = append(ifs, c.cond)
		holds = holds && c.holds(m.model)
	}
	for _, o := range then {
		ops = append(ops, o.op)
	}
	for _, o := range otherwise {
		alternative = append(alternative, o.op)
	}
	var done TxnResult
	_, err := m.write(func(d *Dict) (_ uint64, err error) {
		done, err = d.Txn(context.Background(), If(ifs...), Then(ops...), Else(alternative...))
		return 0, err
	})
	branch := then
	if !holds {
		branch = otherwise
	}
	before, rev := maps.Clone(m.model), m.at
	want, n := m.foresee(conditions, then, otherwise, branch)
	if want != (err != nil) {
		m.model = before
		t.Fatalf("%v, wanted an error: %v", err, want)
	}
	if err != nil {
		m.model = before
		if len(ifs)+len(ops)+len(alternative) > 0 && !isOurs(err) {
			t.Fatal(err)
		}
		return
	}
	if done.Succeeded != holds || done.Rev != rev || len(done.Results) != len(n) {
		t.Fatalf("%+v, wanted %v at %d with %v", done, holds, rev, n)
	}
	for i, r := range done.Results {
		if r.N != n[i] {
			t.Fatalf("operation %d counts %d, wanted %d", i, r.N, n[i])
		}
	}
}

func isOurs(err error) bool {
	var limit *LimitError
	var value *ValueError
	return errors.As(err, &limit) || errors.As(err, &value) || errors.Is(err, ErrConflict)
}

// foresee does the branch to the model and tells whether it must fail, and else what each operation counts.
func (m *machine) foresee(conditions []modelCond, then, otherwise, branch []modelOp) (fails bool, n []int64) {
	l := m.members[m.leader].dict.limits
	if total := len(conditions) + len(then) + len(otherwise); total == 0 {
		return true, nil
	}
	short := func(key, value string) bool {
		return key != "" && uint64(len(key)) <= l.key && uint64(len(value)) <= l.value
	}
	for _, c := range conditions {
		fails = fails || !short(c.key, c.value)
	}
	for _, ops := range [][]modelOp{then, otherwise} {
		for _, o := range ops {
			if o.kind == "push" {
				o.value = "_" + o.value // its length is a part of it
			}
			fails = fails || !short(o.key, o.value)
		}
	}
	if fails {
		return true, nil
	}
	rev := m.at
	for _, o := range branch {
		counted, ok := m.doOp(o, rev)
		if !ok {
			return true, nil
		}
		n = append(n, counted)
	}
	return false, n
}

// A modelOp is an operation as the model knows it.
type modelOp struct {
	op         Op
	kind       string
	key, value string
	delta      int64
	rev        uint64
}

func (m *machine) drawOp(t *rapid.T) modelOp {
	o := modelOp{kind: rapid.SampledFrom([]string{"store", "erase", "wipe", "count", "cas", "append", "push"}).Draw(t, "kind"), key: keys.Draw(t, "key")}
	switch o.kind {
	case "store":
		o.value = values.Draw(t, "value")
		o.op = Store(o.key, []byte(o.value))
	case "erase":
		o.op = Erase(o.key)
	case "wipe":
		o.op = ErasePrefix(o.key)
	case "append":
		o.value = values.Draw(t, "data")
		o.op = Append(o.key, []byte(o.value))
	case "push":
		o.value = values.Draw(t, "element")
		o.op = AppendList(o.key, []byte(o.value))
	case "count":
		o.delta = rapid.Int64Range(-2, 2).Draw(t, "delta")
		o.op = UpdateCounter(o.key, o.delta)
	default:
		have := m.model[o.key].rev
		o.value, o.rev = values.Draw(t, "value"), rapid.SampledFrom([]uint64{0, have}).Draw(t, "want")
		o.op = CompareAndStore(o.key, o.rev, []byte(o.value))
	}
	return o
}

func (m *machine) doOp(o modelOp, rev uint64) (n int64, ok bool) {
	switch o.kind {
	case "erase":
		if _, there := m.model[o.key]; there {
			n = 1
		}
		delete(m.model, o.key)
		return n, true
	case "wipe":
		for key := range m.model {
			if strings.HasPrefix(key, o.key) {
				delete(m.model, key)
				n++
			}
		}
		return n, true
	case "count":
		was, there := m.model[o.key]
		before, parse := strconv.ParseInt(was.value, 10, 64)
		if there && parse != nil || before == 1<<63-1 && o.delta > 0 {
			return 0, false
		}
		n = before + o.delta
		o.value = strconv.FormatInt(n, 10)
	case "append":
		o.value = m.model[o.key].value + o.value
		n = int64(len(o.value))
	case "push":
		count, isList := countList(m.model[o.key].value)
		if !isList {
			return 0, false
		}
		n = count + 1
		o.value = m.model[o.key].value + string(rune(len(o.value))) + o.value
	case "cas":
		if m.model[o.key].rev != o.rev {
			return 0, false
		}
	}
	if m.limitOf(o.key, o.value) != "" {
		return 0, false
	}
	m.model[o.key] = modelEntry{o.value, rev}
	return n, true
}

// countList counts the values of a list of short values.
func countList(list string) (n int64, ok bool) {
	for ; list != ""; n++ {
		length := int(list[0])
		if length >= len(list) || length > 127 {
			return 0, false
		}
		list = list[1+length:]
	}
	return n, true
}

// A modelCond is a condition as the model knows it.
type modelCond struct {
	cond       Cond
	key, value string
	holds      func(map[string]modelEntry) bool
}

func (m *machine) drawCond(t *rapid.T) modelCond {
	c := modelCond{key: keys.Draw(t, "key")}
	have := m.model[c.key]
	switch rapid.SampledFrom([]string{"rev", "missing", "exists", "is", "isnot", "counts"}).Draw(t, "kind") {
	case "rev":
		want := rapid.SampledFrom([]uint64{have.rev, have.rev + 1}).Draw(t, "want")
		c.cond = RevIs(c.key, want)
		c.holds = func(model map[string]modelEntry) bool { return model[c.key].rev == want }
	case "missing":
		c.cond = Missing(c.key)
		c.holds = func(model map[string]modelEntry) bool { _, there := model[c.key]; return !there }
	case "exists":
		c.cond = Exists(c.key)
		c.holds = func(model map[string]modelEntry) bool { _, there := model[c.key]; return there }
	case "is":
		c.value = rapid.SampledFrom([]string{have.value, "x"}).Draw(t, "value")
		c.cond = ValueIs(c.key, []byte(c.value))
		c.holds = func(model map[string]modelEntry) bool { e, there := model[c.key]; return there && e.value == c.value }
	case "isnot":
		c.value = rapid.SampledFrom([]string{have.value, "x"}).Draw(t, "value")
		c.cond = ValueIsNot(c.key, []byte(c.value))
		c.holds = func(model map[string]modelEntry) bool { e, there := model[c.key]; return there && e.value != c.value }
	default:
		low, high := rapid.Int64Range(-3, 7).Draw(t, "low"), rapid.Int64Range(-3, 7).Draw(t, "high")
		c.cond = CounterIn(c.key, low, high)
		c.holds = func(model map[string]modelEntry) bool {
			e, there := model[c.key]
			n, err := strconv.ParseInt(e.value, 10, 64)
			return (!there || err == nil) && low <= n && n <= high
		}
	}
	return c
}

// wipe erases a prefix.
func (m *machine) wipe(t *rapid.T) {
	o := modelOp{kind: "wipe", key: keys.Draw(t, "prefix")}
	var erased int
	_, err := m.write(func(d *Dict) (_ uint64, err error) {
		erased, err = d.ErasePrefix(context.Background(), o.key)
		return 0, err
	})
	if bad := o.key == "" || len(o.key) > 3; bad {
		if err == nil {
			t.Fatalf("erased all under %q", o.key)
		}
		return
	}
	if n, _ := m.doOp(o, 0); err != nil || int64(erased) != n {
		t.Fatalf("erased %d under %q, wanted %d (%v)", erased, o.key, n, err)
	}
}
