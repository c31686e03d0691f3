package gdict

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// A node is one member of a group whose members talk in memory.
type node struct {
	dict   *Dict
	group  *genleader.Group
	watch  *Watch // of everything, begun before the group
	system *actor.ActorSystem
	pid    *actor.PID
}

// bus carries frames between nodes; a member that is not in it is unreachable.
type bus struct {
	mu      sync.Mutex
	nodes   map[string]*node
	deaf    map[string]bool // these are heard, and hear nothing
	loses   int             // one of so many frames is lost, as the link breaks and is up again; zero: none
	frames  int
	largest int // bytes of the largest frame since largestSince
	bounds  []Option
	leases  bool
	late    chan func() // frames that are on their way; nil: they arrive at once
}

func (b *bus) send(from genleader.Member, to string, frame []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, there := b.nodes[from.Name]; !there {
		return
	}
	if b.frames++; b.loses > 0 && b.frames%b.loses == 0 {
		return
	}
	if peer, there := b.nodes[to]; there && !b.deaf[to] {
		b.largest = max(b.largest, len(frame))
		if b.late != nil {
			b.late <- func() { peer.group.Deliver(from, slices.Clone(frame)) }
			return
		}
		peer.group.Deliver(from, frame)
	}
}

// slow makes every frame take so long from now on, until stop is called.
func (b *bus) slow(pause time.Duration) (stop func()) {
	late, end := make(chan func(), 10_000), make(chan struct{})
	b.mu.Lock()
	b.late = late
	b.mu.Unlock()
	go func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(pause):
			}
			for range len(late) {
				(<-late)()
			}
		}
	}()
	return func() { close(end) }
}

// largestSince returns how many bytes the largest frame since the last call had.
func (b *bus) largestSince() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.largest
	b.largest = 0
	return n
}

