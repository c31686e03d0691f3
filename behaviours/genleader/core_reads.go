package genleader

import (
	"encoding/binary"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A linearizable read needs an index that was committed when, or after, the read began. Only a leader can name one, and
// only after a majority has told it, since then, that it still leads: raft's ReadIndex. Readers of one member share an
// ask to the leader, and asks share a round of the leader, so many readers cost no more than one.
//
//	readers --ask n--> leader --heartbeats--> majority --> leader: index --answer n--> readers whose ask is no later
//
// An ask may be lost with its leader or its connection. It changes nothing, so it is made again; a late answer to an
// earlier one is as good for whoever was in it.

// readers are this member's own, in the order they came.
type readers struct {
	waiting []reader
	asks    uint64   // number of the latest ask; they rise for the life of the process
	asking  bool     // its answer is on its way
	leader  uint64   // whom it was sent to
	term    uint64   // and in which term
	behind  []reader // have their answer, and what it names is not applied here yet
}

type reader struct {
	seq   uint64
	ask   uint64 // the first ask that this reader was in; zero: none yet
	index uint64 // of raft, from which it may read
}

// readRounds is a leader's account of the asks of its term.
type readRounds struct {
	asks    []readAsk
	running uint64 // the latest round that raft confirms now; zero: none
	begun   uint64 // rounds of this term: raft counts them too, and a peer's heartbeat answer names one
}

type readAsk struct {
	from  Member
	ask   uint64
	round uint64 // zero: not begun
}

func (c *core) readIndex(seq uint64) {
	if c.phase == Departed {
		c.emit(readable{seq: seq, err: ErrStopped})
		return
	}
	c.readers.waiting = append(c.readers.waiting, reader{seq: seq})
}

// abandonRead ends a wait whose caller has waited long enough.
func (c *core) abandonRead(seq uint64) {
	rs := &c.readers
	if i := slices.IndexFunc(rs.waiting, func(r reader) bool { return r.seq == seq }); i >= 0 {
		rs.waiting = slices.Delete(rs.waiting, i, i+1)
		c.emit(readable{seq: seq, err: ErrNoLeader})
	}
	if i := slices.IndexFunc(rs.behind, func(r reader) bool { return r.seq == seq }); i >= 0 {
		rs.behind = slices.Delete(rs.behind, i, i+1)
		c.emit(readable{seq: seq, err: ErrBehind})
	}
}

// loseReaders ends every wait, because this member leaves.
func (c *core) loseReaders() {
	for _, r := range slices.Concat(c.readers.waiting, c.readers.behind) {
		c.emit(readable{seq: r.seq, err: ErrStopped})
	}
	c.readers.waiting, c.readers.behind = nil, nil
}

// pumpReads asks for all readers that are in no ask yet, one ask at a time, and again when the leader is another one or
// has not answered in time.
func (c *core) pumpReads() {
	rs := &c.readers
	if len(rs.waiting) == 0 {
		c.at[readAt], rs.asking = time.Time{}, false
		return
	}
	if rs.asking && rs.leader == c.leader && rs.term == c.term && !c.due(readAt) {
		return
	}
	rs.asking, c.at[readAt] = false, time.Time{} // a deadline that has passed would keep all later ones from ringing
	leader := c.members.names[c.leader]
	if c.rounds == nil && (c.phase != Following || !c.peers.reaches(leader, c.leader)) {
		return // asked as soon as there is a leader to ask
	}
	rs.asks++
	rs.asking, rs.leader, rs.term = true, c.leader, c.term
	for i := len(rs.waiting) - 1; i >= 0 && rs.waiting[i].ask == 0; i-- {
		rs.waiting[i].ask = rs.asks
	}
	c.at[readAt] = c.now.Add(c.timing.Election / 2)
	if c.rounds != nil {
		c.takeReadAsk(c.self, rs.asks)
		return
	}
	c.post(leader, &wire.Packet{What: &wire.Packet_ReadAsk{ReadAsk: &wire.ReadAsk{Ask: rs.asks}}})
}

// takeReadAsk takes an ask if this member leads; else it is lost, and its member asks another.
func (c *core) takeReadAsk(from Member, ask uint64) {
	if c.rounds == nil {
		return
	}
	c.rounds.reads.asks = append(c.rounds.reads.asks, readAsk{from: from, ask: ask})
	c.turn.touch()
}

// beginReads begins one round for all asks that came since the last one began. Not before this term is open: until then
// the leader does not know what is committed.
func (c *core) beginReads() {
	if c.rounds == nil || !c.rounds.opened || c.rounds.reads.running != 0 {
		return
	}
	r := &c.rounds.reads
	if len(r.asks) == 0 {
		return
	}
	if status := c.node.BasicStatus(); status.RaftState != raft.StateLeader || status.GetTerm() != c.term {
		return // it leads no more, which shows at the end of this batch
	}
	r.begun++
	r.running = r.begun
	for i := range r.asks {
		r.asks[i].round = r.running
	}
	context := make([]byte, 16)
	binary.LittleEndian.PutUint64(context, c.term)
	binary.LittleEndian.PutUint64(context[8:], r.running)
	c.node.ReadIndex(context)
}

// confirmReads answers the asks whose round a majority has confirmed.
func (c *core) confirmReads(states []raft.ReadState) {
	for _, state := range states {
		if c.rounds == nil || len(state.RequestCtx) != 16 || binary.LittleEndian.Uint64(state.RequestCtx) != c.term {
			continue // of a term that this member leads no more
		}
		r := &c.rounds.reads
		round := binary.LittleEndian.Uint64(state.RequestCtx[8:])
		later := r.asks[:0]
		for _, a := range r.asks {
			if a.round == 0 || a.round > round {
				later = append(later, a)
			} else {
				c.answerRead(a, state.Index)
			}
		}
		r.asks = later
		if r.running == round {
			r.running = 0
		}
		if len(later) > 0 {
			c.turn.touch()
		}
	}
}

func (c *core) answerRead(a readAsk, index uint64) {
	switch {
	case a.from == c.self:
		c.readAnswered(a.ask, index)
	case c.peers.links[a.from.Name] == a.from.Incarnation:
		c.post(a.from.Name, &wire.Packet{What: &wire.Packet_ReadAnswer{ReadAnswer: &wire.ReadAnswer{Ask: a.ask, Index: index}}})
	}
}

// readAnswered answers every reader that was there when the ask was sent, once this member has applied so much: only then
// it knows which index that is for its callers.
func (c *core) readAnswered(ask, index uint64) {
	rs := &c.readers
	if ask == 0 || ask > rs.asks {
		return
	}
	later := rs.waiting[:0]
	for _, r := range rs.waiting {
		if r.ask == 0 || r.ask > ask {
			later = append(later, r)
		} else {
			r.index = index
			rs.behind = append(rs.behind, r)
		}
	}
	rs.waiting = later
	if ask == rs.asks {
		rs.asking = false
	}
	c.release()
}

// release lets those read who wait for what is applied here by now.
func (c *core) release() {
	c.readers.behind = slices.DeleteFunc(c.readers.behind, func(r reader) bool {
		if r.index <= c.state.applied {
			c.emit(readable{seq: r.seq, index: c.state.index()})
		}
		return r.index <= c.state.applied
	})
}

// plausibleContext says whether the context of a heartbeat, or of an answer to one, is one that raft makes: the number of
// a read round. Raft takes an answer that names a later round than it began for proof of rounds that it does not have.
func (c *core) plausibleContext(m *raftpb.Message) bool {
	context := m.GetContext()
	if len(context) == 0 {
		return true
	}
	if len(context) != 8 {
		return false
	}
	if m.GetType() == raftpb.MsgHeartbeat {
		return true // it is sent back as it came
	}
	return c.rounds != nil && m.GetTerm() == c.term && binary.LittleEndian.Uint64(context) <= c.rounds.reads.begun
}

// freshen tells that everything acknowledged before that stamp of this member is applied here. The stamp is granted only
// after a round that began later was confirmed, in a term that is open, and is used only when everything is applied that
// the leader's log held by then: so no other leader can have acknowledged anything before the stamp that is not here.
func (c *core) freshen(stamp int64) {
	if asOf := c.began.Add(time.Duration(stamp)); asOf.After(c.held.freshAsOf) && !asOf.After(c.now) {
		c.held.freshAsOf = asOf
		c.emit(fresh{asOf: asOf})
	}
}

func (c *core) tellApplied() {
	if c.state.index() != c.state.told {
		c.state.told = c.state.index()
		c.emit(advanced{index: c.state.told})
		c.release()
	}
}
