//go:build process && linux

package node

import (
	"errors"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/remoting"
)

// TestAMemberThatLosesItsPortEnds, and says that this is why: its peers would take it for dead, and it would act on.
func TestAMemberThatLosesItsPortEnds(t *testing.T) {
	c := newCluster(t)
	for _, name := range []string{"a1", "b1", "w1"} {
		c.start(name)
	}
	c.eventually("a1 active and b1 standby", c.settled("b1", "a1", "b1"))
	a1 := c.nodes["a1"]
	delete(c.nodes, "a1")
	closePort(t, a1.remoting.Addr())
	select {
	case <-a1.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("it lives on without a port")
	}
	if err := a1.Err(); !errors.Is(err, ErrFailed) || !errors.Is(err, remoting.ErrPortLost) {
		t.Errorf("it ended with %v, want the loss of its port", err)
	}
	c.eventually("b1 active", func() bool {
		s := c.nodes["b1"].Status()
		g, _ := s.Group("pair")
		return g.Active == "b1" && g.Phase == "running"
	})
}

// closePort ends a listening socket of this process behind the back of whoever serves on it.
func closePort(t *testing.T, addr string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	want, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || listens == 0 {
			continue
		}
		at, err := syscall.Getsockname(fd)
		if in, ok := at.(*syscall.SockaddrInet4); err == nil && ok && in.Port == want.Port {
			if err := syscall.Shutdown(fd, syscall.SHUT_RDWR); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("nothing of this process listens on %s", addr)
}
