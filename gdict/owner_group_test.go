package gdict

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genleader"
)

// inGroup runs f with members that hold leases.
func inGroup(t *testing.T, members int, f func(t *testing.T, b *bus, nodes map[string]*node, voters []string)) {
	inBubble(t, func(t *testing.T, b *bus) {
		b.leases = true
		var voters []string
		for i := range members {
			voters = append(voters, fmt.Sprint("n", i+1))
		}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 0)
		}
		time.Sleep(2 * time.Second)
		f(t, b, nodes, voters)
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// kill ends a member's process, and the others find its address refusing.
func (b *bus) kill(t *testing.T, nodes map[string]*node, name string) *node {
	t.Helper()
	gone := nodes[name]
	b.cut(name)
	gone.stop(t)
	delete(nodes, name)
	for _, n := range nodes {
		n.group.LinkDown(gone.group.Member(), true)
	}
	return gone
}

// own stores the keys by their own member: one of nobody's, and one of its process's, and one while it has its lease.
func own(t *testing.T, n *node) (mine Owner) {
	t.Helper()
	mine = Member(n.group.Member())
	for key, options := range map[string][]StoreOption{
		"free": nil, "mine": {OwnedBy(mine)}, "leased": {OwnedBy(mine.WhileLeased())},
	} {
		if _, err := n.dict.Store(t.Context(), key, nil, options...); err != nil {
			t.Fatal(err)
		}
	}
	return mine
}

// has fails unless the dictionary has these keys once everything has arrived.
func has(t *testing.T, n *node, wanted ...string) {
	t.Helper()
	time.Sleep(2 * roundEvery)
	synctest.Wait()
	var keys []string
	for entry := range n.dict.View().All() {
		keys = append(keys, entry.Key)
	}
	if slices.Sort(wanted); !slices.Equal(keys, wanted) {
		t.Fatalf("%v has %v, wanted %v", n.group.Member(), keys, wanted)
	}
}

// anyOf returns one of the nodes, a leader or another.
func anyOf(nodes map[string]*node, leads bool) *node {
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		if n := nodes[name]; (n.group.View().Phase == genleader.Leading) == leads {
			return n
		}
	}
	return nil
}

func TestKeysGoWithTheirMembersProcess(t *testing.T) {
	inGroup(t, 3, func(t *testing.T, b *bus, nodes map[string]*node, _ []string) {
		victim := anyOf(nodes, false)
		mine := own(t, victim)
		if owner, owned := victim.dict.OwnerOf("leased"); !owned || owner != mine.WhileLeased() {
			t.Errorf("owner %v, %v", owner, owned)
		}
		other := anyOf(nodes, true)
		if _, err := other.dict.Store(t.Context(), "given", nil, OwnedBy(mine)); err != nil {
			t.Fatal(err)
		}
		b.kill(t, nodes, victim.group.Member().Name)
		for _, n := range nodes {
			has(t, n, "free")
		}
		gone := (*OwnerError)(nil)
		if _, err := other.dict.Store(t.Context(), "late", nil, OwnedBy(mine)); !errors.As(err, &gone) || !errors.Is(err, ErrOwnerGone) || gone.Owner != mine {
			t.Errorf("%v: the owner is gone", err)
		}
	})
}

// TestASilentMemberKeepsItsKeys, for as long as it takes; only what is bound to its lease goes, when that is over.
func TestASilentMemberKeepsItsKeys(t *testing.T) {
	inGroup(t, 3, func(t *testing.T, b *bus, nodes map[string]*node, _ []string) {
		silent := anyOf(nodes, false)
		mine := own(t, silent)
		leader := anyOf(nodes, true)
		lease, _ := silent.group.Lease().Current()
		b.cut(silent.group.Member().Name)
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			if _, there := leader.dict.Find("leased"); !there && silent.group.Lease().Holds(lease) {
				t.Fatal("the key has gone before the lease was over")
			}
		}
		has(t, leader, "free", "mine")
		time.Sleep(5 * time.Minute)
		has(t, leader, "free", "mine")
		b.mu.Lock()
		b.nodes[silent.group.Member().Name] = silent // it is heard again
		b.mu.Unlock()
		time.Sleep(10 * time.Second)
		if _, err := silent.dict.Store(t.Context(), "leased", nil, OwnedBy(mine.WhileLeased())); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		has(t, silent, "free", "mine", "leased")
	})
}

// TestANewLeaderFindsOutWhoHasEnded: the leader and the owner die together, and nobody has said so in the log.
func TestANewLeaderFindsOutWhoHasEnded(t *testing.T) {
	inGroup(t, 5, func(t *testing.T, b *bus, nodes map[string]*node, _ []string) {
		victim, leader := anyOf(nodes, false), anyOf(nodes, true)
		own(t, victim)
		b.cut(leader.group.Member().Name)
		b.kill(t, nodes, victim.group.Member().Name)
		b.kill(t, nodes, leader.group.Member().Name)
		time.Sleep(5 * time.Second)
		for _, n := range nodes {
			has(t, n, "free")
		}
	})
}

