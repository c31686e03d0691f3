package genleader

import (
	"fmt"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

const (
	maxAppend      = 1 << 20  // bytes of entries in one message
	maxUncommitted = 64 << 20 // bytes of entries that wait for a majority
	maxInflight    = 8 << 20  // bytes of entries on their way to one member, not counting the last message

	eagerTries = 6                     // quick campaigns after the leader's connection closed, each waiting twice as long
	eagerRetry = 2 * time.Millisecond  // before the second: the others may be about to notice what this member has
	rankPause  = 10 * time.Millisecond // between the first campaigns of voters of neighbouring ranks
)

// begin makes the raft node. An empty storage is a member that a leader will bring up to date.
func (c *core) begin(storage *memoryLog, applied uint64) {
	node, err := raft.NewRawNode(&raft.Config{
		ID:                        c.id,
		ElectionTick:              max(2, int(c.timing.Election/c.timing.Heartbeat)),
		HeartbeatTick:             1,
		Storage:                   storage,
		Applied:                   applied,
		MaxSizePerMsg:             maxAppend,
		MaxInflightMsgs:           256,
		MaxInflightBytes:          maxInflight,
		MaxUncommittedEntriesSize: maxUncommitted,
		CheckQuorum:               true,
		PreVote:                   true,
		AsyncStorageWrites:        true,
		StepDownOnRemoval:         true, // a leader that carries out its own removal may open no term any more
		DisableProposalForwarding: true, // a broadcast is for the log of its own term: see pendingCall
		Logger:                    silent{},
	})
	if err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: raft refused its configuration: %w", err)})
		return
	}
	c.node, c.log, c.state.applied = node, storage, applied
	c.at[joinAt] = time.Time{}
	c.becomeLeaderless()
	c.contact()
	c.turn.touch()
}

// stepRaft takes a raft message of a peer. Messages for an earlier incarnation of this name are not ours.
func (c *core) stepRaft(from Member, data []byte) {
	m := &raftpb.Message{}
	if proto.Unmarshal(data, m) != nil {
		return
	}
	if c.hasLost(from, m) {
		c.failStorage(fmt.Errorf("the leader counts on entry %d, and the directory ends with entry %d: it is an older copy; give this member an empty one",
			m.GetCommit(), c.store.logEnd))
		return
	}
	if !c.plausible(from, m) {
		return
	}
	c.present(from, m.GetFrom())
	if m.GetType() == raftpb.MsgSnap {
		return // a snapshot comes as a stream
	}
	leads := m.GetType() == raftpb.MsgApp || m.GetType() == raftpb.MsgHeartbeat
	if c.node == nil {
		if !leads {
			return
		}
		c.begin(newMemoryLog(c.imageNow), 0)
	}
	// A former leader that asks for votes is not heard as a leader, or nobody would ever give up on it.
	_ = c.node.Step(m) // an error says that the message means nothing here, which is a lost message
	status := c.node.BasicStatus()
	c.doubtTransfer(m, status)
	if leads && status.Lead == m.GetFrom() {
		c.leaderSpoke()
		c.noteAck(status.GetTerm()) // its answer supports this leader as the answer to a heartbeat does
	} else if status.GetTerm() > c.term && status.RaftState == raft.StateFollower {
		c.contact()
	}
	c.turn.touch()
}

// contact starts the election timer anew: a leader was heard, or a new term began.
func (c *core) contact() {
	c.eager = 0
	if c.hibernation.asleep {
		return
	}
	c.at[forgetAt] = c.now.Add(c.timing.Election)
	c.at[campaignAt] = c.at[forgetAt].Add(c.jitter(c.timing.Election / 2))
	if c.isWitness {
		c.at[campaignAt] = c.at[campaignAt].Add(c.timing.Election / 2) // whoever else can lead comes first
	}
}

// forget stops protecting a silent leader: from now on this member may vote for another.
func (c *core) forget() {
	if c.node != nil && c.rounds == nil {
		_ = c.node.ForgetLeader()
		c.turn.touch()
	}
}

// campaign asks for votes, quickly again while the evidence against the leader is fresh, then at random intervals.
func (c *core) campaign() {
	if c.node == nil || c.rounds != nil || c.phase == Departed {
		return
	}
	if c.number.newer != (Member{}) { // the others may not take this member up under its number
		c.at[campaignAt] = c.now.Add(c.timing.Election)
		return
	}
	status := c.node.BasicStatus()
	if status.Lead == 0 {
		c.takeBackVote()
	}
	voting := c.eager > 0 && status.RaftState == raft.StateCandidate // its votes are on their way
	if status.Lead == 0 && !voting {
		_ = c.node.Campaign()
		c.turn.touch()
	}
	if c.eager > 0 {
		pause := eagerRetry << (eagerTries - c.eager)
		c.eager--
		c.at[campaignAt] = c.now.Add(pause + c.jitter(pause))
		return
	}
	c.at[campaignAt] = c.now.Add(c.timing.Election/5 + c.jitter(c.timing.Election/5))
}

