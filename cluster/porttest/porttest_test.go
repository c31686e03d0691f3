package porttest

import (
	"net"
	"strconv"
	"testing"
)

// TestNoPortIsGivenTwiceOrToConnections, and each can be listened on.
func TestNoPortIsGivenTwiceOrToConnections(t *testing.T) {
	seen := map[int]bool{}
	for range 10 {
		ports, err := Free(5)
		if err != nil {
			t.Fatal(err)
		}
		for _, port := range ports {
			if seen[port] || port < lowest || port >= highest {
				t.Errorf("port %d, after %v", port, seen)
			}
			seen[port] = true
		}
	}
	addr, err := Addr()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if port := l.Addr().(*net.TCPAddr).Port; used(port) == nil || addr != "127.0.0.1:"+strconv.Itoa(port) {
		t.Errorf("%s is listened on, and counts as free", addr)
	}
}
