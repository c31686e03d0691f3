package genleader

import (
	"errors"
	"maps"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// Much can happen before everything that was in the mailbox has been stepped: hundreds of calls and answers. What they
// say to a member goes in one frame then, and what they add to the log goes to raft together, as one message to each
// member. A round through raft costs much more than an entry in it, so entries wait while others are on their way, until
// these are settled or there are many: alone nobody waits, and under load rounds are few and large.

// These many entries, or bytes of them, wait for no others.
const (
	fullBatch      = 1024
	fullBatchBytes = 256 << 10
)

// proposals wait to be added to the log in that term.
type proposals struct {
	term    uint64
	bytes   int
	entries []*raftpb.Entry
	callers []From
	syncs   int // entries that are no broadcasts
}

// propose adds a broadcast to what this turn adds to the log.
func (c *core) propose(from From, b *wire.Broadcast) {
	data, err := proto.Marshal(&wire.Record{What: &wire.Record_Broadcast{Broadcast: b}})
	if err != nil {
		return // only text that is not UTF-8 does that, and member names are checked before they get here
	}
	if c.waiting.bytes+len(data) > maxUncommitted && c.handing() {
		c.answer(from, &wire.Answered{Seq: from.Seq, Overloaded: true})
		return
	}
	c.wait(from, data)
	if !c.mustWait() { // else what settles those before it submits it
		c.touch()
	}
}

// mustWait says whether what is proposed waits for others of this term that are on their way.
func (c *core) mustWait() bool {
	if c.unsettled > 0 && c.node.BasicStatus().GetCommit() >= c.logEnd {
		c.unsettled = 0 // a majority has them all, be this member's own disk as slow as it likes
	}
	w := c.waiting
	return c.unsettled > 0 && w.term == c.term && len(w.entries) < fullBatch && w.bytes < fullBatchBytes
}

func (c *core) wait(from From, data []byte) {
	if c.waiting.term != c.term {
		c.waiting = proposals{term: c.term}
	}
	c.waiting.entries = append(c.waiting.entries, &raftpb.Entry{Data: data})
	c.waiting.callers = append(c.waiting.callers, from)
	c.waiting.bytes += len(data)
}

// submit gives raft what was proposed, unless others of this term are on their way. Once leadership is gone or handed over
// the calls stay pending: the next leader's sync sends them again.
func (c *core) submit() {
	w := c.waiting
	if len(w.entries) == 0 || c.mustWait() {
		return
	}
	status := c.node.BasicStatus()
	if c.holdBack(status) {
		return
	}
	c.waiting = proposals{}
	if status.RaftState != raft.StateLeader || status.GetTerm() != w.term {
		return
	}
	err := c.node.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(c.id), Entries: w.entries})
	switch {
	case err == nil:
		c.unsettled += len(w.entries) - w.syncs
	case errors.Is(err, raft.ErrProposalDropped) && status.LeadTransferee == 0:
		for _, from := range w.callers {
			c.answer(from, &wire.Answered{Seq: from.Seq, Overloaded: true})
		}
	}
}

// proposeSync adds a sync to the log at once, behind what was proposed before.
func (c *core) proposeSync(sync *wire.Sync) error {
	data, err := proto.Marshal(&wire.Record{What: &wire.Record_Sync{Sync: sync}})
	if err != nil {
		return err
	}
	c.unsettled = 0
	c.submit()
	c.touch()
	if c.handing() {
		c.wait(From{}, data)
		c.waiting.syncs++
		return nil
	}
	return c.node.Propose(data)
}

// sendOutbox hands over what was said to each member, in one frame.
func (c *core) sendOutbox() {
	for _, name := range slices.Sorted(maps.Keys(c.outbox)) {
		c.emit(send{to: name, packets: c.outbox[name]})
	}
	clear(c.outbox)
}
