package remoting

import (
	"context"
	"crypto/rand"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/process"
)

// A stranger speaks protoactor's protocol with its own client, and says what it likes.
type stranger struct {
	remote.Remoting_ReceiveClient
	conn *grpc.ClientConn
}

func intrude(t *testing.T, addr string) *stranger {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	s, err := remote.NewRemotingClient(conn).Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &stranger{s, conn}
}

func connectRequest(addr string) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_ConnectRequest{ConnectRequest: &remote.ConnectRequest{
		ConnectionType: &remote.ConnectRequest_ServerConnection{ServerConnection: &remote.ServerConnection{
			SystemId: "stranger", Address: addr,
		}},
	}}}
}

// introduced is a stranger that has been answered its connect request.
func introduced(t *testing.T, addr string) *stranger {
	t.Helper()
	s := intrude(t, addr)
	if err := s.Send(connectRequest("127.0.0.1:1")); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Recv(); err != nil || m.GetConnectResponse() == nil {
		t.Fatalf("connect: %v %v", m, err)
	}
	return s
}

func batchOf(typ, target string, data []byte, change func(*remote.MessageBatch)) *remote.RemoteMessage {
	b := &remote.MessageBatch{
		TypeNames: []string{typ}, Targets: []*actor.PID{actor.NewPID("127.0.0.1:1", target)},
		Envelopes: []*remote.MessageEnvelope{{MessageData: data}},
	}
	if change != nil {
		change(b)
	}
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: b}}
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func envelopeFrom(name string, change func(*process.Envelope)) *process.Envelope {
	e := &process.Envelope{Version: 1, Kind: "say", From: name, FromIncarnation: 99, Seq: 1, Body: []byte("boo")}
	if change != nil {
		change(e)
	}
	return e
}

// stillTalks asserts that the pair's link is up, was never down, and carries messages both ways.
func stillTalks(t *testing.T, a, b *node, what string) {
	t.Helper()
	say(t, a, "b", "after "+what)
	b.await(t, "a: after "+what)
	say(t, b, "a", "after "+what)
	a.await(t, "b: after "+what)
	for _, n := range []*node{a, b} {
		for _, s := range n.notes() {
			if len(s) > 4 && s[:4] == "down" {
				t.Fatalf("%s: %s disturbed the link: %q", n.cfg.Name, what, s)
			}
		}
	}
}

// awaitStats waits until ok holds of the counts.
func (n *node) awaitStats(t *testing.T, what string, ok func(Stats) bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok(n.Stats()) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: counts are %+v", what, n.Stats())
		}
		<-tick.C
	}
}

// TestGarbageIsDroppedAndTheStreamGoesOn: each of these kills, or misleads, a process that runs protoactor's own reader.
func TestGarbageIsDroppedAndTheStreamGoesOn(t *testing.T) {
	a, b := pair(t)
	good := marshal(t, envelopeFrom("x", nil))
	watcher := marshal(t, &actor.Watch{Watcher: actor.NewPID("127.0.0.1:1", "me")})
	gateway := func(change func(*remote.MessageBatch)) *remote.RemoteMessage {
		return batchOf(envelopeType, Gateway, good, change)
	}
	cases := map[string]*remote.RemoteMessage{
		"unknown type":          batchOf("no.such.Type", Gateway, good, nil),
		"empty type":            batchOf("", Gateway, good, nil),
		"known but foreign":     batchOf("google.protobuf.Empty", Gateway, nil, nil),
		"another actor":         batchOf(envelopeType, "activator", good, nil),
		"stop":                  batchOf("actor.Stop", Gateway, nil, nil),
		"poison":                batchOf("actor.PoisonPill", Gateway, nil, nil),
		"terminated":            batchOf("actor.Terminated", Gateway, marshal(t, &actor.Terminated{Who: actor.NewPID("x", "y")}), nil),
		"watch":                 batchOf("actor.Watch", Gateway, watcher, nil),
		"spawn unknown kind":    batchOf("remote.ActorPidRequest", "activator", marshal(t, &remote.ActorPidRequest{Kind: "none"}), nil),
		"type index high":       gateway(func(b *remote.MessageBatch) { b.Envelopes[0].TypeId = 1 << 30 }),
		"type index negative":   gateway(func(b *remote.MessageBatch) { b.Envelopes[0].TypeId = -1 }),
		"target index high":     gateway(func(b *remote.MessageBatch) { b.Envelopes[0].Target = 1 }),
		"target index negative": gateway(func(b *remote.MessageBatch) { b.Envelopes[0].Target = -5 }),
		"no tables":             gateway(func(b *remote.MessageBatch) { b.TypeNames, b.Targets = nil, nil }),
		"serializer":            gateway(func(b *remote.MessageBatch) { b.Envelopes[0].SerializerId = 77 }),
		"body is not protobuf":  batchOf(envelopeType, Gateway, []byte{0xff, 0xff, 0xff}, nil),
		"no sender name":        batchOf(envelopeType, Gateway, marshal(t, envelopeFrom("", nil)), nil),
		"no kind":               batchOf(envelopeType, Gateway, marshal(t, envelopeFrom("x", func(e *process.Envelope) { e.Kind = "" })), nil),
		"second connect":        connectRequest("127.0.0.1:2"),
		"connect response":      {MessageType: &remote.RemoteMessage_ConnectResponse{ConnectResponse: &remote.ConnectResponse{}}},
		"disconnect":            {MessageType: &remote.RemoteMessage_DisconnectRequest{DisconnectRequest: &remote.DisconnectRequest{}}},
		"nothing":               {},
	}
	s := introduced(t, b.Addr())
	for what, m := range cases {
		before := b.Stats()
		if err := s.Send(m); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		b.awaitStats(t, what, func(s Stats) bool { return s.Foreign > before.Foreign })
		stillTalks(t, a, b, what)
	}
}

