package genleader

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// seekEvery is how often a member without state asks around.
const seekEvery = 100 * time.Millisecond

// seek asks every peer for the group. Once all voters are found without state, the first of them begins it.
func (c *core) seek() {
	if c.node != nil || c.phase != Gathering {
		return
	}
	c.seekAt = c.now.Add(seekEvery)
	for _, name := range c.voters {
		c.post(name, &wire.Packet{What: &wire.Packet_Seek{Seek: &wire.Seek{Id: c.id}}})
	}
	c.maybeBegin()
}

// maybeBegin starts the group, once, when every voter is here and none has state. Only the first voter does.
func (c *core) maybeBegin() {
	if c.node != nil || c.voters[0] != c.self.Name {
		return
	}
	genesis := &wire.Genesis{Voters: []*wire.Identity{{Name: c.self.Name, Incarnation: c.self.Incarnation, Id: c.id}}}
	for _, name := range c.voters[1:] {
		fresh, ok := c.seeking[name]
		id := c.idOf(Member{name, fresh})
		if !ok || id == 0 || c.links[name] != fresh {
			return
		}
		genesis.Voters = append(genesis.Voters, &wire.Identity{Name: name, Incarnation: fresh, Id: id})
	}
	c.openGroup(genesis)
	for _, name := range c.voters[1:] {
		c.post(name, &wire.Packet{What: &wire.Packet_Genesis{Genesis: genesis}})
	}
	c.campaignAt = c.now
}

// openGroup starts from the first electorate. It is the same initial state wherever and whenever it is adopted.
func (c *core) openGroup(genesis *wire.Genesis) {
	if c.node != nil || !c.plausibleGenesis(genesis) {
		return
	}
	conf := &raftpb.ConfState{}
	named := false
	for _, id := range genesis.GetVoters() {
		c.enroll(id)
		conf.Voters = append(conf.Voters, raftID(id))
		named = named || (id.GetName() == c.self.Name && raftID(id) == c.id)
	}
	if !named {
		c.electorate, c.carriers = map[uint64]string{}, map[uint64]uint64{}
		return // another process was meant; the leader will take this one in
	}
	storage := newMemoryLog(c.imageNow)
	first := &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{ConfState: conf, Index: new(uint64(1)), Term: new(uint64(1))}}
	if err := storage.ApplySnapshot(first); err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: the group's first state was refused: %w", err)})
		return
	}
	c.genesis, c.conf = genesis, conf
	c.begin(storage, 1)
	c.saveFirst(first)
}

// sought answers a member without state: with the beginning of the group if it was part of it, or with a place
// in the electorate if this member leads.
func (c *core) sought(from Member, id uint64) {
	if id == 0 {
		id = from.Incarnation
	}
	if c.present(from, id); c.idOf(from) != id {
		return
	}
	c.seeking[from.Name] = from.Incarnation
	if c.node == nil {
		c.maybeBegin()
		return
	}
	for _, id := range c.genesis.GetVoters() {
		if id.GetName() == from.Name && raftID(id) == c.idOf(from) {
			c.post(from.Name, &wire.Packet{What: &wire.Packet_Genesis{Genesis: c.genesis}})
			return
		}
	}
	if c.phase == Leading || c.phase == Electing {
		c.admit(from, id)
		return
	}
	c.checkMemory()
}

// admit puts a new process in the place of the one that had its name. One change at a time: raft drops what comes too
// early, and the joiner asks again.
func (c *core) admit(joiner Member, id uint64) {
	if _, already := c.electorate[id]; already || !slices.Contains(c.voters, joiner.Name) {
		return
	}
	change := &raftpb.ConfChangeV2{Changes: []*raftpb.ConfChangeSingle{
		{Type: raftpb.ConfChangeAddNode.Enum(), NodeId: new(id)},
	}}
	for _, former := range c.memberIDs() {
		if c.electorate[former] == joiner.Name {
			change.Changes = append(change.Changes, &raftpb.ConfChangeSingle{Type: raftpb.ConfChangeRemoveNode.Enum(), NodeId: new(former)})
		}
	}
	context, err := proto.Marshal(&wire.Change{Joins: &wire.Identity{Name: joiner.Name, Incarnation: joiner.Incarnation, Id: id}})
	if err != nil {
		return
	}
	change.Context = context
	_ = c.node.ProposeConfChange(change)
	c.touch()
}

// changeElectorate applies a committed change. Names of the outgoing electorate are kept until it is left.
func (c *core) changeElectorate(cc *raftpb.ConfChangeV2) {
	c.stale = true
	c.conf = c.node.ApplyConfChange(cc)
	change := &wire.Change{}
	if len(cc.GetContext()) > 0 && proto.Unmarshal(cc.GetContext(), change) == nil {
		c.enroll(change.GetJoins())
		joiner := c.memberOf(raftID(change.GetJoins()))
		if c.rounds != nil {
			c.emit(elected{term: c.term, joiner: &joiner})
		}
	}
	for id := range c.electorate {
		if !slices.Contains(c.conf.GetVoters(), id) && !slices.Contains(c.conf.GetVotersOutgoing(), id) {
			if c.rounds != nil {
				c.retire(c.memberOf(id))
			}
			delete(c.electorate, id)
			delete(c.carriers, id)
		}
	}
	if _, still := c.electorate[c.id]; !still {
		c.emit(fail{reason: fmt.Errorf("%w: %v was replaced", ErrSuperseded, c.self)})
	}
}

