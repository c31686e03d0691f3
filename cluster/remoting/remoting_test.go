package remoting

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/cluster/model"
)

// A node is one member under test, with what it was told.
type node struct {
	*Remoting
	system *actor.ActorSystem

	mu    sync.Mutex
	seen  []string // "up b", "down b refused", "b: text", in the order told
	moved chan struct{}
}

const patience = 30 * time.Second

func quietSystem() *actor.ActorSystem {
	level := slog.LevelError + 1
	if os.Getenv("GENDAC_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	h := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(h) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond), // its goroutine lives that long after a dead letter
	)
}

func startNode(t testing.TB, cfg Config) *node {
	t.Helper()
	n := &node{system: quietSystem(), moved: make(chan struct{})}
	cfg.Cluster += "test"
	r, err := Start(n.system, cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.Remoting = r
	r.Handle("say", func(from model.Member, body []byte) { n.note(from.Name + ": " + string(body)) })
	r.Links(func(ev LinkEvent) {
		switch ev := ev.(type) {
		case LinkUp:
			n.note("up " + ev.Peer.Name)
		case LinkDown:
			n.note(fmt.Sprintf("down %s refused=%t bye=%t", ev.Peer.Name, ev.Refused, ev.Bye))
		case Replaced:
			n.note("replaced, says " + ev.Peer.Name)
		}
	})
	t.Cleanup(func() { stopNode(t, n) })
	return n
}

func stopNode(t testing.TB, n *node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func (n *node) note(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = append(n.seen, what)
	close(n.moved)
	n.moved = make(chan struct{})
}

// await returns what was seen from the from-th note on, once it holds want.
func (n *node) await(t testing.TB, want string) {
	t.Helper()
	n.awaitCount(t, want, 1)
}

func (n *node) awaitCount(t testing.TB, want string, count int) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		n.mu.Lock()
		have, moved := n.count(want), n.moved
		n.mu.Unlock()
		if have >= count {
			return
		}
		select {
		case <-moved:
		case <-limit.C:
			t.Fatalf("%s: %q seen %d times, want %d, in %q", n.cfg.Name, want, have, count, n.notes())
		}
	}
}

func (n *node) count(what string) int {
	c := 0
	for _, s := range n.seen {
		if s == what {
			c++
		}
	}
	return c
}

func (n *node) notes() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.seen...)
}

// acquaint opens all nodes and names each to each.
func acquaint(nodes ...*node) {
	addrs := map[string]string{}
	for _, n := range nodes {
		addrs[n.cfg.Name] = n.Addr()
	}
	for _, n := range nodes {
		n.SetPeers(addrs)
		n.Open()
	}
}

func pair(t testing.TB) (*node, *node) {
	t.Helper()
	a, b := startNode(t, Config{Name: "a"}), startNode(t, Config{Name: "b"})
	acquaint(a, b)
	a.await(t, "up b")
	b.await(t, "up a")
	return a, b
}

func say(t testing.TB, from *node, to, text string) {
	t.Helper()
	if err := from.Send(to, "say", []byte(text)); err != nil {
		t.Fatalf("%s to %s: %v", from.cfg.Name, to, err)
	}
}

func TestTwoMembersTalk(t *testing.T) {
	a, b := pair(t)
	say(t, a, "b", "hello")
	say(t, b, "a", "hello yourself")
	b.await(t, "a: hello")
	a.await(t, "b: hello yourself")
}

func TestThreeMembersTalkInOrder(t *testing.T) {
	a, b, c := startNode(t, Config{Name: "a"}), startNode(t, Config{Name: "b"}), startNode(t, Config{Name: "c"})
	acquaint(a, b, c)
	for _, n := range []*node{a, b} {
		n.await(t, "up c")
	}
	c.await(t, "up a")
	c.await(t, "up b")
	const each = 2000
	for i := range each {
		say(t, a, "c", fmt.Sprint(i))
		say(t, b, "c", fmt.Sprint(i))
	}
	c.await(t, fmt.Sprintf("a: %d", each-1))
	c.await(t, fmt.Sprintf("b: %d", each-1))
	next := map[string]int{}
	for _, s := range c.notes() {
		var name string
		var i int
		if _, err := fmt.Sscanf(s, "%1s: %d", &name, &i); err != nil {
			continue
		}
		if i != next[name] {
			t.Fatalf("from %s came %d, want %d", name, i, next[name])
		}
		next[name]++
	}
}

func TestGoodbyeIsNotDeath(t *testing.T) {
	a, b := pair(t)
	stopNode(t, b)
	a.await(t, "down b refused=false bye=true")
	if err := a.Send("b", "say", nil); err != ErrNoLink {
		t.Fatalf("send to the departed: %v", err)
	}
}
