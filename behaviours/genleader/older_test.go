package genleader

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestAnOlderCopyOfADirectoryIsNoticed by the leader that counts on what the copy lacks: with it the other members could
// make a majority that has forgotten what was acknowledged.
func TestAnOlderCopyOfADirectoryIsNoticed(t *testing.T) {
	w := newWorld(1, "a1", "b1", "c1")
	w.durable = true
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	d := w.disks["b1"]
	older, image := Stored{Snapshot: d.kept.Snapshot, Entries: slices.Clone(d.kept.Entries), State: d.kept.State}, d.image
	for _, other := range []string{"a1", "b1"} {
		w.cut("c1", other)
		w.cut(other, "c1")
	}
	w.call("a1", "x", time.Second)
	w.run(100 * time.Millisecond)
	if !w.calls[0].done {
		t.Fatal("the call was not done")
	}
	w.kill("b1")
	d.kept, d.image = older, image
	b1 := w.start("b1")
	w.run(w.timing.Election)
	if !errors.Is(b1.ended, ErrStorage) {
		t.Errorf("b1 goes on: %v, ended with %v", b1.view, b1.ended)
	}
	w.kill("a1")
	w.heal()
	w.run(3 * time.Second)
	for _, what := range w.unsafe {
		t.Error(what)
	}
}
