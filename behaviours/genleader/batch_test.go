package genleader

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestABatchIsReadAsItWasWritten, by hand and by protobuf.
func TestABatchIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &batch{}
		var want []broadcast
		for range rapid.IntRange(1, 20).Draw(t, "broadcasts") {
			one := broadcast{
				origin:  Member{rapid.SampledFrom([]string{"", "a1", "b1", "ü"}).Draw(t, "name"), rapid.Uint64Range(0, 2).Draw(t, "incarnation")},
				seq:     rapid.Uint64().Draw(t, "seq"),
				message: rapid.SliceOf(rapid.Byte()).Draw(t, "message"), hasReply: rapid.Bool().Draw(t, "has reply"),
			}
			if one.hasReply {
				one.reply = rapid.SliceOf(rapid.Byte()).Draw(t, "reply")
			}
			b.add(From{one.origin, one.seq}, one.message, one.reply, one.hasReply)
			want = append(want, one)
		}
		record, err := b.record()
		if err != nil {
			t.Fatal(err)
		}
		got, err := readBatch(record, nil)
		if err != nil || !slices.EqualFunc(got, want, broadcast.equal) {
			t.Fatalf("read %v (%v), wrote %v", got, err, want)
		}
		if other, known := byProtobuf(record); !known || !slices.EqualFunc(other, want, broadcast.equal) {
			t.Fatalf("protobuf reads %v, wrote %v", other, want)
		}
	})
}

func TestNoBatchIsReadFromSomethingElse(t *testing.T) {
	sync, err := proto.Marshal(&wire.Record{What: &wire.Record_Sync{Sync: &wire.Sync{Term: 3}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"a sync": sync, "nothing": nil} {
		if got, err := readBatch(data, nil); len(got) > 0 || err != nil {
			t.Errorf("%s: read %v, %v", name, got, err)
		}
	}
}

// FuzzBatch: what is read by hand from any bytes is what protobuf reads from them.
func FuzzBatch(f *testing.F) {
	b := &batch{}
	b.add(From{Member{"a1", 1}, 7}, []byte("one"), nil, false)
	b.add(From{Member{"b1", 2}, 8}, []byte("two"), []byte("noted"), true)
	record, err := b.record()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Add(record[:len(record)-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readBatch(data, nil)
		if err != nil || len(got) == 0 {
			return
		}
		if want, known := byProtobuf(data); !known || !slices.EqualFunc(got, want, broadcast.equal) {
			t.Errorf("read %v, and protobuf %v", got, want)
		}
	})
}

func (b broadcast) equal(o broadcast) bool {
	return b.origin == o.origin && b.seq == o.seq && bytes.Equal(b.message, o.message) && b.hasReply == o.hasReply && bytes.Equal(b.reply, o.reply)
}

func byProtobuf(data []byte) (all []broadcast, known bool) {
	record := &wire.Record{}
	if proto.Unmarshal(data, record) != nil || record.GetBatch() == nil {
		return nil, false
	}
	origins := record.GetBatch().GetOrigins()
	for _, b := range record.GetBatch().GetBroadcasts() {
		if int(b.GetOrigin()) >= len(origins) {
			return nil, false
		}
		all = append(all, broadcast{identityOf(origins[b.GetOrigin()]), b.GetSeq(), b.GetMessage(), b.GetReply(), b.GetHasReply()})
	}
	return all, true
}

// TestWhatIsAppendedToABroadcastLeavesTheOthersAlone: they are parts of one entry, which is part of the log.
func TestWhatIsAppendedToABroadcastLeavesTheOthersAlone(t *testing.T) {
	b := &batch{}
	b.add(From{Member{"a1", 1}, 1}, []byte("one"), []byte("noted"), true)
	b.add(From{Member{"a1", 1}, 2}, []byte("two"), nil, false)
	record, err := b.record()
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(record)
	all, err := readBatch(record, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(all[0].message, "overwritten"...)
	_ = append(all[0].reply, "overwritten"...)
	if !bytes.Equal(record, before) {
		t.Errorf("the entry is %q, and was %q", record, before)
	}
}

// TestACallersReplyIsItsOwn: what it does to it does not reach the log.
func TestACallersReplyIsItsOwn(t *testing.T) {
	entry := []byte("a reply of the leader's")
	answer := make(chan outcome, 1)
	s := &shell{group: &Group{cfg: Config{Behaviour: Defaults{}}}, waiting: map[uint64]chan outcome{7: answer}}
	s.applyMany([]apply{{index: 1, seq: 7, reply: entry[2:7], hasReply: true}})
	copy((<-answer).reply, "other")
	if string(entry) != "a reply of the leader's" {
		t.Errorf("the entry is %q", entry)
	}
}

// TestARoomThatHadToBeLargeIsNotKept: a member that catches up applies a great deal at once.
func TestARoomThatHadToBeLargeIsNotKept(t *testing.T) {
	c := newCore(settings{self: Member{"a1", 1}, candidates: []string{"a1"}}, time.Unix(1000, 0), 1)
	for _, n := range []int{fullBatch, 100 * fullBatch} {
		c.emit(&applyMany{broadcasts: make([]apply, n)})
		c.recycle()
		if kept := cap(c.turn.apply); kept != 0 && kept != fullBatch {
			t.Errorf("of %d places %d are kept", n, kept)
		}
	}
}
