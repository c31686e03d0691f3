package genleader

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// A hubNet is some processes with a hub each, in memory and in virtual time.
type hubNet struct {
	t     *testing.T
	names []string
	mu    sync.Mutex
	hosts map[string]*hubHost
	cuts  map[[2]string]bool
	ways  map[[2]string]chan func() // frames of each direction keep their order
	lose  int                       // so many frames are lost
	sent  int                       // frames
}

type hubHost struct {
	net    *hubNet
	self   Member
	system *actor.ActorSystem
	hub    *Hub
	gone   bool
	full   bool // its transport takes nothing
}

// tenant is one member of one group.
type tenant struct {
	Defaults
	group *Group
	pid   *actor.PID
	host  *hubHost

	mu      sync.Mutex
	applied []string
	events  []Event
	downs   []string
}

func (m *tenant) HandleLeaderCall(_ *Election, _ From, req []byte) Answer { return Broadcast(req) }

func (m *tenant) FromLeader(_ *Election, msg []byte) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.applied = append(m.applied, string(msg))
	return msg
}

func (m *tenant) HandleDown(_ *Election, who Member, reason error) Answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.downs = append(m.downs, fmt.Sprintf("%s: %v", who.Name, reason))
	return NoReply()
}

// has is what this member has applied.
func (m *tenant) has() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.applied, " ")
}

// told takes the events since the last time.
func (m *tenant) told() string {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	var lines []string
	for _, e := range m.events {
		lines = append(lines, e.String())
	}
	m.events = nil
	return strings.Join(lines, "\n")
}

func inHubNet(t *testing.T, f func(t *testing.T, n *hubNet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &hubNet{t: t, names: []string{"a1", "b1", "c1"}, hosts: map[string]*hubHost{}, cuts: map[[2]string]bool{}, ways: map[[2]string]chan func(){}}
		for i, name := range n.names {
			n.start(name, uint64(i+1))
		}
		f(t, n)
		for _, h := range n.hosts {
			h.stop()
		}
		n.mu.Lock()
		for _, way := range n.ways {
			close(way)
		}
		n.mu.Unlock()
		actorstest.Sleep(10 * time.Second)
	})
}

func (n *hubNet) start(name string, incarnation uint64) *hubHost {
	h := &hubHost{net: n, self: Member{name, incarnation}, system: actorstest.System()}
	hub, err := NewHub(h.system, HubConfig{Self: h.self, Send: func(to string, frame []byte) error { return n.deliver(h, to, frame) }})
	if err != nil {
		n.t.Fatal(err)
	}
	h.hub = hub
	n.mu.Lock()
	var peers []*hubHost
	for _, peer := range n.hosts {
		if !peer.gone && peer.self.Name != name {
			peers = append(peers, peer)
		}
	}
	n.hosts[name] = h
	n.mu.Unlock()
	for _, peer := range peers {
		hub.LinkUp(peer.self)
		peer.hub.LinkUp(h.self)
	}
	return h
}

// deliver brings a frame over without its sender waiting for the receiver.
func (n *hubNet) deliver(from *hubHost, to string, frame []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if from.full {
		return errors.New("the peer takes messages too slowly")
	}
	n.sent++
	peer := n.hosts[to]
	if n.lose > 0 {
		n.lose--
		return nil
	}
	if peer == nil || peer.gone || from.gone || n.cuts[[2]string{from.self.Name, to}] {
		return nil
	}
	way := n.ways[[2]string{from.self.Name, to}]
	if way == nil {
		way = make(chan func(), 10000)
		n.ways[[2]string{from.self.Name, to}] = way
		go func() {
			for arrive := range way {
				time.Sleep(100 * time.Microsecond)
				arrive()
			}
		}()
	}
	way <- func() { peer.hub.Deliver(from.self, frame) }
	return nil
}

// count says how many frames are sent within d.
func (n *hubNet) count(d time.Duration) int {
	n.mu.Lock()
	before := n.sent
	n.mu.Unlock()
	actorstest.Sleep(d)
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent - before
}

func (n *hubNet) isolate(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.names {
		n.cuts[[2]string{name, other}], n.cuts[[2]string{other, name}] = true, true
	}
}

// kill ends a process; its peers see it at once.
func (n *hubNet) kill(h *hubHost) {
	n.mu.Lock()
	h.gone = true
	n.mu.Unlock()
	for _, peer := range n.hosts {
		if peer != h && !peer.gone {
			peer.hub.LinkDown(h.self, true)
		}
	}
}

func (h *hubHost) stop() {
	h.hub.mu.Lock()
	var pids []*actor.PID
	for _, g := range h.hub.groups {
		if pid := g.pid.Load(); pid != nil {
			pids = append(pids, pid)
		}
	}
	h.hub.mu.Unlock()
	for _, pid := range pids {
		_ = h.system.Root.StopFuture(pid).Wait()
	}
	h.hub.Close()
}

