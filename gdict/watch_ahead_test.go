package gdict

import (
	"errors"
	"testing"
	"testing/synctest"
)

// TestAWatchOfARevisionThatNeverWasIsNotSynced, whatever is written meanwhile, and ends like any other.
func TestAWatchOfARevisionThatNeverWasIsNotSynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		newTestLog(d)
		open := func(rev uint64) *Watch {
			w, err := d.WatchFrom("", rev)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		never, closed, soon := open(1<<40), open(1<<40), open(2)
		defer never.Close()
		defer soon.Close()
		for range 3 {
			if _, err := d.Store(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
		}
		if seen := waitingIn(never); len(seen) > 0 || never.Through() != 0 {
			t.Errorf("saw %v, through %d", seen, never.Through())
		}
		if e := <-soon.Events(); !e.Synced || e.Rev != 2 || e.Through != 2 {
			t.Errorf("%v through %d, wanted it synced at 2", e, e.Through)
		}
		if e := <-soon.Events(); e.Key != "k" || e.Rev != 3 {
			t.Errorf("%v after it was synced at 2", e)
		}
		closed.Close()
		if len(d.behind) != 1 {
			t.Errorf("%d watches wait, wanted 1", len(d.behind))
		}
		select {
		case e := <-never.Events():
			t.Errorf("saw %v", e)
		default:
		}
		d.end(nil)
		late := open(1 << 41)
		defer late.Close()
		for _, w := range []*Watch{never, late} {
			if e, open := <-w.Events(); open || !errors.Is(w.Err(), ErrEnded) {
				t.Errorf("%v, %v, wanted the end", e, w.Err())
			}
		}
		if len(d.behind) != 0 {
			t.Errorf("%d watches wait for what does not come", len(d.behind))
		}
	})
}

// TestAWatchOfEveryChangeThatIsAheadOfASnapshotGoesOn: it knows all that the snapshot took the place of. One that knows a part
// of it ends.
func TestAWatchOfEveryChangeThatIsAheadOfASnapshotGoesOn(t *testing.T) {
	for since, misses := range map[uint64]bool{0: true, 2: true, 3: false, 4: false} {
		synctest.Test(t, func(t *testing.T) {
			there, here := New(), New()
			log := newTestLog(there)
			store := func() {
				if _, err := there.Store(t.Context(), "k", nil); err != nil {
					t.Fatal(err)
				}
			}
			w, err := here.WatchFrom("", since, EveryChange(10))
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if since == 0 {
				<-w.Events() // synced
			}
			for range 3 {
				store()
			}
			here.install(there.image().replica, newSnapshotDiff(*here.now.Load(), *there.now.Load()))
			synctest.Wait()
			if misses {
				if e, open := <-w.Events(); open || !errors.Is(w.Err(), ErrCompacted) {
					t.Errorf("from %d: %v, %v, wanted the end", since, e, w.Err())
				}
				return
			}
			log.dicts = append(log.dicts, here)
			store()
			store()
			if e, open := <-w.Events(); !open || !e.Synced || e.Rev != since {
				t.Fatalf("from %d: %v, %v, wanted it synced", since, e, w.Err())
			}
			for rev := since + 1; rev <= 5; rev++ {
				if e := <-w.Events(); e.Key != "k" || e.Rev != rev {
					t.Errorf("from %d: %v, wanted the change at %d", since, e, rev)
				}
			}
		})
	}
}
