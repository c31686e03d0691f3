package genleader

import (
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// transfers is the account of leadership that is handed over by command or by rank.
type transfers struct {
	asked     map[uint64]*transferWait
	appointed uint64   // the term in which this member is meant to lead
	before    []Member // who have handed over by rank to make it so; none: by command
}

// Leadership is handed over for three reasons: because somebody commands it, because the leader leaves, and by rank. The
// leader hands over by rank to the highest candidate above it, once that one has been ready for preferAfter without a
// break; a witness does so as soon as any other has been ready for some heartbeats. A leader that came by command
// stays. After a hand-over that failed the next one waits twice as long.
//
//	leader: appoint (by command), TimeoutNow --> candidate: votes, leads in the next term
//
// Meanwhile the leader adds nothing to the log. What was to be added waits: if the hand-over succeeds its callers' members
// ask the next leader, as after any change of leader; if it fails it is added then.

const (
	witnessHeartbeats = 3 // for which another must have been ready before a witness hands over
	mostDoubled       = 6 // hand-overs by rank that fail double the wait so many times
)

// A handover is under way from this leader.
type handover struct {
	to    uint64
	by    time.Time // raft has given up by then
	asker From      // zero: nobody asked
}

// A transferWait is a local caller's command to hand over leadership.
type transferWait struct {
	name   string
	asked  bool
	leader uint64 // whom, in which term
	term   uint64
}

// transfer takes a local caller's command.
func (c *core) transfer(ev transferAsked) {
	if c.phase == Departed {
		c.emit(transferred{seq: ev.seq, err: ErrStopped})
		return
	}
	c.moves.asked[ev.seq] = &transferWait{name: ev.name}
}

// pumpTransfers ends the wait of those who see their leader, and asks the present one for all others, again when it is
// another and now and then.
func (c *core) pumpTransfers() {
	if len(c.moves.asked) == 0 {
		c.at[transferAt] = time.Time{}
		return
	}
	again := c.due(transferAt)
	for _, seq := range slices.Sorted(maps.Keys(c.moves.asked)) {
		t := c.moves.asked[seq]
		if c.leader == 0 || (c.phase != Following && c.phase != Leading) {
			continue
		}
		if c.members.names[c.leader] == t.name {
			c.publish() // whoever hears that it is done sees it too
			c.endTransfer(seq, nil)
			continue
		}
		if t.asked && t.leader == c.leader && t.term == c.term && !again {
			continue
		}
		t.asked, t.leader, t.term = true, c.leader, c.term
		if c.rounds != nil {
			c.takeTransfer(From{Member: c.self, Seq: seq}, t.name)
			continue
		}
		c.post(c.members.names[c.leader], &wire.Packet{What: &wire.Packet_TransferAsk{TransferAsk: &wire.TransferAsk{Seq: seq, Name: t.name}}})
	}
	if c.at[transferAt].IsZero() {
		c.at[transferAt] = c.now.Add(c.timing.Election)
	}
}

func (c *core) endTransfer(seq uint64, err error) {
	if _, waits := c.moves.asked[seq]; waits {
		delete(c.moves.asked, seq)
		c.emit(transferred{seq: seq, err: err})
	}
}

// abandonTransfer ends a wait whose caller has waited long enough.
func (c *core) abandonTransfer(seq uint64) {
	if t, waits := c.moves.asked[seq]; waits && !t.asked {
		c.endTransfer(seq, ErrNoLeader)
	}
	c.endTransfer(seq, ErrNotTransferred)
}

// takeTransfer is the leader's answer to a command: a refusal, or a hand-over, whose success the caller's member sees.
func (c *core) takeTransfer(asker From, name string) {
	if c.rounds == nil || !c.rounds.opened {
		return // it is asked again
	}
	to, why := c.transferable(name)
	h := c.rounds.handover
	switch {
	case why != wire.TransferAnswer_FAILED:
		c.answerTransfer(asker, why)
	case to == c.id:
	case h == nil:
		c.post(name, &wire.Packet{What: &wire.Packet_Appoint{Appoint: &wire.Appoint{Term: c.term}}})
		c.handOver(to, asker)
	case h.to == to:
		h.asker = asker
	default:
		c.answerTransfer(asker, wire.TransferAnswer_FAILED)
	}
}

// transferable finds the voter of a name that may lead now, or why there is none.
func (c *core) transferable(name string) (uint64, wire.TransferAnswer_Why) {
	id := c.members.idNamed(name)
	switch {
	case id == 0:
		return 0, wire.TransferAnswer_UNKNOWN
	case !slices.Contains(c.members.conf.GetVoters(), id):
		return 0, wire.TransferAnswer_NO_VOTER
	case c.members.witnesses[id]:
		return 0, wire.TransferAnswer_WITNESS
	case id != c.id && !c.ready(id):
		return 0, wire.TransferAnswer_NOT_READY
	default:
		return id, wire.TransferAnswer_FAILED
	}
}

func (c *core) answerTransfer(to From, why wire.TransferAnswer_Why) {
	switch {
	case to == From{}:
	case to.Member == c.self:
		c.endTransfer(to.Seq, transferError(why))
	case c.peers.links[to.Member.Name] == to.Member.Incarnation:
		c.post(to.Member.Name, &wire.Packet{What: &wire.Packet_TransferAnswer{TransferAnswer: &wire.TransferAnswer{Seq: to.Seq, Why: why}}})
	}
}

// transferAnswered takes a refusal of the leader that was asked last. One that was asked before may have led no more when it
// refused, and does not know what the other does.
func (c *core) transferAnswered(from Member, a *wire.TransferAnswer) {
	if t, waits := c.moves.asked[a.GetSeq()]; waits && t.asked && c.idOf(from) == t.leader {
		c.endTransfer(a.GetSeq(), transferError(a.GetWhy()))
	}
}

func transferError(why wire.TransferAnswer_Why) error {
	switch why {
	case wire.TransferAnswer_UNKNOWN:
		return ErrUnknownMember
	case wire.TransferAnswer_NO_VOTER:
		return ErrNotVoter
	case wire.TransferAnswer_WITNESS:
		return ErrWitness
	case wire.TransferAnswer_NOT_READY:
		return ErrNotReady
	default:
		return ErrNotTransferred
	}
}

func (c *core) handOver(to uint64, asker From) {
	c.rounds.handover = &handover{to: to, asker: asker, by: c.now.Add(c.timing.Election + 2*c.timing.Heartbeat)}
	c.node.TransferLeader(to)
	c.turn.touch()
}

// handing says whether this leader must add nothing to the log now.
func (c *core) handing() bool {
	return c.rounds != nil && c.node.BasicStatus().LeadTransferee != 0
}

// appoint notes that the leader of a term means this member to lead next.
func (c *core) appoint(from Member, a *wire.Appoint) {
	if c.node == nil || c.leader == 0 || c.idOf(from) != c.leader || a.GetTerm() != c.term {
		return
	}
	c.moves.appointed, c.moves.before = c.term+1, nil
	for _, id := range a.GetBefore() {
		c.moves.before = append(c.moves.before, identityOf(id))
	}
}

// judgeHandover notes that a hand-over has failed: this member leads still, and raft tries no more.
func (c *core) judgeHandover() {
	h := c.rounds.handover
	if h == nil || (c.handing() && c.now.Before(h.by)) {
		return
	}
	c.rounds.handover = nil
	c.rounds.governs.failed++
	c.answerTransfer(h.asker, wire.TransferAnswer_FAILED)
	c.turn.touch() // what waited goes on
}

// prefer hands over by rank if it is time to.
func (c *core) prefer() {
	if c.rounds.handover != nil || !c.mayChange() || !c.at[leaveBy].IsZero() {
		return
	}
	needs := c.preferAfter
	if c.isWitness {
		needs = witnessHeartbeats * c.timing.Heartbeat
	} else if needs < 0 || c.rounds.governs.appointed {
		return
	}
	needs <<= min(c.rounds.governs.failed, mostDoubled)
	if to := c.successor(); to != 0 && time.Duration(c.seatOf(to).steady)*c.timing.Heartbeat >= needs {
		appoint := &wire.Appoint{Term: c.term}
		for _, m := range append(slices.Clone(c.rounds.governs.passed), c.self) {
			appoint.Before = append(appoint.Before, &wire.Identity{Name: m.Name, Incarnation: m.Incarnation})
		}
		c.post(c.members.names[to], &wire.Packet{What: &wire.Packet_Appoint{Appoint: appoint}})
		c.handOver(to, From{})
	}
}

// successor is the highest voter above this one that is ready, or zero. One that has just become ready is waited for
// rather than passed over for a lower one, which would be two changes in a row. Nobody is one that has handed over itself
// since the last election: where the lists of candidates differ, leadership would go round and round.
func (c *core) successor() uint64 {
	best := c.id
	for _, id := range c.members.voterIDs() {
		if !c.members.witnesses[id] && c.compareRank(id, best) < 0 && c.ready(id) && !slices.Contains(c.rounds.governs.passed, c.members.memberOf(id)) {
			best = id
		}
	}
	if best == c.id {
		return 0
	}
	return best
}

// heir is whom a leader that leaves hands over to: the highest voter that is ready, else the highest that is linked.
func (c *core) heir() uint64 {
	voters := slices.DeleteFunc(c.members.voterIDs(), func(id uint64) bool { return id == c.id || !c.peers.reaches(c.members.names[id], id) })
	slices.SortFunc(voters, c.compareRank)
	for _, id := range voters {
		if c.ready(id) {
			return id
		}
	}
	if len(voters) > 0 {
		return voters[0]
	}
	return 0
}

// holdBack keeps what was proposed while leadership is handed over.
func (b *batching) holdBack(status raft.BasicStatus) bool {
	return status.RaftState == raft.StateLeader && status.GetTerm() == b.waiting.term && status.LeadTransferee != 0
}
