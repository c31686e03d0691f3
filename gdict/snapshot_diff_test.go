package gdict

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
)

// seen is what a watch shows: the values by key. It reads all that waits.
func seen(t *testing.T, w *Watch, view map[string]string) {
	t.Helper()
	for {
		synctest.Wait()
		select {
		case e := <-w.Events():
			switch {
			case e.Synced:
			case e.Erased:
				delete(view, e.Key)
			default:
				view[e.Key] = string(e.Value)
			}
		default:
			return
		}
	}
}

// TestWhatASnapshotChangesIsForeseen: the difference is made before the turn, for the watches of that moment. A watch
// that begins afterwards, and a log that goes on meanwhile, see the right difference all the same.
func TestWhatASnapshotChangesIsForeseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind, ahead := New(), New()
		put := func(d *Dict, index int, key, value string) {
			o := store{key: []byte(key), value: []byte(value)}
			d.apply(uint64(index), 1, encodeCommand(encodeOp(o), d.limits))
		}
		for i := range 3000 {
			put(ahead, i+1, fmt.Sprint("k", i%1500), fmt.Sprint(i))
			if i < 1000 {
				put(behind, i+1, fmt.Sprint("k", i%1500), fmt.Sprint(i))
			}
		}
		image, err := ahead.snapshot()
		if err != nil {
			t.Fatal(err)
		}
		all := behind.Watch("")
		some := behind.Watch("k1")
		views := map[*Watch]map[string]string{all: {}, some: {}}
		seen(t, all, views[all]) // the others have not read anything yet
		install, err := behind.load(bytes.NewReader(image))
		if err != nil {
			t.Fatal(err)
		}
		late := behind.Watch("k2")
		views[late] = map[string]string{}
		put(behind, 1001, "k5", "meanwhile")
		put(behind, 1002, "gone", "meanwhile")
		install()
		if behind.log.state.rev != ahead.log.state.rev {
			t.Fatalf("at %d, not %d", behind.log.state.rev, ahead.log.state.rev)
		}
		for w, view := range views {
			seen(t, w, view)
			want := map[string]string{}
			entries, _ := ahead.ToList(w.prefix)
			for _, e := range entries {
				want[e.Key] = string(e.Value)
			}
			if len(view) != len(want) {
				t.Errorf("%q shows %d keys, not %d", w.prefix, len(view), len(want))
			}
			for key, value := range want {
				if view[key] != value {
					t.Errorf("%q shows %s=%q, not %q", w.prefix, key, view[key], value)
				}
			}
			w.Close()
		}
	})
}

// TestATurnOnlyHandsOverWhatWasForeseen: installing takes up the difference as it was made, if nothing came between.
func TestATurnOnlyHandsOverWhatWasForeseen(t *testing.T) {
	d := New()
	w := d.Watch("k")
	defer w.Close()
	other := New()
	other.apply(1, 1, encodeCommand(encodeOp(store{key: []byte("k")}), other.limits))
	l := d.diffTo(other.log.state)
	if len(l.steps) != 1 || len(l.steps["k"]) != 1 || l.from != *d.now.Load() {
		t.Errorf("speculated: %+v", l)
	}
}
