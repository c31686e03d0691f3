package remoting

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/model"
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
	shell := func(change func(*remote.MessageBatch)) *remote.RemoteMessage {
		return batchOf(envelopeType, ShellName, good, change)
	}
	cases := map[string]*remote.RemoteMessage{
		"unknown type":          batchOf("no.such.Type", ShellName, good, nil),
		"empty type":            batchOf("", ShellName, good, nil),
		"known but foreign":     batchOf("google.protobuf.Empty", ShellName, nil, nil),
		"another actor":         batchOf(envelopeType, "activator", good, nil),
		"stop":                  batchOf("actor.Stop", ShellName, nil, nil),
		"poison":                batchOf("actor.PoisonPill", ShellName, nil, nil),
		"terminated":            batchOf("actor.Terminated", ShellName, marshal(t, &actor.Terminated{Who: actor.NewPID("x", "y")}), nil),
		"watch":                 batchOf("actor.Watch", ShellName, watcher, nil),
		"spawn unknown kind":    batchOf("remote.ActorPidRequest", "activator", marshal(t, &remote.ActorPidRequest{Kind: "none"}), nil),
		"type index high":       shell(func(b *remote.MessageBatch) { b.Envelopes[0].TypeId = 1 << 30 }),
		"type index negative":   shell(func(b *remote.MessageBatch) { b.Envelopes[0].TypeId = -1 }),
		"target index high":     shell(func(b *remote.MessageBatch) { b.Envelopes[0].Target = 1 }),
		"target index negative": shell(func(b *remote.MessageBatch) { b.Envelopes[0].Target = -5 }),
		"no tables":             shell(func(b *remote.MessageBatch) { b.TypeNames, b.Targets = nil, nil }),
		"serializer":            shell(func(b *remote.MessageBatch) { b.Envelopes[0].SerializerId = 77 }),
		"body is not protobuf":  batchOf(envelopeType, ShellName, []byte{0xff, 0xff, 0xff}, nil),
		"no sender name":        batchOf(envelopeType, ShellName, marshal(t, envelopeFrom("", nil)), nil),
		"no kind":               batchOf(envelopeType, ShellName, marshal(t, envelopeFrom("x", func(e *process.Envelope) { e.Kind = "" })), nil),
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
		"replaced, of a peer": func(e *process.Envelope) {
			e.From, e.Kind, e.ToIncarnation, e.Body = "a", kindReplaced, b.cfg.Incarnation, refusalBody{Challenge: 1}.encode()
		},
		"refused, of a peer": func(e *process.Envelope) {
			e.From, e.Kind, e.ToIncarnation, e.Body = "a", kindRefused, b.cfg.Incarnation, nil
		},
		"hello of a peer's successor": func(e *process.Envelope) {
			e.From, e.Kind, e.Body = "a", kindHello, helloBody{Cluster: "test", Addr: "127.0.0.1:1", Session: 1}.encode()
		},
		"hello of a peer's later session": func(e *process.Envelope) {
			e.From, e.FromIncarnation, e.Kind = "a", a.cfg.Incarnation, kindHello
			e.Body = helloBody{Cluster: "test", Addr: "127.0.0.1:1", Session: 1 << 60}.encode()
		},
		"reserved kind": func(e *process.Envelope) { e.Kind = "link.future" },
	}
	for what, change := range cases {
		if err := s.Send(batchOf(envelopeType, ShellName, marshal(t, envelopeFrom("x", change)), nil)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		stillTalks(t, a, b, what)
	}
	b.awaitStats(t, "all counted", func(s Stats) bool {
		return s.Stale >= 6 && s.Unsupported == 1 && s.Refused == 1 && s.Foreign == 4
	})
	for _, note := range b.notes() {
		if strings.HasPrefix(note, "replaced") || note == "x: boo" || note == "a: boo" || note == "b: boo" {
			t.Fatalf("a stranger's word was handled: %q", note)
		}
	}
}

