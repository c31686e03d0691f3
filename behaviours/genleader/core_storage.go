package genleader

import (
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

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
	c.noteEnd(m)
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
		if len(write.Entries) > 0 || write.Snapshot != nil || state.GetTerm() != c.asked.GetTerm() || state.GetVote() != c.asked.GetVote() {
			write.State, c.asked = state, state
		}
	}
	if write.empty() && len(c.saving) == 0 {
		c.stored(m)
		return
	}
	c.write(write, m)
}

// write asks for a write, and holds back a storage message until it is done, or, if there is nothing to write, until all
// that was asked for before is.
func (c *core) write(write Write, m *raftpb.Message) {
	if !write.empty() {
		c.saves++
		c.emit(save{seq: c.saves, write: write})
	}
	for _, e := range write.Entries {
		c.logged += uint64(proto.Size(e))
	}
	if write.Snapshot != nil {
		c.logged = 0
	}
	c.saving = append(c.saving, saving{seq: c.saves, message: m})
}

// saveFirst stores how the group begins.
func (c *core) saveFirst(first *raftpb.Snapshot) {
	c.logEnd = first.GetMetadata().GetIndex()
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
	for done < len(c.saving) && c.saving[done].seq <= ev.seq {
		c.stored(c.saving[done].message)
		c.saving[done].message = nil
		done++
	}
	c.saving = c.saving[done:]
	c.touch()
}

// stored acts on what is safe now: raft may read it, and its answers may leave.
func (c *core) stored(m *raftpb.Message) {
	if snapshot := m.GetSnapshot(); !raft.IsEmptySnap(snapshot) {
		_ = c.log.ApplySnapshot(snapshot) // an error says that the log has got there
	}
	if state := hardState(m); state != nil {
		_ = c.log.SetHardState(state)
		c.promised = state.GetTerm()
	}
	if err := c.log.Append(m.GetEntries()); err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: the log refused entries: %w", err)})
	}
	for _, response := range m.GetResponses() {
		if response.GetTo() == c.id {
			_ = c.node.Step(response) // an error says that it has been overtaken
			continue
		}
		c.acknowledges = c.acknowledges || len(m.GetEntries()) > 0
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
func (c *core) noteEnd(m *raftpb.Message) {
	if index := m.GetSnapshot().GetMetadata().GetIndex(); index > 0 {
		c.logEnd = index
	}
	if n := len(m.GetEntries()); n > 0 {
		c.logEnd = m.GetEntries()[n-1].GetIndex()
	}
}

// failStorage ends this member: what its disk holds is not known any more, so it must not vote or acknowledge. Nothing
// that it has acknowledged is in doubt.
func (c *core) failStorage(err error) {
	reason := fmt.Errorf("%w: %w", ErrStorage, err)
	c.rounds, c.leader, c.phase = nil, 0, Leaderless
	c.storageErr = reason.Error()
	c.view = c.look()
	c.emit(announce{view: c.view})
	c.emit(fail{reason: reason})
}

// resume goes on where an earlier process of this member stopped. That one may have acknowledged a leader until this very
// moment, and this one must not say less.
func (c *core) resume(kept *Stored) {
	c.acked = ackMark{at: c.now}
	log := newMemoryLog(c.imageNow)
	if err := kept.fill(log); err != nil {
		c.emit(fail{reason: fmt.Errorf("%w: the log that was kept does not fit together: %w", ErrStorage, err)})
		return
	}
	c.asked, c.promised, c.logEnd = kept.State, kept.State.GetTerm(), kept.last()
	c.begin(log, kept.base())
	if kept.Snapshot == nil {
		return // it had just been taken in: the leader will go on
	}
	c.emit(restoreKept{})
	c.takeUp(kept.Snapshot)
	if c.sync == nil && kept.base() == 1 { // whoever did not store how the group began may still ask
		c.genesis = &wire.Genesis{Voters: c.image().GetElectorate(), Cluster: c.cluster}
	}
}

// maybeKeep has a snapshot of what is applied here stored when the log behind the last one has grown long, so that the
// log before it need not be kept nor read again.
func (c *core) maybeKeep() {
	if !c.durable || c.keeping || c.conf == nil || c.logged < max(c.keepEvery, c.imageSize) {
		return
	}
	term, err := c.log.Term(c.applied)
	if err != nil {
		return // a snapshot of the leader's is being stored
	}
	c.keeping, c.logged = true, 0
	c.emit(keepImage{snapshot: c.withImage(&raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: c.conf, Index: new(c.applied), Term: new(term),
	}})})
}

// imageKept: without a new snapshot the log only grows, which the view tells before the disk is full.
func (c *core) imageKept(ev imageKept) {
	c.keeping, c.storageErr = false, ""
	if ev.err != nil {
		c.storageErr = fmt.Sprintf("the snapshot at %d is not stored: %v", ev.index, ev.err)
		return
	}
	c.imageSize = ev.size
}

// hasLost says whether a leader has heard from this member that it had stored what it does not have now. A heartbeat tells
// no member that more is committed than it has acknowledged.
func (c *core) hasLost(from Member, m *raftpb.Message) bool {
	return c.durable && c.node != nil && m.GetType() == raftpb.MsgHeartbeat && m.GetTo() == c.id && c.plausibleSender(from, m.GetFrom()) &&
		m.GetTerm() == c.node.BasicStatus().GetTerm() && m.GetCommit() > c.logEnd
}
