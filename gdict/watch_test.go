package gdict

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A watch that nobody reads costs the writers nothing and shows, when it is read at last, what is left.
func TestASlowWatchIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		newTestLog(d)
		store := func(key string) uint64 {
			rev, err := d.Store(t.Context(), key, nil)
			if err != nil {
				t.Fatal(err)
			}
			return rev
		}
		store("before")
		w := d.Watch("")
		defer w.Close()
		last := map[string]uint64{}
		for i := range 5 * queueBound {
			key := fmt.Sprint("key", i%7)
			last[key] = store(key)
			store(fmt.Sprint("brief", i))
			if _, err := d.Erase(t.Context(), fmt.Sprint("brief", i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.waiting(); n > 2*queueBound {
			t.Fatalf("%d events wait", n)
		}
		view, rev, shown := map[string]uint64{}, uint64(0), 0
		for {
			synctest.Wait()
			select {
			case event := <-w.Events():
				if event.Rev <= rev && rev > 1 {
					t.Fatalf("%v after revision %d", event, rev)
				}
				rev = event.Rev
				if !event.Erased && !event.Synced {
					view[event.Key] = event.Rev
				}
				shown++
				continue
			default:
			}
			break
		}
		for key, want := range last {
			if view[key] != want {
				t.Errorf("%s: last seen at %d, wanted %d", key, view[key], want)
			}
		}
		if shown > 3*queueBound {
			t.Errorf("%d events were shown", shown)
		}
	})
}

func (w *Watch) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.queue.len()
}

// Watches that begin, read and end while others write see, each, a snapshot and every later change exactly once.
func TestWatchesBeginAnywhereWithoutGapOrRepeat(t *testing.T) {
	d := New()
	newTestLog(d)
	const writers, each, watches = 4, 200, 8
	last := uint64(writers * each)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				if _, err := d.UpdateCounter(context.Background(), fmt.Sprint("k", (i+j)%3), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range watches {
		all.Go(func() {
			for {
				w := d.Watch("")
				rev, synced := uint64(0), false
				for event := range w.Events() {
					if synced && event.Rev != rev+1 {
						t.Errorf("revision %d after %d", event.Rev, rev)
					}
					if synced = synced || event.Synced; !synced {
						continue
					}
					if rev = event.Rev; rev == last || rev%50 == 0 {
						break
					}
				}
				w.Close()
				if rev == last {
					return
				}
			}
		})
	}
	all.Wait()
	sum := int64(0)
	entries, rev := d.ToList("")
	for _, entry := range entries {
		n, err := entry.Counter()
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	if sum != writers*each || rev != last {
		t.Fatalf("counted %d at revision %d, wanted %d", sum, rev, last)
	}
}

// A closed watch leaves nothing behind, whether it was read, full or still in its snapshot.
func TestCloseReleasesTheWatch(t *testing.T) {
	d := New()
	newTestLog(d)
	for range 10 {
		w := d.Watch("")
		if _, err := d.UpdateCounter(t.Context(), "n", 1); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(w.Close)
		both.Go(w.Close)
		both.Wait()
		if event, open := <-w.Events(); open {
			t.Fatalf("%v after Close", event)
		}
		if err := w.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.watches); n != 0 {
		t.Fatalf("%d watches remain", n)
	}
}

// Find is read on every use of the dictionary: it must not make garbage, also for long keys.
func TestFindAllocatesNothing(t *testing.T) {
	d := New()
	newTestLog(d)
	key := strings.Repeat("key", 100)
	if _, err := d.Store(t.Context(), key, []byte("v")); err != nil {
		t.Fatal(err)
	}
	found := false
	if n := testing.AllocsPerRun(100, func() { _, found = d.Find(key) }); n != 0 || !found {
		t.Fatalf("%v allocations, found %v", n, found)
	}
}
