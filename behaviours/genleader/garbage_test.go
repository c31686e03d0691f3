package genleader

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"runtime/debug"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// source makes choices from bytes, so that a fuzzer can steer them. When the bytes are used up it chooses zero.
type source struct{ data []byte }

func (s *source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}

func (s *source) pick(n int) int { return int(s.byte()) % n }

// number is near base, or of the kind that breaks arithmetic.
func (s *source) number(base uint64) uint64 {
	switch b := s.byte(); {
	case b < 200:
		return base + uint64(b%9) - 4
	case b < 220:
		return uint64(b % 4)
	case b < 235:
		return math.MaxUint64 - uint64(b%3)
	case b < 245:
		return math.MaxInt64 + uint64(b%3)
	default:
		var raw [8]byte
		for i := range raw {
			raw[i] = s.byte()
		}
		return binary.LittleEndian.Uint64(raw[:])
	}
}

// peer is one of the world's incarnations, or nobody's.
func (s *source) id(w *world) uint64 {
	if i := s.pick(len(w.names) + 1); i < len(w.names) {
		return w.hosts[w.names[i]].self.Incarnation
	}
	return s.number(0)
}

func (s *source) packet(w *world, to, from *host) *wire.Packet {
	term, applied := to.core.term, to.core.state.applied
	switch s.pick(22) {
	case 0:
		return &wire.Packet{What: &wire.Packet_Join{Join: &wire.Join{Hello: s.hello(w)}}}
	case 1:
		bootstrap := &wire.Bootstrap{}
		for range s.pick(5) {
			bootstrap.Voters = append(bootstrap.Voters, &wire.Identity{Name: append(w.names, "x9", "")[s.pick(len(w.names)+2)], Incarnation: s.id(w)})
		}
		return &wire.Packet{What: &wire.Packet_Bootstrap{Bootstrap: bootstrap}}
	case 2:
		return &wire.Packet{What: &wire.Packet_Heartbeat{Heartbeat: &wire.Heartbeat{
			Term: s.number(term), Round: s.number(9), Granted: s.pick(2) == 1, Stamp: int64(s.number(uint64(time.Second))), Reached: s.number(applied),
		}}}
	case 3:
		return &wire.Packet{What: &wire.Packet_Ack{Ack: &wire.Ack{
			Term: s.number(term), Round: s.number(9), Stamp: int64(s.number(uint64(time.Second))), Leased: s.pick(2) == 1,
			AckedOlder: s.pick(2) == 1, SinceOlder: int64(s.number(uint64(time.Second))),
		}}}
	case 4:
		return &wire.Packet{What: &wire.Packet_Call{Call: &wire.Call{Term: s.number(term), Seq: s.number(1), Request: s.data}}}
	case 5:
		return &wire.Packet{What: &wire.Packet_Answered{Answered: &wire.Answered{Seq: s.number(1), Overloaded: s.pick(2) == 1}}}
	case 6:
		return &wire.Packet{What: &wire.Packet_Cast{Cast: &wire.Cast{Term: s.number(term), Request: s.data}}}
	case 7:
		return &wire.Packet{}
	case 13:
		return &wire.Packet{What: &wire.Packet_Appoint{Appoint: &wire.Appoint{Term: s.number(term)}}}
	case 14:
		return &wire.Packet{What: &wire.Packet_TransferAsk{TransferAsk: &wire.TransferAsk{Seq: s.number(1), Name: append(w.names, "")[s.pick(len(w.names)+1)]}}}
	case 15:
		return &wire.Packet{What: &wire.Packet_TransferAnswer{TransferAnswer: &wire.TransferAnswer{
			Seq: s.number(1), Why: wire.TransferAnswer_Why(s.byte()),
		}}}
	case 11:
		return &wire.Packet{What: &wire.Packet_Hello{Hello: s.hello(w)}}
	case 12:
		return &wire.Packet{What: &wire.Packet_Refused{Refused: &wire.Refused{Superseded: s.number(0)}}}
	case 8:
		return &wire.Packet{What: &wire.Packet_ReadAsk{ReadAsk: &wire.ReadAsk{Ask: s.number(1)}}}
	case 9:
		return &wire.Packet{What: &wire.Packet_ReadAnswer{ReadAnswer: &wire.ReadAnswer{Ask: s.number(1), Index: s.number(applied)}}}
	case 10:
		return &wire.Packet{What: &wire.Packet_Stream{Stream: s.stream(w, to, from)}}
	default:
		data, err := proto.Marshal(s.raft(w, to, from))
		if err != nil {
			panic(err)
		}
		return &wire.Packet{What: &wire.Packet_Raft{Raft: data}}
	}
}

func (s *source) hello(w *world) *wire.Hello {
	return &wire.Hello{Id: s.id(w), GroupId: s.number(0), Witness: s.pick(2) == 1, Protocol: uint32(protocol - s.pick(8)/7)}
}

// context is of any length, or the number of a read round.
func (s *source) context() []byte {
	if s.pick(2) == 0 {
		return s.data[:min(s.pick(4), len(s.data))]
	}
	return binary.LittleEndian.AppendUint64(nil, s.number(1))
}

