package gdict

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
)

func samples() []op {
	return []op{
		store{key: []byte("k"), value: []byte("v")},
		store{key: []byte("\xff\x00"), value: nil},
		erase{key: []byte("k")},
		updateCounter{key: []byte("c"), delta: -7},
		compareAndStore{key: []byte("k"), rev: 3, value: []byte("w")},
		store{key: []byte("k"), owner: &Owner{Member: genleader.Member{Name: "n", Incarnation: 1}}},
		compareAndStore{key: []byte("k"), owner: &Owner{Member: genleader.Member{Name: "n", Incarnation: 1}, actor: 2, leased: true}},
		ownActor{owner: Owner{Member: genleader.Member{Name: "n", Incarnation: 1}, actor: 2}},
		disown{owner: Owner{Member: genleader.Member{Name: "n", Incarnation: 1}, actor: 2}},
		memberEnds{member: genleader.Member{Name: "n", Incarnation: 1}, how: ended},
		memberEnds{member: genleader.Member{Name: "n", Incarnation: 1}, how: lapsed},
		erasePrefix{prefix: []byte("k")},
		appendBytes{key: []byte("k"), data: []byte("v")},
		appendList{key: []byte("l"), values: [][]byte{{}, []byte("v")}},
		update{key: []byte("k"), function: functionID{"f", 1}, arg: []byte("a")},
		update{key: []byte("k"), function: functionID{"f", 1}, initial: []byte{}},
		updated{key: []byte("k"), rev: 1, function: functionID{"f", 1}, value: []byte("w")},
		updated{key: []byte("k"), rev: 1, saw: digest([]byte("v")), function: functionID{"f", 1}, value: []byte("w")},
		updated{key: []byte("x"), function: functionID{"f", 1}, missing: true},
		updated{key: []byte("k"), rev: 1, function: functionID{"f", 1}, problem: "p"},
		txn{then: []op{store{key: []byte("k")}, erasePrefix{prefix: []byte("k")}, store{key: []byte("k")}}},
		txn{
			ifs: []cond{
				revIs{key: []byte("k"), rev: 1},
				exists{key: []byte("k")},
				valueIs{key: []byte("k"), value: []byte("v")},
				valueIs{key: []byte("k"), not: true},
				counterIn{key: []byte("c"), min: -7, max: 7},
			},
			then:      []op{store{key: []byte("k"), value: []byte("w")}, erase{key: []byte("c")}},
			otherwise: []op{updateCounter{key: []byte("c"), delta: 1}},
		},
	}
}

// FuzzDecodeCommand: whatever comes, the leader and the log get either an operation that encodes to the same meaning, or
// a refusal.
func FuzzDecodeCommand(f *testing.F) {
	for i, o := range samples() {
		f.Add(encodeOp(o))
		f.Add(encodeCommand(encodeRequest(o, requestID{session: 7, seq: uint64(i + 2), acknowledged: 2, born: 1}), settingsOf(nil).limits))
	}
	f.Add([]byte{})
	f.Add([]byte{8, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := decodeCommand(b)
		if c.err != nil {
			if _, refused := c.err.(*RefusedError); !refused || c.op != nil {
				t.Fatalf("%v with %v", c.err, c.op)
			}
			return
		}
		bytesAgain := encodeRequest(c.op, c.requestID)
		if c.limits != nil {
			bytesAgain = encodeCommand(bytesAgain, *c.limits)
		}
		again := decodeCommand(bytesAgain)
		if again.err != nil || again.op.String() != c.op.String() || again.requestID != c.requestID || !reflect.DeepEqual(again.limits, c.limits) ||
			!bytes.Equal(encodeOp(c.op), encodeOp(again.op)) {
			t.Fatalf("%+v came back as %+v", c, again)
		}
	})
}