// TestBrokenStreamsEndAlone: what cannot be skipped costs the stranger its stream and nobody else anything.
func TestBrokenStreamsEndAlone(t *testing.T) {
	a, b := pair(t)
	for what, first := range map[string]*remote.RemoteMessage{
		"nothing first":     {},
		"batch first":       batchOf(envelopeType, ShellName, nil, nil),
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
	_ = s.Send(batchOf(envelopeType, ShellName, make([]byte, maxMessage+1), nil))
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
	if err := a.out.send(endpoint{"b", b.Addr()}, newer, false); err != nil {
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
	b.Handle("bomb", func(model.Member, []byte) { panic("boom") })
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
		batchOf(envelopeType, ShellName, good, nil), batchOf("actor.Stop", ShellName, good, nil), connectRequest("h:1"),
		batchOf(envelopeType, ShellName, good, func(b *remote.MessageBatch) { b.Envelopes[0].TypeId, b.Envelopes[0].Target = -1, 9 }),
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

// FuzzDecodeRefusal: whatever a stranger sends, what is taken is bounded.
func FuzzDecodeRefusal(f *testing.F) {
	f.Add(refusalBody{"because", 7}.encode())
	f.Add([]byte(`{"challenge":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, ok := decodeRefusal(data); !ok && r != (refusalBody{}) || len(r.Why) > 2*maxName {
			t.Fatalf("took %+v, %t", r, ok)
		}
	})
}

// FuzzCountFields: what is let through has no more fields than allowed, and nothing panics.
func FuzzCountFields(f *testing.F) {
	good, _ := proto.Marshal(batchOf(envelopeType, ShellName, []byte("x"), nil))
	f.Add(good)
	f.Add(bytes.Repeat([]byte{0x1a, 0}, 3000))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &remote.RemoteMessage{}
		err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, m)
		if err == nil && len(m.GetMessageBatch().GetEnvelopes()) > maxFields {
			t.Fatalf("%d envelopes were decoded", len(m.GetMessageBatch().GetEnvelopes()))
		}
		if plain := proto.Unmarshal(data, &remote.RemoteMessage{}); plain == nil && err != nil && len(data) < maxFields {
			t.Fatalf("%d bytes are refused: %v", len(data), err)
		}
	})
}

// TestEnvelopesAreCountedBeforeTheyAreDecoded: an empty one takes two bytes on the wire and over a hundred in memory.
func TestEnvelopesAreCountedBeforeTheyAreDecoded(t *testing.T) {
	inner := bytes.Repeat([]byte{0x1a, 0}, maxFields) // envelopes of a batch
	data := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), inner)
	m := &remote.RemoteMessage{}
	if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, m); !errors.Is(err, errFields) || m.MessageType != nil {
		t.Errorf("%d empty envelopes: %v", maxFields, err)
	}
	a, b := pair(t)
	s := introduced(t, b.Addr())
	if err := s.Send(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{
		MessageBatch: &remote.MessageBatch{Envelopes: slices.Repeat([]*remote.MessageEnvelope{{}}, maxFields)},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); err == nil {
		t.Error("the stream goes on")
	}
	stillTalks(t, a, b, "many envelopes")
}

func TestNamesThatTheSpecificationLacksAreRefused(t *testing.T) {
	known := func(name string) bool { return name == "a" || name == "b" }
	a, b := startNode(t, Config{Name: "a", Known: known}), startNode(t, Config{Name: "b", Known: known})
	c := startNode(t, Config{Name: "c"})
	acquaint(a, b, c)
	a.await(t, "up b")
	b.await(t, "up a")
	a.awaitStats(t, "c's hello", func(s Stats) bool { return s.Refused > 0 })
	stillTalks(t, a, b, "an unknown name")
	if notes := c.notes(); len(notes) != 0 {
		t.Errorf("the unknown one was told %q", notes)
	}
}

// TestAProcessWhoseNameHasMovedIsTold: by the members that have met the other one, in answer to its hello.
func TestAProcessWhoseNameHasMovedIsTold(t *testing.T) {
	a, old := pair(t)
	next := startNode(t, Config{Name: "b"})
	next.SetPeers(map[string]string{"a": a.Addr()})
	next.Open()
	next.await(t, "up a")
	a.await(t, "down b refused=false bye=false")
	old.await(t, "replaced, says a")
	say(t, next, "a", "I am new")
	a.await(t, "b: I am new")
}
