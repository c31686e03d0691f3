package genleader

import (
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// heldLease is what this member has acknowledged, and the lease that it was granted for that.
type heldLease struct {
	acked     ackMark // the latest heartbeat that this member acknowledged
	older     ackMark // the latest one of an older term than acked
	grants    []grant // leases given and not usable yet
	granted   time.Time
	freshAsOf time.Time     // everything acknowledged before is applied here
	slept     time.Duration // for how long the machine had been suspended when a suspend was noticed last
	awake     time.Time     // when that was
}

// heard takes a leader's heartbeat: an answer with a fresh stamp, and a longer lease if one was granted.
func (c *core) heard(from Member, b *wire.Heartbeat) {
	if c.node == nil || c.phase == Departed {
		return
	}
	status, id := c.node.BasicStatus(), c.idOf(from)
	if id == 0 || status.GetTerm() != b.GetTerm() || status.Lead != id {
		return // a voter of a later term must never support an earlier one again
	}
	c.leaderSpoke()
	if c.durable && c.store.promised < b.GetTerm() {
		return // it might forget this term and support an earlier leader after all
	}
	c.noteAck(b.GetTerm())
	if b.GetGranted() {
		c.number.placed = true
		c.extend(b.GetStamp(), b.GetReached())
	}
	c.heardOfRelease(b)
	c.acknowledge(from.Name, b.GetTerm(), b.GetRound(), b.GetHibernateAt())
}

// acknowledge answers the leader of a term that this member supports. Round zero answers no heartbeat.
func (c *core) acknowledge(leader string, term, round, offered uint64) {
	ack := &wire.Ack{Term: term, Round: round, Stamp: int64(c.now.Sub(c.began)), Leased: c.content(), Applied: c.state.applied}
	ack.Hibernates = c.follow(offered)
	ack.GivingUp = c.givingUp()
	if !c.held.older.at.IsZero() {
		ack.AckedOlder, ack.SinceOlder = true, int64(c.now.Sub(c.held.older.at))
	}
	c.post(leader, &wire.Packet{What: &wire.Packet_Ack{Ack: ack}})
}

func (c *core) noteAck(term uint64) {
	if c.held.acked.term != term {
		c.held.grants = nil // they may wait for entries of the earlier leader that will never come
		c.held.older = c.held.acked
	}
	c.held.acked = ackMark{term: term, at: c.now}
}

// content says whether this member wants no heartbeats sooner: it holds its lease, or wants none. The granted stamps
// say how fresh its state is in either case.
func (c *core) content() bool { return !c.leases || c.now.Before(c.held.granted) }

// A grant is a lease that this member has been given and may not use yet.
type grant struct {
	stamp   int64
	reached uint64
}

// extend keeps a grant until this member has applied all that the leader's log held when it gave it. Otherwise a member
// that was away could take up, under its new lease, an order that has been superseded further on in the log.
func (c *core) extend(stamp int64, reached uint64) {
	if len(c.held.grants) == keepMarks {
		c.held.grants = c.held.grants[:keepMarks-1] // the older ones can be used first
	}
	c.held.grants = append(c.held.grants, grant{stamp, reached})
	c.useGrants()
}

func (c *core) useGrants() {
	for len(c.held.grants) > 0 && c.held.grants[0].reached <= c.state.applied {
		stamp := c.held.grants[0].stamp
		c.held.grants = c.held.grants[1:]
		if !c.began.Add(time.Duration(stamp)).After(c.held.awake) {
			continue // it is older than it looks
		}
		c.freshen(stamp)
		c.hold(stamp)
	}
}

// hold counts a lease from this member's own stamp, so that no delay on the way can make it longer.
func (c *core) hold(stamp int64) {
	asked := c.began.Add(time.Duration(stamp))
	until := asked.Add(c.timing.Lease)
	if !c.leases || asked.After(c.now) || !until.After(c.now) || !until.After(c.held.granted) {
		return
	}
	if c.due(leaseEnds) { // a late grant must not revive an expired lease
		c.emit(leaseEnded{})
	}
	c.held.granted, c.at[leaseEnds] = until, until
	c.emit(extendLease{until: until, slept: c.held.slept})
}
