package genleader

import (
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// applied is how far this member has applied the log, and what it knows of the term that was opened last.
type applied struct {
	sync     *wire.Sync            // latest opening of a term that was applied
	welcomes map[string]*wire.Sync // of that term, for those who have joined since, by name
	applied  uint64
	extra    uint64 // broadcasts applied beyond one for each entry: what an index is ahead of raft's
	told     uint64 // what was told to be applied last
}

func (c *core) applyEntry(entry *raftpb.Entry) {
	c.state.applied = entry.GetIndex()
	switch entry.GetType() {
	case raftpb.EntryConfChangeV2:
		cc := &raftpb.ConfChangeV2{}
		if proto.Unmarshal(entry.GetData(), cc) == nil {
			c.changeElectorate(cc)
		}
	case raftpb.EntryConfChange: // nobody proposes one
	case raftpb.EntryNormal:
		if len(entry.GetData()) == 0 {
			c.won(entry.GetTerm())
			return
		}
		c.applyRecord(entry.GetData())
	}
}

// applyRecord skips what is not readable, as every member does.
func (c *core) applyRecord(data []byte) {
	batch, err := readBatch(data, c.turn.batch[:0])
	defer func() { clear(batch) }() // the log may be cut long before the next batch comes
	if err != nil {
		return
	}
	if len(batch) > 0 {
		c.turn.batch = batch
		c.applyBatch(batch)
		return
	}
	record := &wire.Record{}
	if proto.Unmarshal(data, record) == nil && record.GetSync() != nil {
		c.applySync(record.GetSync())
	}
}

// won is this member's own first entry coming back: everything of earlier leaders has been applied.
func (c *core) won(term uint64) {
	if c.rounds != nil && c.term == term && !c.rounds.opened {
		c.rounds.opened, c.number.placed = true, true
		c.emit(elected{term: term})
	}
}

func (c *core) applySync(sync *wire.Sync) {
	leader := identityOf(sync.GetLeader())
	if to := sync.GetTo(); to != nil {
		c.state.welcomes[to.GetName()] = sync
		if identityOf(to) != c.self {
			return
		}
	} else {
		c.state.sync = sync
		clear(c.state.welcomes)
		c.resubmit(sync.GetTerm())
	}
	if leader != c.self {
		c.emit(surrender{leader: leader, sync: sync.GetSync()})
	}
}

// applyBatch gives each broadcast an index of its own, which counts on from those of all entries before.
func (c *core) applyBatch(batch []broadcast) {
	many := c.applying()
	many.broadcasts = slices.Grow(many.broadcasts, len(batch))
	for i, b := range batch {
		do := apply{index: c.state.index() + uint64(i), message: b.message, reply: b.reply, hasReply: b.hasReply}
		if b.origin == c.self && c.book.forgetCall(b.seq) {
			do.seq = b.seq
			c.turn.served = true
		}
		many.broadcasts = append(many.broadcasts, do)
	}
	c.state.extra += uint64(len(batch) - 1)
}

// index is what callers and the behaviour take for the place in the log of what is applied here.
func (a *applied) index() uint64 { return a.applied + a.extra }

// applying is the effect that broadcasts which follow each other are put into.
func (c *core) applying() *applyMany {
	if last := len(c.out) - 1; last >= 0 {
		if many, ok := c.out[last].(*applyMany); ok {
			return many
		}
	}
	many := &applyMany{broadcasts: c.turn.apply}
	c.turn.apply = nil
	c.emit(many)
	return many
}

// adopt replaces this member's state by a leader's snapshot. Calls that were on their way may lie inside it.
func (c *core) adopt(snapshot *raftpb.Snapshot) {
	c.tell(SnapshotReceived{Index: snapshot.GetMetadata().GetIndex()})
	c.loseCalls()
	c.install(snapshot.GetMetadata().GetIndex())
	c.takeUp(snapshot)
}

// takeUp takes the core's own part of a snapshot in, behind the behaviour's.
func (c *core) takeUp(snapshot *raftpb.Snapshot) {
	image := &wire.Image{}
	if err := proto.Unmarshal(snapshot.GetData(), image); err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: the snapshot is not readable: %w", err)})
		return
	}
	c.shown.stale = true
	c.members.conf, c.state.applied = snapshot.GetMetadata().GetConfState(), snapshot.GetMetadata().GetIndex()
	c.members.changed = c.state.applied
	c.members.takeback = takeback{}
	c.state.sync = image.GetSync()
	c.members.bootstrapAt = image.GetBegan()
	c.members.groupID, c.members.whole, c.state.extra = image.GetGroupId(), int(image.GetWhole()), image.GetExtra()
	c.members.former = map[string]uint64{}
	for _, who := range image.GetFormer() {
		c.members.formerly(identityOf(who))
	}
	c.members.names, c.members.witnesses = map[uint64]string{}, map[uint64]bool{}
	for _, id := range image.GetElectorate() {
		c.enroll(id)
	}
	sync := c.state.sync
	clear(c.state.welcomes)
	for _, welcome := range image.GetWelcomes() {
		c.state.welcomes[welcome.GetTo().GetName()] = welcome
		if identityOf(welcome.GetTo()) == c.self {
			sync = welcome // lies before this snapshot, so it will not come with the log
		}
	}
	if sync != nil && identityOf(sync.GetLeader()) != c.self {
		c.emit(surrender{leader: identityOf(sync.GetLeader()), sync: sync.GetSync()})
	}
}
