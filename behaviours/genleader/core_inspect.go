package genleader

import (
	"math"

	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"
)

// inspect describes this member's part of the group as of now. Adding up the log takes time in proportion to its length.
func (c *core) inspect() Inspection {
	in := Inspection{
		Self: c.self, View: c.look(), Applied: c.applied, Snapshot: c.imaged, PendingCalls: len(c.calls),
		Leases: c.now.Before(c.granted), LeaseUntil: c.granted, LeaderHeard: c.leaderHeard,
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
	first, errFirst := c.log.FirstIndex()
	last, errLast := c.log.LastIndex()
	if errFirst != nil || errLast != nil {
		return
	}
	in.LastIndex = last
	if first > last {
		return
	}
	entries, err := c.log.Entries(first, last+1, math.MaxUint64)
	if err != nil {
		return
	}
	in.LogEntries = len(entries)
	for _, e := range entries {
		in.LogBytes += proto.Size(e)
	}
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
