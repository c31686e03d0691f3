package genleader

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// store is the account of what is stored here, and of the writes that are not confirmed.
type store struct {
	logEnd     uint64            // last entry of the log, stored or not
	saving     []saving          // storage messages whose writes are not confirmed, oldest first
	saves      uint64            // writes asked for
	asked      *raftpb.HardState // the latest vote that was asked to be written
	promised   uint64            // the latest term that is stored
	keeping    bool              // a snapshot is being stored
	logged     uint64            // bytes of entries since the last one that was
	imageSize  uint64            // of that one
	storageErr string            // why the storage cannot be used any more, or no snapshot gets there
}

// Raft says what has to be stored and which messages may leave only then: votes, acknowledgements, and its own word that
// the log has grown. In memory that is at once. With a storage it is when the writer has said so, in the order in which
// it was asked; meanwhile everything else goes on. A member's own disk is one of the majority like any other.

// saving is a storage message of raft whose write has not been confirmed.
type saving struct {
	seq     uint64 // of the write that it waits for
	message *raftpb.Message
}

// save has a storage message written, and acts on it once that is done. How far the log is committed is written along,
// but by itself it is worth no write: a majority knows it. A leader's snapshot is installed first, because what is
// written is this member's own image of it; nothing else is applied before raft hears that it is stored.
func (c *core) save(m *raftpb.Message) {
	c.store.noteEnd(m)
	write := Write{Entries: m.GetEntries()}
	if !raft.IsEmptySnap(m.GetSnapshot()) {
		write.Snapshot = m.GetSnapshot()
		c.adopt(write.Snapshot)
	}
	if !c.durable {
		c.stored(m)
		return
	}
	if state := hardState(m); state != nil {
		if len(write.Entries) > 0 || write.Snapshot != nil || state.GetTerm() != c.store.asked.GetTerm() || state.GetVote() != c.store.asked.GetVote() {
			write.State, c.store.asked = state, state
		}
	}
	if write.empty() && len(c.store.saving) == 0 {
		c.stored(m)
		return
	}
	c.write(write, m)
}

// write asks for a write, and holds back a storage message until it is done, or, if there is nothing to write, until all
// that was asked for before is.
func (c *core) write(write Write, m *raftpb.Message) {
	if !write.empty() {
		c.store.saves++
		c.emit(save{seq: c.store.saves, write: write})
	}
	for _, e := range write.Entries {
		c.store.logged += uint64(proto.Size(e))
	}
	if write.Snapshot != nil {
		c.store.logged = 0
	}
	c.store.saving = append(c.store.saving, saving{seq: c.store.saves, message: m})
}

// saveFirst stores how the group begins.
func (c *core) saveFirst(first *raftpb.Snapshot) {
	c.store.logEnd = first.GetMetadata().GetIndex()
	if c.durable {
		c.write(Write{Snapshot: c.withImage(first)}, &raftpb.Message{})
	}
}

// withImage adds the core's own part to a snapshot.
func (c *core) withImage(snapshot *raftpb.Snapshot) *raftpb.Snapshot {
	data, err := proto.Marshal(c.image())
	if err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: the electorate cannot be written: %w", err)})
	}
	return &raftpb.Snapshot{Metadata: snapshot.GetMetadata(), Data: data}
}

// saved takes the writer's word that every write up to one is on disk.
func (c *core) saved(ev saved) {
	if ev.err != nil {
		c.failStorage(ev.err)
		return
	}
	done := 0
	for done < len(c.store.saving) && c.store.saving[done].seq <= ev.seq {
		c.stored(c.store.saving[done].message)
		c.store.saving[done].message = nil
		done++
	}
	c.store.saving = c.store.saving[done:]
	c.turn.touch()
}

// stored acts on what is safe now: raft may read it, and its answers may leave.
func (c *core) stored(m *raftpb.Message) {
	if snapshot := m.GetSnapshot(); !raft.IsEmptySnap(snapshot) {
		_ = c.log.ApplySnapshot(snapshot) // an error says that the log has got there
	}
	if state := hardState(m); state != nil {
		_ = c.log.SetHardState(state)
		c.store.promised = state.GetTerm()
	}
	if err := c.log.Append(m.GetEntries()); err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: the log refused entries: %w", err)})
	}
	for _, response := range m.GetResponses() {
		if response.GetTo() == c.id {
			_ = c.node.Step(response) // an error says that it has been overtaken
			continue
		}
		c.outbox.acknowledges = c.outbox.acknowledges || len(m.GetEntries()) > 0
		c.sendRaft(response)
	}
}

