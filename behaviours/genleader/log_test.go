package genleader

import (
	"errors"
	"testing"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// TestTheLogKnowsItsBytes: whatever is appended, overwritten by a later leader, cut or replaced, what the log says of its
// size is what adding up its entries says.
func TestTheLogKnowsItsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newMemoryLog(nil)
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				last, _ := l.LastIndex()
				from := rapid.Uint64Range(max(1, last-min(last, 5)), last+1).Draw(t, "from") // it may overwrite, and reach before the first
				var entries []*raftpb.Entry
				for i := range rapid.Uint64Range(1, 5).Draw(t, "count") {
					data := make([]byte, rapid.IntRange(0, 300).Draw(t, "size"))
					entries = append(entries, &raftpb.Entry{Index: new(from + i), Term: new(uint64(1)), Data: data})
				}
				if first, _ := l.FirstIndex(); from > last+1 || entries[len(entries)-1].GetIndex() < first {
					t.Skip("a gap, or nothing new")
				}
				if err := l.Append(entries); err != nil {
					t.Fatal(err)
				}
			},
			"trim": func(t *rapid.T) {
				bytes, entries := rapid.Uint64Range(0, 2000).Draw(t, "bytes"), rapid.Uint64Range(0, 10).Draw(t, "entries")
				to, was := l.cutFor(bytes, entries), *l
				if n := to - was.first; to >= was.first { // one entry fewer would not do
					before := was.base
					if n > 0 {
						before = was.ends[n-1]
					}
					if was.total()-before <= bytes && uint64(len(was.ends))-n <= entries {
						t.Fatalf("cut to %d, which is too far", to)
					}
				}
				if l.cut(to); !l.within(bytes, entries) {
					t.Fatalf("cut to %d, it has %d bytes in %d entries", to, l.bytes(), len(l.ends))
				}
			},
			"restore": func(t *rapid.T) {
				last, _ := l.LastIndex()
				index := last + rapid.Uint64Range(1, 9).Draw(t, "further")
				err := l.ApplySnapshot(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{Index: new(index), Term: new(uint64(1))}})
				if err != nil && !errors.Is(err, raft.ErrSnapOutOfDate) {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) { checkLog(t, l) },
		})
	})
}

func checkLog(t *rapid.T, l *memoryLog) {
	first, _ := l.FirstIndex()
	last, _ := l.LastIndex()
	var bytes uint64
	if last >= first {
		entries, err := l.Entries(first, last+1, 1<<40)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			bytes += uint64(proto.Size(e)) + entryOverhead
		}
	}
	if l.first != first || uint64(len(l.ends)) != last+1-first || l.bytes() != bytes {
		t.Fatalf("says %d bytes in %d entries from %d; it has %d in %d from %d", l.bytes(), len(l.ends), l.first, bytes, last+1-first, first)
	}
}
