//go:build process && linux

package node_test

import (
	"errors"
	"net"
	"os"
	"testing"

	"github.com/gendac/gendac/cluster/netnstest"
)

// namespaces is a network of machines for one test, which fails when it cannot be changed.
type namespaces struct {
	*netnstest.Network
	t *testing.T
}

// newNamespaces builds the network and removes it when the test ends. Without the right to do so the test is skipped,
// or fails when CI=true.
func newNamespaces(t *testing.T) *namespaces {
	t.Helper()
	n, err := netnstest.New(names...)
	if errors.Is(err, netnstest.ErrNotPermitted) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return &namespaces{n, t}
}

func (n *namespaces) addr(member string) string      { return n.Addr(member) }
func (n *namespaces) listen() *net.UDPConn           { return n.Judge() }
func (n *namespaces) judgeAddr(member string) string { return n.JudgeAddr(member) }
func (n *namespaces) command(member string, argv ...string) []string {
	return n.Command(member, argv...)
}

func (n *namespaces) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *namespaces) cut(from, to string)    { n.t.Helper(); n.must(n.Cut(from, to)) }
func (n *namespaces) isolate(member string)  { n.t.Helper(); n.must(n.Isolate(member)) }
func (n *namespaces) outbound(member string) { n.t.Helper(); n.must(n.Outbound(member)) }
func (n *namespaces) inbound(member string)  { n.t.Helper(); n.must(n.Inbound(member)) }
func (n *namespaces) replace(member string)  { n.t.Helper(); n.must(n.Replace(member)) }
func (n *namespaces) heal()                  { n.t.Helper(); n.must(n.Heal()) }
