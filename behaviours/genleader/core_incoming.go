package genleader

import (
	"fmt"
	"hash/crc32"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// incoming is a snapshot that this member is being sent. Its chunks go to the behaviour's Restore, which runs in a
// goroutine of its own. Only once that has read all of it raft hears of the snapshot, and only if raft takes it up it is
// installed: until then this member has the state that it had.
type incoming struct {
	from     Member
	id       uint64          // the leader's
	own      uint64          // this member's
	message  *raftpb.Message // for raft, once everything is here
	received uint64
	used     uint64
	last     bool
	missed   bool // the leader knows that chunks are missing
	heardAt  time.Time
}

// streamName tells a stream from all others.
type streamName struct {
	leader Member
	id     uint64
}

// streamed takes a word on a snapshot.
func (c *core) streamed(from Member, s *wire.Stream) {
	if c.phase == Departed {
		return
	}
	switch what := s.GetWhat().(type) {
	case *wire.Stream_Offer:
		c.offered(from, s.GetId(), what.Offer)
	case *wire.Stream_Chunk:
		c.chunkCame(from, s.GetId(), what.Chunk)
	case *wire.Stream_Ask:
		if in := c.incomingOf(from, s.GetId()); in != nil {
			c.answerStream(in, !in.last) // whatever was sent before the question has come or never will
		}
	case *wire.Stream_GivenUp:
		if in := c.snapshots.incoming; in != nil && in.from == from && in.id == s.GetId() {
			c.dropIncoming()
		}
	case *wire.Stream_Progress:
		c.progressed(from, s.GetId(), what.Progress)
	}
}

// offered begins to receive a snapshot from the leader of this very term. A later offer takes the place of an earlier one.
func (c *core) offered(from Member, id uint64, offer []byte) {
	m := &raftpb.Message{}
	if proto.Unmarshal(offer, m) != nil || m.GetType() != raftpb.MsgSnap || !c.plausible(from, m) {
		return
	}
	var status raft.BasicStatus
	if c.node != nil { // the leader speaks to a new member by other means first
		status = c.node.BasicStatus()
	}
	if status.GetTerm() != m.GetTerm() || status.Lead != m.GetFrom() {
		c.sendProgress(from, id, &wire.Progress{State: wire.Progress_UNKNOWN})
		return
	}
	c.dropIncoming()
	c.snapshots.generation++
	c.snapshots.incoming = &incoming{from: from, id: id, own: c.snapshots.generation, message: m, heardAt: c.now}
	c.watchStreams(c.now.Add(streamPatience * c.timing.Election))
	c.emit(receiveImage{id: c.snapshots.incoming.own})
}

// incomingOf finds the stream that a leader speaks of; of another one it is told that nobody knows it here.
func (c *core) incomingOf(from Member, id uint64) *incoming {
	in := c.snapshots.incoming
	switch {
	case in != nil && in.from == from && in.id == id:
		in.heardAt = c.now
		return in
	case c.snapshots.installed == streamName{from, id}:
		c.sendProgress(from, id, &wire.Progress{State: wire.Progress_DONE}) // the first word of it was lost
	case c.snapshots.installing != nil && c.snapshots.installing.from == from && c.snapshots.installing.id == id: // a moment yet
	default:
		c.sendProgress(from, id, &wire.Progress{State: wire.Progress_UNKNOWN})
	}
	return nil
}

func (c *core) chunkCame(from Member, id uint64, chunk *wire.Chunk) {
	in := c.incomingOf(from, id)
	if in == nil || in.last || chunk.GetNumber() < in.received {
		return
	}
	whole := crc32.Checksum(chunk.GetData(), castagnoli) == chunk.GetCrc()
	if !whole || chunk.GetNumber() > in.received || in.received-in.used >= maxWindow {
		if !in.missed { // once for each gap
			in.missed = true
			c.answerStream(in, true)
		}
		return
	}
	in.missed = false
	in.received++
	in.last = chunk.GetLast()
	c.emit(feedImage{id: in.own, data: chunk.GetData(), last: in.last})
}

// chunkUsed: Restore has taken up one more chunk.
func (c *core) chunkUsed(ev chunkUsed) {
	if in := c.snapshots.incoming; in != nil && in.own == ev.id {
		in.used++
		c.answerStream(in, false)
	}
}

func (c *core) answerStream(in *incoming, lost bool) {
	c.sendProgress(in.from, in.id, &wire.Progress{Received: in.received, Used: in.used, Lost: lost})
}

func (c *core) sendProgress(to Member, id uint64, p *wire.Progress) {
	c.postStream(to, id, &wire.Stream{What: &wire.Stream_Progress{Progress: p}})
}

// imageRead: Restore has read everything, or has refused it. A snapshot that the behaviour refuses ends this member: it
// cannot get the group's state.
func (c *core) imageRead(ev imageRead) {
	in := c.snapshots.incoming
	if in == nil || in.own != ev.id {
		return
	}
	if ev.err != nil {
		c.dropIncoming()
		c.emit(fail{reason: ev.err})
		return
	}
	c.snapshots.incoming = nil
	c.dropInstalling()
	c.snapshots.installing = in
	_ = c.node.Step(in.message) // if it means nothing any more, it is dropped after the next drive
	if status := c.node.BasicStatus(); status.Lead == in.message.GetFrom() {
		c.contact()
		c.noteAck(status.GetTerm()) // its answer supports this leader as the answer to a heartbeat does
	}
	c.turn.touch()
}

// dropIncoming abandons what is being received.
func (c *core) dropIncoming() {
	if in := c.snapshots.incoming; in != nil {
		c.snapshots.incoming = nil
		c.emit(dropImage{id: in.own})
		c.sendProgress(in.from, in.id, &wire.Progress{State: wire.Progress_UNKNOWN})
	}
}

// install puts what was read in the place of this member's state, because raft took the snapshot of that index up.
func (c *core) install(index uint64) {
	in := c.snapshots.installing
	if in == nil || in.message.GetSnapshot().GetMetadata().GetIndex() != index {
		c.emit(fail{reason: fmt.Errorf("genleader: raft took up a snapshot at %d that nobody has read", index)})
		return
	}
	c.emit(restore{id: in.own})
	c.settleInstalling()
}

// dropInstalling: raft did not take the snapshot up, since the log had got this member there meanwhile.
func (c *core) dropInstalling() {
	if in := c.snapshots.installing; in != nil {
		c.emit(dropImage{id: in.own})
		c.settleInstalling()
	}
}

func (c *core) settleInstalling() {
	in := c.snapshots.installing
	c.snapshots.installing, c.snapshots.installed = nil, streamName{in.from, in.id}
	c.sendProgress(in.from, in.id, &wire.Progress{State: wire.Progress_DONE})
}
