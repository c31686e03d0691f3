package genleader

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// joinEvery is how often a member without state asks around.
const joinEvery = 100 * time.Millisecond

// askToJoin asks every peer for the group: a member without state often, until it has some; one that has been without a
// leader for long now and then, since it may have been removed while it was away. The first candidate also begins the
// group if it can.
func (c *core) askToJoin() {
	if c.phase != Gathering && c.phase != Leaderless && c.number.newer == (Member{}) {
		return
	}
	c.at[joinAt] = c.now.Add(joinEvery)
	if c.node != nil && c.number.newer == (Member{}) {
		c.at[joinAt] = c.now.Add(c.timing.Election)
	}
	for _, name := range slices.Sorted(maps.Keys(c.peers.links)) {
		c.post(name, &wire.Packet{What: &wire.Packet_Join{Join: &wire.Join{Hello: c.introduction()}}})
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
	for name, incarnation := range c.peers.links {
		who := Member{name, incarnation}
		if unknown := c.peers.presented[name].incarnation != incarnation && !c.peers.isStranger(who); unknown || c.peers.stateful[name] == incarnation {
			return // it may be of the group, which has begun already
		}
	}
	self := &wire.Identity{Name: c.self.Name, Incarnation: c.self.Incarnation, Id: c.id, Witness: c.isWitness}
	var witnesses, others []*wire.Identity
	for _, name := range c.candidates[1:] {
		hello := c.peers.joining[name]
		if hello == nil || c.peers.links[name] != hello.incarnation {
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
	bootstrap := &wire.Bootstrap{Voters: all[:min(len(all), c.maxVoters)], Cluster: c.cluster}
	bootstrap.Began = bootstrapMoment(bootstrap.GetVoters())
	c.openGroup(bootstrap)
	for _, id := range bootstrap.GetVoters()[1:] {
		c.post(id.GetName(), &wire.Packet{What: &wire.Packet_Bootstrap{Bootstrap: bootstrap}})
	}
	c.at[campaignAt] = c.now
}

// openGroup starts from the first electorate. It is the same initial state wherever and whenever it is adopted.
func (c *core) openGroup(bootstrap *wire.Bootstrap) {
	if c.node != nil || !c.plausibleBootstrap(bootstrap) {
		return
	}
	conf := &raftpb.ConfState{}
	named := false
	for _, id := range bootstrap.GetVoters() {
		c.enroll(id)
		conf.Voters = append(conf.Voters, raftID(id))
		named = named || (id.GetName() == c.self.Name && raftID(id) == c.id)
	}
	if !named {
		c.members.names, c.members.carriers, c.members.witnesses = map[uint64]string{}, map[uint64]uint64{}, map[uint64]bool{}
		return // another process was meant; the leader will take this one in
	}
	storage := newMemoryLog(c.imageNow)
	first := &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{ConfState: conf, Index: new(uint64(1)), Term: new(max(1, bootstrap.GetBegan()))}}
	if err := storage.ApplySnapshot(first); err != nil {
		c.emit(fail{reason: fmt.Errorf("genleader: the group's first state was refused: %w", err)})
		return
	}
	c.members.first, c.members.conf, c.members.groupID, c.members.whole = bootstrap, conf, groupIDOf(bootstrap), len(conf.GetVoters())
	c.members.bootstrapAt = bootstrap.GetBegan()
	if c.members.bootstrapAt > 0 { // the first election is above it
		_ = storage.SetHardState(&raftpb.HardState{Term: new(c.members.bootstrapAt), Commit: new(uint64(1))})
	}
	c.state.extra = c.members.bootstrapAt * indexesPerMilli
	c.begin(storage, 1)
	c.saveFirst(first)
}

// groupIDOf tells one beginning of a group from another. Whoever began it, and in whichever order its candidates were
// listed there, it is the same with the same processes as voters: they begin with the same state.
func groupIDOf(bootstrap *wire.Bootstrap) uint64 {
	h := fnv.New64a()
	voters := slices.SortedFunc(slices.Values(bootstrap.GetVoters()), func(a, b *wire.Identity) int { return cmp.Compare(raftID(a), raftID(b)) })
	for _, id := range voters {
		_, _ = fmt.Fprintf(h, "%q %d\n", id.GetName(), raftID(id))
	}
	if bootstrap.GetBegan() != 0 { // their terms begin there
		_, _ = fmt.Fprintf(h, "%d\n", bootstrap.GetBegan())
	}
	return max(1, h.Sum64())
}

// A joiner is a process that has no state and looks for its group.
type joiner struct {
	incarnation uint64
	*wire.Hello
	stranded bool // it was told of a loss of the log
}

// takeJoin answers a member that looks for its group: with the beginning of the group if it was part of it and has no
// state, or with a place in the electorate if this member leads.
func (c *core) takeJoin(from Member, hello *wire.Hello) {
	if !c.meet(from, hello) {
		return
	}
	fresh := hello.GetGroupId() == 0
	if fresh {
		told := c.peers.joining[from.Name] != nil && c.peers.joining[from.Name].stranded
		c.peers.joining[from.Name] = &joiner{from.Incarnation, hello, told}
	}
	if c.node == nil {
		c.maybeBegin()
		return
	}
	_, member := c.members.names[hello.GetId()]
	if c.rounds != nil && !member {
		c.admit(from, hello)
		return
	}
	if !fresh {
		return
	}
	for _, id := range c.members.first.GetVoters() {
		if id.GetName() == from.Name && raftID(id) == hello.GetId() {
			c.post(from.Name, &wire.Packet{What: &wire.Packet_Bootstrap{Bootstrap: c.members.first}})
			return
		}
	}
	c.tellLoss(from)
}
