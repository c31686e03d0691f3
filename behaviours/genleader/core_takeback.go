package genleader

import (
	"slices"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// A vote that was given up can be taken back without a leader. A voter that has become a learner still runs and has the log until
// it leaves. If the leader dies in that moment, an even number of voters lacks a majority that they would have with it: of
// three, one gives up its vote, one dies, and one of two is left.
//
// So whoever finds no leader counts that learner as a voter again, while nothing but the log says otherwise: it acts as if it had
// not applied the latest change yet. That is safe. A majority of an even electorate and one of the same electorate with one member
// more always have a member in common, so no two leaders of a term can be elected, nor can one be elected that lacks what
// another has committed. It holds for the latest change only: if the log has a later one, committed or not, the vote stays given up.
//
// Who is elected that way commits the change back before it changes anything else. Who follows a leader goes by the log.

// takebackTries is from which attempt on to be elected the vote counts: first the voters are asked as they are.
const takebackTries = 2

// takeback is what is known of the latest vote that was given up.
type takeback struct {
	id     uint64 // of the voter that the latest change made a learner; zero: the latest change was another
	counts bool   // its vote is counted, other than the log says
	tries  int    // to be elected, since there was a leader
}

// takeBackVote has the vote count that was given up last, if that can help this member to be elected, or another by its vote.
func (c *core) takeBackVote() {
	t := &c.members.takeback
	t.tries++
	switch {
	case t.id == 0:
	case !c.stillRuns(t.id):
		c.goByLog()
	case t.tries < takebackTries || t.counts || c.turn.dirty || len(c.members.conf.GetVoters())%2 != 0 || c.changesLater():
	default:
		c.members.conf = c.node.ApplyConfChange(newChange(enters(t.id)))
		t.counts, c.shown.stale = true, true
		if t.id == c.id {
			c.giveUp.done = false
		}
	}
}

// stillRuns says whether a member of the electorate can be asked for its vote.
func (c *core) stillRuns(id uint64) bool {
	return id == c.id || c.peers.reaches(c.members.names[id], id) && !c.peers.left[c.members.memberOf(id)]
}

// goByLog leaves a vote given up: there is a leader, or another change.
func (c *core) goByLog() {
	if t := &c.members.takeback; t.counts {
		c.members.conf = c.node.ApplyConfChange(newChange(learns(t.id)))
		t.counts, c.shown.stale = false, true
	}
}

// changesLater says whether the log may have a change that is not applied here, other than the one back.
func (c *core) changesLater() bool {
	last, err := c.log.LastIndex()
	if err != nil || last != c.store.logEnd {
		return true // it is not known yet what is being stored
	}
	if last == c.state.applied {
		return false
	}
	entries, err := c.log.Entries(c.state.applied+1, last+1, 1<<62)
	return err != nil || slices.ContainsFunc(entries, func(e *raftpb.Entry) bool {
		if e.GetType() == raftpb.EntryNormal {
			return false
		}
		cc := &raftpb.ConfChangeV2{}
		return e.GetType() != raftpb.EntryConfChangeV2 || proto.Unmarshal(e.GetData(), cc) != nil || !c.members.isChangeBack(cc)
	})
}

// isChangeBack says whether a change makes the learner a voter again and does nothing else.
func (e *electorate) isChangeBack(cc *raftpb.ConfChangeV2) bool {
	changes := cc.GetChanges()
	return len(changes) == 1 && changes[0].GetType() == raftpb.ConfChangeAddNode && changes[0].GetNodeId() == e.takeback.id
}

// gaveUp is the voter that a change makes a learner, if it does nothing else; zero for any other. The change is not applied yet.
func (e *electorate) gaveUp(cc *raftpb.ConfChangeV2) uint64 {
	changes := cc.GetChanges()
	if len(changes) != 1 || changes[0].GetType() != raftpb.ConfChangeAddLearnerNode || !slices.Contains(e.conf.GetVoters(), changes[0].GetNodeId()) {
		return 0
	}
	return changes[0].GetNodeId()
}

// loggedConf is the electorate as the log has it.
func (e *electorate) loggedConf() *raftpb.ConfState {
	if !e.takeback.counts {
		return e.conf
	}
	conf := proto.Clone(e.conf).(*raftpb.ConfState)
	conf.Voters = slices.DeleteFunc(conf.Voters, func(id uint64) bool { return id == e.takeback.id })
	conf.Learners = append(conf.Learners, e.takeback.id)
	return conf
}
