package genleader

import (
	"go.etcd.io/raft/v3/tracker"
)

// inspect describes this member's part of the group as of now.
func (c *core) inspect() Inspection {
	in := Inspection{
		Self: c.self, View: c.look(), Applied: c.applied, PendingCalls: len(c.calls), Resting: c.rest.asleep,
		Leases: c.now.Before(c.granted), LeaseUntil: c.granted,
	}
	if c.rounds == nil {
		in.LeaderHeard = c.leaderHeard
	}
	if c.node == nil {
		return in
	}
	status := c.node.Status()
	in.Commit = status.GetCommit()
	c.inspectLog(&in)
	for _, id := range c.memberIDs() {
		if id == c.id {
			continue
		}
		p := Peer{Member: c.memberOf(id), Linked: c.reaches(c.electorate[id], id)}
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
		if p.Member == c.memberOf(c.leader) {
			p.LastContact = c.leaderHeard
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