func (h *hubHost) open(group string, change ...func(*Config)) *tenant {
	h.net.t.Helper()
	m := &tenant{host: h}
	cfg := Config{Candidates: h.net.names, Behaviour: m, Event: func(e Event) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.events = append(m.events, e)
	}}
	for _, c := range change {
		c(&cfg)
	}
	g, err := h.hub.Group(group, cfg)
	if err != nil {
		h.net.t.Fatal(err)
	}
	m.group = g
	m.pid = h.system.Root.Spawn(g.Props())
	return m
}

func (n *hubNet) open(group string, change ...func(*Config)) map[string]*tenant {
	all := map[string]*tenant{}
	for _, name := range n.names {
		all[name] = n.hosts[name].open(group, change...)
	}
	return all
}

func leaderOf(t *testing.T, members map[string]*tenant) *tenant {
	t.Helper()
	for _, m := range members {
		if !m.host.gone && m.group.View().Phase == Leading {
			return m
		}
	}
	t.Fatal("nobody leads")
	return nil
}

func followerOf(t *testing.T, members map[string]*tenant) *tenant {
	t.Helper()
	for _, name := range []string{"c1", "b1", "a1"} {
		if m := members[name]; m != nil && !m.host.gone && m.group.View().Phase == Following {
			return m
		}
	}
	t.Fatal("nobody follows")
	return nil
}

func (m *tenant) call(request string) error {
	_, err := m.group.LeaderCall(within(m.host.net.t, 3*time.Second), []byte(request))
	return err
}

func (m *tenant) hibernates(t *testing.T) bool {
	t.Helper()
	in, err := m.group.Inspect(within(t, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return in.Hibernating
}

func TestGroupsOfOneHubDoNotKnowOfEachOther(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		orders, prices := n.open("orders"), n.open("prices")
		actorstest.Sleep(time.Second)
		if err := followerOf(t, orders).call("one"); err != nil {
			t.Fatal(err)
		}
		if err := followerOf(t, prices).call("two"); err != nil {
			t.Fatal(err)
		}
		actorstest.Sleep(100 * time.Millisecond)
		for name := range orders {
			if got := orders[name].has() + "|" + prices[name].has(); got != "one|two" {
				t.Errorf("%s has applied %s, want one|two", name, got)
			}
		}
	})
}

// TestWhatTheTransportRefusesOfSeveralGroupsIsSentAgain: also what waited for others to have their say.
func TestWhatTheTransportRefusesOfSeveralGroupsIsSentAgain(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		orders, prices := n.open("orders"), n.open("prices")
		actorstest.Sleep(time.Second)
		caller, other := followerOf(t, orders), followerOf(t, prices)
		caller.host.refuse(true)
		answers := make(chan error, 2)
		for _, m := range []*tenant{caller, other} {
			go func() { answers <- m.call("meanwhile") }()
		}
		actorstest.Sleep(100 * time.Millisecond)
		if got := caller.has(); got != "" {
			t.Fatalf("%q was sent", got)
		}
		caller.host.refuse(false)
		for range 2 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		actorstest.Sleep(time.Second)
		for name := range orders {
			if got := orders[name].has() + "|" + prices[name].has(); got != "meanwhile|meanwhile" {
				t.Errorf("%s has applied %s, want each once", name, got)
			}
		}
	})
}

func (h *hubHost) refuse(full bool) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.full = full
}

func TestGroupsOpenAndCloseInAnyOrder(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		orders := n.open("orders")
		prices := map[string]*tenant{"b1": n.hosts["b1"].open("prices")}
		actorstest.Sleep(time.Second)
		if phase := prices["b1"].group.View().Phase; phase != Gathering {
			t.Fatalf("alone it is %v, want gathering", phase)
		}
		prices["c1"] = n.hosts["c1"].open("prices")
		prices["a1"] = n.hosts["a1"].open("prices")
		actorstest.Sleep(time.Second)
		if err := followerOf(t, prices).call("one"); err != nil {
			t.Fatal(err)
		}
		// One member closes its part, and opens it again as another incarnation. The other group hears nothing of it.
		for _, m := range orders {
			m.told()
		}
		closes := followerOf(t, prices)
		at := closes.host
		_ = at.system.Root.StopFuture(closes.pid).Wait()
		actorstest.Sleep(time.Second)
		if got := leaderOf(t, prices).downs; len(got) != 1 || got[0] != at.self.Name+": genleader: the member's process is gone" {
			t.Errorf("the leader was told %q, want that %s is gone", got, at.self.Name)
		}
		again := at.open("prices")
		if again.group.cfg.Self.Incarnation <= closes.group.cfg.Self.Incarnation {
			t.Errorf("opened again as %v after %v", again.group.cfg.Self, closes.group.cfg.Self)
		}
		actorstest.Sleep(time.Second)
		if err := again.call("two"); err != nil {
			t.Fatal(err)
		}
		for name, m := range orders {
			if told := m.told(); strings.Contains(told, "down") || strings.Contains(told, "lost") || strings.Contains(told, "left") {
				t.Errorf("%s of the other group was told %q", name, told)
			}
		}
	})
}