func hardState(m *raftpb.Message) *raftpb.HardState {
	if m.GetTerm() == 0 && m.GetVote() == 0 && m.GetCommit() == 0 {
		return nil
	}
	return &raftpb.HardState{Term: new(m.GetTerm()), Vote: new(m.GetVote()), Commit: new(m.GetCommit())}
}

// noteEnd remembers how far the log reaches, with what is not stored yet.
func (s *store) noteEnd(m *raftpb.Message) {
	if index := m.GetSnapshot().GetMetadata().GetIndex(); index > 0 {
		s.logEnd = index
	}
	if n := len(m.GetEntries()); n > 0 {
		s.logEnd = m.GetEntries()[n-1].GetIndex()
	}
}

// failStorage ends this member: what its disk holds is not known any more, so it must not vote or acknowledge. Nothing
// that it has acknowledged is in doubt.
func (c *core) failStorage(err error) {
	reason := fmt.Errorf("%w: %w", ErrStorage, err)
	c.rounds, c.leader = nil, 0
	c.becomeLeaderless()
	c.store.storageErr = reason.Error()
	c.shown.view = c.look()
	c.emit(announce{view: c.shown.view})
	c.emit(fail{reason: reason})
}

// resume goes on where an earlier process of this member stopped. That one may have acknowledged a leader until this very
// moment, and this one must not say less.
func (c *core) resume(kept *Stored) {
	c.held.acked = ackMark{at: c.now}
	log := newMemoryLog(c.imageNow)
	if err := kept.fill(log); err != nil {
		c.emit(fail{reason: fmt.Errorf("%w: the log that was kept does not fit together: %w", ErrStorage, err)})
		return
	}
	c.store.asked, c.store.promised, c.store.logEnd = kept.State, kept.State.GetTerm(), kept.last()
	c.begin(log, kept.base())
	if kept.Snapshot == nil {
		return // it had just been taken in: the leader will go on
	}
	c.emit(restoreKept{})
	c.takeUp(kept.Snapshot)
	if c.renumbers && c.number.predecessor >= c.self.Incarnation { // it is gone, since this member has its storage
		c.renumber(Member{c.self.Name, c.number.predecessor})
	}
	if c.state.sync == nil && kept.base() == 1 { // whoever did not store how the group began may still ask
		c.members.first = &wire.Bootstrap{Voters: c.image().GetElectorate(), Cluster: c.cluster, Began: c.members.bootstrapAt}
	}
}

// maybeKeep has a snapshot of what is applied here stored when the log behind the last one has grown long, so that the
// log before it need not be kept nor read again.
func (c *core) maybeKeep() {
	if !c.durable || c.store.keeping || c.members.conf == nil || c.store.logged < max(c.keepEvery, c.store.imageSize) {
		return
	}
	term, err := c.log.Term(c.state.applied)
	if err != nil {
		return // a snapshot of the leader's is being stored
	}
	c.store.keeping, c.store.logged = true, 0
	c.emit(keepImage{snapshot: c.withImage(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: c.members.loggedConf(), Index: new(c.state.applied), Term: new(term),
	}})})
}

// imageKept: without a new snapshot the log only grows, which the view tells before the disk is full.
func (s *store) imageKept(ev imageKept) {
	s.keeping, s.storageErr = false, ""
	if ev.err != nil {
		s.storageErr = fmt.Sprintf("the snapshot at %d is not stored: %v", ev.index, ev.err)
		return
	}
	s.imageSize = ev.size
}

// hasLost says whether a leader has heard from this member that it had stored what it does not have now. A heartbeat tells
// no member that more is committed than it has acknowledged.
func (c *core) hasLost(from Member, m *raftpb.Message) bool {
	return c.durable && c.node != nil && m.GetType() == raftpb.MsgHeartbeat && m.GetTo() == c.id && c.plausibleSender(from, m.GetFrom()) &&
		m.GetTerm() == c.node.BasicStatus().GetTerm() && m.GetCommit() > c.store.logEnd
}
