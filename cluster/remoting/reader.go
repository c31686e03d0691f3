package remoting

import (
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/process"
)

const (
	envelopeType = "gendac.process.v1.Envelope"
	inFlight     = 16         // tokens of one connection for what waits for the shell; more is left to TCP
	tokenBytes   = batchBytes // that one token stands for, at most: a batch takes one, a larger message more
)

// reader serves protoactor's remoting protocol in place of protoactor's own reader, which looks up whatever type a peer
// names, indexes tables as told, stops or spawns any actor, and panics on what it does not expect. The unary calls are
// answered as unimplemented.
type reader struct {
	remote.UnimplementedRemotingServer
	r    *Remoting
	next atomic.Uint64
}

// inbound is one connection of a peer.
type inbound struct {
	id     uint64        // rises with each connection
	addr   string        // what the peer says its address is
	room   chan struct{} // the tokens of the batches that the shell has not handled yet
	conn   *caller       // nil in tests without a connection
	speaks []string      // the names that the peer's certificate lets it use; nil without TLS: any
}

// Receive serves one connection until it ends.
func (rd *reader) Receive(stream remote.Remoting_ReceiveServer) (err error) {
	r := rd.r
	defer func() {
		if p := recover(); p != nil {
			r.stats.panics.Add(1)
			err = status.Error(codes.InvalidArgument, "malformed")
		}
	}()
	in, err := rd.greet(stream)
	if err != nil {
		return err
	}
	select {
	case <-r.gate:
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	defer r.tell(inLost{in.id})
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		envelopes := r.screen(m, in.addr)
		if len(envelopes) == 0 {
			continue
		}
		tokens := 1 + proto.Size(m)/tokenBytes
		for range tokens {
			select {
			case in.room <- struct{}{}:
			case <-stream.Context().Done():
				return stream.Context().Err()
			}
		}
		r.tell(&arrived{in, envelopes, tokens})
	}
}

// greet takes the connect request, which must come first, and answers it.
func (rd *reader) greet(stream remote.Remoting_ReceiveServer) (*inbound, error) {
	m, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	addr := m.GetConnectRequest().GetServerConnection().GetAddress()
	if addr == "" || len(addr) > maxName {
		rd.r.stats.foreign.Add(1)
		return nil, status.Error(codes.InvalidArgument, "say first who you are")
	}
	in := &inbound{id: rd.next.Add(1), addr: addr, room: make(chan struct{}, inFlight)}
	if p, has := peer.FromContext(stream.Context()); has {
		if who, ours := p.AuthInfo.(identity); ours {
			in.conn, in.speaks = who.conn, who.names
		}
	}
	return in, stream.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectResponse{
		ConnectResponse: &remote.ConnectResponse{MemberId: rd.r.system.ID},
	}})
}

// screen returns the envelopes in m that are for the shell; the rest is counted, and logged once in a while.
func (r *Remoting) screen(m *remote.RemoteMessage, addr string) []*process.Envelope {
	kept, foreign := sift(m.GetMessageBatch())
	if m.GetMessageBatch() == nil {
		foreign++
	}
	r.stats.foreign.Add(uint64(foreign))
	if foreign > 0 && r.warn.allow("foreign") {
		r.log.Warn("dropped what is not for us", slog.String("addr", addr), slog.Int("items", foreign))
	}
	return kept
}

// sift keeps the well-formed envelopes for the shell and counts the rest. It trusts no index, no type and no length.
func sift(b *remote.MessageBatch) (kept []*process.Envelope, foreign int) {
	for _, e := range b.GetEnvelopes() {
		if env := sifted(b, e); env != nil {
			kept = append(kept, env)
		} else {
			foreign++
		}
	}
	return kept, foreign
}

func sifted(b *remote.MessageBatch, e *remote.MessageEnvelope) *process.Envelope {
	typ, target := int(e.GetTypeId()), int(e.GetTarget())
	switch {
	case typ < 0 || typ >= len(b.GetTypeNames()) || b.GetTypeNames()[typ] != envelopeType,
		target < 0 || target >= len(b.GetTargets()) || b.GetTargets()[target].GetId() != ShellName,
		e.GetSerializerId() != 0:
		return nil
	}
	env := &process.Envelope{}
	if proto.Unmarshal(e.GetMessageData(), env) != nil ||
		env.GetFrom() == "" || len(env.GetFrom()) > maxName || env.GetFromIncarnation() == 0 ||
		env.GetKind() == "" || len(env.GetKind()) > maxName {
		return nil
	}
	return env
}
