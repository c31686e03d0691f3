//go:build process && linux

package node_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/porttest"
)

// The timing that all clusters here use: the defaults.
const (
	leaseLength = time.Second
	startAfter  = 1300 * time.Millisecond
	election    = 500 * time.Millisecond
	margin      = startAfter - leaseLength
	patience    = 30 * time.Second // for whatever has to happen some time
	recently    = 100 * time.Millisecond
	stillFor    = 3 * time.Second // long enough for anything that must not happen: a lease and two elections
)

var names = []string{"a1", "b1", "w1"}

// A network is what the members are connected by.
type network interface {
	addr(member string) string                      // where the others reach it
	judgeAddr(member string) string                 // where it reaches the judge, UDP
	listen() *net.UDPConn                           // for the judge
	command(member string, argv ...string) []string // that runs argv at the member's place
}

// A loopback is no network at all: everybody is on this machine, and nothing is ever cut.
type loopback struct {
	t     *testing.T
	addrs map[string]string
	conn  *net.UDPConn
}

func newLoopback(t *testing.T) *loopback {
	l := &loopback{t: t, addrs: map[string]string{}}
	for _, name := range names {
		addr, err := porttest.Addr()
		if err != nil {
			t.Fatal(err)
		}
		l.addrs[name] = addr
	}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l.conn = conn
	return l
}

func (l *loopback) addr(member string) string                 { return l.addrs[member] }
func (l *loopback) judgeAddr(string) string                   { return l.conn.LocalAddr().String() }
func (l *loopback) listen() *net.UDPConn                      { return l.conn }
func (l *loopback) command(_ string, argv ...string) []string { return argv }

// A process is one incarnation of a member.
type process struct {
	*exec.Cmd
	stdin  io.Writer
	log    *logBuffer
	status atomic.Pointer[admin.Status] // the latest it said
	exited chan struct{}
}

// A logBuffer keeps what all incarnations of a member wrote.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A cluster is three members as processes, and the judge.
type cluster struct {
	t       *testing.T
	network network
	judge   *judge
	spec    string
	logs    map[string]*logBuffer
	running map[string]*process
	data    string // directory of the members' directories; empty: in memory

	deceived bool // the test gives false proof of a death, so overlaps are its own affair
}

// newCluster starts a1, b1 and the witness w1, and waits until a1 acts and b1 stands by.
func newCluster(t *testing.T, n network, failover string) *cluster {
	t.Helper()
	return newClusterWith(t, n, failover, "")
}

func newClusterWith(t *testing.T, n network, failover, data string) *cluster {
	t.Helper()
	c := &cluster{t: t, network: n, data: data, logs: map[string]*logBuffer{}, running: map[string]*process{}}
	c.judge = newJudge(t, n.listen())
	c.spec = fmt.Sprintf(`cluster: test
members:
  a1: {addr: %q}
  b1: {addr: %q}
  w1: {addr: %q, witness: true}
applications:
  switch: {failover: %s}
groups:
  - {name: pair, members: [a1, b1], pair: {active: [switch], standby: [switch]}}
`, n.addr("a1"), n.addr("b1"), n.addr("w1"), failover)
	t.Cleanup(c.end)
	c.start(names...)
	c.settle("a1")
	return c
}

// end stops everything and passes the sentence.
func (c *cluster) end() {
	for _, name := range names {
		c.kill(name)
	}
	all := c.judge.spells()
	if err := judged(all); err != nil && !c.deceived {
		c.t.Error(err)
	}
	for _, s := range all[:min(len(all), 20)] {
		c.t.Log(s)
	}
	if c.t.Failed() {
		for name, log := range c.logs {
			c.t.Logf("%s wrote:\n%s", name, log)
		}
	}
}

func (c *cluster) start(members ...string) {
	c.t.Helper()
	for _, name := range members {
		cfg := memberConfig{Name: name, Judge: c.network.judgeAddr(name), Spec: c.spec}
		if c.data != "" {
			cfg.Data = filepath.Join(c.data, name)
		}
		c.running[name] = c.spawn(cfg)
	}
}

// spawn runs this test binary as a member.
func (c *cluster) spawn(cfg memberConfig) *process {
	c.t.Helper()
	text, err := json.Marshal(cfg)
	if err != nil {
		c.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	if c.logs[cfg.Name] == nil {
		c.logs[cfg.Name] = &logBuffer{}
	}
	argv := c.network.command(cfg.Name, self)
	p := &process{Cmd: exec.Command(argv[0], argv[1:]...), log: c.logs[cfg.Name], exited: make(chan struct{})}
	p.Env = append(os.Environ(), memberVariable+"="+string(text))
	p.Stderr = p.log
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.stdin, err = p.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		c.t.Fatal(err)
	}
	go p.read(out)
	return p
}

