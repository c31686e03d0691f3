package genleader

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// snapshots is the account of snapshots on their way, in both directions.
type snapshots struct {
	generation uint64 // of streams, in both directions
	streams    map[uint64]*stream
	incoming   *incoming
	installing *incoming // raft has been told of it
	installed  streamName
	reports    []report // for raft
	imageErr   string   // why a member gets no snapshot, if so
}

// No snapshot is kept. When raft wants to send one, the behaviour's state of that very moment is captured, written by a
// goroutine and sent in chunks, of which a few at a time are on their way. What is asked of the shell and what comes back
// carries the stream's id, so that nothing of an abandoned stream gets into another.

const (
	maxStreams     = 4  // snapshots under way at a time; others wait
	maxWindow      = 8  // chunks of a stream that are read and not used by its receiver
	streamPatience = 15 // election times without an answer after which a stream is given up
	holdFactor     = 4  // how many times its bounds the log may grow for the sake of members that catch up
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A stream is a snapshot on its way to one member. It ends when the member has it, or by being abandoned: because the
// link is lost, the member is another process now, this member leads no more, or nobody answers. Then raft tries again.
type stream struct {
	id      uint64
	to      uint64 // raft id
	peer    Member
	index   uint64 // of the snapshot; the log from there on is kept for this member
	window  int
	reading int    // chunks that the image is asked for
	next    uint64 // number of the next chunk
	flight  []flying
	ended   bool // the last chunk has been read
	heardAt time.Time
	askAt   time.Time
}

// flying is a chunk that its receiver has not used yet.
type flying struct {
	chunk  *wire.Chunk
	sentAt time.Time
}

// report is what raft is told of a stream once that is allowed.
type report struct {
	id     uint64
	status raft.SnapshotStatus
}

// imageNow answers raft's question for a snapshot: what it stands for is the state as of now. Nothing is captured yet.
func (c *core) imageNow() (*raftpb.Snapshot, error) {
	term, err := c.log.Term(c.state.applied)
	if err != nil || c.members.conf == nil || len(c.snapshots.streams) >= maxStreams {
		return nil, raft.ErrSnapshotTemporarilyUnavailable // raft asks again with the member's next answer
	}
	return &raftpb.Snapshot{Metadata: &raftpb.SnapshotMetadata{
		ConfState: c.members.loggedConf(), Index: new(c.state.applied), Term: new(term),
	}}, nil
}

// image is the core's own part of a snapshot.
func (c *core) image() *wire.Image {
	image := &wire.Image{Sync: c.state.sync, GroupId: c.members.groupID, Whole: uint64(c.members.whole), Extra: c.state.extra, Began: c.members.bootstrapAt}
	for _, name := range slices.Sorted(maps.Keys(c.state.welcomes)) {
		image.Welcomes = append(image.Welcomes, c.state.welcomes[name])
	}
	for _, id := range c.members.memberIDs() {
		image.Electorate = append(image.Electorate, c.members.identity(id))
	}
	for _, name := range slices.Sorted(maps.Keys(c.members.former)) {
		image.Former = append(image.Former, &wire.Identity{Name: name, Incarnation: c.members.former[name]})
	}
	return image
}

// startStream captures the state and offers it to the member that a MsgSnap is for.
func (c *core) startStream(name string, m *raftpb.Message) {
	c.abandonTo(m.GetTo())
	snapshot, err := c.imageNow()
	if err == nil {
		snapshot.Data, err = proto.Marshal(c.image())
	}
	m.Snapshot = snapshot
	offer, failed := proto.Marshal(m)
	if err != nil || failed != nil {
		c.reportSnapshot(m.GetTo(), raft.SnapshotFailure)
		return
	}
	c.snapshots.generation++
	st := &stream{
		id: c.snapshots.generation, to: m.GetTo(), peer: Member{name, c.peers.links[name]}, index: snapshot.GetMetadata().GetIndex(),
		window: 1, heardAt: c.now, askAt: c.now.Add(c.timing.Election),
	}
	c.snapshots.streams[st.id] = st
	c.watchStreams(st.askAt)
	c.tell(SnapshotSent{To: st.peer, Index: st.index})
	c.emit(takeImage{stream: st.id, index: st.index})
	c.postStream(st.peer, st.id, &wire.Stream{What: &wire.Stream_Offer{Offer: offer}})
	c.readOn(st)
}

func (c *core) postStream(to Member, id uint64, s *wire.Stream) {
	if c.peers.links[to.Name] != to.Incarnation {
		return
	}
	s.Id = id
	c.post(to.Name, &wire.Packet{What: &wire.Packet_Stream{Stream: s}})
}

// readOn asks the image for as many chunks as may be under way.
func (c *core) readOn(st *stream) {
	for !st.ended && st.reading+len(st.flight) < st.window {
		st.reading++
		c.emit(readImage{stream: st.id})
	}
}

func (c *core) chunkRead(ev chunkRead) {
	st := c.snapshots.streams[ev.stream]
	if st == nil || st.ended {
		return
	}
	c.snapshots.imageErr = ""
	chunk := &wire.Chunk{Number: st.next, Data: ev.data, Last: ev.last, Crc: crc32.Checksum(ev.data, castagnoli)}
	st.next++
	st.reading--
	st.ended = ev.last
	st.flight = append(st.flight, flying{chunk, c.now})
	c.postStream(st.peer, st.id, &wire.Stream{What: &wire.Stream_Chunk{Chunk: chunk}})
}

// imageFailed: there is nothing to send. Raft tries again, and the view says why it does not get on.
func (c *core) imageFailed(ev imageFailed) {
	if ev.fatal {
		c.emit(fail{reason: ev.err})
		return
	}
	if st := c.snapshots.streams[ev.stream]; st != nil {
		c.snapshots.imageErr, c.shown.stale = fmt.Sprintf("no snapshot for %s: %v", st.peer.Name, ev.err), true
		c.abandon(st)
	}
}

// progressed takes a receiver's word on a stream.
func (c *core) progressed(from Member, id uint64, p *wire.Progress) {
	st := c.snapshots.streams[id]
	if st == nil || st.peer != from {
		return
	}
	st.heardAt = c.now
	switch p.GetState() {
	case wire.Progress_UNKNOWN:
		c.abandon(st)
		return
	case wire.Progress_DONE:
		c.drop(st)
		c.reportSnapshot(st.to, raft.SnapshotFinish)
		return
	default:
	}
	for len(st.flight) > 0 && st.flight[0].chunk.GetNumber() < p.GetUsed() {
		c.adjust(st, c.now.Sub(st.flight[0].sentAt))
		st.flight = st.flight[1:]
	}
	for i := range st.flight {
		if f := &st.flight[i]; p.GetLost() && f.chunk.GetNumber() >= p.GetReceived() {
			f.sentAt = c.now
			c.postStream(st.peer, st.id, &wire.Stream{What: &wire.Stream_Chunk{Chunk: f.chunk}})
		}
	}
	c.readOn(st)
}

// adjust lets as many chunks travel as leave room for heartbeats: a chunk that is used within a heartbeat makes room
// for one more, and one that takes long halves the window.
func (c *core) adjust(st *stream, took time.Duration) {
	switch {
	case took <= c.timing.Heartbeat:
		st.window = min(st.window+1, maxWindow)
	case took > c.timing.Election/4:
		st.window = max(st.window/2, 1)
	}
}

// tendStreams asks receivers that have been silent for a while, and gives up on those that do not answer.
func (c *core) tendStreams() {
	patience := streamPatience * c.timing.Election
	for _, id := range slices.Sorted(maps.Keys(c.snapshots.streams)) {
		st := c.snapshots.streams[id]
		if c.now.Sub(st.heardAt) >= patience {
			c.abandon(st)
			continue
		}
		if !c.now.Before(st.askAt) {
			st.askAt = c.now.Add(c.timing.Election)
			c.postStream(st.peer, st.id, &wire.Stream{What: &wire.Stream_Ask{Ask: true}})
		}
		c.watchStreams(st.askAt)
	}
	if in := c.snapshots.incoming; in != nil {
		if c.now.Sub(in.heardAt) >= patience {
			c.dropIncoming()
		} else {
			c.watchStreams(in.heardAt.Add(patience))
		}
	}
}

func (c *core) watchStreams(at time.Time) {
	if c.at[streamsAt].IsZero() || at.Before(c.at[streamsAt]) {
		c.at[streamsAt] = at
	}
}

// reviewStreams ends what a new role, a new term or a new electorate has made pointless.
func (c *core) reviewStreams() {
	for _, id := range slices.Sorted(maps.Keys(c.snapshots.streams)) {
		if st := c.snapshots.streams[id]; c.rounds == nil || c.members.memberOf(st.to) != st.peer {
			c.abandon(st)
		}
	}
	if c.snapshots.incoming != nil && c.snapshots.incoming.message.GetTerm() != c.term {
		c.dropIncoming()
	}
}

// loseStreams: the link to a peer is gone.
func (c *core) loseStreams(who Member) {
	for _, id := range slices.Sorted(maps.Keys(c.snapshots.streams)) {
		if st := c.snapshots.streams[id]; st.peer == who {
			c.abandon(st)
		}
	}
	if c.snapshots.incoming != nil && c.snapshots.incoming.from == who {
		c.dropIncoming()
	}
}

func (c *core) abandonTo(id uint64) {
	for _, st := range c.snapshots.streams {
		if st.to == id {
			c.abandon(st)
			return // there is one at most
		}
	}
}

func (c *core) abandon(st *stream) {
	c.drop(st)
	c.postStream(st.peer, st.id, &wire.Stream{What: &wire.Stream_GivenUp{GivenUp: true}})
	c.reportSnapshot(st.to, raft.SnapshotFailure)
}

func (c *core) drop(st *stream) {
	delete(c.snapshots.streams, st.id)
	c.emit(dropImage{id: st.id})
}

// reportSnapshot tells raft how a snapshot ended, before it is driven next.
func (c *core) reportSnapshot(id uint64, status raft.SnapshotStatus) {
	c.snapshots.reports = append(c.snapshots.reports, report{id, status})
	c.turn.touch()
}

func (c *core) tellReports() {
	for _, r := range c.snapshots.reports {
		c.node.ReportSnapshot(r.id, r.status)
	}
	c.snapshots.reports = nil
}

// trimLog keeps the log within its bounds. For members that are here and catch up it may grow beyond them, up to a
// multiple; after that they need a snapshot, a later one if they are getting one now.
func (c *core) trimLog() {
	if c.log.within(c.logBytes, c.logEntries) {
		return
	}
	to := min(c.state.applied, c.log.cutFor(c.logBytes*3/4, c.logEntries*3/4)) // some at a time
	if needed := c.neededFrom(); needed < to && c.log.within(holdFactor*c.logBytes, holdFactor*c.logEntries) {
		to = needed
	}
	c.log.cut(to)
	for _, id := range slices.Sorted(maps.Keys(c.snapshots.streams)) {
		if st := c.snapshots.streams[id]; st.index < to {
			c.abandon(st)
		}
	}
}

// neededFrom is the lowest index after which somebody who is here still needs the log.
func (c *core) neededFrom() uint64 {
	needed := c.state.applied
	if c.rounds == nil {
		return needed
	}
	c.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		h := c.rounds.members[c.members.names[id]]
		if id == c.id || h == nil || h.incarnation != c.members.carriers[id] || c.now.Sub(h.at) > c.timing.Election {
			return
		}
		if pr.State != tracker.StateSnapshot && pr.Match+1 >= c.log.first {
			needed = min(needed, pr.Match)
		}
	})
	for _, st := range c.snapshots.streams {
		needed = min(needed, st.index)
	}
	return needed
}
