package genleader

import (
	"slices"
	"strings"
	"time"

	"go.etcd.io/raft/v3/quorum"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

const (
	hurry      = 10 // how much faster beats go while somebody waits for a lease
	keepMarks  = 16 // acknowledgements remembered per member until their round is confirmed
	formerKept = 4  // lease lengths for which a replaced incarnation stays listed
)

// rounds is a leader's account of its beats: who answered when, and whose lease may still run.
//
// A member stamps each acknowledgement with its own clock. A stamp is granted only after a majority has acknowledged a
// beat that was sent later, in the same term. So every granted stamp is older than the election of any later leader, and
// a lease that counts from it ends, on anybody's clock, before that election plus the lease's length.
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
	if c.appointed == c.term {
		c.rounds.governs.appointed, c.rounds.governs.passed = len(c.before) == 0, c.before
	}
	c.forgetAt, c.campaignAt = time.Time{}, time.Time{}
	c.clearBacklog()
	c.waiting, c.unsettled = proposals{}, false
	c.beatAt = c.now
}

// beat begins a round. It reaches everybody of the electorate and carries the grants that are confirmed by now.
func (c *core) beat() {
	if c.rounds == nil {
		return
	}
	c.stale = true // whoever is silent shows by the time that passes
	if c.due(&c.rounds.tickAt) {
		// Raft counts these to know whether a majority still answers, so they keep their pace when beats come faster.
		c.node.Tick()
		c.doubtQuorum()
		c.touch()
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
	rest := c.offerRest()
	for _, id := range c.memberIDs() {
		name := c.electorate[id]
		if id == c.id || !c.reaches(name, id) {
			continue
		}
		beat := &wire.Beat{Term: c.term, Round: r.round, Reached: c.logEnd, Rest: rest}
		if r.opened { // until then the leader does not know what earlier leaders had committed
			beat.Stamp, beat.Granted = c.grant(Member{name, c.links[name]})
		}
		c.post(name, &wire.Packet{What: &wire.Packet_Beat{Beat: beat}})
	}
	c.beatAt = onGrid(c.grid, c.now, c.timing.Heartbeat)
	if c.somebodyWaits() {
		c.beatAt = c.now.Add(c.timing.Heartbeat / hurry)
	}
}

// ackOwn acknowledges the leader's own beat and takes what it is granted, by the same rules as everybody.
func (c *core) ackOwn() {
	c.noteAck(c.term)
	own := c.heardOf(c.self, c.id)
	own.older = c.older.at
	own.ack(c.rounds.round, mark{round: c.rounds.round, stamp: int64(c.now.Sub(c.began)), at: c.now}, true)
	if c.rounds.opened {
		if stamp, granted := c.grant(c.self); granted {
			c.extend(stamp, c.logEnd)
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
	if h == nil || h.incarnation != who.Incarnation {
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
	return uint64(c.quorum().CommittedIndex(ackedRounds{c}))
}

func (c *core) quorum() quorum.JointConfig {
	joint := quorum.JointConfig{quorum.MajorityConfig{}, nil}
	for _, id := range c.conf.GetVoters() {
		joint[0][id] = struct{}{}
	}
	for _, id := range c.conf.GetVotersOutgoing() {
		if joint[1] == nil {
			joint[1] = quorum.MajorityConfig{}
		}
		joint[1][id] = struct{}{}
	}
	return joint
}

type ackedRounds struct{ c *core }

func (a ackedRounds) AckedIndex(id uint64) (quorum.Index, bool) {
	h := a.c.rounds.members[a.c.electorate[id]]
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
	for _, id := range c.memberIDs() {
		name := c.electorate[id]
		if h := c.rounds.members[name]; (id == c.id || c.reaches(name, id)) && (h == nil || !h.leased) {
			return true
		}
	}
	return false
}

// ackHeard takes a member's answer to a beat of this very term.
func (c *core) ackHeard(from Member, a *wire.Ack) {
	id := c.idOf(from)
	if c.rounds == nil || a.GetTerm() != c.term || c.electorate[id] != from.Name || c.carriers[id] > from.Incarnation {
		return
	}
	h := c.heardOf(from, id)
	if h.acked == 0 && a.GetAckedOlder() {
		h.older = c.now.Add(-time.Duration(a.GetSinceOlder()))
	}
	c.stale = c.stale || h.leased != a.GetLeased()
	c.answeredBeat(id, a.GetApplied())
	// The answer may be to an old round, but its stamp is new: only a round that begins after now confirms it.
	h.ack(min(a.GetRound(), c.rounds.round), mark{round: c.rounds.round, stamp: a.GetStamp(), at: c.now}, a.GetLeased())
	c.settleFence()
	c.agreed(id, a.GetRests())
}

// settleFence replaces the moment of the election by what a majority says about the earlier leaders: none of them can
// have had a round confirmed after the last time that one of this majority answered it. Once the electorate has changed
// in this term that does not hold any more, since who has entered may have answered nobody: then the moment stays.
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
	if c.quorum().VoteResult(answered) == quorum.VoteWon {
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

// standings is what the leader knows of every member and of the incarnations that it replaced.
func (c *core) standings() ([]Standing, time.Time) {
	r := c.rounds
	foreign := r.fence.Add(c.timing.StartAfter)
	var all []Standing
	for _, id := range c.memberIDs() {
		who := c.memberOf(id)
		h := r.members[who.Name]
		if h == nil || h.incarnation != who.Incarnation {
			h = &heard{incarnation: who.Incarnation, id: id}
		}
		s := Standing{Member: who, State: c.stateOf(who, h)}
		if s.State != Up {
			s.SafeAt = c.safeAt(who)
		}
		all = append(all, s)
	}
	r.former = slices.DeleteFunc(r.former, func(f former) bool { return c.now.Sub(f.safeAt) > formerKept*c.timing.StartAfter })
	for _, f := range r.former {
		if !c.isMember(f.Member) {
			all = append(all, Standing{Member: f.Member, State: c.stateOf(f.Member, &heard{}), SafeAt: f.safeAt})
		}
	}
	slices.SortFunc(all, func(a, b Standing) int {
		if d := strings.Compare(a.Name, b.Name); d != 0 {
			return d
		}
		return int(min(max(int64(a.Incarnation)-int64(b.Incarnation), -1), 1))
	})
	return all, foreign
}

func (c *core) stateOf(who Member, h *heard) State {
	switch {
	case c.left[who]:
		return Left
	case c.refused[who]:
		return Dead
	case who != c.self && c.links[who.Name] != who.Incarnation,
		!h.leased,
		!c.rest.asleep && c.now.Sub(h.at) >= c.timing.Lease/2:
		return Suspect
	default:
		return Up
	}
}

// heard takes a leader's beat: an answer with a fresh stamp, and a longer lease if one was granted.
func (c *core) heard(from Member, b *wire.Beat) {
	if c.node == nil || c.phase == Departed {
		return
	}
	status, id := c.node.BasicStatus(), c.idOf(from)
	if id == 0 || status.GetTerm() != b.GetTerm() || status.Lead != id {
		return // a voter of a later term must never support an earlier one again
	}
	c.leaderSpoke()
	if c.durable && c.promised < b.GetTerm() {
		return // it might forget this term and support an earlier leader after all
	}
	c.noteAck(b.GetTerm())
	if b.GetGranted() {
		c.extend(b.GetStamp(), b.GetReached())
	}
	ack := &wire.Ack{Term: b.GetTerm(), Round: b.GetRound(), Stamp: int64(c.now.Sub(c.began)), Leased: c.content(), Applied: c.applied}
	ack.Rests = c.follow(b.GetRest())
	if !c.older.at.IsZero() {
		ack.AckedOlder, ack.SinceOlder = true, int64(c.now.Sub(c.older.at))
	}
	c.post(from.Name, &wire.Packet{What: &wire.Packet_Ack{Ack: ack}})
}

func (c *core) noteAck(term uint64) {
	if c.acked.term != term {
		c.grants = nil // they may wait for entries of the earlier leader that will never come
		c.older = c.acked
	}
	c.acked = ackMark{term: term, at: c.now}
}

// content says whether this member wants no beats sooner: it holds its lease, or wants none. The granted stamps say how
// fresh its state is in either case.
func (c *core) content() bool { return !c.leases || c.now.Before(c.granted) }

// A grant is a lease that this member has been given and may not use yet.
type grant struct {
	stamp   int64
	reached uint64
}

// extend keeps a grant until this member has applied all that the leader's log held when it gave it. Otherwise a member
// that was away could take up, under its new lease, an order that has been superseded further on in the log.
func (c *core) extend(stamp int64, reached uint64) {
	if len(c.grants) == keepMarks {
		c.grants = c.grants[:keepMarks-1] // the older ones can be used first
	}
	c.grants = append(c.grants, grant{stamp, reached})
	c.useGrants()
}

func (c *core) useGrants() {
	for len(c.grants) > 0 && c.grants[0].reached <= c.applied {
		stamp := c.grants[0].stamp
		c.grants = c.grants[1:]
		c.freshen(stamp)
		c.hold(stamp)
	}
}

// hold counts a lease from this member's own stamp, so that no delay on the way can make it longer.
func (c *core) hold(stamp int64) {
	asked := c.began.Add(time.Duration(stamp))
	until := asked.Add(c.timing.Lease)
	if !c.leases || asked.After(c.now) || !until.After(c.now) || !until.After(c.granted) {
		return
	}
	if c.due(&c.leaseEnds) { // a grant that comes late does not mend what has ended before
		c.emit(leaseEnded{})
	}
	c.granted, c.leaseEnds = until, until
	c.emit(extendLease{until: until})
}
