package genleader

import (
	"fmt"
	"io"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// A Storage keeps what this member must not forget: its votes, its log and snapshots of the state. Package disk has one
// that keeps them in a directory. It belongs to one group of one member, and the group closes it when it ends.
//
// Save and SaveSnapshot are each called by one goroutine at a time, the two of them beside each other. An error of Save
// ends the group on this member: what a failed write left behind is not known until the storage is opened again.
type Storage interface {
	// ID is the member's raft id, chosen when the storage was made and the same ever since.
	ID() uint64
	// Load returns what is kept. It is called once, before anything is saved.
	Load() (*Stored, error)
	// Save keeps the writes, in their order, all or none. It returns when they survive a loss of power.
	Save(writes []Write) error
	// SaveSnapshot keeps a snapshot of what this member has applied, in place of all that lies before it, and returns how
	// many bytes it has. It calls WriteTo once at most.
	SaveSnapshot(snapshot *raftpb.Snapshot, image Image) (size uint64, err error)
	Close() error
}

// A Write is what becomes durable together. A snapshot, which came from the leader, replaces the whole log and has an
// image; the entries replace what the log has from the first one's index on.
type Write struct {
	Snapshot *raftpb.Snapshot
	Image    Image
	Entries  []*raftpb.Entry
	State    *raftpb.HardState
}

func (w Write) empty() bool { return w.Snapshot == nil && len(w.Entries) == 0 && w.State == nil }

// Stored is the sum of all writes: the newest snapshot, the log behind it, and the latest vote. OpenImage reads what the
// snapshot's image wrote.
type Stored struct {
	Snapshot  *raftpb.Snapshot
	OpenImage func() (io.ReadCloser, error)
	Entries   []*raftpb.Entry
	State     *raftpb.HardState
}

// Empty says that nothing was ever saved.
func (s *Stored) Empty() bool { return s.Snapshot == nil && len(s.Entries) == 0 && s.State == nil }

// Add takes one write in. It fails if entries would leave a gap.
func (s *Stored) Add(w Write) error {
	if w.Snapshot != nil {
		s.Snapshot, s.Entries = w.Snapshot, nil
	}
	for _, e := range w.Entries {
		switch last := s.last(); {
		case e.GetIndex() <= s.base():
			s.Entries = nil // the snapshot has it, and what was behind it is replaced
			continue
		case e.GetIndex() > last+1:
			return fmt.Errorf("entry %d follows entry %d: what lies between is missing", e.GetIndex(), last)
		case e.GetIndex() <= last:
			s.Entries = s.Entries[:e.GetIndex()-s.base()-1]
		}
		s.Entries = append(s.Entries, e)
	}
	if w.State != nil {
		s.State = w.State
	}
	return nil
}

// Put puts a snapshot of what this member has applied in the place of all that lies before it.
func (s *Stored) Put(snapshot *raftpb.Snapshot) {
	index := snapshot.GetMetadata().GetIndex()
	behind := slices.IndexFunc(s.Entries, func(e *raftpb.Entry) bool { return e.GetIndex() > index })
	if behind < 0 {
		behind = len(s.Entries)
	}
	s.Snapshot, s.Entries = snapshot, slices.Clone(s.Entries[behind:])
}

// Settle makes the vote fit the log as raft wants it: how far the log is committed is not always saved, and a snapshot
// is committed whole.
func (s *Stored) Settle() error {
	if s.Empty() {
		return nil
	}
	if s.State == nil {
		s.State = &raftpb.HardState{}
	}
	state := &raftpb.HardState{
		Term: new(s.State.GetTerm()), Vote: new(s.State.GetVote()), Commit: new(max(s.State.GetCommit(), s.base())),
	}
	if term := s.Snapshot.GetMetadata().GetTerm(); term > state.GetTerm() {
		state.Term, state.Vote = new(term), nil // a vote of that term would have been saved
	}
	var term uint64
	if n := len(s.Entries); n > 0 {
		term = s.Entries[n-1].GetTerm()
	}
	if term > state.GetTerm() {
		return fmt.Errorf("the log has an entry of term %d, and the vote is of term %d only", term, state.GetTerm())
	}
	if state.GetCommit() > s.last() {
		return fmt.Errorf("the log was committed to entry %d and ends with entry %d", state.GetCommit(), s.last())
	}
	s.State = state
	return nil
}

func (s *Stored) base() uint64 { return s.Snapshot.GetMetadata().GetIndex() }

func (s *Stored) last() uint64 {
	if n := len(s.Entries); n > 0 {
		return s.Entries[n-1].GetIndex()
	}
	return s.base()
}

// fill brings what is stored into raft's log.
func (s *Stored) fill(log *memoryLog) error {
	if s.Snapshot != nil {
		if err := log.ApplySnapshot(&raftpb.Snapshot{Metadata: s.Snapshot.GetMetadata()}); err != nil {
			return err
		}
	}
	if err := log.SetHardState(s.State); err != nil {
		return err
	}
	return log.Append(s.Entries)
}
