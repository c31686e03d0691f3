//go:build process && linux

package node_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	namespacePrefix = "gendac-node-test-" // then the process id of the test, a counter and the member
	memberPort      = "7100"
)

var networks atomic.Int64 // made by this process so far

// namespaces is a network of machines: every member has a network namespace of its own and reaches the others through a
// router, which can drop packets silently. The judge has a link of its own to each of them, which is never cut.
//
//	a1 --10.88.1.0/30-- router --10.88.2.0/30-- b1          a1 --10.99.1.0/30-- judge --10.99.2.0/30-- b1
//	                       '-----10.88.3.0/30-- w1                               '----10.99.3.0/30-- w1
//
// A cut is a rule of the router's policy routing: packets from one member to another vanish, and nobody is told.
type namespaces struct {
	t      *testing.T
	prefix string
	conn   *net.UDPConn
	cuts   map[[2]string]bool
	loud   bool             // cuts are told to the sender (ICMP), as a router does that has lost a route
	places map[string]place // by member
}

// A place is a namespace for one member.
type place struct {
	name   string // of the namespace
	number int    // in the judge's addresses
}

// newNamespaces builds the network and removes it when the test ends. Without the right to do so the test is skipped,
// or fails when CI=true.
func newNamespaces(t *testing.T) *namespaces {
	t.Helper()
	removeOrphans()
	n := &namespaces{t: t, cuts: map[[2]string]bool{}, places: map[string]place{}}
	n.prefix = fmt.Sprintf("%s%d-%d-", namespacePrefix, os.Getpid(), networks.Add(1))
	if text, err := exec.Command("ip", "netns", "add", n.prefix+"router").CombinedOutput(); err != nil {
		const need = "needs network namespaces: run it as root on Linux, with the package iproute2 installed (%v: %s)"
		if os.Getenv("CI") == "true" {
			t.Fatalf(need, err, text)
		}
		t.Skipf(need, err, text)
	}
	t.Cleanup(func() { remove(n.prefix) })
	n.ip("netns", "add", n.prefix+"judge")
	for i, name := range names {
		n.furnish(name, place{name, i + 1})
	}
	n.ip("netns", "exec", n.prefix+"router", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	n.conn = n.listenAt("judge")
	return n
}

// number is a member's, in the addresses.
func number(member string) int {
	return map[string]int{"a1": 1, "b1": 2, "w1": 3}[member]
}

// furnish makes a namespace for a member.
func (n *namespaces) furnish(member string, p place) {
	n.t.Helper()
	n.places[member] = p
	here := n.prefix + p.name
	n.ip("netns", "add", here)
	n.ip("-n", here, "link", "set", "lo", "up")
	n.connect(p, "router", fmt.Sprintf("10.88.%d", number(member)))
	n.connect(p, "judge", fmt.Sprintf("10.99.%d", p.number))
	n.ip("-n", here, "route", "add", "default", "via", fmt.Sprintf("10.88.%d.1", number(member)))
}

// replace gives a member's address to a new machine. The old one stays where it is, without a way to the others.
func (n *namespaces) replace(member string) {
	n.t.Helper()
	old := n.places[member]
	n.ip("-n", n.prefix+"router", "addr", "flush", "dev", "to-"+old.name)
	n.furnish(member, place{old.name + "-new", old.number + len(names)})
}

// connect lays a cable between a place and a hub, which has the first address of the cable's network.
func (n *namespaces) connect(p place, hub, net string) {
	n.t.Helper()
	here, there := n.prefix+p.name, n.prefix+hub
	n.ip("-n", there, "link", "add", "to-"+p.name, "type", "veth", "peer", "name", "to-"+hub, "netns", here)
	for i, end := range []struct{ namespace, device string }{{there, "to-" + p.name}, {here, "to-" + hub}} {
		n.ip("-n", end.namespace, "addr", "add", fmt.Sprintf("%s.%d/30", net, i+1), "dev", end.device)
		n.ip("-n", end.namespace, "link", "set", end.device, "up")
	}
}

func (n *namespaces) ip(args ...string) {
	n.t.Helper()
	if text, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, text)
	}
}

// listenAt opens a socket inside a namespace. A socket stays where it was opened, so only the thread that opens it has
// to go there; it is not used for anything else afterwards.
func (n *namespaces) listenAt(where string) *net.UDPConn {
	n.t.Helper()
	var conn *net.UDPConn
	var err error
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		runtime.LockOSThread() // for good: the runtime ends the thread with the goroutine
		conn, err = func() (*net.UDPConn, error) {
			there, err := os.Open(filepath.Join("/run/netns", n.prefix+where))
			if err != nil {
				return nil, err
			}
			defer func() { _ = there.Close() }()
			if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
				return nil, err
			}
			return net.ListenUDP("udp4", nil)
		}()
	}()
	<-opened
	if err != nil {
		n.t.Fatal(err)
	}
	return conn
}

func (n *namespaces) host(member string) string { return fmt.Sprintf("10.88.%d.2", number(member)) }
func (n *namespaces) addr(member string) string { return net.JoinHostPort(n.host(member), memberPort) }
func (n *namespaces) listen() *net.UDPConn      { return n.conn }

func (n *namespaces) judgeAddr(member string) string {
	return fmt.Sprintf("10.99.%d.1:%d", n.places[member].number, n.conn.LocalAddr().(*net.UDPAddr).Port)
}

func (n *namespaces) command(member string, argv ...string) []string {
	return append([]string{"ip", "netns", "exec", n.prefix + n.places[member].name}, argv...)
}

// cut drops everything that one member sends to another, from now on. It says nothing about the other direction.
func (n *namespaces) cut(from, to string) {
	n.t.Helper()
	if way := [2]string{from, to}; !n.cuts[way] {
		n.rule("add", way)
		n.cuts[way] = true
	}
}

// isolate cuts a member off from all others, both ways.
func (n *namespaces) isolate(member string) {
	n.t.Helper()
	n.outbound(member)
	n.inbound(member)
}

// outbound drops what a member sends to the others, inbound what they send to it.
func (n *namespaces) outbound(member string) {
	n.t.Helper()
	for _, peer := range names {
		if peer != member {
			n.cut(member, peer)
		}
	}
}

func (n *namespaces) inbound(member string) {
	n.t.Helper()
	for _, peer := range names {
		if peer != member {
			n.cut(peer, member)
		}
	}
}

// heal ends all cuts.
func (n *namespaces) heal() {
	n.t.Helper()
	for way := range n.cuts {
		n.rule("del", way)
	}
	clear(n.cuts)
}

func (n *namespaces) rule(what string, way [2]string) {
	n.t.Helper()
	how := "blackhole"
	if n.loud {
		how = "unreachable"
	}
	n.ip("-n", n.prefix+"router", "rule", what, "from", n.host(way[0]), "to", n.host(way[1]), how)
}

// remove deletes namespaces, and with them the cables. Processes in them must have ended.
func remove(prefix string) {
	for _, name := range listNamespaces() {
		if strings.HasPrefix(name, prefix) {
			_ = exec.Command("ip", "netns", "del", name).Run() // the next test tries again
		}
	}
}

func listNamespaces() []string {
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		return nil // nobody has ever made one
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// removeOrphans deletes what tests left behind that were killed.
func removeOrphans() {
	for _, name := range listNamespaces() {
		rest, ours := strings.CutPrefix(name, namespacePrefix)
		id, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(id); ours && err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			remove(namespacePrefix + id + "-")
		}
	}
}
