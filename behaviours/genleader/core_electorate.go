package genleader

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// seekEvery is how often a member without state asks around.
const seekEvery = 100 * time.Millisecond

// seek asks every peer for the group: a member without state often, until it has some; one that has been without a leader
// for long now and then, since it may have been removed while it was away. The first candidate also begins the group if
// it can.
func (c *core) seek() {
	if c.phase != Gathering && c.phase != Leaderless {
		return
	}
	c.seekAt = c.now.Add(seekEvery)
	if c.node != nil {
		c.seekAt = c.now.Add(c.timing.Election)
	}
	for _, name := range slices.Sorted(maps.Keys(c.links)) {
		c.post(name, &wire.Packet{What: &wire.Packet_Seek{Seek: &wire.Seek{Hello: c.introduction()}}})
	}
	c.maybeBegin()
}

// maybeBegin starts the group, once, when enough candidates are here that have no state, and nobody that has some. Only
// the first candidate does: two that begin would begin two groups. The first voters are those present, witnesses first,
// then by rank.
func (c *core) maybeBegin() {
	if c.node != nil || c.candidates[0] != c.self.Name {
		return
	}
	for name, incarnation := range c.links {
		who := Member{name, incarnation}
		if unknown := c.presented[name].incarnation != incarnation && !c.isStranger(who); unknown || c.stateful[name] == incarnation {
			return // it may be of the group, which has begun already
		}
	}
	self := &wire.Identity{Name: c.self.Name, Incarnation: c.self.Incarnation, Id: c.id, Witness: c.isWitness}
	var witnesses, others []*wire.Identity
	for _, name := range c.candidates[1:] {
		hello := c.seeking[name]
		if hello == nil || c.links[name] != hello.incarnation {
			continue
		}
		id := &wire.Identity{Name: name, Incarnation: hello.incarnation, Id: hello.GetId(), Witness: hello.GetWitness()}
		if id.GetWitness() {
			witnesses = append(witnesses, id)
		} else {
			others = append(others, id)
		}
	}
	all := append(append([]*wire.Identity{self}, witnesses...), others...)
	if len(all) < c.expect {
		return
	}
	genesis := &wire.Genesis{Voters: all[:min(len(all), c.maxVoters)], Cluster: c.cluster}
	c.openGroup(genesis)
	for _, id := range genesis.GetVoters()[1:] {
		c.post(id.GetName(), &wire.Packet{What: &wire.Packet_Genesis{Genesis: genesis}})
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
		c.electorate, c.carriers, c.witnesses = map[uint64]string{}, map[uint64]uint64{}, map[uint64]bool{}
		return // another process was meant; the leader will take this one in
	}
	storage := newMemoryLog(c.imageNow)
	first := &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{ConfState: conf, Index: new(uint64(1)), Term: new(uint64(1))}}
	if err := storage.ApplySnapshot(first); err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: the group's first state was refused: %w", err)})
		return
	}
	c.genesis, c.conf, c.founding, c.whole = genesis, conf, foundingOf(genesis), len(conf.GetVoters())
	c.begin(storage, 1)
	c.saveFirst(first)
}

// foundingOf tells one beginning of a group from another. Whoever began it, and in whichever order its candidates were
// listed there, it is the same with the same voters: they begin with the same state.
func foundingOf(genesis *wire.Genesis) uint64 {
	h := fnv.New64a()
	voters := slices.SortedFunc(slices.Values(genesis.GetVoters()), func(a, b *wire.Identity) int { return cmp.Compare(raftID(a), raftID(b)) })
	for _, id := range voters {
		_, _ = fmt.Fprintf(h, "%q %d\n", id.GetName(), raftID(id))
	}
	return max(1, h.Sum64())
}

// A seeker is a process that has no state and looks for its group.
type seeker struct {
	incarnation uint64
	*wire.Hello
}

// sought answers a member that looks for its group: with the beginning of the group if it was part of it and has no state,
// or with a place in the electorate if this member leads.
func (c *core) sought(from Member, hello *wire.Hello) {
	if !c.meet(from, hello) {
		return
	}
	fresh := hello.GetFounding() == 0
	if fresh {
		c.seeking[from.Name] = &seeker{from.Incarnation, hello}
	}
	if c.node == nil {
		c.maybeBegin()
		return
	}
	_, member := c.electorate[hello.GetId()]
	if c.rounds != nil && !member {
		c.admit(from, hello)
		return
	}
	if !fresh {
		return
	}
	for _, id := range c.genesis.GetVoters() {
		if id.GetName() == from.Name && raftID(id) == hello.GetId() {
			c.post(from.Name, &wire.Packet{What: &wire.Packet_Genesis{Genesis: c.genesis}})
			return
		}
	}
	if c.rounds == nil {
		c.checkMemory()
	}
}

