package genleader

import (
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A group with nothing to do, of which nobody needs leases, hibernates: its leader sends no heartbeats, and nobody
// keeps a timer. That the leader is there is then known from the links alone, which others watch.
//
//	awake leader --heartbeat: hibernate at index 7--> follower, which has all up to 7: its timers stop
//	             <--ack: hibernates at 7-------
//	once all have said so the leader hibernates too
//
// Whatever happens to a member that hibernates wakes it, but for what belongs to falling asleep. A follower that wakes
// starts its timers as if it had just heard the leader, and tells all others; a leader that wakes sends heartbeats. A
// link that is lost or silent is such an event: from then on everything goes as in a group that never hibernated.

// hibernateAfter is how many election times a group must have had nothing to do before it hibernates.
const hibernateAfter = 1

// hibernation is where a member stands between waking and hibernating.
type hibernation struct {
	asleep  bool
	offered uint64          // on a leader: where it has proposed to hibernate, or zero
	agreed  map[uint64]bool // who hibernates there, by raft id
	idle    activity        // what was seen at the latest heartbeat
	since   time.Time       // from when on nothing has happened
}

// activity differs between two heartbeats if anything has happened between them.
type activity struct {
	term, last, commit, applied uint64
	members                     int
}

// offerHibernation says, on a leader that begins a round of heartbeats, where the group may hibernate; zero: not now.
func (c *core) offerHibernation() uint64 {
	if !c.mayHibernate {
		return 0
	}
	r := &c.hibernation
	status := c.node.Status()
	last, err := c.log.LastIndex()
	now := activity{c.term, last, status.GetCommit(), c.state.applied, len(c.members.names)}
	if err != nil || now != r.idle || c.busy(status, last) {
		r.idle, r.since = now, c.now
		r.offered, r.agreed = 0, nil
		return 0
	}
	if c.now.Sub(r.since) < hibernateAfter*c.timing.Election {
		return 0
	}
	if r.offered != last {
		r.offered, r.agreed = last, map[uint64]bool{}
	}
	return r.offered
}

// busy says whether a leader has anything under way, or a member that lacks anything.
func (c *core) busy(status raft.Status, last uint64) bool {
	if c.phase != Leading || !c.at[leaveBy].IsZero() || status.LeadTransferee != 0 || status.GetCommit() != last || c.state.applied != last {
		return true
	}
	if !c.mayChange() || c.nextChange() != nil || c.rounds.handover != nil || c.willPrefer() {
		return true
	}
	if c.waits() || len(c.book.backlog) > 0 || len(c.rounds.reads.asks) > 0 || len(c.members.conf.GetVotersOutgoing()) > 0 || c.governing() {
		return true
	}
	for _, id := range c.members.memberIDs() {
		if id == c.id {
			continue
		}
		p := status.Progress[id]
		if !c.peers.reaches(c.members.names[id], id) || p.Match != last || p.State != tracker.StateReplicate {
			return true
		}
	}
	return false
}

// willPrefer says whether this leader is about to hand over by rank.
func (c *core) willPrefer() bool {
	never := c.preferAfter < 0 || c.rounds.governs.appointed
	return (c.isWitness || !never) && c.successor() != 0
}

// waits says whether anything of this member's own is under way.
func (c *core) waits() bool {
	return len(c.book.calls) > 0 || len(c.moves.asked) > 0 || c.giveUp.wanted || len(c.readers.waiting) > 0 || len(c.turn.waiting.entries) > 0 ||
		len(c.snapshots.streams) > 0 || c.snapshots.incoming != nil || c.snapshots.installing != nil || len(c.store.saving) > 0 || c.store.keeping
}

// follow hibernates at the index that the leader has proposed, if this member has all of the log up to there and
// nothing else to do. It says where it hibernates.
func (c *core) follow(offered uint64) uint64 {
	last, err := c.log.LastIndex()
	if offered == 0 || !c.mayHibernate || err != nil || c.phase != Following || c.waits() || c.node.HasReady() ||
		last != offered || c.state.applied != offered || c.node.BasicStatus().GetCommit() != offered {
		return 0
	}
	if !c.hibernation.asleep {
		c.hibernation.asleep = true
		c.tell(Hibernating{})
	}
	c.at[forgetAt], c.at[campaignAt] = time.Time{}, time.Time{}
	return offered
}

// agreed notes that a member hibernates where this leader has proposed, and hibernates when all do.
func (c *core) agreed(id, at uint64) {
	r := &c.hibernation
	if at == 0 || at != r.offered || r.asleep {
		return
	}
	r.agreed[id] = true
	for _, member := range c.members.memberIDs() {
		if member != c.id && !r.agreed[member] {
			return
		}
	}
	last, err := c.log.LastIndex()
	if err != nil || r.offered != last || c.busy(c.node.Status(), last) {
		return
	}
	r.asleep, c.at[heartbeatAt] = true, time.Time{}
	c.tell(Hibernating{})
}

// wakeOn wakes a member that hibernates when something happens to it.
func (c *core) wakeOn(ev event) {
	if !c.hibernation.asleep || c.sleepsThrough(ev) {
		return
	}
	c.hibernation = hibernation{since: c.now}
	c.shown.stale = true
	c.tell(Awake{})
	if c.node == nil || c.phase == Departed {
		return
	}
	silent, _ := ev.(linkSilent)
	if c.rounds == nil {
		c.wakeFollower(silent)
		c.wakeOthers(ev)
		return
	}
	c.at[heartbeatAt], c.rounds.tickAt = c.now, c.now
	for name, h := range c.rounds.members {
		if c.peers.links[name] == h.incarnation && silent.member.Name != name {
			h.at = c.now // its link was watched until now
		}
	}
}

// wakeFollower waits for the leader as if it had been heard when its link was heard last; a process that stood still
// itself waits a little from now on.
func (c *core) wakeFollower(silent linkSilent) {
	c.contact()
	if silent.member == c.members.memberOf(c.leader) {
		heard := silent.since
		if earliest := c.now.Add(-c.timing.Election * 3 / 4); heard.Before(earliest) {
			heard = earliest
		}
		late := c.now.Sub(heard)
		c.at[forgetAt], c.at[campaignAt] = c.at[forgetAt].Add(-late), c.at[campaignAt].Add(-late)
	}
}

// wakeOthers tells everybody that this follower is awake, unless it was woken by such word itself. If the leader's
// process lives and its group hangs, all must be awake to elect another.
func (c *core) wakeOthers(ev event) {
	if heard, ok := ev.(received); ok {
		for _, p := range heard.packets {
			if p.GetWoke() != nil {
				return
			}
		}
	}
	for _, id := range c.members.memberIDs() {
		if id != c.id {
			c.post(c.members.names[id], &wire.Packet{What: &wire.Packet_Woke{Woke: &wire.Woke{Term: c.term}}})
		}
	}
}

// sleepsThrough says whether an event leaves a hibernating member as it is.
func (c *core) sleepsThrough(ev event) bool {
	leader := c.members.memberOf(c.leader)
	switch ev := ev.(type) {
	case inspecting, woke, flushed, abandoned:
		return true
	case linkUp:
		return c.rounds == nil && ev.member != leader
	case linkDown:
		return c.rounds == nil && ev.member != leader
	case linkSilent:
		return c.rounds == nil && ev.member != leader
	case received:
		for _, p := range ev.packets {
			if !c.partOfHibernating(p) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// partOfHibernating says whether a packet belongs to the rounds in which the group falls asleep.
func (c *core) partOfHibernating(p *wire.Packet) bool {
	switch what := p.GetWhat().(type) {
	case *wire.Packet_Heartbeat:
		return c.rounds == nil && what.Heartbeat.GetTerm() == c.term && what.Heartbeat.GetHibernateAt() == c.state.applied
	case *wire.Packet_Ack:
		return c.rounds != nil && what.Ack.GetTerm() == c.term && what.Ack.GetHibernates() == c.hibernation.offered
	case *wire.Packet_Raft:
		m := &raftpb.Message{}
		if proto.Unmarshal(what.Raft, m) != nil || m.GetTerm() != c.term {
			return false
		}
		switch m.GetType() {
		case raftpb.MsgHeartbeat:
			return c.rounds == nil && m.GetCommit() <= c.state.applied
		case raftpb.MsgHeartbeatResp:
			return c.rounds != nil
		default:
			return false
		}
	default:
		return false
	}
}
