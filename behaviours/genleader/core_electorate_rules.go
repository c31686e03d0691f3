package genleader

import (
	"cmp"
	"math"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// Who votes changes by itself, one change at a time, by these rules of the leader. A healthy member is linked, answers and
// holds a lease; a ready one has also applied what the leader had applied half an election time ago. A lost one has
// answered nothing for forgetAfter, counted in the leader's own heartbeats, so that a pause of the leader makes nobody
// lost.
//
//   - A process that joins takes the seat of its name if there is one, in one change: the old id leaves and the new one
//     enters. Under a new name it becomes a learner.
//   - A learner that is a candidate and ready is promoted while there are fewer than maxVoters voters, witnesses first,
//     then by rank. If a voter is lost it takes its place, in one change.
//   - Without anybody to take its place a lost voter is removed if a majority of those that remain is healthy, if no
//     fewer remain than a majority of the whole electorate, and if what remains bears more losses than before: alone out
//     of an even number, or as one of two that are lost. The whole electorate is that of the last time when a voter was
//     added, so removals do not add up.
//   - A voter that is no candidate here, because the leader's list does not name it any more, loses its vote at once if
//     more than half of those that remain are healthy. If it is healthy it goes on as a learner. A leader with an older
//     list leaves it alone, and makes it a voter again if it is there.
//   - A lost learner is removed. Whoever was removed and comes back joins again.
//   - A voter that gives up its vote becomes a learner if a majority of the voters that remain has caught up: see release.

// A seat is the leader's account of one member of the electorate, in heartbeats.
type seat struct {
	missed  int    // heartbeats since it answered last
	steady  int    // heartbeats for which it has been ready
	applied uint64 // how far it has applied the log
	leaving uint64 // the number under which it gives up its vote; zero: it does not
}

// candidacy is what a leader needs to govern the electorate.
type candidacy struct {
	seats      map[uint64]*seat
	heartbeats int
	before     uint64    // what this member had applied between a half and a whole election time ago
	lately     uint64    // what it had applied at most half an election time ago
	pending    time.Time // a change is on its way; after that it may be tried again
	// underway says that a change may be in the log and not applied.
	underway bool

	appointed bool     // this member leads by command
	passed    []Member // who have handed over by rank, one after the other, until this member led
	failed    int      // hand-overs of this term that failed
}

func (c *core) seatOf(id uint64) *seat {
	g := &c.rounds.governs
	if g.seats == nil {
		g.seats = map[uint64]*seat{}
	}
	s := g.seats[id]
	if s == nil {
		s = &seat{}
		g.seats[id] = s
	}
	return s
}

// answeredHeartbeat notes an answer for the account of a seat.
func (c *core) answeredHeartbeat(id, applied uint64) {
	s := c.seatOf(id)
	s.missed, s.applied = 0, applied
}

// govern runs with each heartbeat that counts: it keeps the accounts and makes the one change that is due, if any is.
func (c *core) govern() {
	g := &c.rounds.governs
	c.judgeHandover()
	if !c.rounds.opened {
		return
	}
	if g.heartbeats == 0 {
		g.before, g.lately = c.state.applied, c.state.applied
	}
	if g.heartbeats++; g.heartbeats%max(1, int(c.timing.Election/c.timing.Heartbeat/2)) == 0 {
		g.before, g.lately = g.lately, c.state.applied
	}
	c.answeredHeartbeat(c.id, c.state.applied)
	for _, id := range c.members.memberIDs() {
		s := c.seatOf(id)
		if id != c.id {
			s.missed++
		}
		if s.steady++; !c.ready(id) {
			s.steady = 0
		}
	}
	c.changeNow()
	c.handOverToLeave()
	c.prefer()
}

// changeNow makes the change that is due, if one may be made.
func (c *core) changeNow() {
	if !c.mayChange() {
		return
	}
	if change := c.nextChange(); change != nil {
		c.proposeChange(change)
	}
}

// healthy says whether a member of the electorate is up, as everybody is told.
func (c *core) healthy(id uint64) bool {
	who := c.members.memberOf(id)
	h := c.rounds.members[who.Name]
	return h != nil && h.id == id && c.stateOf(who, h) == Up
}

// caughtUp says whether a member is up and has what the leader had a moment ago.
func (c *core) caughtUp(id uint64) bool {
	return c.healthy(id) && c.seatOf(id).applied >= c.rounds.governs.before
}

// ready says whether a member may vote and lead: it has caught up, and does not leave.
func (c *core) ready(id uint64) bool { return c.caughtUp(id) && c.seatOf(id).leaving == 0 }

func (c *core) lost(id uint64) bool {
	return c.forgetAfter > 0 && id != c.id && time.Duration(c.seatOf(id).missed)*c.timing.Heartbeat >= c.forgetAfter
}

// mayChange says whether no change of the electorate is under way.
func (c *core) mayChange() bool {
	return c.rounds != nil && c.rounds.opened && len(c.members.conf.GetVotersOutgoing()) == 0 && !c.now.Before(c.rounds.governs.pending)
}

func (c *core) proposeChange(change *raftpb.ConfChangeV2) {
	if c.node.ProposeConfChange(change) == nil {
		c.rounds.governs.pending, c.rounds.governs.underway = c.now.Add(c.timing.Election), true
		c.turn.touch()
	}
}

// nextChange is the change that the rules ask for now.
func (c *core) nextChange() *raftpb.ConfChangeV2 {
	if c.members.takeback.counts { // this leader was elected by it
		return newChange(enters(c.members.takeback.id))
	}
	voters := c.members.voterIDs()
	if id := c.unlisted(voters); id != 0 {
		if c.healthy(id) {
			return newChange(learns(id))
		}
		return newChange(leaves(id))
	}
	lost := c.lostOf(voters)
	if ready := c.promotable(); len(ready) > 0 {
		switch {
		case len(lost) > 0:
			return newChange(enters(ready[0]), leaves(lost[0]))
		case len(voters) < c.maxVoters:
			return newChange(enters(ready[0]))
		}
	}
	if len(lost) > 0 && c.mayShrink(voters, len(lost)) {
		return newChange(leaves(lost[0]))
	}
	if lost := c.lostOf(c.members.learnerIDs()); len(lost) > 0 {
		return newChange(leaves(lost[0]))
	}
	if id := c.releasable(); id != 0 {
		return newChange(learns(id))
	}
	return nil
}

// unlisted is a voter to lose its vote because it is no candidate; zero if there is none, or if those that remain could
// not go on.
func (c *core) unlisted(voters []uint64) uint64 {
	i := slices.IndexFunc(voters, func(id uint64) bool { return id != c.id && !slices.Contains(c.candidates, c.members.names[id]) })
	if i < 0 {
		return 0
	}
	healthy := 0
	for _, id := range voters {
		if id != voters[i] && c.healthy(id) {
			healthy++
		}
	}
	if 2*healthy <= len(voters)-1 {
		return 0
	}
	return voters[i]
}

// lostOf are the lost ones, those first that are lost the longest.
func (c *core) lostOf(ids []uint64) []uint64 {
	lost := slices.DeleteFunc(slices.Clone(ids), func(id uint64) bool { return !c.lost(id) })
	slices.SortStableFunc(lost, func(a, b uint64) int { return cmp.Compare(c.seatOf(b).missed, c.seatOf(a).missed) })
	return lost
}

// promotable are the learners that may vote and are ready, in the order in which they are promoted.
func (c *core) promotable() []uint64 {
	learners := slices.DeleteFunc(c.members.learnerIDs(), func(id uint64) bool {
		return !slices.Contains(c.candidates, c.members.names[id]) || !c.ready(id)
	})
	slices.SortFunc(learners, func(a, b uint64) int {
		if c.members.witnesses[a] != c.members.witnesses[b] {
			if c.members.witnesses[a] {
				return -1
			}
			return 1
		}
		return c.compareRank(a, b)
	})
	return learners
}

// mayShrink says whether one of so many lost voters may be removed without anybody in its place.
func (c *core) mayShrink(voters []uint64, lost int) bool {
	healthy := 0
	for _, id := range voters {
		if c.healthy(id) {
			healthy++
		}
	}
	remain, least := len(voters)-1, c.members.whole/2+1
	helps := len(voters)%2 == 0 || (lost > 1 && remain-1 >= least)
	return 2*healthy > remain && remain >= least && helps
}

// compareRank orders members of the electorate for leadership: witnesses last, then as the candidates are listed here,
// then whoever is not listed.
func (c *core) compareRank(a, b uint64) int {
	place := func(id uint64) int {
		at := slices.Index(c.candidates, c.members.names[id])
		if at < 0 {
			at = math.MaxInt32
		}
		if c.members.witnesses[id] {
			return at + math.MaxInt32
		}
		return at
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
}

// admit takes a process in: in the place of the one that had its name, or as a learner. While another change is under
// way nothing happens, and the joiner asks again.
func (c *core) admit(joiner Member, hello *wire.Hello) {
	id := hello.GetId()
	if _, already := c.members.names[id]; already || !c.mayChange() || c.members.takeback.counts {
		return
	}
	joins := &wire.Identity{Name: joiner.Name, Incarnation: joiner.Incarnation, Id: id, Witness: hello.GetWitness()}
	context, err := proto.Marshal(&wire.Change{Joins: joins})
	if err != nil {
		return
	}
	entry, leave := learns(id), []*raftpb.ConfChangeSingle(nil)
	for _, former := range c.members.memberIDs() {
		if c.members.names[former] != joiner.Name {
			continue
		}
		leave = append(leave, leaves(former))
		if slices.Contains(c.members.conf.GetVoters(), former) {
			entry = enters(id)
		}
	}
	change := newChange(append([]*raftpb.ConfChangeSingle{entry}, leave...)...)
	change.Context = context
	c.proposeChange(change)
}

func newChange(singles ...*raftpb.ConfChangeSingle) *raftpb.ConfChangeV2 {
	return &raftpb.ConfChangeV2{Changes: singles}
}

func enters(id uint64) *raftpb.ConfChangeSingle {
	return &raftpb.ConfChangeSingle{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(id)}
}

func learns(id uint64) *raftpb.ConfChangeSingle {
	return &raftpb.ConfChangeSingle{Type: raftpb.ConfChangeAddLearnerNode.Enum(), NodeId: new(id)}
}

func leaves(id uint64) *raftpb.ConfChangeSingle {
	return &raftpb.ConfChangeSingle{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(id)}
}

func addsVoter(cc *raftpb.ConfChangeV2) bool {
	return slices.ContainsFunc(cc.GetChanges(), func(s *raftpb.ConfChangeSingle) bool { return s.GetType() == raftpb.ConfChangeAddNode })
}

// governing says whether heartbeats must go on, because they count towards a change of the leader or of the electorate.
func (c *core) governing() bool {
	if c.rounds.handover != nil || c.isWitness || c.members.takeback.counts {
		return true
	}
	if c.preferAfter >= 0 && !c.rounds.governs.appointed && c.successor() != 0 {
		return true
	}
	if c.unlisted(c.members.voterIDs()) != 0 {
		return true
	}
	return len(c.members.voterIDs()) < c.maxVoters && slices.ContainsFunc(c.members.learnerIDs(), func(id uint64) bool {
		return slices.Contains(c.candidates, c.members.names[id])
	})
}