// suspectLeader acts on a closed connection: voters campaign in the order of their rank.
func (c *core) suspectLeader(why Loss) {
	c.doubtLeader(why)
	c.forget()
	c.eager = eagerTries
	c.at[forgetAt] = time.Time{}
	c.at[campaignAt] = c.now.Add(time.Duration(c.rank()) * rankPause)
}

// drive lets raft do what it has ready: store, send, apply.
func (c *core) drive() {
	c.turn.dirty = false
	if c.node == nil {
		return
	}
	c.tellReports()
	c.beginReads()
	if len(c.book.calls) == 0 { // nobody here is about to come again
		c.submit()
	}
	c.takeReady()
	if c.turn.served && !c.turn.holding {
		c.turn.served, c.turn.holding = false, true
		return
	}
	c.turn.served, c.turn.holding = false, false
	for c.submit() {
		c.takeReady()
	}
	c.dropInstalling()
	c.trimLog()
	c.maybeKeep()
}

// takeReady does what raft has ready until it has no more.
func (c *core) takeReady() {
	for c.node.HasReady() {
		rd := c.node.Ready()
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
				c.save(m)
			case raft.LocalApplyThread:
				c.applyAll(m)
			default:
				c.sendRaft(m)
			}
		}
		c.confirmReads(rd.ReadStates)
		c.observeRole()
	}
}

// applyAll applies committed entries, all of which are stored here.
func (c *core) applyAll(m *raftpb.Message) {
	if c.outbox.acknowledges || len(c.book.calls) == 0 { // else they hear of it with what comes next: see drive
		c.sendOutbox() // the others need not wait until it is applied here
	}
	for _, entry := range m.GetEntries() {
		c.applyEntry(entry)
	}
	c.useGrants()
	for _, response := range m.GetResponses() {
		_ = c.node.Step(response)
	}
}

func (c *core) sendRaft(m *raftpb.Message) {
	name, linked := c.linkedTo(m.GetTo())
	snapshot := m.GetType() == raftpb.MsgSnap
	switch {
	case snapshot && linked:
		c.startStream(name, m)
	case snapshot:
		c.reportSnapshot(m.GetTo(), raft.SnapshotFailure)
	case linked: // else that id is gone; who has its name now must not hear its messages
		if data, err := proto.Marshal(m); err == nil {
			c.postRaft(name, m, &wire.Packet{What: &wire.Packet_Raft{Raft: data}})
		}
	}
}

// postRaft posts a raft message. An append that only says how far the log is committed says nothing that the next one to
// the same member does not say as well, so that takes its place.
func (c *core) postRaft(name string, m *raftpb.Message, p *wire.Packet) {
	if m.GetType() != raftpb.MsgApp {
		c.post(name, p)
		return
	}
	at, waits := c.outbox.bare[name]
	if waits {
		c.outbox.packets[name][at] = p
	} else {
		at = len(c.outbox.packets[name])
		c.post(name, p)
	}
	delete(c.outbox.bare, name)
	if len(m.GetEntries()) == 0 {
		c.outbox.bare[name] = at
	}
}

// observeRole follows raft's role. What raft says is taken after each batch, so no role is skipped.
func (c *core) observeRole() {
	status := c.node.BasicStatus()
	leads := status.RaftState == raft.StateLeader
	changed := status.GetTerm() != c.term
	c.shown.stale = c.shown.stale || changed || status.Lead != c.leader
	c.leaderIs(status.Lead, status.GetTerm())
	c.term, c.leader = status.GetTerm(), status.Lead
	if c.leader != 0 {
		c.members.takeback.tries = 0
	}
	if c.leader != 0 && c.leader != c.id {
		c.goByLog()
	}
	switch {
	case c.phase == Departed:
	case leads && (c.rounds == nil || changed):
		c.becomeElecting()
		c.lead()
	case leads:
	default:
		if c.rounds != nil {
			c.rounds, c.at[heartbeatAt] = nil, time.Time{}
			c.book.clearBacklog()
			c.contact()
		}
		if c.leader != 0 {
			c.becomeFollower()
			break
		}
		c.becomeLeaderless()
		if c.at[joinAt].IsZero() {
			c.at[joinAt] = c.now.Add(2 * c.timing.Election)
		}
	}
	c.reviewStreams()
}

// silent is raft's logger: the core tells what happened by its effects. A panic of raft stays one.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Fatal(v ...any)          { panic(fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
func (silent) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
