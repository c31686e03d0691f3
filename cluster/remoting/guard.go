package remoting

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/process"
)

const (
	envelopeType = "gendac.process.v1.Envelope"
	inFlight     = 16 // batches of one connection that wait for the gateway; more are left to TCP
)

// guard is the server interceptor. protoactor's reader would look up whatever type a peer names, index tables as told,
// stop or spawn any actor, and panic on what it does not expect; so it is shown the connect request and nothing else.
// What is ours goes from here to the gateway.
type guard struct {
	r       *Remoting
	next    atomic.Uint64
	streams sync.WaitGroup
}

// unary refuses protoactor's diagnostic calls, which are not implemented there and panic.
func (g *guard) unary(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
	g.r.stats.foreign.Add(1)
	return nil, status.Error(codes.Unimplemented, "not served here")
}

// stream is a grpc.StreamServerInterceptor.
func (g *guard) stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	g.streams.Add(1)
	defer g.streams.Done()
	in := &inbound{ServerStream: ss, guard: g, id: g.next.Add(1), room: make(chan struct{}, inFlight)}
	defer func() {
		if p := recover(); p != nil {
			g.r.stats.panics.Add(1)
			err = status.Error(codes.InvalidArgument, "malformed")
		}
		if in.told {
			g.r.tell(inLost{in.id})
		}
	}()
	return handler(srv, in)
}

func (g *guard) wait() { g.streams.Wait() }

// inbound is one connection of a peer. Its fields but id, addr and room belong to the goroutine of the stream.
type inbound struct {
	grpc.ServerStream
	guard *guard
	id    uint64 // rises with each connection
	addr  string // what the peer says its address is
	told  bool   // the gateway has heard of it
	room  chan struct{}
}

// RecvMsg hands on the first message if it is a proper connect request. Batches never get past it.
func (in *inbound) RecvMsg(m any) error {
	for {
		if err := in.ServerStream.RecvMsg(m); err != nil {
			return err
		}
		rm, ok := m.(*remote.RemoteMessage)
		if !ok {
			return status.Error(codes.Internal, "unexpected message")
		}
		if in.addr == "" {
			sc := rm.GetConnectRequest().GetServerConnection()
			if sc.GetAddress() == "" || len(sc.GetAddress()) > maxName {
				in.guard.r.stats.foreign.Add(1)
				return status.Error(codes.InvalidArgument, "say first who you are")
			}
			in.addr = sc.GetAddress()
			return nil
		}
		if batch := rm.GetMessageBatch(); batch == nil {
			in.guard.r.stats.foreign.Add(1)
		} else if err := in.deliver(batch); err != nil {
			return err
		}
	}
}

func (in *inbound) deliver(b *remote.MessageBatch) error {
	r := in.guard.r
	envelopes, foreign := sift(b)
	r.stats.foreign.Add(uint64(foreign))
	if foreign > 0 && r.warn.allow("foreign") {
		r.log.Warn("remoting: dropped what is not for us", "from", in.addr, "items", foreign)
	}
	if len(envelopes) == 0 {
		return nil
	}
	done := in.Context().Done()
	select {
	case <-r.gate:
	case <-done:
		return in.Context().Err()
	}
	select {
	case in.room <- struct{}{}:
	case <-done:
		return in.Context().Err()
	}
	in.told = true
	r.tell(&arrived{in, envelopes})
	return nil
}

// sift keeps the well-formed envelopes for the gateway and counts the rest. It trusts no index, no type and no length.
func sift(b *remote.MessageBatch) (kept []*process.Envelope, foreign int) {
	for _, e := range b.GetEnvelopes() {
		env := sifted(b, e)
		if env == nil {
			foreign++
			continue
		}
		kept = append(kept, env)
	}
	return kept, foreign
}

func sifted(b *remote.MessageBatch, e *remote.MessageEnvelope) *process.Envelope {
	typ, target := int(e.GetTypeId()), int(e.GetTarget())
	switch {
	case typ < 0 || typ >= len(b.GetTypeNames()) || b.GetTypeNames()[typ] != envelopeType,
		target < 0 || target >= len(b.GetTargets()) || b.GetTargets()[target].GetId() != Gateway,
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
