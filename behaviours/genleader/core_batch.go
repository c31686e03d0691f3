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

// batching is what waits for the end of a turn, so that it goes together.
type batching struct {
	waiting     proposals
	room        batch       // for the next one
	batch       []broadcast // room for the one that is being applied
	apply       []apply     // room for what it makes of it
	uncommitted bool        // of what this leader has submitted in this term not all is committed
	served      bool        // callers of this member have been, since the last flush
	holding     bool        // what is to be said and proposed waits for those callers to come again
	dirty       bool        // raft may have something ready
	flushing    bool        // a flush is on its way
}

// Much can happen before everything that was in the mailbox has been stepped: hundreds of calls and answers. What they
// say to a member goes in one frame then, and what they add to the log goes to raft together, as one entry and one message
// to each member. A round through raft costs much more than a broadcast in it, so broadcasts wait while others are on their
// way, until these are settled or there are many. And when they are settled, the callers who were answered first get the
// chance to come again: see drive. Alone nobody waits, and under load rounds are few and large.

// These many broadcasts, or bytes of them, wait for no others, and make an entry of their own.
const (
	fullBatch      = 1024
	fullBatchBytes = 256 << 10
)

// proposals wait to be added to the log in that term.
type proposals struct {
	term    uint64
	count   int
	bytes   int
	entries []proposal
}

// A proposal is one entry in the making: broadcasts, or without any of them a sync.
type proposal struct {
	batch
	sync []byte
}

func (p *proposal) data() ([]byte, error) {
	if p.sync != nil {
		return p.sync, nil
	}
	return p.record()
}

// propose adds a broadcast to what this turn adds to the log.
func (c *core) propose(from From, a Answer) {
	size := len(a.message) + len(a.reply)
	if c.turn.waiting.bytes+size > maxUncommitted && c.handing() {
		c.answer(from, &wire.Answered{Seq: from.Seq, Overloaded: true})
		return
	}
	c.openBatch(size).add(from, a.message, a.reply, a.replies)
	c.turn.waiting.count++
	c.turn.waiting.bytes += size
	if !c.mustWait() { // else what settles those before it submits it
		c.turn.touch()
	}
}

// openBatch is where the next broadcast goes.
func (c *core) openBatch(size int) *batch {
	w := c.waitingNow()
	if last := len(w.entries) - 1; last >= 0 {
		e := &w.entries[last]
		if e.sync == nil && len(e.callers) < fullBatch && len(e.broadcasts)+size <= fullBatchBytes {
			return &e.batch
		}
	}
	w.entries = append(w.entries, proposal{batch: c.turn.room})
	c.turn.room = batch{}
	return &w.entries[len(w.entries)-1].batch
}

// waitingNow is what waits in this term.
func (c *core) waitingNow() *proposals {
	if c.turn.waiting.term != c.term {
		c.turn.waiting = proposals{term: c.term}
	}
	return &c.turn.waiting
}

// mustWait says whether what is proposed waits for others of this term that are on their way.
func (c *core) mustWait() bool {
	if c.turn.uncommitted && c.node.BasicStatus().GetCommit() >= c.store.logEnd {
		c.turn.uncommitted = false // a majority has them all, be this member's own disk as slow as it likes
	}
	w := c.turn.waiting
	return c.turn.uncommitted && w.term == c.term && w.count < fullBatch && w.bytes < fullBatchBytes
}

// submit gives raft what was proposed, unless others of this term are on their way, and says whether it did. Once
// leadership is gone or handed over the calls stay pending: the next leader's sync sends them again.
func (c *core) submit() bool {
	w := c.turn.waiting
	if len(w.entries) == 0 || c.mustWait() {
		return false
	}
	status := c.node.BasicStatus()
	if c.turn.holdBack(status) {
		return false
	}
	c.turn.waiting = proposals{}
	if status.RaftState != raft.StateLeader || status.GetTerm() != w.term {
		return false
	}
	entries, err := w.encode()
	if err != nil {
		return false // only text that is not UTF-8 does that, and member names are checked before they get here
	}
	err = c.node.Step(&raftpb.Message{Type: raftpb.MsgProp.Enum(), From: new(c.id), Entries: entries})
	switch {
	case err == nil:
		c.turn.uncommitted = c.turn.uncommitted || w.count > 0
	case errors.Is(err, raft.ErrProposalDropped) && status.LeadTransferee == 0:
		c.overload(w)
	}
	c.turn.reuse(w)
	return err == nil
}

func (w proposals) encode() ([]*raftpb.Entry, error) {
	entries := make([]*raftpb.Entry, len(w.entries))
	for i := range w.entries {
		data, err := w.entries[i].data()
		if err != nil {
			return nil, err
		}
		entries[i] = &raftpb.Entry{Data: data}
	}
	return entries, nil
}

// reuse keeps the room of what has been encoded for the next batch.
func (b *batching) reuse(w proposals) {
	if used := w.entries[0].batch; cap(used.broadcasts) <= 2*fullBatchBytes {
		b.room = batch{origins: used.origins[:0], broadcasts: used.broadcasts[:0], callers: used.callers[:0]}
	}
}

// overload tells the callers that there was no room for what they want. A sync waits for room: nobody would ask for it
// again.
func (c *core) overload(w proposals) {
	for _, e := range w.entries {
		if e.sync != nil {
			c.waitWith(e.sync)
		}
		for _, from := range e.callers {
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
	c.turn.uncommitted = false
	c.submit()
	c.turn.touch()
	if !c.handing() && len(c.turn.waiting.entries) == 0 {
		if err := c.node.Propose(data); !errors.Is(err, raft.ErrProposalDropped) {
			return err
		}
	}
	c.waitWith(data)
	return nil
}

func (c *core) waitWith(sync []byte) {
	w := c.waitingNow()
	w.entries = append(w.entries, proposal{sync: sync})
	w.bytes += len(sync)
}

// sendOutbox hands over what was said to each member, in one frame.
func (c *core) sendOutbox() {
	for _, name := range slices.Sorted(maps.Keys(c.outbox.packets)) {
		c.emit(send{to: name, packets: c.outbox.packets[name]})
	}
	clear(c.outbox.packets)
	clear(c.outbox.bare)
	c.outbox.acknowledges = false
}