// TestEnvelopesOutsideASessionAreDropped: well-formed, but from nobody we are linked to.
func TestEnvelopesOutsideASessionAreDropped(t *testing.T) {
	a, b := pair(t)
	s := introduced(t, b.Addr())
	cases := map[string]func(*process.Envelope){
		"unknown name":     nil,
		"peer's name":      func(e *process.Envelope) { e.From = "a" },
		"our name":         func(e *process.Envelope) { e.From = "b" },
		"other to":         func(e *process.Envelope) { e.From, e.ToIncarnation = "a", 12345 },
		"bye of a peer":    func(e *process.Envelope) { e.From, e.Kind = "a", kindBye },
		"newer version":    func(e *process.Envelope) { e.Version = 2 },
		"unsupported":      func(e *process.Envelope) { e.Kind = kindUnsupported },
		"hello malformed":  func(e *process.Envelope) { e.Kind, e.Body = kindHello, []byte("{") },
		"hello no address": func(e *process.Envelope) { e.Kind, e.Body = kindHello, []byte("{}") },
		"hello of another cluster": func(e *process.Envelope) {
			e.Kind, e.Body = kindHello, helloBody{Cluster: "other", Addr: "127.0.0.1:1"}.encode()
		},
		"ping short":      func(e *process.Envelope) { e.Kind, e.Body = kindPing, []byte{1} },
		"ping for before": func(e *process.Envelope) { e.Kind, e.Body, e.ToIncarnation = kindPing, encodeNonce(1), 5 },
		"reserved kind":   func(e *process.Envelope) { e.Kind = "link.future" },
	}
	for what, change := range cases {
		if err := s.Send(batchOf(envelopeType, Gateway, marshal(t, envelopeFrom("x", change)), nil)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		stillTalks(t, a, b, what)
	}
	b.awaitStats(t, "all counted", func(s Stats) bool {
		return s.Stale >= 4 && s.Unsupported == 1 && s.Refused == 1 && s.Foreign == 4
	})
	for _, note := range b.notes() {
		if note == "x: boo" || note == "a: boo" || note == "b: boo" {
			t.Fatalf("a stranger's word was handled: %q", note)
		}
	}
}

// TestBrokenStreamsEndAlone: what cannot be skipped costs the stranger its stream and nobody else anything.
func TestBrokenStreamsEndAlone(t *testing.T) {
	a, b := pair(t)
	for what, first := range map[string]*remote.RemoteMessage{
		"nothing first":     {},
		"batch first":       batchOf(envelopeType, Gateway, nil, nil),
		"client connection": {MessageType: &remote.RemoteMessage_ConnectRequest{ConnectRequest: &remote.ConnectRequest{ConnectionType: &remote.ConnectRequest_ClientConnection{}}}},
		"empty connect":     {MessageType: &remote.RemoteMessage_ConnectRequest{}},
		"no address":        connectRequest(""),
	} {
		s := intrude(t, b.Addr())
		if err := s.Send(first); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Recv(); err == nil {
			t.Fatalf("%s: was answered", what)
		}
		stillTalks(t, a, b, what)
	}
	s := introduced(t, b.Addr())
	_ = s.Send(batchOf(envelopeType, Gateway, make([]byte, maxMessage+1), nil))
	if _, err := s.Recv(); err == nil {
		t.Fatal("an oversized message was accepted")
	}
	stillTalks(t, a, b, "oversize")
	rc := remote.NewRemotingClient(s.conn)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := rc.ListProcesses(ctx, &remote.ListProcessesRequest{}); err == nil {
		t.Fatal("ListProcesses was answered")
	}
	if _, err := rc.GetProcessDiagnostics(ctx, &remote.GetProcessDiagnosticsRequest{}); err == nil {
		t.Fatal("GetProcessDiagnostics was answered")
	}
	stillTalks(t, a, b, "unary calls")
}

func TestRandomBytesOnThePort(t *testing.T) {
	a, b := pair(t)
	for i := range 20 {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		junk := make([]byte, 1<<i%(1<<16)+1)
		_, _ = rand.Read(junk)
		if i%2 == 0 {
			junk = append([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), junk...)
		}
		_, _ = conn.Write(junk)
		conn.Close()
	}
	stillTalks(t, a, b, "random bytes")
}

// TestUnknownKindIsAnsweredOnce: an older peer says so, and the answer to that is silence.
func TestUnknownKindIsAnsweredOnce(t *testing.T) {
	a, b := pair(t)
	if err := a.Send("b", "from.the.future", nil); err != nil {
		t.Fatal(err)
	}
	b.awaitStats(t, "unknown kind", func(s Stats) bool { return s.Unsupported == 1 })
	stillTalks(t, a, b, "an unknown kind")
	newer := a.envelope("say", b.cfg.Incarnation, []byte("in new words"))
	newer.Version = process.EnvelopeVersion + 1
	if err := a.out.send(b.Addr(), newer, false); err != nil {
		t.Fatal(err)
	}
	b.awaitStats(t, "newer version", func(s Stats) bool { return s.Unsupported == 2 })
	stillTalks(t, a, b, "a newer version")
	if got := a.Stats(); got.Unsupported != 0 || got.Stale != 0 {
		t.Fatalf("the answers were not understood: %+v", got)
	}
	if slices.Contains(b.notes(), "a: in new words") {
		t.Fatal("a newer version was handled")
	}
}

func TestHandlerPanicCostsOneMessage(t *testing.T) {
	a, b := startNode(t, Config{Name: "a"}), startNode(t, Config{Name: "b"})
	b.Handle("bomb", func(Peer, []byte) { panic("boom") })
	acquaint(a, b)
	a.await(t, "up b")
	if err := a.Send("b", "bomb", nil); err != nil {
		t.Fatal(err)
	}
	b.awaitStats(t, "panic", func(s Stats) bool { return s.Panics == 1 })
	b.await(t, "up a")
	stillTalks(t, a, b, "a panic")
}

// FuzzSift: whatever a peer sends, what is kept is well-formed, and nothing panics.
func FuzzSift(f *testing.F) {
	good, _ := proto.Marshal(envelopeFrom("x", nil))
	for _, m := range []*remote.RemoteMessage{
		batchOf(envelopeType, Gateway, good, nil), batchOf("actor.Stop", Gateway, good, nil), connectRequest("h:1"),
		batchOf(envelopeType, Gateway, good, func(b *remote.MessageBatch) { b.Envelopes[0].TypeId, b.Envelopes[0].Target = -1, 9 }),
	} {
		b, _ := proto.Marshal(m)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &remote.RemoteMessage{}
		if proto.Unmarshal(data, m) != nil {
			return
		}
		kept, foreign := sift(m.GetMessageBatch())
		if len(kept)+foreign != len(m.GetMessageBatch().GetEnvelopes()) {
			t.Fatal("an envelope is neither kept nor counted")
		}
		for _, e := range kept {
			if e.GetFrom() == "" || e.GetKind() == "" || e.GetFromIncarnation() == 0 {
				t.Fatalf("kept %v", e)
			}
		}
	})
}

func FuzzDecodeHello(f *testing.F) {
	f.Add(helloBody{Cluster: "c", Addr: "h:1", Session: 1, Up: true}.encode())
	f.Add([]byte(`{"addr":":"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decodeHello(data)
		if err != nil {
			return
		}
		again, err := decodeHello(h.encode())
		if err == nil && again != h {
			t.Fatalf("%+v became %+v", h, again)
		}
		if _, _, err := net.SplitHostPort(h.Addr); err != nil {
			t.Fatalf("accepted address %q", h.Addr)
		}
	})
}
