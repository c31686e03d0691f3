package controller

import (
	"testing"
	"time"
	"unsafe"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestAClockThatIsSetForwardMakesNothingSafe: the moment from which a lost member is safe is one of the monotonic clock.
// Plans are made by the wall clock; an hour that it jumps must not be taken for an hour that has passed.
func TestAClockThatIsSetForwardMakesNothingSafe(t *testing.T) {
	now := time.Now()
	safeAt := now.Add(time.Second)
	jumped := setForward(now, time.Hour)
	if jumped.Sub(now) != 0 || jumped.Round(0).Sub(now.Round(0)) != time.Hour {
		t.Skip("this Go lays out time.Time in another way")
	}
	view := genleader.View{Phase: genleader.Leading, Term: 1, ForeignSafeAt: safeAt, Members: []genleader.MemberStatus{
		{Member: genleader.Member{Name: "a1", Incarnation: 1}, State: genleader.Suspect, SafeAt: safeAt},
		{Member: genleader.Member{Name: "b1", Incarnation: 1}, State: genleader.Up},
	}}
	ev, _ := lookAt(jumped, view, nil)
	for _, at := range []time.Time{ev.view.UnknownSafeAt, ev.view.Members[0].SafeAt} {
		if left := at.Sub(jumped.Round(0)); left != time.Second {
			t.Errorf("safe in %v by the wall clock, in a second by the monotonic one", left)
		}
	}
	if at := ev.view.Members[1].SafeAt; !at.IsZero() {
		t.Errorf("a member that is up is safe at %v", at)
	}
}

// setForward moves the wall clock's reading in t and leaves the monotonic one. A test has no other way to set the clock.
func setForward(t time.Time, by time.Duration) time.Time {
	type layout struct {
		wall uint64
		ext  int64
		loc  *time.Location
	}
	(*layout)(unsafe.Pointer(&t)).wall += uint64(by/time.Second) << 30 // seconds lie above 30 bits of nanoseconds
	return t
}
