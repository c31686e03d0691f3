package gdict

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestCoalescingKeepsTheLatestOfEachKey checks a queue that is coalesced at random moments against one that is not:
// applied to what the reader knew, both come to the same view, in which every key's last event is in the same order.
func TestCoalescingKeepsTheLatestOfEachKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		present := map[string]bool{"a": true, "b": true}
		view := map[string]uint64{"a": 0, "b": 0}
		var plain, coalesced queue
		var last []string // keys by their last change
		for rev := uint64(1); rev <= 40; rev++ {
			key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key")
			w := waiting{event: Event{Entry: Entry{Key: key, Rev: rev}}, fresh: !present[key]}
			w.event.Erased = present[key] && rapid.Bool().Draw(t, "erased")
			present[key] = !w.event.Erased
			plain.push(w)
			coalesced.push(w)
			last = append(remove1(last, key), key)
			if rapid.Bool().Draw(t, "coalesce") {
				coalesced.coalesce()
				if n := coalesced.len(); n > 4 {
					t.Fatalf("%d events wait for 4 keys", n)
				}
			}
		}
		coalesced.coalesce()
		_, order := play(t, coalesced, view, true)
		want, _ := play(t, plain, view, true)
		got, _ := play(t, coalesced, view, true)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("view %v, wanted %v", got, want)
		}
		i := 0
		for _, key := range last {
			if i < len(order) && order[i] == key {
				i++
			}
		}
		if i != len(order) {
			t.Fatalf("order %q is not that of the last changes %q", order, last)
		}
	})
}

func play(t *rapid.T, q queue, from map[string]uint64, strict bool) (view map[string]uint64, order []string) {
	view = map[string]uint64{}
	for key, rev := range from {
		view[key] = rev
	}
	for _, w := range q.items[q.head:] {
		_, known := view[w.event.Key]
		if strict && known == w.fresh {
			t.Fatalf("%v: fresh %v, but known %v", w.event, w.fresh, known)
		}
		if w.event.Erased {
			delete(view, w.event.Key)
		} else {
			view[w.event.Key] = w.event.Rev
		}
		order = append(order, w.event.Key)
	}
	return view, order
}

func remove1(keys []string, key string) []string {
	var kept []string
	for _, k := range keys {
		if k != key {
			kept = append(kept, k)
		}
	}
	return kept
}

// TestAQueueStaysSmallHoweverMuchPassesThrough covers both a reader that never catches up and one that never comes.
func TestAQueueStaysSmallHoweverMuchPassesThrough(t *testing.T) {
	for name, pops := range map[string]bool{"a reader one step behind": true, "no reader": false} {
		t.Run(name, func(t *testing.T) {
			var q queue
			for rev := range uint64(100_000) {
				key := fmt.Sprint("key", rev%10)
				q.push(waiting{event: Event{Entry: Entry{Key: key, Rev: rev + 1}}})
				if pops && rev > 0 {
					if event, ok := q.pop(); !ok || event.Rev != rev {
						t.Fatalf("popped %v, wanted revision %d", event, rev)
					}
				}
			}
			if c := cap(q.items); c > 8*queueBound {
				t.Fatalf("room for %d events is held", c)
			}
			if !pops && q.len() > queueBound+1 {
				t.Fatalf("%d events wait", q.len())
			}
		})
	}
}
