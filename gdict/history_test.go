package gdict

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestAResumedWatchMissesAndRepeatsNothing: a reader whose watch ends again and again, at any event, and goes on after its
// last Through on any member, has seen in the end what a watch that never ended shows, step by step.
func TestAResumedWatchMissesAndRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) {
			d, other := New(), New()
			newTestLog(d, other)
			prefix := rapid.SampledFrom([]string{"", "a"}).Draw(t, "prefix")
			whole := d.Watch(prefix, EveryChange(1<<20))
			defer whole.Close()
			r := &resumer{members: []*Dict{d, other}, prefix: prefix}
			defer r.close()
			for range rapid.IntRange(1, 30).Draw(t, "steps") {
				changeSomething(t, d)
				if rapid.Bool().Draw(t, "read") {
					r.read(t, rapid.IntRange(0, 6).Draw(t, "events"))
				}
				if rapid.Bool().Draw(t, "stop") {
					r.close()
				}
			}
			r.read(t, 1<<20)
			want := waitingIn(whole)
			if got := r.seen; !slices.Equal(got, want) {
				t.Fatalf("seen\n%s\nwanted\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	})
}

// changeSomething does one or several random operations at one revision.
func changeSomething(t *rapid.T, d *Dict) {
	key := rapid.SampledFrom([]string{"a1", "a2", "b1"})
	var ops []Op
	for range rapid.IntRange(1, 3).Draw(t, "operations") {
		if rapid.Bool().Draw(t, "erase") {
			ops = append(ops, Erase(key.Draw(t, "key")))
		} else {
			ops = append(ops, Store(key.Draw(t, "key"), []byte("v")))
		}
	}
	if _, err := d.Txn(t.Context(), Then(ops...)); err != nil {
		t.Fatal(err)
	}
}

// A resumer reads watches that do not last, and keeps what it has seen of steps that were shown whole.
type resumer struct {
	members []*Dict
	prefix  string
	watch   *Watch
	through uint64
	step    []string // of a step of which more is to come
	seen    []string
}

func (r *resumer) close() {
	if r.watch != nil {
		r.watch.Close()
		r.watch, r.step = nil, nil
	}
}

func (r *resumer) read(t *rapid.T, n int) {
	if r.watch == nil {
		var err error
		if r.watch, err = rapid.SampledFrom(r.members).Draw(t, "member").WatchFrom(r.prefix, r.through); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		synctest.Wait()
		select {
		case event := <-r.watch.Events():
			if !event.Synced {
				r.step = append(r.step, event.String())
			}
			if event.Through > 0 {
				r.seen, r.step, r.through = append(r.seen, r.step...), nil, event.Through
			}
		default:
			return
		}
	}
}

// waitingIn reads what a watch has, but for its Synced.
func waitingIn(w *Watch) (seen []string) {
	for {
		synctest.Wait()
		select {
		case event := <-w.Events():
			if !event.Synced {
				seen = append(seen, event.String())
			}
		default:
			return seen
		}
	}
}

// TestTheHistoryKeepsItsBounds: whatever happens, no more is kept than was asked for, and what is kept is the latest.
func TestTheHistoryKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newHistory()
		h.changes, h.bytes = rapid.IntRange(0, 5).Draw(t, "changes"), rapid.IntRange(0, 1000).Draw(t, "bytes")
		var all []waiting
		for rev := uint64(1); rev <= 40; rev++ {
			var step []waiting
			for i := range rapid.IntRange(0, 3).Draw(t, "step") {
				value := make([]byte, rapid.IntRange(0, 200).Draw(t, "value"))
				step = append(step, waiting{event: Event{Entry: Entry{Key: fmt.Sprint(i), Value: value, Rev: rev}}, at: rev})
			}
			h.add(step)
			all = append(all, step...)
			size := 0
			for _, w := range h.items[h.head:] {
				size += w.size()
			}
			if n := len(h.items) - h.head; n > h.changes || size > h.bytes || size != h.size {
				t.Fatalf("%d changes of %d bytes, reckoned as %d", n, size, h.size)
			}
			for from := uint64(0); from <= rev; from++ {
				got, err := h.after(from, func(Event) bool { return true })
				if (err != nil) != (from < h.floor) {
					t.Fatalf("from %d with floor %d: %v", from, h.floor, err)
				}
				want := 0
				for _, w := range all {
					if w.at > from {
						want++
					}
				}
				if err == nil && len(got) != want {
					t.Fatalf("%d changes after %d, wanted %d", len(got), from, want)
				}
			}
		}
	})
}

// TestAWatchThatLeftSomethingOutSaysHowMuch: what a slow reader is not shown is counted.
func TestAWatchThatLeftSomethingOutSaysHowMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		newTestLog(d)
		w := d.Watch("")
		defer w.Close()
		for range 3 * queueBound {
			if _, err := d.Store(t.Context(), "k", nil); err != nil {
				t.Fatal(err)
			}
		}
		shown := len(waitingIn(w))
		if left := w.Coalesced(); left == 0 || int(left)+shown != 3*queueBound {
			t.Errorf("%d events shown, %d left out", shown, left)
		}
	})
}

