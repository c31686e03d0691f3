package genleader

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/raft/v3/quorum"
	"go.etcd.io/raft/v3/tracker"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A process that keeps its state in memory does not come back: its successor is a new voter. If it leaves and keeps its
// vote, its vote is lost, and so is its copy of the state. So before it leaves in order it gives up its vote:
//
//	member: gives up --with each acknowledgement--> leader: if it leads itself, it hands leadership over first
//	                                                leader: waits until a majority of the other voters has caught up
//	                                                log:    the member is a learner
//	                                                leader: waits until a majority of the voters has all up to there
//	member <---------------released--with a heartbeat--- leader
//
// One change of the electorate is under way at a time, so members that leave at once do so one after the other, and each
// is judged by the voters that remain then. The last voter is not released.
//
// Nobody promotes a member that gives up its vote. If it keeps the vote after all it says so, and is promoted again. The
// number that it gives up under rises each time, so a word that was meant for an earlier time is not taken for a later one.

// giveUp is where this member stands in giving up its vote.
type giveUp struct {
	wanted bool
	number uint64 // of the time
	done   bool
	seqs   []uint64 // callers who wait
	why    string   // it is not done, as the leader says
	again  time.Time
}

// A HeldError says why a member has not been released from its vote in time. It keeps the vote, and nothing has changed.
type HeldError struct{ Reason string }

func (e *HeldError) Error() string {
	return "genleader: the others cannot do without this member yet: " + e.Reason
}

// givingUp is what this member tells its leader.
func (c *core) givingUp() uint64 {
	if !c.giveUp.wanted {
		return 0
	}
	return c.giveUp.number
}

func (c *core) askRelease(ev releaseAsked) {
	if c.phase == Departed {
		c.emit(released{seq: ev.seq, err: ErrStopped})
		return
	}
	if c.votesForNothing() {
		c.emit(released{seq: ev.seq})
		return
	}
	r := &c.giveUp
	r.seqs = append(r.seqs, ev.seq)
	if r.wanted {
		return
	}
	r.wanted, r.done, r.why = true, false, ""
	r.number++
	c.tellLeader()
	c.handOverToLeave()
}

// withdrawRelease keeps the vote, or has it given back.
func (c *core) withdrawRelease() {
	if !c.giveUp.wanted {
		return
	}
	c.endRelease(&HeldError{"the wish was withdrawn"})
	c.giveUp.wanted = false
	c.tellLeader()
}

// abandonRelease ends a wait whose caller has waited long enough.
func (c *core) abandonRelease(seq uint64) {
	r := &c.giveUp
	at := slices.Index(r.seqs, seq)
	if at < 0 {
		return
	}
	r.seqs = slices.Delete(r.seqs, at, at+1)
	c.emit(released{seq: seq, err: &HeldError{c.whyHeld()}})
	if len(r.seqs) == 0 {
		c.withdrawRelease()
	}
}

// endRelease answers everybody who waits.
func (c *core) endRelease(err error) {
	for _, seq := range c.giveUp.seqs {
		c.emit(released{seq: seq, err: err})
	}
	c.giveUp.seqs = nil
}

// pumpRelease ends the wait once there is nothing to give up, or it has been given up.
func (c *core) pumpRelease() {
	r := &c.giveUp
	switch {
	case !r.wanted || len(r.seqs) == 0:
	case c.phase == Departed:
		c.endRelease(ErrStopped)
	case r.done:
		c.endRelease(nil)
	}
}

// votesForNothing says whether nobody needs this member's release: it keeps its vote and its state on disk, has neither,
// never votes, or is a group of its own.
func (c *core) votesForNothing() bool {
	return c.durable || c.node == nil || !slices.Contains(c.candidates, c.self.Name) ||
		len(c.candidates) == 1 && len(c.members.names) == 1
}

// tellLeader acknowledges without having been asked, so that the leader hears of a change of mind at once.
func (c *core) tellLeader() {
	if c.phase != Following || c.durable {
		return
	}
	status := c.node.BasicStatus()
	if status.Lead == 0 || status.Lead != c.leader || status.GetTerm() != c.term {
		return
	}
	c.noteAck(c.term)
	c.acknowledge(c.members.names[c.leader], c.term, 0, 0)
}

