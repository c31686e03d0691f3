package genleader

import (
	"sort"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// entryOverhead is what an entry of the log counts beside its bytes, for the memory that holds it.
const entryOverhead = 128

// memoryLog is raft's log in memory, which knows how large it is. It holds no snapshot: what raft gets instead is made
// when it asks.
type memoryLog struct {
	*raft.MemoryStorage
	image func() (*raftpb.Snapshot, error)
	first uint64   // index of the entry that ends[0] is of
	base  uint64   // the sum before that entry
	ends  []uint64 // of each entry, the sum of what it and all earlier ones count
}

func newMemoryLog(image func() (*raftpb.Snapshot, error)) *memoryLog {
	return &memoryLog{MemoryStorage: raft.NewMemoryStorage(), image: image, first: 1}
}

// Snapshot is raft's question for what to send to a member that the log does not reach.
func (l *memoryLog) Snapshot() (*raftpb.Snapshot, error) { return l.image() }

func (l *memoryLog) ApplySnapshot(s *raftpb.Snapshot) error {
	if err := l.MemoryStorage.ApplySnapshot(s); err != nil {
		return err
	}
	l.first, l.base, l.ends = s.GetMetadata().GetIndex()+1, 0, nil
	return nil
}

func (l *memoryLog) Append(entries []*raftpb.Entry) error {
	if err := l.MemoryStorage.Append(entries); err != nil {
		return err
	}
	for _, e := range entries {
		if e.GetIndex() < l.first {
			continue // compacted already, and skipped alike
		}
		at := e.GetIndex() - l.first
		l.ends = l.ends[:at] // a later leader's entries take the place of what was here
		l.ends = append(l.ends, l.total()+uint64(proto.Size(e))+entryOverhead)
	}
	return nil
}

func (l *memoryLog) total() uint64 {
	if len(l.ends) == 0 {
		return l.base
	}
	return l.ends[len(l.ends)-1]
}

// bytes is what all entries count together.
func (l *memoryLog) bytes() uint64 { return l.total() - l.base }

func (l *memoryLog) within(bytes, entries uint64) bool {
	return l.bytes() <= bytes && uint64(len(l.ends)) <= entries
}

// cutFor is the index up to which entries have to go so that the rest is within the bounds.
func (l *memoryLog) cutFor(bytes, entries uint64) uint64 {
	n := 0
	if total := l.total(); l.bytes() > bytes {
		n = sort.Search(len(l.ends), func(i int) bool { return total-l.ends[i] <= bytes }) + 1
	}
	if have := uint64(len(l.ends)); have > entries {
		n = max(n, int(have-entries))
	}
	return l.first + uint64(n) - 1
}

// cut removes the entries up to an index, which must have been applied.
func (l *memoryLog) cut(to uint64) {
	if to < l.first || l.Compact(to) != nil {
		return
	}
	gone := to - l.first + 1
	l.base, l.ends, l.first = l.ends[gone-1], l.ends[gone:], to+1
}
