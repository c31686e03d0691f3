package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/member/memory"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
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
	data  string // directory of the members' directories; empty: in memory
}

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t, board: memory.NewBoard(), log: &journal{}, nodes: map[string]*Node{}}
	t.Cleanup(func() {
		for name := range c.nodes {
			c.stop(name)
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
		DataDir: data,
		Name:    name, Bind: "127.0.0.1:0", Discovery: c.board.Discovery(), Spec: s, Logger: logger,
		Apps: app.Registry{"switch": func() app.App { return &recorder{member: name, log: c.log} }},
	}
}

func (c *cluster) start(names ...string) {
	c.t.Helper()
	for _, name := range names {
		n, err := Start(c.config(name))
		if err != nil {
			c.t.Fatal(err)
		}
		c.nodes[name] = n
	}
}

func (c *cluster) stop(name string) {
	c.t.Helper()
	n := c.nodes[name]
	delete(c.nodes, name)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // bounds a hang
	defer cancel()
	began := time.Now()
	if err := n.Stop(ctx); err != nil {
		c.t.Errorf("stop %s: %v", name, err)
	}
	c.t.Logf("%s stopped in %v", name, time.Since(began))
}

// kill ends a member without a goodbye.
func (c *cluster) kill(name string) {
	n := c.nodes[name]
	delete(c.nodes, name)
	n.stopping.Store(true)
	n.end(nil, endTimeout)
}

// patience bounds a hang.
const patience = time.Minute

// eventually waits until something is so, and says what is so instead if it never is.
func (c *cluster) eventually(what string, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			for name, n := range c.nodes {
				c.t.Logf("%s: %+v", name, n.Status())
			}
			c.t.Fatalf("%s: not so after %v; the application saw %q", what, patience, c.log.all())
		}
		time.Sleep(time.Millisecond)
	}
}

// settled says whether a member sees the group running on active with that standby.
func (c *cluster) settled(at, active, standby string) func() bool {
	return func() bool {
		s := c.nodes[at].Status()
		g, _ := s.Group("pair")
		i, _ := s.Instance("pair/switch", standby)
		return g.Active == active && g.Phase == "running" && i.Role == "standby" && i.Phase == "running"
	}
}

// TestAMemberAloneIsNotInItsCluster: nobody may take its empty dictionary for the cluster's.
func TestAMemberAloneIsNotInItsCluster(t *testing.T) {
	c := newCluster(t)
	cfg := c.config("a1")
	cfg.Admin = "127.0.0.1:0"
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.nodes["a1"] = n
	dict := admin.Client{Addr: n.Admin()}.Dict()
	if _, err := dict.Get(t.Context(), "k", gdict.Local); !errors.Is(err, admin.ErrNotJoined) || !strings.Contains(err.Error(), `"a1" is gathering`) {
		t.Errorf("alone: %v", err)
	}
	if err := notJoined("a1", genleader.View{Problem: "no link to b1"}); !strings.HasSuffix(err.Error(), `"a1" is gathering: no link to b1`) {
		t.Errorf("with a problem: %v", err)
	}
	c.start("b1", "w1")
	c.eventually("a1 is in the cluster", func() bool { return n.Joined() == nil })
	if _, err := dict.Get(t.Context(), "k", gdict.Linearizable); !errors.Is(err, admin.ErrKeyNotFound) {
		t.Errorf("in the cluster: %v", err)
	}
}

// TestPairStartsSwitchesOverAndMovesWhenItsMemberLeaves is the life of a pair without any failure.
func TestPairStartsSwitchesOverAndMovesWhenItsMemberLeaves(t *testing.T) {
	c := newCluster(t)
	c.start("a1", "b1", "w1")
	for _, at := range []string{"a1", "b1", "w1"} {
		c.eventually(at+" sees a1 active and b1 standby", c.settled(at, "a1", "b1"))
	}
	c.eventually("the leader tells how far everybody has the log", func() bool {
		s := c.nodes[c.nodes["a1"].Status().Leader].Status()
		return !slices.ContainsFunc(s.Members, func(m admin.Member) bool { return m.Sending != "replicate" || m.Log < s.Commit }) && s.Applied > 0
	})
	if err := c.nodes["w1"].Switchover(amply(t), "pair"); err != nil {
		t.Fatal(err)
	}
	c.eventually("b1 active and a1 standby", c.settled("w1", "b1", "a1"))
	if want := `b1 active takeover(a1) e2 "from a1"`; !c.log.has(want) {
		t.Errorf("b1 was not started as %s: %q", want, c.log.all())
	}
	c.stop("b1")
	c.eventually("a1 active again", func() bool {
		g, _ := c.nodes["w1"].Status().Group("pair")
		return g.Active == "a1" && g.Epoch == 3 && g.Phase == "running"
	})
	c.start("b1")
	c.eventually("b1 returns as standby", c.settled("w1", "a1", "b1"))
	if g, _ := c.nodes["w1"].Status().Group("pair"); g.Epoch != 3 {
		t.Errorf("epoch %d after a standby returned, want 3", g.Epoch)
	}
}

func TestSwitchoverIsRefusedWithItsReason(t *testing.T) {
	c := newCluster(t)
	c.start("a1")
	ctx := amply(t)
	if err := c.nodes["a1"].Switchover(ctx, "pair"); !errors.Is(err, admin.ErrNoLeader) {
		t.Errorf("without a majority: %v, want ErrNoLeader", err)
	}
	c.start("b1", "w1")
	c.eventually("settled", c.settled("a1", "a1", "b1"))
	for _, at := range []string{"a1", "b1", "w1"} {
		if err := c.nodes[at].Switchover(ctx, "nothing"); !errors.Is(err, admin.ErrUnknownGroup) {
			t.Errorf("unknown group at %s: %v, want ErrUnknownGroup", at, err)
		}
	}
	c.stop("b1")
	c.eventually("no standby", func() bool {
		g, _ := c.nodes["w1"].Status().Group("pair")
		return len(g.Standby) == 0 && len(c.nodes["w1"].Status().Alarms) == 1
	})
	if err := c.nodes["w1"].Switchover(ctx, "pair"); !errors.Is(err, admin.ErrNoStandby) {
		t.Errorf("without a standby: %v, want ErrNoStandby", err)
	}
}
