package genleader

import (
	"math"
	"slices"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// Raft takes its peers at their word, and panics on what no correct peer of its own version says. Peers are trusted here
// too, but their versions may differ, so what can be seen to make no sense is dropped before raft hears it, as if the
// network had lost it. What makes sense by itself and still contradicts the log ends the group on this member: state
// that cannot be right must not be worked with.

// maxTerm leaves headroom for arithmetic on terms. A group that elects a leader every millisecond does not reach it in
// 200 million years.
const maxTerm = math.MaxUint64 / 2

// maxBootstrap is where the moments end that an incarnation below 2^53 can say.
const maxBootstrap = 1 << (53 - numberChance)

// plausible says whether a raft message may be shown to raft.
func (c *core) plausible(from Member, m *raftpb.Message) bool {
	if m.GetTo() != c.id || m.GetFrom() == c.id || !c.plausibleSender(from, m.GetFrom()) {
		return false
	}
	if term := m.GetTerm(); term == 0 || term > maxTerm || m.GetLogTerm() > maxTerm {
		return false
	}
	last := c.store.logEnd
	switch m.GetType() {
	case raftpb.MsgApp:
		return plausibleEntries(m)
	case raftpb.MsgSnap:
		return plausibleSnapshot(m)
	case raftpb.MsgHeartbeat:
		return m.GetCommit() <= last && c.plausibleContext(m)
	case raftpb.MsgAppResp:
		return m.GetIndex() <= last
	case raftpb.MsgHeartbeatResp:
		return c.plausibleContext(m)
	case raftpb.MsgVote, raftpb.MsgPreVote:
		return m.GetIndex() > 0 && m.GetLogTerm() > 0 // every voter has at least the first state of the group
	case raftpb.MsgVoteResp, raftpb.MsgPreVoteResp, raftpb.MsgTimeoutNow:
		return true
	default:
		return false // above all nobody proposes for another: see handled
	}
}

// plausibleSender says whether a process may speak under a raft id: nobody has two, and no two have the same.
func (c *core) plausibleSender(from Member, id uint64) bool {
	if id == 0 || from.Name == c.self.Name {
		return false
	}
	if name, known := c.members.names[id]; known && name != from.Name {
		return false
	}
	p := c.peers.presented[from.Name]
	return p.incarnation < from.Incarnation || p.is(from.Incarnation, id)
}

// plausibleEntries says whether the entries follow each other and the one before them, and none is of a later term.
func plausibleEntries(m *raftpb.Message) bool {
	index, term := m.GetIndex(), m.GetLogTerm()
	if index > math.MaxInt64 || term > m.GetTerm() {
		return false
	}
	for _, e := range m.GetEntries() {
		index++
		if e.GetIndex() != index || e.GetTerm() < term || e.GetTerm() == 0 || e.GetTerm() > m.GetTerm() {
			return false
		}
		term = e.GetTerm()
	}
	return true
}

func plausibleSnapshot(m *raftpb.Message) bool {
	meta := m.GetSnapshot().GetMetadata()
	conf := meta.GetConfState()
	if meta.GetIndex() == 0 || meta.GetIndex() > math.MaxInt64 || meta.GetTerm() == 0 || meta.GetTerm() > m.GetTerm() {
		return false
	}
	return len(conf.GetVoters()) > 0 && distinct(conf.GetVoters()) && distinct(conf.GetVotersOutgoing()) &&
		distinct(append(slices.Clone(conf.GetVoters()), conf.GetLearners()...)) && plausibleNext(conf)
}

// plausibleNext says whether those that become learners once the outgoing electorate is left are of it, and are not
// members of another kind as well.
func plausibleNext(conf *raftpb.ConfState) bool {
	for _, id := range conf.GetLearnersNext() {
		if !slices.Contains(conf.GetVotersOutgoing(), id) || slices.Contains(conf.GetVoters(), id) || slices.Contains(conf.GetLearners(), id) {
			return false
		}
	}
	return !slices.ContainsFunc(conf.GetLearners(), func(id uint64) bool { return slices.Contains(conf.GetVotersOutgoing(), id) })
}

// plausibleBootstrap says whether it is of this cluster and names each voter once.
func (c *core) plausibleBootstrap(bootstrap *wire.Bootstrap) bool {
	var ids []uint64
	names := map[string]bool{}
	for _, id := range bootstrap.GetVoters() {
		ids = append(ids, raftID(id))
		names[id.GetName()] = true
	}
	return len(ids) > 0 && bootstrap.GetBegan() < maxBootstrap && bootstrap.GetCluster() == c.cluster && len(names) == len(ids) && distinct(ids)
}

func distinct(ids []uint64) bool {
	ids = slices.Sorted(slices.Values(ids))
	return !slices.Contains(ids, 0) && len(slices.Compact(ids)) == len(ids)
}
