package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/spec"
)

const (
	group    = "pair"
	instance = "pair/switch"
	witness  = "w1"
)

var names = []string{"a1", "b1", witness}

// specText is the cluster that runs here: what a user writes into cluster.yaml.
const specText = `cluster: pair-example
members:
  a1: {%s}
  b1: {%s}
  w1: {%switness: true}             # votes, runs nothing
applications:
  switch: {failover: %s}
groups:
  - {name: pair, members: [a1, b1], pair: {active: [switch], standby: [switch]}}
`

// specFor writes the addresses into the specification, or leaves them out when Consul is to know them.
func specFor(o options, addrs []string) string {
	entries := make([]any, len(addrs), len(addrs)+1)
	for i, addr := range addrs {
		entries[i] = ""
		if o.discovery == "static" {
			entries[i] = fmt.Sprintf("addr: %q", addr)
		}
	}
	if last := len(entries) - 1; entries[last] != "" {
		entries[last] = fmt.Sprintf("%s, ", entries[last])
	}
	return fmt.Sprintf(specText, append(entries, o.failover)...)
}

// A cluster is the three members as the driver sees them: processes, and windows for operators.
type cluster struct {
	dir     string // specification and logs
	spec    *spec.Spec
	flags   map[string]memberFlags
	running map[string]*child
	leader  string // as of the last time everything was in place
}

func newCluster(o options, dir, judge string) (*cluster, error) {
	ports, err := freePorts(2 * len(names))
	if err != nil {
		return nil, err
	}
	text := specFor(o, ports[:len(names)])
	s, err := spec.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "cluster.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("specification: %w", err)
	}
	c := &cluster{dir: dir, spec: s, flags: map[string]memberFlags{}, running: map[string]*child{}}
	for i, name := range names {
		f := memberFlags{name: name, spec: file, bind: ports[i], admin: ports[len(names)+i], judge: judge, verbose: o.verbose}
		if o.discovery == "consul" {
			f.consul = o.consul
		}
		c.flags[name] = f
	}
	return c, nil
}

// logFile is where all incarnations of a member write.
func (c *cluster) logFile(name string) string { return filepath.Join(c.dir, name+".log") }

func (c *cluster) start(name string) error {
	m, err := spawn(name, c.logFile(name), nil, c.flags[name].args()...)
	if err != nil {
		return err
	}
	c.running[name] = m
	return nil
}

func (c *cluster) kill() {
	for _, m := range c.running {
		m.kill()
	}
}

// dead names a member that ended although nobody ended it, and says how.
func (c *cluster) dead() error {
	for name, m := range c.running {
		if !m.alive() {
			return fmt.Errorf("member %s ended: %s: %s", name, m.cmd.ProcessState, strings.Join(tail(m.log, 1), ""))
		}
	}
	return nil
}

func (c *cluster) admin(name string) admin.Client { return admin.Client{Addr: c.flags[name].admin} }

func (c *cluster) status(ctx context.Context, name string) (admin.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.admin(name).Status(ctx)
}

// settled asks every member and answers "" when the pair is in place: everybody is up and votes, all agree on a leader,
// the application acts on active under epoch and stands by on the other one. Else it says what is missing.
func (c *cluster) settled(ctx context.Context, active, standby string, epoch uint64) string {
	leader := ""
	for _, name := range names {
		s, err := c.status(ctx, name)
		switch {
		case err != nil:
			return fmt.Sprintf("%s does not answer: %v", name, err)
		case s.Leader == "":
			return name + " knows no leader"
		case leader != "" && s.Leader != leader:
			return fmt.Sprintf("%s takes %s for the leader, others take %s", name, s.Leader, leader)
		}
		leader = s.Leader
	}
	s, err := c.status(ctx, leader)
	if err != nil {
		return fmt.Sprintf("%s does not answer: %v", leader, err)
	}
	for _, name := range names {
		if missing := inPlace(s, name); missing != "" {
			return missing
		}
	}
	c.leader = leader
	g, _ := s.Group(group)
	if g.Active != active || g.Epoch != epoch {
		return fmt.Sprintf("group active on %q in epoch %d", g.Active, g.Epoch)
	}
	for name, role := range map[string]string{active: "active", standby: "standby"} {
		i, _ := s.Instance(instance, name)
		if i.Role != role || i.Phase != "running" {
			return fmt.Sprintf("%s on %s is %q and %q", instance, name, i.Role, i.Phase)
		}
	}
	return ""
}

func inPlace(s admin.Status, name string) string {
	for _, m := range s.Members {
		if m.Name != name {
			continue
		}
		if m.State != "up" || !m.Voter {
			return fmt.Sprintf("member %s is %s, voter %t", name, m.State, m.Voter)
		}
		return ""
	}
	return fmt.Sprintf("member %s is not in the list of %s", name, s.Member)
}

// describe is one line per member, for the message of a failure.
func (c *cluster) describe() map[string]string {
	lines := map[string]string{}
	for _, name := range names {
		// The script's context may be what ended; this one is fresh.
		s, err := c.status(context.Background(), name)
		if err != nil {
			lines[name] = err.Error()
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s, leader %q, term %d, lease %d ms, discovery %s;", s.Role, s.Leader, s.Term, s.Lease, s.Discovery.Source)
		for _, m := range s.Members {
			fmt.Fprintf(&b, " %s is %s, voter %t;", m.Name, m.State, m.Voter)
		}
		for _, g := range s.Groups {
			fmt.Fprintf(&b, " group %s active %q epoch %d %s standby %v %s;", g.Name, g.Active, g.Epoch, g.Start, g.Standby, g.Phase)
		}
		for _, i := range s.Instances {
			fmt.Fprintf(&b, " %s on %s %s %s epoch %d %s;", i.Name, i.Member, i.Role, i.Phase, i.Epoch, i.Err)
		}
		lines[name] = b.String() + " " + strings.Join(s.Alarms, "; ")
	}
	return lines
}

// stop asks every member to stop in order, all at once, and checks that each exits with status 0.
func (c *cluster) stop(ctx context.Context) error {
	for _, name := range names {
		if err := c.running[name].signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := c.running[name].wait(ctx, stopWithin+time.Second); err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, strings.Join(tail(c.logFile(name), 1), ""))
		}
	}
	return nil
}