// TestAMemberThatLeavesIsToldOfOnce: also in a group whose closing counts as the end of a process, and when that ends, too.
func TestAMemberThatLeavesIsToldOfOnce(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		orders := n.open("orders")
		actorstest.Sleep(time.Second)
		leader, leaves := leaderOf(t, orders), followerOf(t, orders)
		if err := leaves.group.Leave(within(t, time.Second)); err != nil {
			t.Fatal(err)
		}
		actorstest.Sleep(time.Second)
		n.kill(leaves.host)
		actorstest.Sleep(time.Second)
		leader.mu.Lock()
		defer leader.mu.Unlock()
		if got := leader.downs; len(got) != 1 || got[0] != leaves.host.self.Name+": "+ErrLeft.Error() {
			t.Errorf("the leader was told %q, want once that it left", got)
		}
	})
}

func TestALeaderThatClosesItsGroupIsReplacedAtOnce(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		members := n.open("orders")
		actorstest.Sleep(2 * time.Second)
		leader, other := leaderOf(t, members), followerOf(t, members)
		if !leader.hibernates(t) || !other.hibernates(t) {
			t.Fatal("the group does not hibernate")
		}
		_ = leader.host.system.Root.StopFuture(leader.pid).Wait()
		actorstest.Sleep(50 * time.Millisecond)
		delete(members, leader.host.self.Name)
		if next := leaderOf(t, members); next == leader {
			t.Error("it leads on")
		}
	})
}

func TestAPeerWithoutTheGroupIsLeftAlone(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		a, b, c := n.hosts["a1"].open("orders"), n.hosts["b1"].open("orders"), n.hosts["c1"]
		actorstest.Sleep(time.Second)
		if in, err := a.group.Inspect(within(t, time.Second)); err != nil || in.Phase != Gathering {
			t.Errorf("%v, %v", in, err)
		}
		_ = b
		c.open("orders")
		actorstest.Sleep(time.Second)
		if a.group.View().Leader.Name == "" {
			t.Error("no leader after the last member opened its part")
		}
	})
}

func TestLostWordOfAnOpeningIsRepeated(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		a, b := n.hosts["a1"].open("orders"), n.hosts["b1"].open("orders")
		actorstest.Sleep(100 * time.Millisecond)
		n.mu.Lock()
		n.lose = 6
		n.mu.Unlock()
		c := n.hosts["c1"].open("orders")
		actorstest.Sleep(3 * time.Second)
		for _, m := range []*tenant{a, b, c} {
			if m.group.View().Leader.Name == "" {
				t.Errorf("%s has no leader", m.host.self.Name)
			}
		}
	})
}

func TestWhatSeveralGroupsSayAtOnceTravelsTogether(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		const groups = 20
		var all []map[string]*tenant
		for i := range groups {
			all = append(all, n.open(fmt.Sprint("group ", i), func(cfg *Config) { cfg.Leases = true }))
		}
		actorstest.Sleep(2 * time.Second)
		for _, members := range all {
			leaderOf(t, members)
		}
		// 20 leaders send heartbeats 20 times a second to two others, who answer: 1600 frames, if each went alone. How
		// many go together is also up to Go's scheduler; mostly it is six or more.
		if sent := n.count(time.Second); sent > 1600/2 {
			t.Errorf("%d frames in a second, want fewer than %d", sent, 1600/2)
		}
	})
}

func TestHubRefusesWhatItCannotCarry(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		h := n.hosts["a1"]
		open := h.open("orders")
		cfg := Config{Candidates: n.names, Behaviour: Defaults{}}
		if _, err := h.hub.Group("orders", cfg); !errors.Is(err, ErrOpen) {
			t.Errorf("a second group of a name: %v", err)
		}
		for _, name := range []string{"", strings.Repeat("x", 201)} {
			if _, err := h.hub.Group(name, cfg); err == nil {
				t.Errorf("a group named %q", name)
			}
		}
		_ = h.system.Root.StopFuture(open.pid).Wait()
		<-open.group.Done()
		h.open("orders")
		h.stop()
		if _, err := h.hub.Group("prices", cfg); !errors.Is(err, ErrHubClosed) {
			t.Errorf("a group of a closed hub: %v", err)
		}
	})
}

// TestOthersWhoWantTheProcessorHoldNoFrameUp: whoever lets them run before frames of several groups are sent does not come
// back. The frames go all the same.
func TestOthersWhoWantTheProcessorHoldNoFrameUp(t *testing.T) {
	inHubNet(t, func(t *testing.T, n *hubNet) {
		letGo := make(chan struct{})
		for _, h := range n.hosts {
			h.hub.mu.Lock()
			h.hub.letRun = func() { <-letGo }
			h.hub.mu.Unlock()
		}
		orders, prices := n.open("orders"), n.open("prices")
		actorstest.Sleep(2 * time.Second)
		for _, members := range []map[string]*tenant{orders, prices} {
			leader := leaderOf(t, members)
			if _, err := leader.group.LeaderCall(within(t, time.Second), []byte("x")); err != nil {
				t.Error(err)
			}
		}
		close(letGo)
	})
}
