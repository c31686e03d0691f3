package gdict

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/gdict/internal/wire"
)

// snapshot is the dictionary's image in one piece.
func (d *Dict) snapshot() ([]byte, error) {
	var b bytes.Buffer
	_, err := d.image().WriteTo(&b)
	return b.Bytes(), err
}

// restore is load from one piece, and install.
func (d *Dict) restore(snapshot []byte) error {
	install, err := d.load(bytes.NewReader(snapshot))
	if err == nil {
		install()
	}
	return err
}

// A record is one of a snapshot that a test makes up.
type record struct {
	kind byte
	body proto.Message
}

// stream frames records, and gives them the tail that fits.
func stream(t *testing.T, records ...record) []byte {
	t.Helper()
	var b bytes.Buffer
	r := recordWriter{to: bufio.NewWriter(&b)}
	for _, each := range records {
		if r.write(each.kind, each.body); each.kind != recordHead {
			r.count++
		}
	}
	r.write(recordTail, &wire.SnapshotTail{Count: r.count, Crc: r.crc})
	if err := r.to.Flush(); err != nil || r.err != nil {
		t.Fatal(err, r.err)
	}
	return b.Bytes()
}

func refuses(t *testing.T, name string, snapshot []byte) {
	t.Helper()
	d := New()
	newTestLog(d)
	if _, err := d.Store(t.Context(), "kept", nil); err != nil {
		t.Fatal(err)
	}
	if err := d.restore(snapshot); err == nil || !strings.HasPrefix(err.Error(), "gdict: restore: ") {
		t.Errorf("%s: %v", name, err)
	}
	if _, found := d.Find("kept"); !found {
		t.Errorf("%s: something changed", name)
	}
}

func TestABrokenSnapshotIsRefusedWhole(t *testing.T) {
	head := func(version uint32) record {
		return record{recordHead, &wire.SnapshotHead{Version: version, Rev: 9}}
	}
	entry := func(key string, rev uint64) record {
		return record{recordEntry, &wire.Entry{Key: []byte(key), Rev: rev}}
	}
	newer := &wire.Entry{Key: []byte("k"), Rev: 1}
	newer.ProtoReflect().SetUnknown([]byte{0xa0, 0x06, 0x01})
	ledger := record{recordLedger, &wire.Ledger{}}
	session := func(id, used, acknowledged uint64, seqs ...uint64) record {
		m := &wire.Session{Id: id, Used: used, Acknowledged: acknowledged}
		for _, seq := range seqs {
			m.Kept = append(m.Kept, &wire.Kept{Seq: seq, Reply: []byte("r")})
		}
		return record{recordSession, m}
	}
	great := &wire.Session{Id: 1, Used: 1, Acknowledged: 1, Kept: []*wire.Kept{{Seq: 1, Reply: make([]byte, sessionBytes+1)}}}
	n1 := &wire.Owner{Name: []byte("n1"), Incarnation: 3}
	actor := &wire.Owner{Name: []byte("n1"), Incarnation: 4, Actor: 1}
	owned := func(o *wire.Owner) record {
		return record{recordEntry, &wire.Entry{Key: []byte("a"), Rev: 1, Owner: o}}
	}
	owners := func(gone, actors []*wire.Owner) record {
		return record{recordLedger, &wire.Ledger{Gone: gone, Actors: actors}}
	}
	for name, records := range map[string][]record{
		"an owner of no incarnation":  {head(4), ledger, owned(&wire.Owner{Name: []byte("n1")})},
		"an owner that is gone":       {head(4), owners([]*wire.Owner{n1}, nil), owned(n1)},
		"an actor that never began":   {head(4), ledger, owned(actor)},
		"gone twice":                  {head(4), owners([]*wire.Owner{n1, n1}, nil)},
		"an actor that is gone":       {head(4), owners([]*wire.Owner{actor}, nil)},
		"an actor twice":              {head(4), owners(nil, []*wire.Owner{actor, actor})},
		"an actor that is none":       {head(4), owners(nil, []*wire.Owner{n1})},
		"no head":                     {entry("a", 1)},
		"two heads":                   {head(4), ledger, head(4)},
		"another version":             {head(2), ledger},
		"no ledger":                   {head(4), entry("a", 1)},
		"nothing but a head":          {head(4)},
		"two ledgers":                 {head(4), ledger, ledger},
		"an empty key":                {head(4), ledger, entry("", 1)},
		"a key twice":                 {head(4), ledger, entry("a", 1), entry("a", 2)},
		"keys out of order":           {head(4), ledger, entry("b", 1), entry("a", 2)},
		"an entry of no time":         {head(4), ledger, entry("a", 0)},
		"an entry of the future":      {head(4), ledger, entry("a", 10)},
		"an entry of more fields":     {head(4), ledger, {recordEntry, newer}},
		"a kind of record more":       {head(4), ledger, {'x', &wire.Entry{}}},
		"session 0":                   {head(4), ledger, session(0, 1, 1)},
		"sessions out of order":       {head(4), ledger, session(2, 1, 1), session(1, 1, 1)},
		"a session behind an entry":   {head(4), ledger, entry("a", 1), session(1, 1, 1)},
		"a session of the future":     {head(4), ledger, session(1, 10, 1)},
		"a session of no time":        {head(4), ledger, session(1, 0, 1)},
		"a session without beginning": {head(4), ledger, session(1, 1, 0)},
		"an acknowledged write":       {head(4), ledger, session(1, 1, 2, 1)},
		"a write twice":               {head(4), ledger, session(1, 1, 1, 2, 2)},
		"a write beyond the window":   {head(4), ledger, session(1, 1, 1, 1+sessionWindow)},
		"too many replies":            {head(4), ledger, {recordSession, great}},
	} {
		refuses(t, name, stream(t, records...))
	}
}

// TestADamagedSnapshotIsRefusedWhole: cut anywhere, with any bit turned, or with something behind its end.
func TestADamagedSnapshotIsRefusedWhole(t *testing.T) {
	d := New()
	newTestLog(d)
	for _, key := range []string{"a", "b", "c"} {
		if _, err := d.Store(t.Context(), key, []byte("value of "+key)); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := d.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		refuses(t, "cut", whole[:i])
		for bit := range 8 {
			turned := bytes.Clone(whole)
			turned[i] ^= 1 << bit
			refuses(t, "turned", turned)
		}
	}
	refuses(t, "more", append(bytes.Clone(whole), 0))
	refuses(t, "twice", append(bytes.Clone(whole), whole...))
	if err := New().restore(whole); err != nil {
		t.Error(err)
	}
}

// TestALyingLengthTakesNoMemory: a record may claim to be as long as it likes; memory is taken for what comes.
func TestALyingLengthTakesNoMemory(t *testing.T) {
	lie := []byte{recordHead, 0xff, 0xff, 0xff, 0xff, 0x03} // a gigabyte
	allocated := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := New().restore(lie); err == nil {
				b.Fatal("taken")
			}
		}
	}).AllocedBytesPerOp()
	if allocated > 4<<20 {
		t.Errorf("%d bytes", allocated)
	}
}
