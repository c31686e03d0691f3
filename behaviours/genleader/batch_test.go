package genleader

import (
	"bytes"
	"slices"
	"testing"

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