// checkMemory notices that no majority of the voters has kept its memory: nobody is left who could confirm what was
// acknowledged, and no leader will come.
func (c *core) checkMemory() {
	lost := 0
	for _, id := range c.voterIDs() {
		if fresh, ok := c.seeking[c.electorate[id]]; ok && c.idOf(Member{c.electorate[id], fresh}) != id {
			lost++
		}
	}
	if c.leader == 0 && 2*lost >= len(c.voterIDs()) {
		c.stale = true
		c.memory = fmt.Sprintf("%d of %d voters were restarted and have lost the log; restart the remaining ones to begin anew", lost, len(c.voterIDs()))
	}
}

func (c *core) voterIDs() []uint64 {
	return slices.Sorted(slices.Values(c.conf.GetVoters()))
}

func (c *core) memberIDs() []uint64 {
	ids := make([]uint64, 0, len(c.electorate))
	for id := range c.electorate {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (c *core) linkUp(who Member) {
	if was, up := c.links[who.Name]; up && was != who.Incarnation {
		c.linkDown(Member{who.Name, was}, false)
	}
	c.links[who.Name] = who.Incarnation
	delete(c.refused, who) // it lives after all
	c.hello(who.Name)
	c.forgetGone(who.Name)
	if c.node == nil {
		c.seek()
	}
}

// forgetGone forgets how earlier incarnations of a name ended, once nobody speaks of them.
func (c *core) forgetGone(name string) {
	forget := func(who Member, _ bool) bool {
		listed := c.rounds != nil && slices.ContainsFunc(c.rounds.former, func(f former) bool { return f.Member == who })
		return who.Name == name && !c.isMember(who) && !listed
	}
	maps.DeleteFunc(c.refused, forget)
	maps.DeleteFunc(c.left, forget)
}

func (c *core) linkDown(who Member, refused bool) {
	if c.links[who.Name] == who.Incarnation {
		delete(c.links, who.Name)
	}
	c.loseStreams(who)
	if c.seeking[who.Name] == who.Incarnation {
		delete(c.seeking, who.Name)
	}
	if refused && !c.refused[who] {
		c.refused[who] = true
		c.reportDown(who, ErrGone)
	}
	if c.node == nil {
		return
	}
	id := c.idOf(who)
	if id == 0 {
		return
	}
	c.node.ReportUnreachable(id)
	if c.leader == id {
		why := ConnectionClosed
		if refused {
			why = ProcessGone
		}
		c.suspectLeader(why)
	}
}

func (c *core) reportDown(who Member, reason error) {
	if c.phase == Leading {
		c.emit(memberDown{term: c.term, who: who, reason: reason})
	}
}

// receive dispatches one packet.
func (c *core) receive(from Member, p *wire.Packet) {
	switch what := p.GetWhat().(type) {
	case *wire.Packet_Seek:
		c.sought(from, what.Seek.GetId())
	case *wire.Packet_Hello:
		c.present(from, what.Hello.GetId())
	case *wire.Packet_Genesis:
		c.openGroup(what.Genesis)
	case *wire.Packet_Raft:
		c.stepRaft(from, what.Raft)
	case *wire.Packet_Stream:
		c.streamed(from, what.Stream)
	case *wire.Packet_Beat:
		c.heard(from, what.Beat)
	case *wire.Packet_Ack:
		c.ackHeard(from, what.Ack)
	case *wire.Packet_Call:
		c.callFrom(from, what.Call)
	case *wire.Packet_Answered:
		c.answered(what.Answered)
	case *wire.Packet_Cast:
		if c.phase == Leading && what.Cast.GetTerm() == c.term {
			c.emit(&ask{term: c.term, request: what.Cast.GetRequest(), cast: true})
		}
	case *wire.Packet_ReadAsk:
		c.takeReadAsk(from, what.ReadAsk.GetAsk())
	case *wire.Packet_ReadAnswer:
		c.readAnswered(what.ReadAnswer.GetAsk(), what.ReadAnswer.GetIndex())
	case *wire.Packet_Bye:
		c.left[from], c.stale = true, true
		c.reportDown(from, ErrLeft)
		if id := c.idOf(from); id != 0 && c.leader == id {
			c.suspectLeader(SaidGoodbye)
		}
	}
}

// leave hands leadership over if there is somebody to take it, then says goodbye.
func (c *core) leave() {
	if c.phase == Departed || !c.leaveBy.IsZero() {
		return
	}
	c.leaveBy = c.now
	if c.rounds == nil {
		return
	}
	for _, id := range c.voterIDs() {
		if name := c.electorate[id]; id != c.id && c.reaches(name, id) {
			c.node.TransferLeader(id)
			c.touch()
			c.leaveBy = c.now.Add(c.timing.Election)
			return
		}
	}
}

func (c *core) depart() {
	c.leaveBy, c.phase, c.stale = time.Time{}, Departed, true
	for _, name := range c.voters {
		c.post(name, &wire.Packet{What: &wire.Packet_Bye{Bye: &wire.Bye{}}})
	}
	c.loseCalls()
	c.loseReaders()
	c.emit(departed{})
}
