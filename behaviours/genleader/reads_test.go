package genleader

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestManyReadersShareARound: a thousand readers on each member cost a few rounds of the leader, not three thousand.
func TestManyReadersShareARound(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	leader := w.hosts["a1"].core
	before := leader.rounds.reads.begun
	for range 1000 {
		for _, name := range w.names {
			w.read(name, time.Second)
		}
	}
	w.run(20 * time.Millisecond)
	for _, name := range w.names {
		h := w.hosts[name]
		if len(h.reads) != 1000 || len(h.core.readers.waiting) != 0 {
			t.Errorf("%s: %d of 1000 readers were answered, %d wait", name, len(h.reads), len(h.core.readers.waiting))
		}
	}
	if rounds := leader.rounds.reads.begun - before; rounds > 6 {
		t.Errorf("the leader began %d rounds", rounds)
	}
	if left := len(leader.rounds.reads.asks); left != 0 {
		t.Errorf("%d asks are left on the leader", left)
	}
}

// TestARoundThatWasNotBegunIsNoProof: two peers' answers that name a later round than the leader began must not confirm a
// read, nor break raft.
func TestARoundThatWasNotBegunIsNoProof(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	leader := w.hosts["a1"]
	for _, peer := range []string{"b1", "w1"} {
		w.cut("a1", peer)
	}
	w.read("a1", time.Second)
	w.run(time.Millisecond)
	for _, round := range []uint64{2, 1 << 40} {
		for _, peer := range []string{"b1", "w1"} {
			forged, err := proto.Marshal(&raftpb.Message{
				Type: raftpb.MsgHeartbeatResp.Enum(), To: new(leader.core.id), From: new(w.hosts[peer].core.id),
				Term: new(leader.core.term), Context: binary.LittleEndian.AppendUint64(nil, round),
			})
			if err != nil {
				t.Fatal(err)
			}
			leader.take(received{from: w.hosts[peer].self, packets: []*wire.Packet{{What: &wire.Packet_Raft{Raft: forged}}}})
		}
	}
	w.run(time.Millisecond)
	if len(leader.reads) != 0 {
		t.Errorf("the read was answered: %v", leader.reads)
	}
}

// TestReadsThroughTheGroup: read index, wait, read; what a write was acknowledged for is applied; fresh is soon after now.
func TestReadsThroughTheGroup(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		if _, err := leader.call("one"); err != nil {
			t.Fatal(err)
		}
		written := time.Now()
		for _, m := range []*member{leader, follower} {
			index, err := m.group.ReadIndex(within(t, time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if err := m.group.WaitApplied(within(t, time.Second), index); err != nil {
				t.Fatal(err)
			}
			if m.group.Applied() < index {
				t.Errorf("applied up to %d, waited for %d", m.group.Applied(), index)
			}
			if told := m.since(); !slices.Contains(told, "FromLeader one") {
				t.Errorf("read at %d without the write: %q", index, told)
			}
		}
		actorstest.Sleep(time.Second)
		for _, m := range []*member{leader, follower} {
			if asOf := m.group.FreshAsOf(); !asOf.After(written) || asOf.After(time.Now()) || time.Since(asOf) > 200*time.Millisecond {
				t.Errorf("%v is fresh as of %v ago", m.group.cfg.Self, time.Since(asOf))
			}
		}
	})
}

// TestReadersWaitNoLongerThanTheirContext: without a leader that can prove that it leads, a read fails with ErrNoLeader and
// with what ended its context; freshness stands still; a wait for what never comes fails with ErrBehind.
func TestReadersWaitNoLongerThanTheirContext(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, _ := n.roles()
		n.isolate(leader.group.cfg.Self.Name)
		_, err := leader.group.ReadIndex(within(t, 300*time.Millisecond))
		if !errors.Is(err, ErrNoLeader) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a read without a majority: %v", err)
		}
		asOf := leader.group.FreshAsOf()
		actorstest.Sleep(time.Second)
		if now := leader.group.FreshAsOf(); now.After(asOf) {
			t.Errorf("fresh by %v more without a majority", now.Sub(asOf))
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := leader.group.ReadIndex(ctx); !errors.Is(err, ErrNoLeader) || !errors.Is(err, context.Canceled) {
			t.Errorf("a read that was given up: %v", err)
		}
		begin := time.Now()
		err = leader.group.WaitApplied(t.Context(), leader.group.Applied()+1)
		if !errors.Is(err, ErrBehind) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != patience {
			t.Errorf("a wait for an entry that does not come, after %v: %v", time.Since(begin), err)
		}
		if left := len(leader.group.progress.waiting); left != 0 {
			t.Errorf("%d waiters are left", left)
		}
		n.heal()
		actorstest.Sleep(time.Second)
	})
}

// TestReadersAreWokenByWhatTheyWaitFor: each at its own entry, many at once, and all when the group ends.
func TestReadersAreWokenByWhatTheyWaitFor(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		first := follower.group.Applied() + 1
		var mu sync.Mutex
		var woken []string
		for i := range uint64(3) {
			go func() {
				err := follower.group.WaitApplied(within(t, time.Minute), first+i)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					woken = append(woken, "error: "+err.Error())
					return
				}
				woken = append(woken, "woken")
			}()
		}
		synctest.Wait()
		for i := range 2 {
			if _, err := leader.call("x"); err != nil {
				t.Fatal(err)
			}
			actorstest.Sleep(200 * time.Millisecond)
			mu.Lock()
			if len(woken) != i+1 {
				t.Errorf("after %d entries %q", i+1, woken)
			}
			mu.Unlock()
		}
		follower.stop()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(woken) != 3 || !strings.HasPrefix(woken[2], "error: "+ErrStopped.Error()) {
			t.Errorf("after the end: %q", woken)
		}
		if _, err := follower.group.ReadIndex(within(t, time.Second)); !errors.Is(err, ErrStopped) {
			t.Errorf("a read after the end: %v", err)
		}
	})
}

// TestNothingIsGrantedBeforeTheTermIsOpen: a leader that has not committed an entry of its own term does not know all that
// earlier leaders had acknowledged, so neither a lease nor freshness may be based on what it has applied.
func TestNothingIsGrantedBeforeTheTermIsOpen(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	w.kill("a1")
	b, peer := w.hosts["b1"], w.hosts["w1"]
	for b.core.phase != Electing {
		w.run(100 * time.Microsecond)
	}
	w.cut("w1", "b1") // nothing is committed from here on
	began, until := w.now, b.until
	for range 5 {
		ack := &wire.Ack{Term: b.core.term, Round: b.core.rounds.round, Stamp: int64(w.now.Sub(peer.core.began))}
		b.take(received{from: peer.self, packets: []*wire.Packet{{What: &wire.Packet_Ack{Ack: ack}}}})
		w.run(20 * time.Millisecond)
	}
	if b.core.phase != Electing || b.core.confirmed() < 2 {
		t.Fatalf("b1 is %v, round %d is confirmed", b.core.phase, b.core.confirmed())
	}
	for _, h := range []*host{b, peer} {
		if h.freshAsOf.After(began) {
			t.Errorf("%v is fresh as of %v after the election", h.self, h.freshAsOf.Sub(began))
		}
	}
	if b.until != until {
		t.Errorf("b1 extended its lease by %v", b.until.Sub(until))
	}
	w.heal()
	w.run(time.Second)
	if !b.until.After(until) || !b.freshAsOf.After(began) {
		t.Errorf("nothing was granted after the term was opened")
	}
}
