package node

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/member/memory"
	"github.com/gendac/gendac/cluster/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pairSpec has a long lease: none of these tests is about one that ends, and the machine may be busy.
const pairSpec = `
cluster: test
timing: {election: 2s, lease: 4s, start_after: 5s}
members: {a1: {}, b1: {}, w1: {witness: true}}
applications: {switch: {failover: fast}}
groups:
  - {name: pair, members: [a1, b1], pair: {active: [switch], standby: [switch]}}
`

// recorder is an application that keeps a count over handovers and writes down every role it enters.
type recorder struct {
	app.Defaults
	member string
	log    *journal
}

type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func (j *journal) has(line string) bool { return slices.Contains(j.all(), line) }

func (r *recorder) Start(_ *app.Context, s app.Start) error {
	r.log.add(fmt.Sprintf("%s %v %v e%d %q", r.member, s.Role, s, s.Epoch, s.Handover))
	return nil
}

func (r *recorder) Stop(*app.Context) ([]byte, error) { return []byte("from " + r.member), nil }

type cluster struct {
	t     *testing.T
	board *memory.Board
	log   *journal
	nodes map[string]*Node
	data  string                   // directory of the members' directories; empty: in memory
	ahead map[string]time.Duration // how far the clock is ahead under which a member starts
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, board: memory.NewBoard(), log: &journal{}, nodes: map[string]*Node{}}
	t.Cleanup(func() {
		for name := range c.nodes {
			c.stop(name, Force())
		}
	})
	return c
}

func (c *cluster) config(name string) Config {
	s, err := spec.Parse([]byte(pairSpec))
	if err != nil {
		c.t.Fatal(err)
	}
	logger := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	data := ""
	if c.data != "" {
		data = filepath.Join(c.data, name)
	}
	return Config{
		DataDir: data, InMemory: data == "", now: func() time.Time { return time.Now().Add(c.ahead[name]) },
		Name: name, Bind: "127.0.0.1:0", Discovery: c.board.Discovery(), Spec: s, Logger: logger,
		Apps: app.Registry{"switch": func() app.App { return &recorder{member: name, log: c.log} }},
	}
}

func (c *cluster) stop(name string, options ...StopOption) {
	c.t.Helper()
	n := c.nodes[name]
	delete(c.nodes, name)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // bounds a hang
	defer cancel()
	if err := n.Stop(ctx, options...); err != nil {
		c.t.Errorf("stop %s: %v", name, err)
	}
}
