package genleader

import (
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// What happens to the group is told where it shows; what can be seen by comparing (members, voters, problems) is told
// when it has changed, whatever changed it.

// doubt is what speaks against the leader of a term, noted before raft gives up on it.
type doubt struct {
	leader, term uint64
	why          Loss
}

// notices is what was told last.
type notices struct {
	doubt   doubt
	led     Member // by whom, when that was told
	members []Member
	down    map[Member]bool
}

func (c *core) tell(e Event) { c.emit(happened{e}) }

func (c *core) doubtLeader(why Loss) {
	if c.leader != 0 {
		c.shown.notices.doubt = doubt{c.leader, c.term, why}
	}
}

// leaderSpoke is the opposite.
func (c *core) leaderSpoke() {
	c.shown.notices.doubt = doubt{}
	c.shown.leaderHeard = c.now
	c.contact()
}

// doubtTransfer notes that leadership is being handed over, which only raft's own messages show.
func (c *core) doubtTransfer(m *raftpb.Message, status raft.BasicStatus) {
	handed := m.GetType() == raftpb.MsgTimeoutNow || (m.GetType() == raftpb.MsgVote && string(m.GetContext()) == "CampaignTransfer")
	if handed && status.GetTerm() > c.term {
		c.doubtLeader(Transferred)
	}
}

// doubtQuorum notes that a tick has ended this member's leadership.
func (c *core) doubtQuorum() {
	if c.node.BasicStatus().RaftState != raft.StateLeader {
		c.doubtLeader(QuorumLost)
	}
}

// leaderIs compares what raft says with what was told, and is called before the core takes it over.
func (c *core) leaderIs(leader, term uint64) {
	if leader == c.leader && term == c.term {
		return
	}
	n := &c.shown.notices
	if c.leader != 0 {
		lost := LeaderLost{Leader: n.led, Term: c.term}
		if n.doubt.leader == c.leader && n.doubt.term == c.term {
			lost.Reason = n.doubt.why
		}
		c.tell(lost)
	}
	n.doubt = doubt{}
	switch {
	case leader == 0:
	case leader == c.id:
		n.led = c.self
		c.tell(Elected{Term: term})
	default:
		n.led = c.processOf(leader)
		c.tell(Surrendered{Leader: n.led, Term: term})
	}
}

// processOf finds the process behind a raft id, for one who does not know the electorate yet too.
func (c *core) processOf(id uint64) Member {
	if _, known := c.members.names[id]; known {
		return c.members.memberOf(id)
	}
	for name, p := range c.peers.presented {
		if p.id == id {
			return Member{Name: name, Incarnation: p.incarnation}
		}
	}
	return Member{}
}

func (c *core) compareViews(was, is View) {
	if !slices.Equal(was.Voters, is.Voters) {
		c.tell(VotersChanged{Voters: slices.Clone(is.Voters)})
	}
	if was.Problem != is.Problem {
		c.tell(ProblemSeen{Problem: is.Problem})
	}
}

// compareMembers tells who belongs to the group since it was told last, and whose process has ended.
func (c *core) compareMembers() {
	n := &c.shown.notices
	var members []Member
	for _, id := range c.members.memberIDs() {
		who := c.members.memberOf(id)
		members = append(members, who)
		if !slices.Contains(n.members, who) {
			c.tell(MemberJoined{who})
		}
	}
	for _, who := range n.members {
		if slices.Contains(members, who) {
			continue
		}
		reason := ErrRemoved
		if slices.ContainsFunc(members, func(m Member) bool { return m.Name == who.Name }) {
			reason = ErrReplaced
		}
		c.tell(MemberLeft{Member: who, Reason: reason})
	}
	n.members = members
	down := map[Member]bool{}
	for _, who := range members {
		reason := c.peers.knownEnd(who)
		if down[who] = reason != nil; down[who] && !n.down[who] {
			c.tell(MemberDown{Member: who, Reason: reason})
		}
	}
	n.down = down
}