// changeElectorate applies a committed change. Names of the outgoing electorate are kept until it is left.
func (c *core) changeElectorate(cc *raftpb.ConfChangeV2) {
	c.stale = true
	c.conf = c.node.ApplyConfChange(cc)
	if c.rounds != nil {
		c.rounds.fenced = true // see settleFence
	}
	if addsVoter(cc) {
		c.whole = len(c.conf.GetVoters())
	}
	change := &wire.Change{}
	if len(cc.GetContext()) > 0 && proto.Unmarshal(cc.GetContext(), change) == nil {
		c.enroll(change.GetJoins())
		joiner := c.memberOf(raftID(change.GetJoins()))
		if c.rounds != nil && c.rounds.opened { // else its own election tells the joiner as well
			c.emit(elected{term: c.term, joiner: &joiner})
		}
	}
	for id := range c.electorate {
		if !c.enrolled(id) {
			if c.rounds != nil {
				c.retire(c.memberOf(id))
				delete(c.rounds.governs.seats, id)
			}
			delete(c.electorate, id)
			delete(c.carriers, id)
			delete(c.witnesses, id)
		}
	}
	if c.rounds != nil {
		c.rounds.governs.pending = time.Time{}
	}
	if _, still := c.electorate[c.id]; !still && c.latestOf(c.self.Name) > c.self.Incarnation {
		c.emit(fail{reason: fmt.Errorf("%w: %v was replaced", ErrSuperseded, c.self)})
	} // one that was only removed seeks its group again once it misses the leader
}

// checkMemory notices that no majority of the voters has kept its memory: nobody is left who could confirm what was
// acknowledged, and no leader will come.
func (c *core) checkMemory() {
	lost := 0
	for _, id := range c.voterIDs() {
		if fresh := c.seeking[c.electorate[id]]; fresh != nil && fresh.GetId() != id {
			lost++
		}
	}
	if c.leader == 0 && 2*lost >= len(c.voterIDs()) {
		c.stale = true
		c.memory = fmt.Sprintf("%d of %d voters were restarted and have lost the log; restart the remaining ones to begin anew, without what they hold", lost, len(c.voterIDs()))
	}
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
	c.loseAsked(who)
	if fresh := c.seeking[who.Name]; fresh != nil && fresh.incarnation == who.Incarnation {
		delete(c.seeking, who.Name)
	}
	if refused && !c.refused[who] {
		if !c.left[who] { // else its end was reported
			c.reportDown(who, ErrGone)
		}
		c.refused[who] = true
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

// receive dispatches one packet. A stranger is heard only when it introduces itself anew.
func (c *core) receive(from Member, p *wire.Packet) {
	if c.isStranger(from) && p.GetSeek() == nil && p.GetHello() == nil && p.GetRefused() == nil {
		return
	}
	switch what := p.GetWhat().(type) {
	case *wire.Packet_Seek:
		c.sought(from, what.Seek.GetHello())
	case *wire.Packet_Hello:
		if c.meet(from, what.Hello) && c.node == nil {
			c.maybeBegin()
		}
	case *wire.Packet_Refused:
		c.refusedBy(from, what.Refused)
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
	case *wire.Packet_Question:
		c.emit(askLocal{from: from, seq: what.Question.GetSeq(), request: what.Question.GetRequest()})
	case *wire.Packet_Response:
		c.askAnswered(from, what.Response)
	case *wire.Packet_Appoint:
		c.appoint(from, what.Appoint)
	case *wire.Packet_TransferAsk:
		c.takeTransfer(From{Member: from, Seq: what.TransferAsk.GetSeq()}, what.TransferAsk.GetName())
	case *wire.Packet_TransferAnswer:
		c.transferAnswered(from, what.TransferAnswer)
	case *wire.Packet_ReadAsk:
		c.takeReadAsk(from, what.ReadAsk.GetAsk())
	case *wire.Packet_ReadAnswer:
		c.readAnswered(what.ReadAnswer.GetAsk(), what.ReadAnswer.GetIndex())
	case *wire.Packet_Bye:
		if c.knownEnd(from) == nil {
			c.reportDown(from, ErrLeft)
		}
		c.left[from], c.stale = true, true
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
	if to := c.heir(); to != 0 {
		c.handOver(to, From{})
		c.leaveBy = c.now.Add(c.timing.Election)
	}
}

func (c *core) depart() {
	c.leaveBy, c.phase, c.stale = time.Time{}, Departed, true
	for _, name := range slices.Sorted(maps.Keys(c.links)) {
		c.post(name, &wire.Packet{What: &wire.Packet_Bye{Bye: &wire.Bye{}}})
	}
	c.loseCalls()
	c.loseReaders()
	for _, seq := range slices.Sorted(maps.Keys(c.transfers)) {
		if c.transfers[seq].asked {
			c.endTransfer(seq, errLost)
		} else {
			c.endTransfer(seq, ErrStopped)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(c.gatherings)) {
		c.abandonGathering(seq, ErrStopped)
	}
	c.emit(departed{})
}
