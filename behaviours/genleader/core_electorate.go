package genleader

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/raft/v3/quorum"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// electorate is who belongs to the group, as last applied here, and which bootstrap it goes back to.
type electorate struct {
	conf        *raftpb.ConfState
	names       map[uint64]string // names by raft id
	carriers    map[uint64]uint64 // the latest incarnation that had an id of the electorate
	witnesses   map[uint64]bool   // ids of the electorate that lead only while nobody else can
	former      map[string]uint64 // the highest incarnation of each name that has left the electorate
	groupID     uint64            // the beginning of the group that the state goes back to; zero without state
	whole       int               // voters there were when one was added last
	first       *wire.Bootstrap
	bootstrapAt uint64 // when the group began, in milliseconds since 1970; zero: it is not known
	changed     uint64 // so much of the log was committed when the electorate changed last
	takeback    takeback
}

// enrolled says whether raft counts an id as a member of any kind.
func (e *electorate) enrolled(id uint64) bool {
	for _, ids := range [][]uint64{e.conf.GetVoters(), e.conf.GetVotersOutgoing(), e.conf.GetLearners(), e.conf.GetLearnersNext()} {
		if slices.Contains(ids, id) {
			return true
		}
	}
	return false
}

func (e *electorate) voterIDs() []uint64 {
	return slices.Sorted(slices.Values(e.conf.GetVoters()))
}

func (e *electorate) learnerIDs() []uint64 {
	return slices.Sorted(slices.Values(e.conf.GetLearners()))
}

func (e *electorate) memberIDs() []uint64 {
	ids := make([]uint64, 0, len(e.names))
	for id := range e.names {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// changeElectorate applies a committed change. Names of the outgoing electorate are kept until it is left.
func (c *core) changeElectorate(cc *raftpb.ConfChangeV2) {
	c.shown.stale = true
	if !c.members.isChangeBack(cc) {
		c.goByLog()
	}
	gaveUp := c.members.gaveUp(cc)
	c.members.conf = c.node.ApplyConfChange(cc)
	c.members.takeback.id, c.members.takeback.counts = gaveUp, false
	if c.giveUp.done && slices.Contains(c.members.conf.GetVoters(), c.id) {
		c.giveUp.done = false // it votes again, so it is not released any more
	}
	c.members.changed = c.node.BasicStatus().GetCommit() // by the electorate before
	if c.rounds != nil {
		c.rounds.fenced = true // see settleFence
		c.rounds.governs.underway = false
	}
	if addsVoter(cc) {
		c.members.whole = len(c.members.conf.GetVoters())
	}
	change := &wire.Change{}
	if len(cc.GetContext()) > 0 && proto.Unmarshal(cc.GetContext(), change) == nil {
		c.enroll(change.GetJoins())
		joiner := c.members.memberOf(raftID(change.GetJoins()))
		if c.rounds != nil && c.rounds.opened { // else its own election tells the joiner as well
			c.emit(elected{term: c.term, joiner: &joiner})
		}
	}
	for id := range c.members.names {
		if !c.members.enrolled(id) {
			if c.rounds != nil {
				c.retire(c.members.memberOf(id))
				delete(c.rounds.governs.seats, id)
			}
			c.members.formerly(c.members.memberOf(id))
			delete(c.members.names, id)
			delete(c.members.carriers, id)
			delete(c.members.witnesses, id)
		}
	}
	if c.rounds != nil {
		c.rounds.governs.pending = time.Time{}
	}
	if _, still := c.members.names[c.id]; !still && c.latestOf(c.self.Name) > c.self.Incarnation {
		c.emit(fail{reason: fmt.Errorf("%w: %v was replaced", ErrSuperseded, c.self)})
	} // one that was only removed asks to join its group again once it misses the leader
}

// carried notes which process has an id of the electorate now. The one that had it before is gone, and what was granted
// to it may still run.
func (c *core) carried(who Member, id uint64) {
	if c.members.names[id] != who.Name || c.members.carriers[id] >= who.Incarnation {
		return
	}
	was := c.members.memberOf(id)
	c.members.carriers[id] = who.Incarnation
	c.shown.stale = true
	if c.rounds != nil {
		c.retire(was)
		if !c.peers.refused[was] && !c.peers.left[was] { // it held the log that the new one has now
			c.peers.refused[was] = true
			c.reportDown(was, ErrGone)
		}
		if c.rounds.opened {
			c.emit(elected{term: c.term, joiner: &who})
		}
	}
	if c.node != nil && c.leader == id && id != c.id {
		c.suspectLeader(ProcessGone) // whoever led under this id does so no more
	}
}

// enroll puts an id into the electorate.
func (c *core) enroll(identity *wire.Identity) {
	id, who := raftID(identity), identityOf(identity)
	c.members.names[id] = who.Name
	if identity.GetWitness() {
		c.members.witnesses[id] = true
	}
	c.members.carriers[id] = max(c.members.carriers[id], who.Incarnation)
	if id == c.id {
		c.number.predecessor = max(c.number.predecessor, who.Incarnation)
		c.members.carriers[id] = c.self.Incarnation
	}
	if p := c.peers.presented[who.Name]; p.id == id {
		c.members.carriers[id] = max(c.members.carriers[id], p.incarnation)
	}
}

// memberOf is the process that has an id, as far as is known here: the latest that presented it.
func (e *electorate) memberOf(id uint64) Member {
	return Member{Name: e.names[id], Incarnation: e.carriers[id]}
}

// isMember says whether a process is the latest of an id of the electorate.
func (e *electorate) isMember(who Member) bool {
	for id, name := range e.names {
		if name == who.Name && e.carriers[id] == who.Incarnation {
			return true
		}
	}
	return false
}

func (e *electorate) identity(id uint64) *wire.Identity {
	who := e.memberOf(id)
	return &wire.Identity{Name: who.Name, Incarnation: who.Incarnation, Id: id, Witness: e.witnesses[id]}
}

// formerly remembers the number of a process that leaves the electorate: the next one of its name is to have a higher one,
// however long that takes.
func (e *electorate) formerly(who Member) {
	e.former[who.Name] = max(e.former[who.Name], who.Incarnation)
	for len(e.former) > maxFormer { // names that rise with time are not expected; the lowest is the oldest
		oldest := ""
		for name, incarnation := range e.former {
			if oldest == "" || incarnation < e.former[oldest] || incarnation == e.former[oldest] && name < oldest {
				oldest = name
			}
		}
		delete(e.former, oldest)
	}
}

func (e *electorate) voterNames() string {
	names := map[string]bool{}
	for _, id := range e.voterIDs() {
		names[e.names[id]] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}

// idNamed is the member of that name that enters, if two change places.
func (e *electorate) idNamed(name string) uint64 {
	var found uint64
	for _, id := range e.memberIDs() {
		if e.names[id] == name && (found == 0 || slices.Contains(e.conf.GetVoters(), id)) {
			found = id
		}
	}
	return found
}

func (e *electorate) quorum() quorum.JointConfig {
	joint := quorum.JointConfig{quorum.MajorityConfig{}, nil}
	for _, id := range e.conf.GetVoters() {
		joint[0][id] = struct{}{}
	}
	for _, id := range e.conf.GetVotersOutgoing() {
		if joint[1] == nil {
			joint[1] = quorum.MajorityConfig{}
		}
		joint[1][id] = struct{}{}
	}
	return joint
}