// stream is about one that the receiver knows, if there is one and so the source likes.
func (s *source) stream(w *world, to, from *host) *wire.Stream {
	m := &wire.Stream{Id: s.number(1)}
	if in := to.core.snapshots.incoming; in != nil && s.pick(4) > 0 {
		m.Id = in.id
	}
	switch s.pick(6) {
	case 0, 1:
		offer := s.raft(w, to, from)
		offer.Type = raftpb.MsgSnap.Enum()
		offer.Snapshot = s.snapshot(w, to.core.state.applied, to.core.term)
		data, err := proto.Marshal(offer)
		if err != nil {
			panic(err)
		}
		m.What = &wire.Stream_Offer{Offer: data}
	case 2:
		data := s.data[:min(5, len(s.data))]
		m.What = &wire.Stream_Chunk{Chunk: &wire.Chunk{
			Number: s.number(0) % 4, Data: data, Last: s.pick(2) == 1, Crc: crc32.Checksum(data, castagnoli) + uint32(s.pick(2)),
		}}
	case 3:
		m.What = &wire.Stream_Ask{Ask: true}
	case 4:
		m.What = &wire.Stream_GivenUp{GivenUp: true}
	default:
		m.What = &wire.Stream_Progress{Progress: &wire.Progress{
			State: wire.Progress_State(s.pick(4)), Received: s.number(1), Used: s.number(1), Lost: s.pick(2) == 1,
		}}
	}
	return m
}

func (s *source) raft(w *world, to, from *host) *raftpb.Message {
	term, last := to.core.term, to.core.state.applied
	m := &raftpb.Message{
		Type: raftpb.MessageType(s.pick(24)).Enum(), To: new(to.self.Incarnation), From: new(from.self.Incarnation), Term: new(s.number(term)),
		LogTerm: new(s.number(term)), Index: new(s.number(last)), Commit: new(s.number(last)), Vote: new(s.id(w)),
		Reject: new(s.pick(2) == 1), RejectHint: new(s.number(last)), Context: s.context(),
	}
	if s.pick(8) == 0 {
		m.From = new(s.id(w))
	}
	for i := range s.pick(4) {
		e := &raftpb.Entry{Index: new(m.GetIndex() + 1 + uint64(i)), Term: new(m.GetTerm()), Data: s.data[:min(9, len(s.data))]}
		switch s.pick(8) {
		case 0:
			e.Index = new(s.number(last))
		case 1:
			e.Term = new(s.number(term))
		}
		m.Entries = append(m.Entries, e)
	}
	if m.GetType() == raftpb.MsgSnap && s.pick(8) > 0 {
		m.Snapshot = s.snapshot(w, last, term)
	}
	return m
}

func (s *source) snapshot(w *world, last, term uint64) *raftpb.Snapshot {
	snapshot := &raftpb.Snapshot{Data: s.data[:min(5, len(s.data))]}
	if s.pick(8) == 0 {
		return snapshot
	}
	snapshot.Metadata = &raftpb.SnapshotMetadata{Index: new(s.number(last + 2)), Term: new(s.number(term))}
	if s.pick(8) > 0 {
		conf := &raftpb.ConfState{}
		for range s.pick(5) {
			conf.Voters = append(conf.Voters, s.id(w))
		}
		for range max(0, s.pick(6)-3) {
			conf.Learners = append(conf.Learners, s.id(w))
			conf.VotersOutgoing = append(conf.VotersOutgoing, s.id(w))
		}
		snapshot.Metadata.ConfState = conf
	}
	return snapshot
}

// garble delivers nonsense from one member to another, at the leader, a follower, or a member that gathers, and lets time
// pass. Nothing may panic; a member may end itself for a reason.
func garble(t *testing.T, data []byte) {
	t.Helper()
	s := &source{data: data}
	w := newWorld(7, "a1", "b1", "w1")
	gathering := s.pick(4) == 0
	for i, name := range w.names {
		if !gathering || i < 2 {
			w.start(name)
		}
	}
	w.run(300 * time.Millisecond)
	if gathering {
		w.start("w1")
	}
	i := s.pick(3)
	to, from := w.hosts[w.names[i]], w.hosts[w.names[(i+1+s.pick(2))%3]]
	var packets []*wire.Packet
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%v to %v (%v):%s\npanicked: %v\n%s", from.self, to.self, to.core.phase, describeAll(packets), p, debug.Stack())
		}
	}()
	for len(s.data) > 0 {
		p := s.packet(w, to, from)
		packets = append(packets, p)
		to.take(received{from: from.self, packets: []*wire.Packet{p}})
		if s.pick(2) == 0 {
			w.run(time.Duration(s.byte()) * time.Millisecond / 8)
		}
	}
	w.run(time.Second)
}

// TestGarbageIsDropped: whatever a member hears, no member panics.
func TestGarbageIsDropped(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 20+r.IntN(120))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { garble(t, data) }) {
			return
		}
	}
}

// FuzzFrame delivers bytes that may not even be a frame.
func FuzzFrame(f *testing.F) {
	seed := &wire.Frame{Packets: []*wire.Packet{{What: &wire.Packet_Heartbeat{Heartbeat: &wire.Heartbeat{Term: 1, Round: 1}}}, {What: &wire.Packet_Raft{}}}}
	data, err := proto.Marshal(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		frame := &wire.Frame{}
		if proto.Unmarshal(data, frame) != nil {
			return
		}
		w := newWorld(7, "a1", "b1", "w1")
		for _, name := range w.names {
			w.start(name)
		}
		w.run(300 * time.Millisecond)
		for _, name := range w.names[:2] {
			w.hosts[name].take(received{from: w.hosts["w1"].self, packets: frame.GetPackets()})
		}
		w.run(time.Second)
	})
}

func FuzzGarbage(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x08\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 512 {
			garble(t, data)
		}
	})
}
