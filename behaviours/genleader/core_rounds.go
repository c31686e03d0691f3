package genleader

import (
	"slices"
	"strings"
	"time"

	"go.etcd.io/raft/v3/quorum"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

const (
	hurry      = 10 // how much faster heartbeats go while somebody waits for a lease
	keepMarks  = 16 // acknowledgements remembered per member until their round is confirmed
	formerKept = 4  // lease lengths for which a replaced incarnation stays listed
)

// rounds is a leader's account of its heartbeats: who answered when, and whose lease may still run.
//
// A member stamps each acknowledgement with its own clock. A stamp is granted only after a majority has acknowledged a
// heartbeat that was sent later, in the same term. So every granted stamp is older than the election of any later
// leader, and a lease that counts from it ends, on anybody's clock, before that election plus the lease's length.
type rounds struct {
	round   uint64
	tickAt  time.Time
	members map[string]*heard
	former  []former  // incarnations that were replaced
	fence   time.Time // no lease of an earlier leader counts from a later moment
	opened  bool      // the behaviour has been told
	fenced  bool      // fence does not change any more
	reads   readRounds
	governs candidacy

	handover *handover // under way
	withheld []Member  // get no leases
}

type heard struct {
	incarnation uint64
	id          uint64
	at          time.Time // latest acknowledgement
	acked       uint64    // its round
	marks       []mark    // stamps that are not confirmed yet
	granted     time.Time // when the acknowledgement came whose stamp was granted last
	leased      bool
	older       time.Time // when it may have acknowledged an earlier leader last
}

type mark struct {
	round uint64 // of the leader, when the stamp arrived
	stamp int64
	at    time.Time
}

type former struct {
	Member
	safeAt time.Time
}

// lead begins a term of this member: earlier leaders may have granted leases until this very moment.
func (c *core) lead() {
	c.rounds = &rounds{members: map[string]*heard{}, fence: c.now, tickAt: c.now}
	if c.moves.appointed == c.term {
		c.rounds.governs.appointed, c.rounds.governs.passed = len(c.moves.before) == 0, c.moves.before
	}
	c.at[forgetAt], c.at[campaignAt] = time.Time{}, time.Time{}
	c.book.clearBacklog()
	c.turn.waiting, c.turn.uncommitted = proposals{}, false
	c.at[heartbeatAt] = c.now
}

// heartbeat begins a round. It reaches everybody of the electorate and carries the grants that are confirmed by now.
func (c *core) heartbeat() {
	if c.rounds == nil {
		return
	}
	c.shown.stale = true // silence changes the view without an event
	if c.passed(&c.rounds.tickAt) {
		// Raft counts these to know whether a majority still answers, so they keep their pace when heartbeats come
		// faster.
		c.node.Tick()
		c.doubtQuorum()
		c.turn.touch()
		if c.observeRole(); c.rounds == nil {
			return
		}
		c.govern()
	}
	r := c.rounds
	if r.tickAt.IsZero() {
		r.tickAt = onGrid(c.grid, c.now, c.timing.Heartbeat)
	}
	r.round++
	c.ackOwn()
	offered := c.offerHibernation()
	for _, id := range c.members.memberIDs() {
		name := c.members.names[id]
		if id == c.id || !c.peers.reaches(name, id) {
			continue
		}
		heartbeat := &wire.Heartbeat{Term: c.term, Round: r.round, Reached: c.store.logEnd, HibernateAt: offered}
		if r.opened { // until then the leader does not know what earlier leaders had committed
			heartbeat.Stamp, heartbeat.Granted = c.grant(Member{name, c.peers.links[name]})
		}
		heartbeat.Released, heartbeat.Withheld = c.releases(id)
		c.post(name, &wire.Packet{What: &wire.Packet_Heartbeat{Heartbeat: heartbeat}})
	}
	c.at[heartbeatAt] = onGrid(c.grid, c.now, c.timing.Heartbeat)
	if c.somebodyWaits() {
		c.at[heartbeatAt] = c.now.Add(c.timing.Heartbeat / hurry)
	}
}

// ackOwn acknowledges the leader's own heartbeat and takes what it is granted, by the same rules as everybody.
func (c *core) ackOwn() {
	c.noteAck(c.term)
	own := c.heardOf(c.self, c.id)
	own.older = c.held.older.at
	own.ack(c.rounds.round, mark{round: c.rounds.round, stamp: int64(c.now.Sub(c.began)), at: c.now}, true)
	if c.rounds.opened {
		if stamp, granted := c.grant(c.self); granted {
			c.extend(stamp, c.store.logEnd)
		}
	}
	own.leased = c.content()
}

// ack notes that a member answered a round, and its stamp. When too many stamps wait, the oldest stay: they are next.
func (h *heard) ack(round uint64, m mark, leased bool) {
	h.at, h.acked, h.leased = m.at, max(h.acked, round), leased
	if len(h.marks) == keepMarks {
		h.marks = h.marks[:keepMarks-1]
	}
	h.marks = append(h.marks, m)
}

// grant takes the newest stamp of a member that a later, confirmed round covers. Stamps of an earlier incarnation are
// of another clock.
func (c *core) grant(who Member) (stamp int64, granted bool) {
	h, confirmed := c.rounds.members[who.Name], c.confirmed()
	if h == nil || h.incarnation != who.Incarnation || c.withholds(who) {
		return 0, false
	}
	for len(h.marks) > 0 && h.marks[0].round < confirmed {
		stamp, h.granted, granted = h.marks[0].stamp, h.marks[0].at, true
		h.marks = h.marks[1:]
	}
	return stamp, granted
}

// confirmed is the latest round that a majority acknowledged; of both electorates while they change.
func (c *core) confirmed() uint64 {
	return uint64(c.members.quorum().CommittedIndex(ackedRounds{c}))
}

type ackedRounds struct{ c *core }

func (a ackedRounds) AckedIndex(id uint64) (quorum.Index, bool) {
	h := a.c.rounds.members[a.c.members.names[id]]
	if h == nil || h.id != id {
		return 0, false
	}
	return quorum.Index(h.acked), true
}

func (c *core) heardOf(who Member, id uint64) *heard {
	r := c.rounds
	h := r.members[who.Name]
	if h != nil && h.incarnation != who.Incarnation {
		c.retire(Member{who.Name, h.incarnation})
		h = nil
	}
	if h == nil {
		h = &heard{incarnation: who.Incarnation, id: id}
		r.members[who.Name] = h
	}
	return h
}

// retire makes an incarnation a former one: it gets no more, and what it was granted may still run.
func (c *core) retire(who Member) {
	r := c.rounds
	if h := r.members[who.Name]; h != nil && h.incarnation == who.Incarnation {
		r.former = append(r.former, former{who, c.safeAt(who)})
		delete(r.members, who.Name)
	}
}

func (c *core) somebodyWaits() bool {
	for _, id := range c.members.memberIDs() {
		name := c.members.names[id]
		if c.withholds(c.members.memberOf(id)) {
			continue
		}
		if h := c.rounds.members[name]; (id == c.id || c.peers.reaches(name, id)) && (h == nil || !h.leased) {
			return true
		}
	}
	return false
}

// ackHeard takes a member's answer to a heartbeat of this very term.
func (c *core) ackHeard(from Member, a *wire.Ack) {
	id := c.idOf(from)
	if c.rounds == nil || a.GetTerm() != c.term || c.members.names[id] != from.Name || c.members.carriers[id] > from.Incarnation {
		return
	}
	h := c.heardOf(from, id)
	if h.acked == 0 && a.GetAckedOlder() {
		h.older = c.now.Add(-time.Duration(a.GetSinceOlder()))
	}
	c.shown.stale = c.shown.stale || h.leased != a.GetLeased()
	c.answeredHeartbeat(id, a.GetApplied())
	c.noteLeaving(id, a.GetGivingUp())
	// The answer may be to an old round, but its stamp is new: only a round that begins after now confirms it.
	h.ack(min(a.GetRound(), c.rounds.round), mark{round: c.rounds.round, stamp: a.GetStamp(), at: c.now}, a.GetLeased())
	c.settleFence()
	c.agreed(id, a.GetHibernates())
}

// settleFence replaces the moment of the election by what a majority says about the earlier leaders: none of them can
// have had a round confirmed after the last time that one of this majority answered it. Once the electorate has changed
// in this term that does not hold any more, since who has entered may have answered nobody: then the fence stays at the
// time of the election.
func (c *core) settleFence() {
	r := c.rounds
	if r.fenced {
		return
	}
	answered := map[uint64]bool{}
	var latest time.Time
	for _, h := range r.members {
		if h.acked > 0 {
			answered[h.id] = true
			if h.older.After(latest) {
				latest = h.older
			}
		}
	}
	if c.members.quorum().VoteResult(answered) == quorum.VoteWon {
		r.fenced = true
		if latest.Before(r.fence) { // one that was started since may say no more than that
			r.fence = latest
		}
	}
}

// safeAt is from when on that incarnation holds no lease, whoever granted it. One that is being replaced may be a former
// one already while the electorate still has both.
func (c *core) safeAt(who Member) time.Time {
	r := c.rounds
	at := r.fence.Add(c.timing.StartAfter)
	if h := r.members[who.Name]; h != nil && h.incarnation == who.Incarnation && !h.granted.IsZero() {
		at = h.granted.Add(c.timing.StartAfter)
	}
	for _, f := range r.former {
		if f.Member == who && f.safeAt.After(at) {
			at = f.safeAt
		}
	}
	return at
}

// memberStatuses is what the leader knows of every member and of the incarnations that it replaced.
func (c *core) memberStatuses() ([]MemberStatus, time.Time) {
	r := c.rounds
	foreign := r.fence.Add(c.timing.StartAfter)
	var all []MemberStatus
	for _, id := range c.members.memberIDs() {
		who := c.members.memberOf(id)
		h := r.members[who.Name]
		if h == nil || h.incarnation != who.Incarnation {
			h = &heard{incarnation: who.Incarnation, id: id}
		}
		s := MemberStatus{Member: who, State: c.stateOf(who, h)}
		if s.State != Up {
			s.SafeAt = c.safeAt(who)
		}
		all = append(all, s)
	}
	r.former = slices.DeleteFunc(r.former, func(f former) bool { return c.now.Sub(f.safeAt) > formerKept*c.timing.StartAfter })
	for _, f := range r.former {
		if !c.members.isMember(f.Member) {
			all = append(all, MemberStatus{Member: f.Member, State: c.stateOf(f.Member, &heard{}), SafeAt: f.safeAt})
		}
	}
	slices.SortFunc(all, func(a, b MemberStatus) int {
		if d := strings.Compare(a.Name, b.Name); d != 0 {
			return d
		}
		return int(min(max(int64(a.Incarnation)-int64(b.Incarnation), -1), 1))
	})
	return all, foreign
}

func (c *core) stateOf(who Member, h *heard) State {
	switch {
	case c.peers.left[who]:
		return Left
	case c.peers.refused[who]:
		return Dead
	case who != c.self && c.peers.links[who.Name] != who.Incarnation,
		!h.leased,
		!c.hibernation.asleep && c.now.Sub(h.at) >= c.timing.Lease/2:
		return Suspect
	default:
		return Up
	}
}
