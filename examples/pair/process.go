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
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A child is a process of this very binary. It dies with the driver: at once on Linux, and elsewhere because its stdin ends.
type child struct {
	name  string
	pid   int
	log   string // file that its stderr is appended to
	cmd   *exec.Cmd
	stdin io.WriteCloser
	ended chan struct{}
	err   error // of the exit; to be read after ended is closed
}

// spawn starts this binary with args. stdout is nil for a child that says nothing there.
func spawn(name, logFile string, stdout io.Writer, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("own executable: %w", err)
	}
	file, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	defer func() { _ = file.Close() }() // the child has its own descriptor
	c := &child{name: name, log: logFile, cmd: exec.Command(self, args...), ended: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr, c.cmd.SysProcAttr = stdout, file, dieWithParent()
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("stdin of %s: %w", name, err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.pid = c.cmd.Process.Pid
	go func() {
		c.err = c.cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

func (c *child) alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

func (c *child) signal(sig syscall.Signal) error {
	if err := c.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s to %s (pid %d): %w", sig, c.name, c.pid, err)
	}
	return nil
}

// wait returns how the process exited, or an error when it did not within d.
func (c *child) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.ended:
		return c.err
	case <-timer.C:
		return fmt.Errorf("%s (pid %d) still runs after %s", c.name, c.pid, d)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// kill ends the process whatever state it is in, paused included, and waits for the end.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // fails only when it has ended
	<-c.ended
}

// tail returns the last n lines of a log.
func tail(file string, n int) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return lines[max(0, len(lines)-n):]
}

// freePorts picks n ports on loopback that are free now, TCP. They lie below the range that systems give to outgoing
// connections, so that a killed member finds its own port free when it comes back.
func freePorts(n int) ([]string, error) {
	const lowest, highest, tries = 20000, 32000, 1000
	var picked []string
	seen := map[int]bool{}
	for range tries {
		port := lowest + rand.IntN(highest-lowest)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if seen[port] {
			continue
		}
		seen[port] = true
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		_ = l.Close()
		if picked = append(picked, addr); len(picked) == n {
			return picked, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports between %d and %d on 127.0.0.1", n, lowest, highest)
}
