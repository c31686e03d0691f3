package netnstest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	namePrefix = "gendac-test-" // then the process id of the test, a counter and the member
	memberPort = "7100"
)

// ErrNotPermitted says that this process may not make network namespaces.
var ErrNotPermitted = errors.New("netnstest: needs network namespaces: run it as root on Linux, with the package iproute2 installed")

var networks atomic.Int64 // made by this process so far

// A Network is one of machines: every member has a network namespace of its own and reaches the others through a router,
// which can drop packets silently. A judge has a link of its own to each of them, which is never cut.
//
//	a1 --10.88.1.0/30-- router --10.88.2.0/30-- b1          a1 --10.99.1.0/30-- judge --10.99.2.0/30-- b1
//	                       '-----10.88.3.0/30-- w1                               '----10.99.3.0/30-- w1
//
// A cut is a rule of the router's policy routing: packets from one member to another vanish, and nobody is told. The
// methods that change the network are for one goroutine.
type Network struct {
	Loud bool // cuts are told to the sender (ICMP), as a router does that has lost a route

	members []string
	prefix  string
	conn    *net.UDPConn
	cuts    map[[2]string]bool
	places  map[string]place // by member
}

// A place is a namespace for one member.
type place struct {
	name   string // of the namespace
	number int    // in the judge's addresses
}

// New builds a network for these members, at most 100. Close removes it. Without the right to do so it fails with
// ErrNotPermitted.
func New(members ...string) (*Network, error) {
	removeOrphans()
	n := &Network{members: members, cuts: map[[2]string]bool{}, places: map[string]place{}}
	n.prefix = fmt.Sprintf("%s%d-%d-", namePrefix, os.Getpid(), networks.Add(1))
	if err := ip("netns", "add", n.prefix+"router"); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNotPermitted, err)
	}
	if err := n.build(); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) build() error {
	if err := ip("netns", "add", n.prefix+"judge"); err != nil {
		return err
	}
	for i, name := range n.members {
		if err := n.furnish(name, place{name, i + 1}); err != nil {
			return err
		}
	}
	err := ip("netns", "exec", n.prefix+"router", "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	if err != nil {
		return err
	}
	n.conn, err = n.listenAt("judge")
	return err
}

// Close removes the network. Processes in it must have ended.
func (n *Network) Close() error {
	var err error
	if n.conn != nil {
		err = n.conn.Close()
	}
	remove(n.prefix)
	return err
}

// number is a member's, in the addresses.
func (n *Network) number(member string) int { return 1 + slices.Index(n.members, member) }

// furnish makes a namespace for a member.
func (n *Network) furnish(member string, p place) error {
	n.places[member] = p
	here := n.prefix + p.name
	if err := ip("netns", "add", here); err != nil {
		return err
	}
	return errors.Join(
		ip("-n", here, "link", "set", "lo", "up"),
		n.connect(p, "router", fmt.Sprintf("10.88.%d", n.number(member))),
		n.connect(p, "judge", fmt.Sprintf("10.99.%d", p.number)),
		ip("-n", here, "route", "add", "default", "via", fmt.Sprintf("10.88.%d.1", n.number(member))),
	)
}

// Replace gives a member's address to a new machine. The old one stays where it is, without a way to the others.
func (n *Network) Replace(member string) error {
	old := n.places[member]
	if err := ip("-n", n.prefix+"router", "addr", "flush", "dev", "to-"+old.name); err != nil {
		return err
	}
	return n.furnish(member, place{old.name + "-new", old.number + len(n.members)})
}

// connect lays a cable between a place and a hub, which has the first address of the cable's network.
func (n *Network) connect(p place, hub, net string) error {
	here, there := n.prefix+p.name, n.prefix+hub
	if err := ip("-n", there, "link", "add", "to-"+p.name, "type", "veth", "peer", "name", "to-"+hub, "netns", here); err != nil {
		return err
	}
	for i, end := range []struct{ namespace, device string }{{there, "to-" + p.name}, {here, "to-" + hub}} {
		if err := ip("-n", end.namespace, "addr", "add", fmt.Sprintf("%s.%d/30", net, i+1), "dev", end.device); err != nil {
			return err
		}
		if err := ip("-n", end.namespace, "link", "set", end.device, "up"); err != nil {
			return err
		}
	}
	return nil
}

func ip(args ...string) error {
	if text, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("netnstest: ip %s: %w: %s", strings.Join(args, " "), err, text)
	}
	return nil
}

// listenAt opens a socket inside a namespace. A socket stays where it was opened, so only the thread that opens it has
// to go there; it is not used for anything else afterwards.
func (n *Network) listenAt(where string) (*net.UDPConn, error) {
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
	return conn, err
}

func (n *Network) host(member string) string { return fmt.Sprintf("10.88.%d.2", n.number(member)) }

// Addr is where the others reach a member.
func (n *Network) Addr(member string) string { return net.JoinHostPort(n.host(member), memberPort) }

// Judge is the judge's socket, which Close closes, and JudgeAddr where a member reaches it.
func (n *Network) Judge() *net.UDPConn { return n.conn }

// JudgeAddr is where a member reaches the judge's socket.
func (n *Network) JudgeAddr(member string) string {
	return fmt.Sprintf("10.99.%d.1:%d", n.places[member].number, n.conn.LocalAddr().(*net.UDPAddr).Port)
}

// Command is what runs argv at a member's place.
func (n *Network) Command(member string, argv ...string) []string {
	return append([]string{"ip", "netns", "exec", n.prefix + n.places[member].name}, argv...)
}

// Cut drops everything that one member sends to another, from now on. It says nothing about the other direction.
func (n *Network) Cut(from, to string) error {
	way := [2]string{from, to}
	if n.cuts[way] {
		return nil
	}
	n.cuts[way] = true
	return n.rule("add", way)
}

// Isolate cuts a member off from all others, both ways.
func (n *Network) Isolate(member string) error {
	return errors.Join(n.Outbound(member), n.Inbound(member))
}

// Outbound drops what a member sends to the others.
func (n *Network) Outbound(member string) error {
	var errs []error
	for _, peer := range n.members {
		if peer != member {
			errs = append(errs, n.Cut(member, peer))
		}
	}
	return errors.Join(errs...)
}

// Inbound drops what the others send to a member.
func (n *Network) Inbound(member string) error {
	var errs []error
	for _, peer := range n.members {
		if peer != member {
			errs = append(errs, n.Cut(peer, member))
		}
	}
	return errors.Join(errs...)
}

// Heal ends all cuts.
func (n *Network) Heal() error {
	var errs []error
	for way := range n.cuts {
		errs = append(errs, n.rule("del", way))
	}
	clear(n.cuts)
	return errors.Join(errs...)
}

func (n *Network) rule(what string, way [2]string) error {
	how := "blackhole"
	if n.Loud {
		how = "unreachable"
	}
	return ip("-n", n.prefix+"router", "rule", what, "from", n.host(way[0]), "to", n.host(way[1]), how)
}

// remove deletes namespaces, and with them the cables.
func remove(prefix string) {
	for _, name := range listNamespaces() {
		if strings.HasPrefix(name, prefix) {
			_ = exec.Command("ip", "netns", "del", name).Run() // the next network tries again
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

// removeOrphans deletes what processes left behind that were killed.
func removeOrphans() {
	for _, name := range listNamespaces() {
		rest, ours := strings.CutPrefix(name, namePrefix)
		id, _, _ := strings.Cut(rest, "-")
		if pid, err := strconv.Atoi(id); ours && err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			remove(namePrefix + id + "-")
		}
	}
}
