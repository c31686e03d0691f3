//go:build process

package remoting

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/process"
)

// peak is the most memory that a process has had in use so far, in MiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib >> 10
		}
	}
	t.Fatalf("no VmHWM in %s", text)
	return 0
}

// counted counts what is written to a connection.
type counted struct {
	net.Conn
	taken *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.taken.Add(int64(n))
	return n, err
}

// flood opens streams on one connection, and sends m on each for a while. It adds to taken what the other end, and the kernels
// in between, have taken.
func flood(t *testing.T, addr string, streams int, taken *atomic.Int64, m *remote.RemoteMessage) {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
			return counted{c, taken}, err
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	for range streams {
		go func() {
			s, err := remote.NewRemotingClient(conn).Receive(t.Context())
			if err != nil {
				return
			}
			_ = s.Send(connectRequest("127.0.0.1:1"))
			for s.Send(m) == nil { // whatever becomes of it
			}
		}()
	}
}

// TestAStrangerPinsLittleMemory: one connection with 16 streams of messages as large as a member may send, then 200 connections
// with as many empty envelopes as they can. The member's link stays.
func TestAStrangerPinsLittleMemory(t *testing.T) {
	a := startNode(t, Config{Name: "a"})
	a.Open()
	b, addr := spawn(t, "b", "127.0.0.1:0", a)
	a.SetPeers(map[string]string{"b": addr})
	a.await(t, "up b")
	before := peak(t, b.Process.Pid)
	var taken atomic.Int64
	large, err := proto.Marshal(envelopeFrom("x", func(e *process.Envelope) { e.Body = make([]byte, 31<<20) }))
	if err != nil {
		t.Fatal(err)
	}
	flood(t, addr, 16, &taken, batchOf(envelopeType, ShellName, large, nil))
	time.Sleep(6 * time.Second) // for it to flood
	one := peak(t, b.Process.Pid)
	empty := &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{
		MessageBatch: &remote.MessageBatch{Envelopes: slices.Repeat([]*remote.MessageEnvelope{{}}, 20000)},
	}}
	for range 200 {
		flood(t, addr, 1, &taken, empty)
	}
	time.Sleep(4 * time.Second)
	many := peak(t, b.Process.Pid)
	t.Logf("%d MiB were taken; memory in use, at most: %d MiB before, %d MiB after one connection, %d MiB after 200 more", taken.Load()>>20, before, one, many)
	if one > before+32 || many > before+96 {
		t.Errorf("memory grew from %d MiB to %d MiB by one connection, to %d MiB by 200", before, one, many)
	}
	say(t, a, "b", "still there?")
	a.await(t, "b: still there?")
	if slices.ContainsFunc(a.notes(), func(s string) bool { return strings.HasPrefix(s, "down") }) {
		t.Errorf("the link was disturbed: %q", a.notes())
	}
}
