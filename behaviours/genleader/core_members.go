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
// answered nothing for forgetAfter, counted in the leader's own beats, so that a pause of the leader makes nobody lost.
//
//   - A process that joins takes the seat of its name if there is one, in one change: the old id leaves and the new one
//     enters. Under a new name it becomes a learner.
//   - A learner that is a candidate and ready is promoted while there are fewer than maxVoters voters, witnesses first,
//     then by rank. If a voter is lost it takes its place, in one change.
//   - Without anybody to take its place a lost voter is removed if a majority of those that remain is healthy, if no
//     fewer remain than a majority of the whole electorate, and if what remains bears more losses than before: alone out
//     of an even number, or as one of two that are lost. The whole electorate is that of the last time when a voter was
//     added, so removals do not add up.
//   - A lost learner is removed. Whoever was removed and comes back joins again.

// A seat is the leader's account of one member of the electorate, in beats.
type seat struct {
	missed  int    // beats since it answered last
	steady  int    // beats for which it has been ready
	applied uint64 // how far it has applied the log
}

// candidacy is what a leader needs to govern the electorate.
type candidacy struct {
	seats   map[uint64]*seat
	beats   int
	before  uint64    // what this member had applied between a half and a whole election time ago
	lately  uint64    // what it had applied at most half an election time ago
	pending time.Time // a change is on its way; after that it may be tried again

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

// answeredBeat notes an answer for the account of a seat.
func (c *core) answeredBeat(id, applied uint64) {
	s := c.seatOf(id)
	s.missed, s.applied = 0, applied
}

// govern runs with each beat that counts: it keeps the accounts and makes the one change that is due, if any is.
func (c *core) govern() {
	g := &c.rounds.governs
	c.judgeHandover()
	if !c.rounds.opened {
		return
	}
	if g.beats == 0 {
		g.before, g.lately = c.applied, c.applied
	}
	if g.beats++; g.beats%max(1, int(c.timing.Election/c.timing.Heartbeat/2)) == 0 {
		g.before, g.lately = g.lately, c.applied
	}
	c.answeredBeat(c.id, c.applied)
	for _, id := range c.memberIDs() {
		s := c.seatOf(id)
		if id != c.id {
			s.missed++
		}
		if s.steady++; !c.ready(id) {
			s.steady = 0
		}
	}
	if c.mayChange() {
		if change := c.nextChange(); change != nil {
			c.proposeChange(change)
		}
	}
	c.prefer()
}

// healthy says whether a member of the electorate is up, as everybody is told.
func (c *core) healthy(id uint64) bool {
	who := c.memberOf(id)
	h := c.rounds.members[who.Name]
	return h != nil && h.id == id && c.stateOf(who, h) == Up
}

func (c *core) ready(id uint64) bool {
	return c.healthy(id) && c.seatOf(id).applied >= c.rounds.governs.before
}

func (c *core) lost(id uint64) bool {
	return c.forgetAfter > 0 && id != c.id && time.Duration(c.seatOf(id).missed)*c.timing.Heartbeat >= c.forgetAfter
}

// mayChange says whether no change of the electorate is under way.
func (c *core) mayChange() bool {
	return c.rounds != nil && c.rounds.opened && len(c.conf.GetVotersOutgoing()) == 0 && !c.now.Before(c.rounds.governs.pending)
}

func (c *core) proposeChange(change *raftpb.ConfChangeV2) {
	if c.node.ProposeConfChange(change) == nil {
		c.rounds.governs.pending = c.now.Add(c.timing.Election)
		c.touch()
	}
}

// nextChange is the change that the rules ask for now.
func (c *core) nextChange() *raftpb.ConfChangeV2 {
	voters := c.voterIDs()
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
	if lost := c.lostOf(c.learnerIDs()); len(lost) > 0 {
		return newChange(leaves(lost[0]))
	}
	return nil
}

// lostOf are the lost ones, those first that are lost the longest.
func (c *core) lostOf(ids []uint64) []uint64 {
	lost := slices.DeleteFunc(slices.Clone(ids), func(id uint64) bool { return !c.lost(id) })
	slices.SortStableFunc(lost, func(a, b uint64) int { return cmp.Compare(c.seatOf(b).missed, c.seatOf(a).missed) })
	return lost
}

// promotable are the learners that may vote and are ready, in the order in which they are promoted.
func (c *core) promotable() []uint64 {
	learners := slices.DeleteFunc(c.learnerIDs(), func(id uint64) bool {
		return !slices.Contains(c.candidates, c.electorate[id]) || !c.ready(id)
	})
	slices.SortFunc(learners, func(a, b uint64) int {
		if c.witnesses[a] != c.witnesses[b] {
			if c.witnesses[a] {
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
	remain, least := len(voters)-1, c.whole/2+1
	helps := len(voters)%2 == 0 || (lost > 1 && remain-1 >= least)
	return 2*healthy > remain && remain >= least && helps
}

// compareRank orders members of the electorate for leadership: witnesses last, then as the candidates are listed here,
// then whoever is not listed.
func (c *core) compareRank(a, b uint64) int {
	place := func(id uint64) int {
		at := slices.Index(c.candidates, c.electorate[id])
		if at < 0 {
			at = math.MaxInt32
		}
		if c.witnesses[id] {
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
	if _, already := c.electorate[id]; already || !c.mayChange() {
		return
	}
	joins := &wire.Identity{Name: joiner.Name, Incarnation: joiner.Incarnation, Id: id, Witness: hello.GetWitness()}
	context, err := proto.Marshal(&wire.Change{Joins: joins})
	if err != nil {
		return
	}
	entry, leave := learns(id), []*raftpb.ConfChangeSingle(nil)
	for _, former := range c.memberIDs() {
		if c.electorate[former] != joiner.Name {
			continue
		}
		leave = append(leave, leaves(former))
		if slices.Contains(c.conf.GetVoters(), former) {
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

// enrolled says whether raft counts an id as a member of any kind.
func (c *core) enrolled(id uint64) bool {
	for _, ids := range [][]uint64{c.conf.GetVoters(), c.conf.GetVotersOutgoing(), c.conf.GetLearners(), c.conf.GetLearnersNext()} {
		if slices.Contains(ids, id) {
			return true
		}
	}
	return false
}

func (c *core) voterIDs() []uint64 {
	return slices.Sorted(slices.Values(c.conf.GetVoters()))
}

func (c *core) learnerIDs() []uint64 {
	return slices.Sorted(slices.Values(c.conf.GetLearners()))
}

func (c *core) memberIDs() []uint64 {
	ids := make([]uint64, 0, len(c.electorate))
	for id := range c.electorate {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// governing says whether beats must go on, because they count towards a change of the leader or of the electorate.
func (c *core) governing() bool {
	if c.rounds.handover != nil || c.isWitness {
		return true
	}
	if c.preferAfter >= 0 && !c.rounds.governs.appointed && c.successor() != 0 {
		return true
	}
	return len(c.voterIDs()) < c.maxVoters && slices.ContainsFunc(c.learnerIDs(), func(id uint64) bool {
		return slices.Contains(c.candidates, c.electorate[id])
	})
}