// FuzzApply: two members that apply the same three commands, of any bytes, decide alike; a refusal changes nothing.
func FuzzApply(f *testing.F) {
	l := settingsOf([]Option{MaxKey(4), MaxValue(4), MaxTotal(2 * (entryCost + 8))}).limits
	for _, o := range samples() {
		b := encodeCommand(encodeOp(o), l)
		f.Add(b, b, b)
	}
	l.prefix, l.reserve = "c", entryCost
	own, other := encodeCommand(encodeOp(store{key: []byte("c")}), l), encodeCommand(encodeOp(store{key: []byte("d")}), l)
	f.Add(other, other, own)
	l.reserve = l.total + 1 // more than there is: nothing is left for the others
	all := encodeCommand(encodeOp(store{key: []byte("d")}), l)
	f.Add(all, own, all)
	f.Add([]byte{}, []byte{8, 1}, []byte{0xff})
	f.Fuzz(func(t *testing.T, first, second, third []byte) {
		a, b := New(), New(MaxKey(1), MaxValue(1), MaxTotal(1))
		for i, cmd := range [][]byte{first, second, third} {
			before := *a.now.Load()
			reply := a.apply(uint64(i+1), 1, cmd)
			if other := b.apply(uint64(i+1), 2, cmd); !bytes.Equal(reply, other) {
				t.Fatalf("replies differ: %q and %q", reply, other)
			}
			done, err := decodeReply(reply)
			if err != nil {
				t.Fatal(err)
			}
			after := *a.now.Load()
			if done.err != nil && (before.tree != after.tree || before.size != after.size) {
				t.Fatalf("%v, yet something changed", done.err)
			}
		}
		one, err := a.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		two, err := b.snapshot()
		if err != nil || !bytes.Equal(one, two) {
			t.Fatalf("the dictionaries differ (%v)", err)
		}
	})
}

// FuzzDecodeReply: bytes are a success only with a revision, and what is read is what would be written.
func FuzzDecodeReply(f *testing.F) {
	for _, err := range []error{
		nil, &ConflictError{"k", 1, 2}, &LimitError{whatKey, "k", 3, 2}, &ValueError{"k", "p"}, &RefusedError{"p"},
		&expiredError{rev: 3}, &missingError{"k"}, &UpdateError{"k", "f", 1, "p"},
		&OwnerError{Owner{Member: genleader.Member{Name: "n", Incarnation: 1}, actor: 2}, "p"}, &NoFunctionError{"f", 1},
	} {
		f.Add(encodeReply(result{rev: 9, outcome: outcome{number: -4}, err: err, unlogged: err != nil}))
	}
	f.Add(encodeReply(result{rev: 9, outcome: outcome{value: []byte("v")}}))
	f.Add(encodeReply(result{rev: 9, branched: true, held: true, parts: []outcome{{number: 3}, {}}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeReply(b)
		if err != nil {
			return
		}
		if r.err == nil && r.rev == 0 {
			t.Fatal("a success without a revision")
		}
		again, err := decodeReply(encodeReply(r))
		if err != nil || again.rev != r.rev || (again.err == nil) != (r.err == nil) ||
			again.branched != r.branched || again.unlogged != r.unlogged || again.held != r.held || !reflect.DeepEqual(again.outcome, r.outcome) || !reflect.DeepEqual(again.parts, r.parts) {
			t.Fatalf("%+v came back as %+v, %v", r, again, err)
		}
		if r.err != nil && r.err.Error() != again.err.Error() {
			t.Fatalf("%v came back as %v", r.err, again.err)
		}
	})
}

// FuzzRestore: a snapshot is taken whole or refused without a trace; what is taken gives the same snapshot again.
func FuzzRestore(f *testing.F) {
	d := New()
	for i, o := range samples() {
		d.apply(uint64(i+1), 0, encodeCommand(encodeOp(o), d.limits))
		image, err := d.snapshot()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(image)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		d := New()
		before := d.now.Load()
		if err := d.restore(b); err != nil {
			if d.now.Load() != before {
				t.Fatalf("%v, yet something changed", err)
			}
			return
		}
		image, err := d.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		other := New()
		if err := other.restore(image); err != nil {
			t.Fatal(err)
		}
		again, err := other.snapshot()
		if err != nil || !bytes.Equal(image, again) || d.now.Load().size != other.now.Load().size {
			t.Fatalf("%q came back as %q (%v)", image, again, err)
		}
	})
}
