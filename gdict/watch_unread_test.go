package gdict

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAWatchThatNobodyReadsEndsWithItsMember: its goroutine ends, or the bubble would not, whether it shows what it begins
// with, what waits, or nothing.
func TestAWatchThatNobodyReadsEndsWithItsMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		log := newTestLog(d)
		d.Attach(log)
		store := func(key string) {
			if _, err := d.Store(t.Context(), key, nil); err != nil {
				t.Fatal(err)
			}
		}
		store("a")
		unread := []*Watch{d.Watch(""), d.Watch("none"), d.Watch("", EveryChange(1)), d.Watch("b")}
		later, err := d.WatchFrom("", 1)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		<-unread[3].Events() // synced; what waits then is never read
		store("b")
		store("b2") // one too many for EveryChange
		d.end(nil)
		afterwards := d.Watch("")
		slow := d.Watch("b")
		for range 2 { // a reader that comes in time gets all
			time.Sleep(lingers - time.Second)
			if _, open := <-slow.Events(); !open {
				t.Error("a reader that takes events in time is cut off")
			}
		}
		time.Sleep(2 * lingers)
		synctest.Wait()
		for i, w := range append(unread, later, afterwards) {
			if _, open := <-w.Events(); open || w.Err() == nil {
				t.Errorf("watch %d is still open, or does not say why it ended: %v", i, w.Err())
			}
		}
		if !errors.Is(unread[2].Err(), ErrOverrun) || !errors.Is(unread[0].Err(), ErrEnded) {
			t.Errorf("ended with %v and %v", unread[2].Err(), unread[0].Err())
		}
	})
}

// TestAWatchThatIsForgottenKeepsNothingOfItsMember: the dictionary can be collected once the watch has ended.
func TestAWatchThatIsForgottenKeepsNothingOfItsMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const restarts = 20
		var gone atomic.Int32
		for range restarts {
			d := New()
			d.Attach(newTestLog(d))
			if _, err := d.Store(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
			d.Watch("")
			runtime.AddCleanup(d, func(gone *atomic.Int32) { gone.Add(1) }, &gone)
			d.end(nil)
		}
		time.Sleep(2 * lingers)
		synctest.Wait()
		for n := 0; gone.Load() < restarts-1 && n < 1000; n++ {
			runtime.GC()
			runtime.Gosched()
		}
		if n := int(gone.Load()); n < restarts-1 { // the last one may still be on this stack
			t.Errorf("%d of %d dictionaries are kept", restarts-n, restarts)
		}
	})
}