// read keeps the latest status until the process ends.
func (p *process) read(out io.Reader) {
	defer close(p.exited)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		s := &admin.Status{}
		if json.Unmarshal(lines.Bytes(), s) == nil { // the last line of a process that was killed may be half a line
			p.status.Store(s)
		}
	}
	_ = p.Wait() // killed, mostly
}

// kill ends a member without a goodbye and returns when the process is gone.
func (c *cluster) kill(members ...string) {
	for _, name := range members {
		if p := c.running[name]; p != nil {
			_ = p.Process.Kill() // fails only when it has ended
		}
	}
	for _, name := range members {
		if p := c.running[name]; p != nil {
			<-p.exited
			delete(c.running, name)
		}
	}
}

// says is the latest status of a member; zero of one that is not running or has not said anything.
func (c *cluster) says(name string) admin.Status {
	if p := c.running[name]; p != nil {
		if s := p.status.Load(); s != nil {
			return *s
		}
	}
	return admin.Status{}
}

// leader is whom all running members agree on, or empty.
func (c *cluster) leader() string {
	leader := ""
	for name := range c.running {
		s := c.says(name)
		if s.Leader == "" || leader != "" && s.Leader != leader {
			return ""
		}
		leader = s.Leader
	}
	return leader
}

// absent says who keeps the members from being complete: all agree on a leader, which takes all for voters and up.
func (c *cluster) absent() string {
	leader := c.leader()
	if leader == "" {
		return "agreement on a leader"
	}
	for _, m := range c.says(leader).Members {
		if m.State != "up" || !m.Voter || m.Incarnation != c.says(m.Name).Incarnation {
			return fmt.Sprintf("member %s: %s, voter %t", m.Name, m.State, m.Voter)
		}
	}
	return ""
}

// missing says what keeps the cluster from being settled, with any active or with a given one.
func (c *cluster) missing(active string) string {
	if m := c.absent(); m != "" {
		return m
	}
	leader := c.leader()
	g, _ := c.says(leader).Group("pair")
	if active != "" && g.Active != active || g.Active == "" {
		return fmt.Sprintf("active %q, is %q", active, g.Active)
	}
	for name, role := range map[string]string{g.Active: "active", other(g.Active): "standby"} {
		i, _ := c.says(leader).Instance("pair/switch", name)
		if i.Role != role || i.Phase != "running" {
			return fmt.Sprintf("%s running at %s, is %s and %s", role, name, i.Role, i.Phase)
		}
	}
	if h := c.judge.holds(); h.Member != g.Active || h.Epoch != g.Epoch || now()-h.last > recently {
		return fmt.Sprintf("acts of %s in epoch %d", g.Active, g.Epoch)
	}
	return ""
}

func other(member string) string {
	if member == "a1" {
		return "b1"
	}
	return "a1"
}

// settle waits until everybody is up, one of the pair acts (that one, unless empty) and the other one stands by.
func (c *cluster) settle(active string) {
	c.t.Helper()
	c.await("settled", func() string { return c.missing(active) })
}

// await waits until nothing is missing any more.
func (c *cluster) await(what string, missing func() string) {
	c.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		m := missing()
		if m == "" {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("not %s after %v: missing: %s\n%s", what, patience, m, c.describe())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *cluster) describe() string {
	var b strings.Builder
	for _, name := range names {
		text, err := json.Marshal(c.says(name))
		fmt.Fprintln(&b, name, string(text), err)
	}
	return b.String()
}

// leads moves leadership and activity until the active leads, or until it does not. The witness cannot be active, so it
// is restarted while it leads and must not.
func (c *cluster) leads(active bool) {
	c.t.Helper()
	c.await(fmt.Sprintf("led by the active: %t", active), func() string {
		c.settle("")
		leader, holder := c.leader(), c.judge.holds().Member
		switch {
		case leader == "":
			return "a leader"
		case (leader == holder) == active:
			return ""
		case leader == "w1":
			c.kill("w1")
			c.start("w1")
		default:
			c.switchover(holder)
		}
		return "another leader than " + leader + " for " + holder
	})
}

// switchover orders one and waits until the other one acts. It is ordered again when it was refused.
func (c *cluster) switchover(from string) {
	c.t.Helper()
	c.await("switched over", func() string {
		fmt.Fprintln(c.running["w1"].stdin, wordSwitchover)
		for begin := time.Now(); time.Since(begin) < 2*time.Second; time.Sleep(5 * time.Millisecond) {
			if c.judge.holds().Member == other(from) {
				return ""
			}
		}
		return "acts of " + other(from)
	})
	c.settle(other(from))
}
