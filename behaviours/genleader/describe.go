package genleader

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

func describeAll(packets []*wire.Packet) string {
	text := ""
	for _, p := range packets {
		text += " " + describe(p)
	}
	return text
}

// describe names a packet in a few words, for transcripts and logs.
func describe(p *wire.Packet) string {
	switch what := p.GetWhat().(type) {
	case *wire.Packet_Raft:
		m := &raftpb.Message{}
		if proto.Unmarshal(what.Raft, m) != nil {
			return "raft(unreadable)"
		}
		return fmt.Sprintf("%v(term=%d)", m.GetType(), m.GetTerm())
	case *wire.Packet_Stream:
		return describeStream(what.Stream)
	case *wire.Packet_Heartbeat:
		return fmt.Sprintf("heartbeat(%d.%d granted=%v)", what.Heartbeat.GetTerm(), what.Heartbeat.GetRound(), what.Heartbeat.GetGranted())
	case *wire.Packet_Ack:
		return fmt.Sprintf("ack(%d.%d leased=%v)", what.Ack.GetTerm(), what.Ack.GetRound(), what.Ack.GetLeased())
	case *wire.Packet_Call:
		return fmt.Sprintf("call(%d %q)", what.Call.GetSeq(), what.Call.GetRequest())
	case *wire.Packet_Answered:
		return fmt.Sprintf("answered(%d %q)", what.Answered.GetSeq(), what.Answered.GetReply())
	case *wire.Packet_Cast:
		return fmt.Sprintf("cast(%q)", what.Cast.GetRequest())
	case *wire.Packet_Hello:
		return fmt.Sprintf("hello(%d)", what.Hello.GetId())
	case *wire.Packet_Question:
		return fmt.Sprintf("ask(%d %q)", what.Question.GetSeq(), what.Question.GetRequest())
	case *wire.Packet_Response:
		return fmt.Sprintf("ask-answer(%d %q failed=%v)", what.Response.GetSeq(), what.Response.GetReply(), what.Response.GetFailed())
	case *wire.Packet_Appoint:
		return fmt.Sprintf("appoint(term=%d)", what.Appoint.GetTerm())
	case *wire.Packet_TransferAsk:
		return fmt.Sprintf("transfer-ask(%d to %s)", what.TransferAsk.GetSeq(), what.TransferAsk.GetName())
	case *wire.Packet_TransferAnswer:
		return fmt.Sprintf("transfer-answer(%d %v)", what.TransferAnswer.GetSeq(), what.TransferAnswer.GetWhy())
	case *wire.Packet_Refused:
		return fmt.Sprintf("refused(%q superseded by %d)", what.Refused.GetCluster(), what.Refused.GetSuperseded())
	case *wire.Packet_Woke:
		return "woke"
	case *wire.Packet_Join:
		return "join"
	case *wire.Packet_Bootstrap:
		return "bootstrap"
	case *wire.Packet_Stranded:
		return fmt.Sprintf("stranded(%d of %d)", len(what.Stranded.GetStateless()), what.Stranded.GetVoters())
	case *wire.Packet_ReadAsk:
		return fmt.Sprintf("read-ask(%d)", what.ReadAsk.GetAsk())
	case *wire.Packet_ReadAnswer:
		return fmt.Sprintf("read-answer(%d at %d)", what.ReadAnswer.GetAsk(), what.ReadAnswer.GetIndex())
	case *wire.Packet_Bye:
		return "bye"
	default:
		return "nothing"
	}
}

func describeStream(s *wire.Stream) string {
	switch what := s.GetWhat().(type) {
	case *wire.Stream_Offer:
		return fmt.Sprintf("stream(%d offer)", s.GetId())
	case *wire.Stream_Chunk:
		return fmt.Sprintf("stream(%d chunk %d last=%v)", s.GetId(), what.Chunk.GetNumber(), what.Chunk.GetLast())
	case *wire.Stream_Ask:
		return fmt.Sprintf("stream(%d ask)", s.GetId())
	case *wire.Stream_GivenUp:
		return fmt.Sprintf("stream(%d given up)", s.GetId())
	case *wire.Stream_Progress:
		p := what.Progress
		return fmt.Sprintf("stream(%d %v %d/%d lost=%v)", s.GetId(), p.GetState(), p.GetUsed(), p.GetReceived(), p.GetLost())
	default:
		return "stream(nothing)"
	}
}