func (b *bus) start(t *testing.T, name string, incarnation uint64, voters []string, logEntries int) *node {
	n := &node{dict: New(b.bounds...), system: actorstest.System()}
	n.watch = n.dict.Watch("")
	self := genleader.Member{Name: name, Incarnation: incarnation}
	group, err := genleader.New(n.system, genleader.Config{
		Self: self, Candidates: voters, Behaviour: n.dict.Behaviour(), LogEntries: logEntries, Leases: b.leases,
		Send: func(to string, frame []byte) error { b.send(self, to, frame); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.group = group
	n.dict.Attach(group)
	b.mu.Lock()
	b.nodes[name] = n
	peers := make([]*node, 0, len(b.nodes))
	for _, peer := range b.nodes {
		peers = append(peers, peer)
	}
	b.mu.Unlock()
	n.pid = n.system.Root.Spawn(group.Props())
	synctest.Wait()
	for _, peer := range peers {
		if peer != n {
			peer.group.LinkUp(self)
			group.LinkUp(peer.group.Member())
		}
	}
	return n
}

// startThree starts a group of three.
func (b *bus) startThree(t *testing.T) []*node {
	voters := []string{"n1", "n2", "n3"}
	var nodes []*node
	for i, name := range voters {
		nodes = append(nodes, b.start(t, name, uint64(i+1), voters, 0))
	}
	return nodes
}

// cut makes a member unreachable, as by a silent network fault.
func (b *bus) cut(name string) *node {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[name]
	delete(b.nodes, name)
	return n
}

func (n *node) stop(t *testing.T) {
	if err := n.system.Root.StopFuture(n.pid).Wait(); err != nil {
		t.Error(err)
	}
	n.watch.Close()
}

func inBubble(t *testing.T, f func(t *testing.T, b *bus)) {
	synctest.Test(t, func(t *testing.T) {
		f(t, &bus{nodes: map[string]*node{}, deaf: map[string]bool{}})
		time.Sleep(time.Second) // lets the throttle of dead letters and the timers go
	})
}

func TestAReplyMeansThatTheCallersOwnMemberHasIt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		nodes := b.startThree(t)
		for i := range 30 {
			n := nodes[i%3]
			key := fmt.Sprint("k", i)
			rev, err := n.dict.Store(t.Context(), key, []byte{byte(i)})
			if err != nil {
				t.Fatal(err)
			}
			if entry, found := n.dict.Find(key); !found || entry.Rev != rev {
				t.Fatalf("%s stored at %d; its own member has %v, %v", key, rev, entry, found)
			}
		}
		same(t, nodes...)
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// TestAMemberThatStartsAgainIsBroughtUpToDate: a new process of n3 gets a snapshot and the rest of the log; its watch,
// begun before, shows the whole dictionary once.
func TestAMemberThatStartsAgainIsBroughtUpToDate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		voters := []string{"n1", "n2", "n3"}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 10)
		}
		add := func(n int) {
			for i := range n {
				if _, err := nodes["n1"].dict.UpdateCounter(t.Context(), fmt.Sprint("k", i%7), 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		add(50)
		b.cut("n3").stop(t)
		add(50)
		nodes["n3"] = b.start(t, "n3", 100, voters, 10)
		add(10)
		same(t, nodes["n1"], nodes["n2"], nodes["n3"])
		view, restored := nodes["n3"].look(t)
		if restored == 0 {
			t.Error("nothing came by a snapshot")
		}
		entries, _ := nodes["n3"].dict.ToList("")
		for _, entry := range entries {
			if view[entry.Key] != entry.Rev {
				t.Errorf("%s: the watch has revision %d, wanted %d", entry.Key, view[entry.Key], entry.Rev)
			}
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// TestWithoutAMajorityNothingSucceeds: a member that is cut off answers with an error, and changes nothing.
func TestWithoutAMajorityNothingSucceeds(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		nodes := b.startThree(t)
		if _, err := nodes[0].dict.Store(t.Context(), "k", []byte("before")); err != nil {
			t.Fatal(err)
		}
		b.cut("n2")
		b.cut("n3")
		for _, n := range nodes {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			rev, err := n.dict.Store(ctx, "k", []byte("after"))
			cancel()
			if !errors.Is(err, genleader.ErrNoLeader) && !errors.Is(err, genleader.ErrUncertain) {
				t.Fatalf("stored at %d, %v", rev, err)
			}
			if entry, _ := n.dict.Find("k"); string(entry.Value) == "after" {
				t.Fatalf("found %v", entry)
			}
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// TestAcknowledgedWritesOutliveTheLeader: the leader is cut off while another member writes; nothing that was
// acknowledged is missing, and a counter has counted every acknowledged addition, and at most the uncertain ones more.
func TestAcknowledgedWritesOutliveTheLeader(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		voters := []string{"n1", "n2", "n3"}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 0)
		}
		if _, err := nodes["n1"].dict.Store(t.Context(), "n", []byte("0")); err != nil {
			t.Fatal(err)
		}
		leader := nodes["n1"].group.View().Leader.Name
		var left []*node
		for _, name := range voters {
			if name != leader {
				left = append(left, nodes[name])
			}
		}
		acknowledged, uncertain := int64(0), int64(0)
		for i := range 200 {
			if i == 100 {
				b.cut(leader)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			switch _, err := left[i%2].dict.UpdateCounter(ctx, "n", 1); {
			case err == nil:
				acknowledged++
			case errors.Is(err, genleader.ErrUncertain):
				uncertain++
			case !errors.Is(err, genleader.ErrNoLeader):
				t.Error(err)
			}
			cancel()
		}
		same(t, left...)
		entry, _ := left[0].dict.Find("n")
		n, err := entry.Counter()
		if err != nil || n < acknowledged || n > acknowledged+uncertain || acknowledged < 150 {
			t.Errorf("counted %d; acknowledged %d, uncertain %d (%v)", n, acknowledged, uncertain, err)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// look reads what the node's watch has: the last revision of each key, and how many changes came by a snapshot.
func (n *node) look(t *testing.T) (view map[string]uint64, restored int) {
	t.Helper()
	view, synced := map[string]uint64{}, false
	for {
		synctest.Wait()
		select {
		case event := <-n.watch.Events():
			if event.Rev <= view[event.Key] && !event.Synced {
				t.Fatalf("%v comes again", event)
			}
			if synced && event.Term == 0 {
				restored++
			}
			synced = synced || event.Synced
			view[event.Key] = event.Rev
		default:
			return view, restored
		}
	}
}

// same fails unless all dictionaries have the same bytes once everything has arrived.
func same(t *testing.T, nodes ...*node) {
	t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	want, err := nodes[0].dict.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes[1:] {
		got, err := n.dict.snapshot()
		if err != nil || string(got) != string(want) {
			t.Fatalf("the dictionaries differ (%v)", err)
		}
	}
}