// TestAReplacedProcessLosesItsKeys: its name comes back as another process, and nobody knows what became of the first. The
// keys stay until its lease is certainly over.
func TestAReplacedProcessLosesItsKeys(t *testing.T) {
	inGroup(t, 3, func(t *testing.T, b *bus, nodes map[string]*node, voters []string) {
		first := anyOf(nodes, false)
		name := first.group.Member().Name
		mine := own(t, first)
		lease, _ := first.group.Lease().Current()
		b.cut(name)
		nodes[name] = b.start(t, name, 100, voters, 0)
		leader := anyOf(nodes, true)
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			if _, there := leader.dict.Find("mine"); !there && first.group.Lease().Holds(lease) {
				t.Fatal("the key has gone before the lease was over")
			}
		}
		has(t, nodes[name], "free")
		if _, err := leader.dict.Store(t.Context(), "late", nil, OwnedBy(mine)); !errors.Is(err, ErrOwnerGone) {
			t.Error(err)
		}
		first.stop(t)
	})
}

func TestAnActorsKeysGoWithIt(t *testing.T) {
	inGroup(t, 3, func(t *testing.T, b *bus, nodes map[string]*node, _ []string) {
		home := anyOf(nodes, false)
		spawn := func() *actor.PID { return home.system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {})) }
		pids := []*actor.PID{spawn(), spawn()}
		var owners []Owner
		for i, pid := range pids {
			owner, err := home.dict.OwnActor(t.Context(), home.system, pid)
			if err != nil {
				t.Fatal(err)
			}
			owners = append(owners, owner)
			if _, err := home.dict.Store(t.Context(), fmt.Sprint("actor", i), nil, OwnedBy(owner)); err != nil {
				t.Fatal(err)
			}
		}
		own(t, home)
		has(t, home, "free", "mine", "leased", "actor0", "actor1")
		home.system.Root.Stop(pids[0])
		has(t, home, "free", "mine", "leased", "actor1")
		if _, err := home.dict.Store(t.Context(), "late", nil, OwnedBy(owners[0])); !errors.Is(err, ErrOwnerGone) {
			t.Error(err)
		}
		dead, err := home.dict.OwnActor(t.Context(), home.system, pids[0]) // one that has ended already
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := home.dict.Store(t.Context(), "late", nil, OwnedBy(dead)); !errors.Is(err, ErrOwnerGone) {
			t.Error(err)
		}
		b.kill(t, nodes, home.group.Member().Name)
		for _, n := range nodes {
			has(t, n, "free")
		}
	})
}

// TestAnActorThatEndsWithoutALeaderLosesItsKeysLater: its member says so until it is heard.
func TestAnActorThatEndsWithoutALeaderLosesItsKeysLater(t *testing.T) {
	inGroup(t, 3, func(t *testing.T, b *bus, nodes map[string]*node, _ []string) {
		home := anyOf(nodes, false)
		pid := home.system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
		owner, err := home.dict.OwnActor(t.Context(), home.system, pid)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := home.dict.Store(t.Context(), "k", nil, OwnedBy(owner)); err != nil {
			t.Fatal(err)
		}
		b.cut(home.group.Member().Name)
		time.Sleep(time.Second)
		home.system.Root.Stop(pid)
		time.Sleep(time.Minute)
		has(t, anyOf(nodes, true), "k")
		b.mu.Lock()
		b.nodes[home.group.Member().Name] = home
		b.mu.Unlock()
		time.Sleep(15 * time.Second)
		has(t, anyOf(nodes, true))
	})
}

// TestWhoIsNoMemberOwnsNothing, and nobody can own while leased where there are no leases.
func TestWhoIsNoMemberOwnsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		n := b.start(t, "n1", 1, []string{"n1"}, 0)
		time.Sleep(time.Second)
		stranger := Member(genleader.Member{Name: "n2", Incarnation: 7})
		if _, err := n.dict.Store(t.Context(), "k", nil, OwnedBy(stranger)); !errors.Is(err, ErrOwnerGone) || !strings.Contains(err.Error(), "n2@7") {
			t.Error(err)
		}
		self, refused := Member(n.group.Member()), (*RefusedError)(nil)
		if _, err := n.dict.Store(t.Context(), "k", nil, OwnedBy(self.WhileLeased())); !errors.As(err, &refused) {
			t.Error(err)
		}
		if _, err := n.dict.Txn(t.Context(), Then(Store("k", nil, OwnedBy(stranger)))); !errors.Is(err, ErrOwnerGone) {
			t.Error(err)
		}
		if _, err := n.dict.Store(t.Context(), "k", nil, OwnedBy(Owner{})); !errors.As(err, &refused) {
			t.Error(err)
		}
		if _, err := n.dict.StoreIfMissing(t.Context(), "k", nil, OwnedBy(self)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		has(t, n, "k")
		n.stop(t)
	})
}
