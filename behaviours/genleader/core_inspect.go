package genleader

import (
	"time"

	"go.etcd.io/raft/v3/tracker"
)

// shown is what this member shows of itself, and why it has no leader.
type shown struct {
	view        View
	stale       bool      // something that the view shows may have changed
	alone       bool      // there has been no leader for long
	leaderHeard time.Time // a leader other than this member
	notices     notices
}

// inspect describes this member's part of the group as of now.
func (c *core) inspect() Inspection {
	in := Inspection{
		Self: c.self, View: c.look(), Applied: c.state.applied, PendingCalls: len(c.book.calls), Hibernating: c.hibernation.asleep,
		Leases: c.now.Before(c.held.granted), LeaseUntil: c.held.granted,
	}
	if c.rounds == nil {
		in.LeaderHeard = c.shown.leaderHeard
	}
	if c.node == nil {
		return in
	}
	status := c.node.Status()
	in.Commit = status.GetCommit()
	c.inspectLog(&in)
	for _, id := range c.members.memberIDs() {
		if id == c.id {
			continue
		}
		p := Peer{Member: c.members.memberOf(id), Linked: c.peers.reaches(c.members.names[id], id)}
		c.inspectProgress(&p, status.Progress[id])
		c.inspectContact(&p)
		in.Peers = append(in.Peers, p)
	}
	return in
}

func (c *core) inspectLog(in *Inspection) {
	last, err := c.log.LastIndex()
	if err != nil {
		return
	}
	in.LastIndex, in.Snapshot = last, c.log.first-1
	in.LogEntries, in.LogBytes = len(c.log.ends), int(c.log.bytes())
}

// inspectProgress adds what only a leader knows.
func (c *core) inspectProgress(p *Peer, progress tracker.Progress) {
	if c.rounds == nil {
		return
	}
	p.Match, p.Next = progress.Match, progress.Next
	if progress.Inflights != nil {
		p.Inflight = progress.Inflights.Count()
	}
	switch progress.State {
	case tracker.StateProbe:
		p.Progress = Probing
	case tracker.StateReplicate:
		p.Progress = Replicating
	case tracker.StateSnapshot:
		p.Progress = Snapshotting
	}
}

// inspectContact adds when a member was heard last: by a leader every member, by others their leader.
func (c *core) inspectContact(p *Peer) {
	if c.rounds == nil {
		if p.Member == c.members.memberOf(c.leader) {
			p.LastContact = c.shown.leaderHeard
		}
		return
	}
	h := c.rounds.members[p.Name]
	if h == nil || h.incarnation != p.Incarnation {
		h = &heard{incarnation: p.Incarnation}
	}
	p.LastContact, p.Leased, p.State = h.at, h.leased, c.stateOf(p.Member, h)
	if p.State != Up {
		p.SafeAt = c.safeAt(p.Member)
	}
}
