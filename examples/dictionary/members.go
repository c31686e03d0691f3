package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/gdict"
)

var names = []string{"a1", "b1", "c1"}

// members are the processes that run.
type members struct {
	admin   map[string]string // addresses
	running map[string]*member
}

type member struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	said  chan struct{} // closed when it has ended and all it said is in the ledger
	done  chan struct{} // closed when it has stopped writing
}

// startMembers starts all of them. What they say goes into the ledger.
func startMembers(l *ledger) (*members, error) {
	m := &members{admin: map[string]string{}, running: map[string]*member{}}
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	addrs, err := freeAddrs()
	if err != nil {
		return m, err
	}
	for _, name := range names {
		one := &member{cmd: exec.Command(self, "member", name, cluster(addrs)), said: make(chan struct{}), done: make(chan struct{})}
		one.cmd.Stderr = os.Stderr
		stdout, err := one.cmd.StdoutPipe()
		if err != nil {
			return m, err
		}
		if one.stdin, err = one.cmd.StdinPipe(); err != nil {
			return m, err
		}
		if err := one.cmd.Start(); err != nil {
			return m, err
		}
		m.running[name] = one
		admin := make(chan string, 1)
		go l.follow(name, stdout, admin, one)
		select {
		case m.admin[name] = <-admin:
		case <-one.said:
			return m, fmt.Errorf("%s has ended before it could be reached", name)
		case <-time.After(patience):
			return m, fmt.Errorf("%s does not start", name)
		}
	}
	return m, nil
}

// freeAddrs picks a free port on loopback for each member, below those that systems give to outgoing connections.
func freeAddrs() (map[string]string, error) {
	addrs := map[string]string{}
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err != nil {
			continue
		}
		defer l.Close() // all are held until all are picked
		addrs[names[len(addrs)]] = l.Addr().String()
		if len(addrs) == len(names) {
			return addrs, nil
		}
	}
	return nil, errors.New("no free ports between 20000 and 32000 on 127.0.0.1")
}

func (m *members) client(name string) admin.Client { return admin.Client{Addr: m.admin[name]} }

// leader waits until somebody other than the one that was leads, and says who.
func (m *members) leader(ctx context.Context, was string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		for name := range m.running {
			s, err := m.client(name).Status(ctx)
			if err == nil && s.Leader != "" && s.Leader != was {
				return s.Leader, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("nobody leads: %w", context.Cause(ctx))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// stopWriting has everybody finish the write that is under way.
func (m *members) stopWriting() {
	for _, one := range m.running {
		_, _ = io.WriteString(one.stdin, "stop\n") // fails only when it has ended
		<-one.done
	}
}

// killOne ends a process as a power cut would, and waits for its last words.
func (m *members) killOne(name string) {
	one := m.running[name]
	delete(m.running, name)
	_ = one.cmd.Process.Kill() // fails only when it has ended
	<-one.said
	_ = one.cmd.Wait() // killed
}

func (m *members) kill() {
	for name := range m.running {
		m.killOne(name)
	}
}

// find returns the writes that a linearizable read of a member finds.
func (m *members) find(ctx context.Context, at string) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found := map[string]bool{}
	_, err := m.client(at).Dict().List(ctx, gdict.Range{Prefix: "writes/"}, gdict.Linearizable, true, func(e gdict.Entry) error {
		found[e.Key] = true
		return nil
	})
	return found, err
}
