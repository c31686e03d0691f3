package genleader

import (
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A group with nothing to do, of which nobody needs leases, rests: its leader sends no beats, and nobody keeps a timer.
// That the leader is there is then known from the links alone, which others watch.
//
//	awake leader --beat: rest at index 7--> follower, which has all up to 7: its timers stop
//	             <--ack: rests at 7-------
//	once all have said so the leader rests too
//
// Whatever happens to a member that rests wakes it, but for what belongs to falling asleep. A follower that wakes starts
// its timers as if it had just heard the leader, and tells all others; a leader that wakes sends beats. A
// link that is lost or silent is such an event: from then on everything goes as in a group that never rested.

// restAfter is how many election times a group must have had nothing to do before it rests.
const restAfter = 1

// rest is where a member stands between waking and resting.
type rest struct {
	asleep  bool
	offered uint64          // on a leader: where it has proposed to rest, or zero
	agreed  map[uint64]bool // who rests there, by raft id
	idle    activity        // what was seen at the latest beat
	since   time.Time       // from when on nothing has happened
}

// activity differs between two beats if anything has happened between them.
type activity struct {
	term, last, commit, applied uint64
	members                     int
}

// offerRest says, on a leader that begins a round of beats, where the group may rest; zero: not now.
func (c *core) offerRest() uint64 {
	if !c.rests {
		return 0
	}
	r := &c.rest
	status := c.node.Status()
	last, err := c.log.LastIndex()
	now := activity{c.term, last, status.GetCommit(), c.applied, len(c.electorate)}
	if err != nil || now != r.idle || c.busy(status, last) {
		r.idle, r.since = now, c.now
		r.offered, r.agreed = 0, nil
		return 0
	}
	if c.now.Sub(r.since) < restAfter*c.timing.Election {
		return 0
	}
	if r.offered != last {
		r.offered, r.agreed = last, map[uint64]bool{}
	}
	return r.offered
}

// busy says whether a leader has anything under way, or a member that lacks anything.
func (c *core) busy(status raft.Status, last uint64) bool {
	if c.phase != Leading || !c.leaveBy.IsZero() || status.LeadTransferee != 0 || status.GetCommit() != last || c.applied != last {
		return true
	}
	if !c.mayChange() || c.nextChange() != nil || c.rounds.handover != nil || c.willPrefer() {
		return true
	}
	if c.waits() || len(c.backlog) > 0 || len(c.rounds.reads.asks) > 0 || len(c.conf.GetVotersOutgoing()) > 0 || c.governing() {
		return true
	}
	for _, id := range c.memberIDs() {
		if id == c.id {
			continue
		}
		p := status.Progress[id]
		if !c.reaches(c.electorate[id], id) || p.Match != last || p.State != tracker.StateReplicate {
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
	return len(c.calls) > 0 || len(c.transfers) > 0 || len(c.readers.waiting) > 0 || len(c.waiting.entries) > 0 ||
		len(c.streams) > 0 || c.incoming != nil || c.installing != nil || len(c.saving) > 0 || c.keeping
}

// follow rests at the index that the leader has proposed, if this member has all of the log up to there and nothing else
// to do. It says where it rests.
func (c *core) follow(offered uint64) uint64 {
	last, err := c.log.LastIndex()
	if offered == 0 || !c.rests || err != nil || c.phase != Following || c.waits() || c.node.HasReady() ||
		last != offered || c.applied != offered || c.node.BasicStatus().GetCommit() != offered {
		return 0
	}
	if !c.rest.asleep {
		c.rest.asleep = true
		c.tell(Resting{})
	}
	c.forgetAt, c.campaignAt = time.Time{}, time.Time{}
	return offered
}

// agreed notes that a member rests where this leader has proposed, and rests when all do.
func (c *core) agreed(id, at uint64) {
	r := &c.rest
	if at == 0 || at != r.offered || r.asleep {
		return
	}
	r.agreed[id] = true
	for _, member := range c.memberIDs() {
		if member != c.id && !r.agreed[member] {
			return
		}
	}
	last, err := c.log.LastIndex()
	if err != nil || r.offered != last || c.busy(c.node.Status(), last) {
		return
	}
	r.asleep, c.beatAt = true, time.Time{}
	c.tell(Resting{})
}

// rouse wakes a member that rests when something happens to it.
func (c *core) rouse(ev event) {
	if !c.rest.asleep || c.sleepsThrough(ev) {
		return
	}
	c.rest = rest{since: c.now}
	c.stale = true
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
	c.beatAt, c.rounds.tickAt = c.now, c.now
	for name, h := range c.rounds.members {
		if c.links[name] == h.incarnation && silent.member.Name != name {
			h.at = c.now // its link was watched until now
		}
	}
}

// wakeFollower waits for the leader as if it had been heard when its link was heard last; a process that stood still
// itself waits a little from now on.
func (c *core) wakeFollower(silent linkSilent) {
	c.contact()
	if silent.member == c.memberOf(c.leader) {
		heard := silent.since
		if earliest := c.now.Add(-c.timing.Election * 3 / 4); heard.Before(earliest) {
			heard = earliest
		}
		late := c.now.Sub(heard)
		c.forgetAt, c.campaignAt = c.forgetAt.Add(-late), c.campaignAt.Add(-late)
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
	for _, id := range c.memberIDs() {
		if id != c.id {
			c.post(c.electorate[id], &wire.Packet{What: &wire.Packet_Woke{Woke: &wire.Woke{Term: c.term}}})
		}
	}
}

// sleepsThrough says whether an event leaves a resting member as it is.
func (c *core) sleepsThrough(ev event) bool {
	leader := c.memberOf(c.leader)
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
			if !c.lulls(p) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// lulls says whether a packet belongs to the rounds in which the group falls asleep.
func (c *core) lulls(p *wire.Packet) bool {
	switch what := p.GetWhat().(type) {
	case *wire.Packet_Beat:
		return c.rounds == nil && what.Beat.GetTerm() == c.term && what.Beat.GetRest() == c.applied
	case *wire.Packet_Ack:
		return c.rounds != nil && what.Ack.GetTerm() == c.term && what.Ack.GetRests() == c.rest.offered
	case *wire.Packet_Raft:
		m := &raftpb.Message{}
		if proto.Unmarshal(what.Raft, m) != nil || m.GetTerm() != c.term {
			return false
		}
		switch m.GetType() {
		case raftpb.MsgHeartbeat:
			return c.rounds == nil && m.GetCommit() <= c.applied
		case raftpb.MsgHeartbeatResp:
			return c.rounds != nil
		default:
			return false
		}
	default:
		return false
	}
}
