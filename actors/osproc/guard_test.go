//go:build linux

package osproc

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestTheGuardNoticesThatTheMachineWasSuspended: its timers stand still meanwhile, so that one that waits for the deadline
// would ring by the length of the suspend too late. It looks at the clock that goes on.
func TestTheGuardNoticesThatTheMachineWasSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var suspended atomic.Int64
		began := time.Now()
		g := &guard{lines: make(chan string), exits: make(chan int), now: func() int64 { return int64(time.Since(began)) + suspended.Load() + 1 }}
		g.until = g.now() + int64(10*time.Second)
		ended := make(chan int, 1)
		go func() { ended <- g.watch() }()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(ended) != 0 {
			t.Fatal("it ended the command before the deadline")
		}
		suspended.Store(int64(time.Minute))
		time.Sleep(lookAgain)
		synctest.Wait()
		if len(ended) == 0 {
			t.Fatal("the command runs on after the suspend")
		}
		if code := <-ended; code != killed {
			t.Errorf("it ended with %d", code)
		}
	})
}

// TestNoDeadlineIsToldUnderALeaseFromBeforeASuspend: the deadline is one of a clock that goes on, and what is left of such
// a lease by the other clock would move it.
func TestNoDeadlineIsToldUnderALeaseFromBeforeASuspend(t *testing.T) {
	end := time.Now().Add(time.Minute)
	if _, ok := deadline(func() {}, func() time.Time { return end }); !ok {
		t.Error("no deadline under a lease that runs")
	}
	if line, ok := deadline(func() { end = time.Time{} }, func() time.Time { return end }); ok {
		t.Errorf("told %q", line)
	}
}
