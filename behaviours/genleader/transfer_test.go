package genleader

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestTransferThroughTheGroup: whoever asks hears that it is done once its own member follows the new leader, or why not.
func TestTransferThroughTheGroup(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		name := follower.group.cfg.Self.Name
		for _, asks := range []*member{leader, follower} {
			if err := asks.group.TransferLeadership(within(t, time.Second), "nobody"); !errors.Is(err, ErrUnknownMember) {
				t.Errorf("to nobody: %v", err)
			}
		}
		if err := leader.group.TransferLeadership(within(t, time.Second), name); err != nil {
			t.Fatal(err)
		}
		if now := leader.group.View().Leader.Name; now != name {
			t.Errorf("it is done, and %s leads", now)
		}
		actorstest.Sleep(time.Second)
		if phase := follower.group.View().Phase; phase != Leading {
			t.Errorf("%s is %v", name, phase)
		}
		if err := leader.group.TransferLeadership(t.Context(), name); err != nil {
			t.Errorf("to whoever leads already: %v", err)
		}
		n.isolate(name)
		actorstest.Sleep(2 * time.Second)
		err := follower.group.TransferLeadership(within(t, 300*time.Millisecond), leader.group.cfg.Self.Name)
		if !errors.Is(err, ErrNoLeader) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("by one that is cut off: %v", err)
		}
		if err := leader.group.TransferLeadership(within(t, time.Second), name); !errors.Is(err, ErrNotReady) {
			t.Errorf("to one that is cut off: %v", err)
		}
		n.heal()
		actorstest.Sleep(2 * time.Second)
		follower.stop()
		if err := follower.group.TransferLeadership(within(t, time.Second), name); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestATransferThatWasAskedForMayBeDoneAfterTheEnd of whoever asked: that one hears so, and not that nothing was asked. It is
// the same for one that leaves and for one whose behaviour fails.
func TestATransferThatWasAskedForMayBeDoneAfterTheEnd(t *testing.T) {
	for how, end := range map[string]func(t *testing.T, m *member){
		"it leaves": func(t *testing.T, m *member) {
			if err := m.group.Leave(within(t, time.Second)); err != nil {
				t.Error(err)
			}
		},
		"it fails": func(_ *testing.T, m *member) {
			m.hook("HandleCast", func() { panic("boom") })
			m.group.Cast("x")
		},
	} {
		inNet(t, func(t *testing.T, n *net) {
			leader, asks := n.roles()
			heir := n.third(leader, asks)
			n.mu.Lock()
			for _, m := range n.members {
				n.cuts[[2]string{m.group.cfg.Self.Name, asks.group.cfg.Self.Name}] = true // it is heard and hears nothing
			}
			n.mu.Unlock()
			said := make(chan error, 1)
			go func() { said <- asks.group.TransferLeadership(within(t, time.Second), heir.group.cfg.Self.Name) }()
			synctest.Wait()
			end(t, asks)
			if err := <-said; !errors.Is(err, ErrNotTransferred) || !errors.Is(err, ErrStopped) {
				t.Errorf("%s: %v", how, err)
			}
			time.Sleep(time.Second)
			if heir.group.View().Phase != Leading {
				t.Errorf("%s: it is not done either", how)
			}
		})
	}
}

// third is the member of a net that is neither of two.
func (n *net) third(a, b *member) *member {
	for _, m := range n.members {
		if m != a && m != b {
			return m
		}
	}
	return nil
}

// TestARefusalOfAFormerLeaderIsNotHeard: it was asked for a transfer before it was replaced, and the next leader has been asked
// as well since, and may be about to do it.
func TestARefusalOfAFormerLeaderIsNotHeard(t *testing.T) {
	w := begun(t, 3, "a1", "b1", "c1", "d1")
	former, asks := w.leader(), w.follower()
	answer := func(from *host) {
		refusal := &wire.TransferAnswer{Seq: asks.nextSeq, Why: wire.TransferAnswer_NOT_READY}
		asks.take(received{from: from.self, packets: []*wire.Packet{{What: &wire.Packet_TransferAnswer{TransferAnswer: refusal}}}})
	}
	w.loses = func(_, _ string, p *wire.Packet) bool { return p.GetTransferAsk() != nil } // on their way for very long
	w.transfer(asks.self.Name, asks.self.Name, time.Minute)
	seq := asks.nextSeq
	w.kill(former.self.Name)
	w.run(time.Second)
	next := w.leader()
	if next == former || next == asks {
		t.Fatalf("%v leads", next.self)
	}
	answer(former)
	if said, over := asks.transfers[seq]; over {
		t.Errorf("after the word of a former leader: %s", said)
	}
	answer(next)
	if said := asks.transfers[seq]; said != ErrNotReady.Error() {
		t.Errorf("after the word of the leader: %q", said)
	}
}