// TestAWatchGoesOnInARealGroup: a watch of one member goes on at another after the first has died; the member that starts
// again in its place got a snapshot and says that it cannot.
func TestAWatchGoesOnInARealGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		voters := []string{"n1", "n2", "n3"}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 10)
		}
		store := func(n int) (last uint64) {
			for range n {
				rev, err := nodes["n1"].dict.Store(t.Context(), "k", nil)
				if err != nil {
					t.Fatal(err)
				}
				last = rev
			}
			return last
		}
		through := store(20)
		b.cut("n3").stop(t)
		last := store(20)
		w, err := nodes["n2"].dict.WatchFrom("", through, EveryChange(100))
		if err != nil {
			t.Fatal(err)
		}
		if seen := waitingIn(w); len(seen) != 20 {
			t.Errorf("%d changes after revision %d, wanted 20: %v", len(seen), through, seen)
		}
		w.Close()
		nodes["n3"] = b.start(t, "n3", 100, voters, 10)
		if _, err := nodes["n3"].dict.Read(t.Context(), AtLeast(last)); err != nil {
			t.Fatal(err)
		}
		compacted := (*CompactedError)(nil)
		if _, err := nodes["n3"].dict.WatchFrom("", through); !errors.As(err, &compacted) || compacted.Oldest <= through {
			t.Errorf("the new member goes on: %v", err)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// TestReadLevelsInARealGroup: after a write through one member, every member reads it at every level that promises it;
// without a majority only what needs nobody is read.
func TestReadLevelsInARealGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		nodes := b.startThree(t)
		for i := range 30 {
			rev, err := nodes[i%3].dict.Store(t.Context(), "k", []byte{byte(i)})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range nodes {
				for _, level := range []Level{Linearizable, AtLeast(rev), Bounded(0)} {
					view, err := n.dict.Read(t.Context(), level)
					if entry, _ := view.Find("k"); err != nil || entry.Rev != rev {
						t.Fatalf("%s at %s: %v, %v; wanted revision %d", level, n.group.Member().Name, entry, err, rev)
					}
				}
			}
		}
		b.cut("n2")
		b.cut("n3")
		for _, n := range nodes {
			if _, err := n.dict.Read(t.Context(), Linearizable); err == nil {
				t.Errorf("%s reads linearizably without a majority", n.group.Member().Name)
			}
			if _, err := n.dict.Read(t.Context(), Bounded(DefaultTimeout)); !errors.Is(err, ErrStale) {
				t.Errorf("%s reads bounded without a majority: %v", n.group.Member().Name, err)
			}
			if view, err := n.dict.Read(t.Context(), Local); err != nil || !view.IsKey("k") {
				t.Errorf("%s does not read locally: %v", n.group.Member().Name, err)
			}
			if _, err := n.dict.Read(t.Context(), AtLeast(1<<40)); err == nil {
				t.Errorf("%s reads what was never written", n.group.Member().Name)
			}
			n.stop(t)
		}
	})
}

// TestBoundedReadsOutliveTheLeaderForAsLongAsTheyMay: a member that hears nobody any more goes on reading within the bound,
// without asking, and then says how old it is; what was written meanwhile is not passed off as fresh.
func TestBoundedReadsOutliveTheLeaderForAsLongAsTheyMay(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		nodes := b.startThree(t)
		if _, err := nodes[0].dict.Store(t.Context(), "k", []byte("before")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // everybody has leases
		const bound = 2 * time.Second
		alone := nodes[2]
		if alone.group.View().Leader.Name == "n3" {
			alone = nodes[1]
		}
		b.cut(alone.group.Member().Name)
		cut := time.Now()
		for time.Since(cut) < bound/2 {
			begin := time.Now()
			if _, err := alone.dict.Read(t.Context(), Bounded(bound)); err != nil || time.Since(begin) != 0 {
				t.Fatalf("%s after the cut: %v, and it took %s", time.Since(cut), err, time.Since(begin))
			}
			time.Sleep(50 * time.Millisecond)
		}
		if _, err := nodes[0].dict.Store(t.Context(), "k", []byte("after")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(bound)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stale := (*StaleError)(nil)
		if _, err := alone.dict.Read(ctx, Bounded(bound)); !errors.As(err, &stale) || stale.Age < bound || stale.Age > time.Since(cut)+bound {
			t.Errorf("%s after the cut: %v", time.Since(cut), err)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

var _ Reader = (*genleader.Group)(nil)

func TestATypedWatchDecodesWhatItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		newTestLog(d)
		stock := Of[int, int64](d, "stock")
		for n := range 3 {
			if _, err := stock.Store(t.Context(), n, int64(n)); err != nil {
				t.Fatal(err)
			}
		}
		w, err := stock.WatchFrom(1, EveryChange(10))
		if err != nil {
			t.Fatal(err)
		}
		whole := stock.Watch()
		for _, key := range []string{"stock/foreign", "stock/more"} {
			if _, err := d.Store(t.Context(), key, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := stock.Erase(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		for watch, want := range map[*TypedWatch[int, int64]]string{
			w:     "1=1 2=2 synced ? ? -1 ended",
			whole: "0=0 1=1 2=2 synced ? ? -1 ended",
		} {
			var got []string
			d.end(nil)
			for c, err := range watch.All() {
				bad := (*CodecError)(nil)
				switch {
				case errors.As(err, &bad):
					got = append(got, "?")
				case c.Event.Synced:
					got = append(got, "synced")
				case c.Event.Erased:
					got = append(got, fmt.Sprintf("-%d", c.Key))
				default:
					got = append(got, fmt.Sprintf("%d=%d", c.Key, c.Value))
				}
			}
			if errors.Is(watch.Err(), ErrEnded) {
				got = append(got, "ended")
			}
			if strings.Join(got, " ") != want {
				t.Errorf("saw %q, wanted %q", got, want)
			}
			watch.Close()
		}
		late, err := stock.WatchFrom(0)
		if err != nil {
			t.Fatalf("a watch of a dictionary that has ended: %v", err)
		}
		late.Close()
		d.KeepHistory(0, 0)
		if _, err := stock.WatchFrom(0); !errors.Is(err, ErrCompacted) {
			t.Errorf("a watch from before the history: %v", err)
		}
	})
}
