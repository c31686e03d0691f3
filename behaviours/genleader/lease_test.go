package genleader

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
	"github.com/gendac/gendac/behaviours/lease"
)

// TestLeaseBeginsWhenTheLogHasCaughtUp: a member that was away must not act on an order that is superseded further on,
// so its lease begins only when it has applied what the leader had applied.
func TestLeaseBeginsWhenTheLogHasCaughtUp(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	h, leader := w.hosts["b1"], w.hosts["a1"]
	before := h.until
	ahead := &wire.Heartbeat{
		Term: h.core.term, Round: leader.core.rounds.round + 1, Granted: true,
		Stamp: int64(w.now.Sub(h.core.began)), Reached: h.core.state.applied + 1,
	}
	h.take(received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Heartbeat{Heartbeat: ahead}}}})
	if h.until != before {
		t.Fatalf("the lease moved to %v before entry %d was applied", h.until, ahead.Reached)
	}
	w.call("a1", "next", time.Second)
	w.run(5 * time.Millisecond)
	if h.core.state.applied < ahead.Reached || !h.until.After(before) {
		t.Fatalf("applied %d of %d, the lease ends at %v as before", h.core.state.applied, ahead.Reached, h.until)
	}
}

// TestGrantsOfAnEarlierLeaderDoNotHoldUpLaterOnes: one may wait for an entry that only that leader had, and that is lost.
func TestGrantsOfAnEarlierLeaderDoNotHoldUpLaterOnes(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1")
	h, leader := w.hosts["c1"], w.hosts["a1"]
	ahead := &wire.Heartbeat{
		Term: h.core.term, Round: leader.core.rounds.round + 1, Granted: true,
		Stamp: int64(w.now.Sub(h.core.began)), Reached: h.core.state.applied + 100,
	}
	h.take(received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Heartbeat{Heartbeat: ahead}}}})
	w.kill("a1")
	w.run(3 * time.Second)
	if h.core.state.applied >= ahead.Reached || !w.now.Before(h.until) {
		t.Fatalf("applied %d, the earlier leader's grant waits for %d, the lease ends in %v", h.core.state.applied, ahead.Reached, h.until.Sub(w.now))
	}
}

// TestStampsOfAnotherClockGrantNothing: a grant whose stamp lies in the future was never this member's.
func TestStampsOfAnotherClockGrantNothing(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	h, leader := w.hosts["b1"], w.hosts["a1"]
	before := h.until
	forged := &wire.Heartbeat{Term: h.core.term, Granted: true, Stamp: int64(time.Hour)}
	h.take(received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Heartbeat{Heartbeat: forged}}}})
	if h.until != before {
		t.Fatalf("the lease moved from %v to %v", before, h.until)
	}
}

// TestALateGrantDoesNotHideTheEnd: a member that stood still past the end of its lease may see the next grant before its
// own timer. What was activated under the lease that ended can never act again, so its end must be told all the same.
func TestALateGrantDoesNotHideTheEnd(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	h, leader := w.hosts["b1"], w.hosts["a1"]
	ended := h.until
	h.told = nil
	w.now = ended
	late := &wire.Heartbeat{Term: h.core.term, Granted: true, Stamp: int64(w.now.Sub(h.core.began) - time.Millisecond)}
	h.take(received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Heartbeat{Heartbeat: late}}}})
	if !h.until.After(ended) || !slices.Equal(h.told, []string{"lease ended"}) {
		t.Fatalf("the lease was moved by %v, and told was %q", h.until.Sub(ended), h.told)
	}
}

// TestEachTermsEndIsToldOnce also when it passes between the core's decision to extend the lease and the extension.
func TestEachTermsEndIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []lease.Term
		s := &shell{group: &Group{
			cfg:   Config{Logger: slog.New(slog.DiscardHandler), Event: func(e Event) { told = append(told, e.(LeaseEnded).Term) }},
			lease: &lease.Lease{},
		}}
		for range 3 {
			s.perform(nil, extendLease{until: time.Now().Add(time.Second)})
			time.Sleep(2 * time.Second)
		}
		s.perform(nil, leaseEnded{})
		s.perform(nil, extendLease{until: time.Now().Add(time.Second)})
		if want := []lease.Term{1, 2, 3}; !slices.Equal(told, want) {
			t.Fatalf("told the end of %v, want %v", told, want)
		}
	})
}
