package lease

import (
	"testing"
	"time"
)

// TestASuspendEndsTheTerm: by the monotonic clock it would go on. What the member asked for before the suspend never holds
// again, whoever grants it later.
func TestASuspendEndsTheTerm(t *testing.T) {
	slept, now := time.Hour, time.Now()
	l := New(func() time.Duration { return slept }, time.Second)
	if l.NoticeSuspend() {
		t.Error("a lease that was never granted has ended")
	}
	until := now.Add(time.Minute)
	term := l.Extend(now, until)
	slept += time.Second
	if l.NoticeSuspend() || !l.Holds(term) {
		t.Error("a suspend of no more than what is allowed ended the lease")
	}
	before := slept
	slept += time.Second
	if !l.NoticeSuspend() || l.Holds(term) || l.NoticeSuspend() {
		t.Errorf("after the suspend it holds: %v", l.Holds(term))
	}
	if late := l.Grant(now, until.Add(1), before-time.Second); late != term+1 || !l.NoticeSuspend() || l.Holds(late) {
		t.Errorf("what was asked for before the suspend holds in term %d: %v", late, l.Holds(late))
	}
	if fresh := l.Grant(now, until.Add(2), slept); fresh != term+2 || l.NoticeSuspend() || !l.Holds(fresh) || l.Holds(term) {
		t.Errorf("what was asked for after the suspend holds in term %d: %v", fresh, l.Holds(fresh))
	}
}

func TestALapseEndsTheTermOnce(t *testing.T) {
	var l Lease
	l.Lapse()
	now := time.Now()
	term := l.Extend(now, now.Add(time.Minute))
	if l.Lapse(); l.Holds(term) {
		t.Error("it holds after its end")
	}
	if next := l.Extend(now, now.Add(2*time.Minute)); next != term+1 || !l.Holds(next) || l.Holds(term) {
		t.Errorf("it holds term %d: %v", next, l.Holds(next))
	}
}

// TestTheMachinesOwnCountOfSuspends: it never falls and is never negative.
func TestTheMachinesOwnCountOfSuspends(t *testing.T) {
	first := Suspended()
	if second := Suspended(); first < 0 || second < first-time.Second {
		t.Errorf("suspended for %v and then for %v", first, second)
	}
}