// heardOfRelease takes what a leader's heartbeat says of this member's vote.
func (c *core) heardOfRelease(b *wire.Heartbeat) {
	r := &c.giveUp
	if !r.wanted {
		return
	}
	r.why = b.GetWithheld()
	r.done = r.done || b.GetReleased() == r.number
}

// whyHeld says what a caller is told whose time is over.
func (c *core) whyHeld() string {
	switch {
	case c.rounds != nil:
		if why := c.withheld(c.id); why != "" {
			return why
		}
		return "leadership was not handed over in time"
	case c.leader == 0:
		return "there is no leader, so nobody can tell who has the state"
	case c.giveUp.why != "":
		return c.giveUp.why
	default:
		return "the leader has not answered in time"
	}
}

// handOverToLeave hands leadership over before this member gives up its vote.
func (c *core) handOverToLeave() {
	r := &c.giveUp
	if !r.wanted || r.done || c.rounds == nil || !c.rounds.opened || c.rounds.handover != nil || c.handing() || c.now.Before(r.again) {
		return
	}
	heirs := slices.DeleteFunc(c.members.voterIDs(), func(id uint64) bool { return id == c.id || !c.ready(id) })
	if len(heirs) == 0 {
		return
	}
	r.again = c.now.Add(2 * c.timing.Election) // if it fails: others write meanwhile
	c.handOver(slices.MinFunc(heirs, c.compareRank), From{})
}

// noteLeaving notes, on a leader, whether a member gives up its vote.
func (c *core) noteLeaving(id, number uint64) {
	if s := c.seatOf(id); s.leaving != number {
		s.leaving = number
		c.changeNow()
	}
}

// releasable is a voter that gives up its vote and may, or zero.
func (c *core) releasable() uint64 {
	for _, id := range c.members.voterIDs() {
		if id != c.id && c.seatOf(id).leaving != 0 && c.withheld(id) == "" {
			return id
		}
	}
	return 0
}

// withheld says why the other voters cannot do without a voter: no majority of them has caught up. It is empty if they can.
func (c *core) withheld(id uint64) string {
	remain, have := 0, 0
	var lack []string
	for _, other := range c.members.voterIDs() {
		if other == id {
			continue
		}
		if remain++; other == c.id || c.caughtUp(other) {
			have++
		} else {
			lack = append(lack, c.members.names[other]+c.condition(other))
		}
	}
	switch {
	case 2*have > remain:
		return ""
	case remain > 0:
		return strings.Join(lack, ", ")
	}
	for _, name := range c.candidates {
		if name != c.members.names[id] {
			lack = append(lack, name+c.condition(c.members.idNamed(name)))
		}
	}
	return strings.Join(append([]string{"no other voter has the state"}, lack...), ", ")
}

// condition says why a member does not count.
func (c *core) condition(id uint64) string {
	switch {
	case id == 0 || !c.peers.reaches(c.members.names[id], id) || c.peers.left[c.members.memberOf(id)]:
		return " is away"
	case c.seatOf(id).leaving != 0:
		return " is leaving"
	default:
		return " is catching up"
	}
}

// releases is what a heartbeat tells a member that gives up its vote.
func (c *core) releases(id uint64) (number uint64, withheld string) {
	s := c.seatOf(id)
	switch {
	case s.leaving == 0:
		return 0, ""
	case slices.Contains(c.members.conf.GetVoters(), id):
		return 0, c.withheld(id)
	case !c.rounds.opened || c.rounds.governs.underway || len(c.members.conf.GetVotersOutgoing()) > 0:
		return 0, "a change of the voters is under way"
	case uint64(c.members.quorum().CommittedIndex(matches(c.node.Status().Progress))) < c.members.changed:
		return 0, fmt.Sprintf("no majority of %s has all of the log", c.members.voterNames())
	default:
		return s.leaving, ""
	}
}

// matches is how far each member has the log, as its leader knows.
type matches map[uint64]tracker.Progress

func (m matches) AckedIndex(id uint64) (quorum.Index, bool) {
	p, known := m[id]
	return quorum.Index(p.Match), known
}
