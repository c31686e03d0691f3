package gdict

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// TestAQuietWatchCanGoOn after many changes of other keys, more than are kept, from where Through says that it is.
func TestAQuietWatchCanGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		newTestLog(d)
		d.KeepHistory(10, 1<<20)
		store := func(key string) uint64 {
			rev, err := d.Store(t.Context(), key, nil)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return rev
		}
		w := d.Watch("orders/")
		if got := w.Through(); got != 0 {
			t.Errorf("before anything was shown: %d", got)
		}
		synced := <-w.Events()
		synctest.Wait()
		if got := w.Through(); got != synced.Through {
			t.Errorf("after the snapshot at %d: %d", synced.Through, got)
		}
		for i := range 50 {
			store(fmt.Sprint("prices/", i))
		}
		quiet := store("prices/last")
		if got := w.Through(); got != quiet {
			t.Errorf("after changes of other keys up to %d: %d", quiet, got)
		}
		first, second := store("orders/1"), store("orders/2")
		store("prices/later")
		if got := w.Through(); got != quiet {
			t.Errorf("with changes that were not read: %d, wanted %d", got, quiet)
		}
		<-w.Events()
		synctest.Wait()
		if got := w.Through(); got != first {
			t.Errorf("with one that was not read: %d, wanted %d", got, first)
		}
		w.Close()
		store("orders/3")
		if got := w.Through(); got != first {
			t.Errorf("closed: %d, wanted %d", got, first)
		}
		if _, err := d.WatchFrom("orders/", synced.Through); err == nil {
			t.Error("what the last event said is kept no more, and a watch goes on there")
		}
		again, err := d.WatchFrom("orders/", w.Through())
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if e := <-again.Events(); e.Key != "orders/2" || e.Rev != second {
			t.Errorf("it goes on with %v", e)
		}
		idle := d.Watch("orders/")
		for range 4 { // three orders, and that these are all
			<-idle.Events()
		}
		synctest.Wait()
		idle.Close()
		closed := idle.Through()
		store("orders/4")
		if got := idle.Through(); got != closed {
			t.Errorf("closed at %d: %d", closed, got)
		}
	})
}

// TestThroughIsNeverBehindWhatWasReceived: whoever remembers it in the loop repeats nothing.
func TestThroughIsNeverBehindWhatWasReceived(t *testing.T) {
	d := New()
	newTestLog(d)
	w := d.Watch("")
	defer w.Close()
	for i := range 500 {
		if _, err := d.Store(t.Context(), fmt.Sprint(i%7), nil); err != nil {
			t.Fatal(err)
		}
	}
	for e := range w.Events() {
		if got := w.Through(); got < e.Through {
			t.Fatalf("%d when the event through %d is there", got, e.Through)
		}
		if e.Rev == 500 {
			break
		}
	}
}
