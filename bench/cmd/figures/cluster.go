package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

var names = []string{"a1", "b1", "c1"}

const within = 20 * time.Second // for a cluster to have a leader

// A cluster is the three members as processes of this very binary.
type cluster struct {
	dir     string
	durable bool
	members map[string]*member
}

type member struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startCluster(ctx context.Context, dir string, durable bool) (*cluster, error) {
	c := &cluster{dir: dir, durable: durable, members: map[string]*member{}}
	addrs, err := freePorts(len(names))
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	text.WriteString("cluster: figures\nmembers:\n")
	for i, name := range names {
		fmt.Fprintf(&text, "  %s: {addr: %q}\n", name, addrs[i])
	}
	if err := os.WriteFile(c.spec(), []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := c.start(name); err != nil {
			c.stop()
			return nil, err
		}
	}
	if _, err := c.leader(ctx); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cluster) spec() string { return filepath.Join(c.dir, "cluster.yaml") }

// kept says where the members keep what they have.
func (c *cluster) kept() string {
	if c.durable {
		return "on disk"
	}
	return "in memory"
}

func (c *cluster) start(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"member", "-name", name, "-spec", c.spec()}
	if c.durable {
		args = append(args, "-data", filepath.Join(c.dir, name))
	}
	m := &member{cmd: exec.Command(self, args...)}
	m.cmd.Stderr = os.Stderr
	if m.in, err = m.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	m.lines = bufio.NewScanner(out)
	if err := m.cmd.Start(); err != nil {
		return err
	}
	c.members[name] = m
	return nil
}

// ask gives one member an order and waits for its answer.
func (c *cluster) ask(name string, o order) (result, error) {
	if err := c.tell(name, o); err != nil {
		return result{}, err
	}
	return c.hear(name)
}

func (c *cluster) tell(name string, o order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if _, err := c.members[name].in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("member %s: %w", name, err)
	}
	return nil
}

func (c *cluster) hear(name string) (result, error) {
	m := c.members[name]
	if !m.lines.Scan() {
		return result{}, fmt.Errorf("member %s has ended: %w", name, cmp.Or(m.lines.Err(), io.EOF))
	}
	r := result{}
	if err := json.Unmarshal(m.lines.Bytes(), &r); err != nil {
		return r, fmt.Errorf("member %s: %w", name, err)
	}
	if err := r.problem(); err != nil {
		return r, fmt.Errorf("member %s: %w", name, err)
	}
	return r, nil
}

// leader waits until all members that run name the same one.
func (c *cluster) leader(ctx context.Context) (string, error) {
	deadline := time.Now().Add(within)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		seen := map[string]int{}
		for name := range c.members {
			r, err := c.ask(name, order{Do: "role"})
			if err != nil {
				return "", err
			}
			seen[r.Leader]++
		}
		for name, voices := range seen {
			if name != "" && voices == len(c.members) {
				return name, nil
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return "", errors.Join(fmt.Errorf("no leader within %v", within), ctx.Err())
}

// follower is a member that does not lead.
func (c *cluster) follower(leader string) string {
	for _, name := range names {
		if name != leader && c.members[name] != nil {
			return name
		}
	}
	return ""
}

func (c *cluster) kill(name string) time.Time {
	at := time.Now()
	m := c.members[name]
	_ = m.cmd.Process.Kill() // fails only when it has ended
	_ = m.cmd.Wait()
	delete(c.members, name)
	return at
}

func (c *cluster) signal(name string, sig syscall.Signal) (time.Time, error) {
	at := time.Now()
	return at, c.members[name].cmd.Process.Signal(sig)
}

func (c *cluster) stop() {
	for name := range c.members {
		c.kill(name)
	}
}

// freePorts picks ports on loopback below the range of outgoing connections, so that a killed member finds its own free.
func freePorts(n int) ([]string, error) {
	var picked []string
	for port := 21000 + os.Getpid()%4000; port < 32000 && len(picked) < n; port++ {
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = l.Close()
		picked = append(picked, addr)
	}
	if len(picked) < n {
		return nil, fmt.Errorf("no %d free ports on 127.0.0.1", n)
	}
	return picked, nil
}
