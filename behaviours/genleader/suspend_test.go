package genleader

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestALeaseFromBeforeASuspendIsOver: the monotonic clock stands still, so by that clock the lease would run on. The member
// is told, and gets another lease when the group answers a stamp from after the suspend.
func TestALeaseFromBeforeASuspendIsOver(t *testing.T) {
	t.Run("leader", func(t *testing.T) { lapses(t, "a1", Leading) })
	t.Run("follower", func(t *testing.T) { lapses(t, "c1", Following) })
}

func lapses(t *testing.T, name string, phase Phase) {
	inNet(t, func(t *testing.T, n *net) {
		n.members[name].stop()
		actorstest.Sleep(5 * time.Second)
		var slept atomic.Int64
		slept.Store(int64(time.Hour)) // an earlier suspend is nothing to this process
		m := n.startWith(name, 100, nil, func(cfg *Config) {
			cfg.Suspended = func() time.Duration { return time.Duration(slept.Load()) }
		})
		actorstest.Sleep(30 * time.Second) // a1 is preferred and leads again
		if is := m.group.View().Phase; is != phase {
			t.Fatalf("it is %v", is)
		}
		held := m.group.Lease()
		term, until := held.Current()
		if !held.Holds(term) {
			t.Fatal("it holds no lease")
		}
		lapsed := len(m.lapsed)

		slept.Add(int64(m.group.cfg.Timing.Lease / 10)) // shorter than the margin
		actorstest.Sleep(time.Second)
		if now, later := held.Current(); now != term || !held.Holds(term) || !later.After(until) {
			t.Fatalf("a suspend within the margin ended term %d: now %d", term, now)
		}
		n.isolate(name)
		slept.Add(int64(m.group.cfg.Timing.Lease / 5))
		actorstest.Sleep(2 * m.group.cfg.Timing.Heartbeat)
		if _, end := held.Current(); held.Holds(term) || !time.Now().Before(end) {
			t.Fatalf("two heartbeats after the suspend it holds: %v; its end is in %v", held.Holds(term), time.Until(end))
		}
		if len(m.lapsed) != lapsed+1 || m.lapsed[lapsed] != term {
			t.Errorf("told of the ends %v, wanted %d", m.lapsed, term)
		}
		n.heal()
		actorstest.Sleep(5 * time.Second)
		if now, _ := held.Current(); now != term+1 || !held.Holds(now) || held.Holds(term) {
			t.Errorf("afterwards it holds %d: %v, the old one: %v", now, held.Holds(now), held.Holds(term))
		}
	})
}

// TestAGrantForAStampFromBeforeASuspendIsNone: the leader's word may have waited in a buffer of this machine.
func TestAGrantForAStampFromBeforeASuspendIsNone(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1")
	h, leader := w.hosts["b1"], w.hosts["a1"]
	heartbeat := func(stamp time.Time) received {
		return received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Heartbeat{Heartbeat: &wire.Heartbeat{
			Term: h.core.term, Round: leader.core.rounds.round + 1, Granted: true, Stamp: int64(stamp.Sub(h.core.began)),
		}}}}}
	}
	take := func(slept time.Duration, ev event) (extended bool, ended bool) {
		var effects []effect
		h.core, effects = step(h.core, input{at: w.now, slept: slept, event: ev})
		for _, e := range effects {
			switch e.(type) {
			case extendLease:
				extended = true
			case leaseEnded:
				ended = true
			}
		}
		return extended, ended
	}
	before := w.now
	if extended, _ := take(0, heartbeat(before.Add(-time.Millisecond))); !extended {
		t.Fatal("a grant without a suspend is none")
	}
	asOf := h.core.held.freshAsOf
	extended, ended := take(time.Minute, heartbeat(before))
	if extended || !ended {
		t.Errorf("a grant from before the suspend extends: %v; the lease ended: %v", extended, ended)
	}
	if older := asOf.Sub(h.core.held.freshAsOf); older != time.Minute {
		t.Errorf("what it knows is %v older than before the suspend, wanted a minute", older)
	}
	w.now = w.now.Add(time.Millisecond)
	if extended, _ := take(time.Minute, heartbeat(w.now)); !extended {
		t.Error("a grant from after the suspend is none")
	}
}
