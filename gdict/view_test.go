package gdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// filledWith stores every key with itself as the value, in the order given.
func filledWith(t testing.TB, keys ...string) *Dict {
	t.Helper()
	d := New()
	newTestLog(d)
	for _, key := range keys {
		if _, err := d.Store(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func keysOf(view View, r Range) []string {
	return slices.Collect(Map(view.Scan(r), func(e Entry) string { return e.Key }))
}

// TestScansPickWhatASortedListWould compares every kind of range with the same choice made from a sorted list.
func TestScansPickWhatASortedListWould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := emptyState()
		stored := rapid.SliceOfDistinct(rapid.SliceOfN(rapid.SampledFrom([]byte{'a', 'b', 0, 0xff}), 1, 4), func(b []byte) string { return string(b) }).
			Draw(t, "keys")
		for _, k := range stored {
			edit := s.tree.edit()
			edit.put(&Entry{Key: string(k)})
			s.tree = edit.done()
		}
		bound := rapid.Custom(func(t *rapid.T) string {
			return string(rapid.SliceOfN(rapid.SampledFrom([]byte{'a', 'b', 0, 0xff}), 0, 4).Draw(t, "bound"))
		})
		r := Range{
			Prefix: bound.Draw(t, "prefix"), From: bound.Draw(t, "from"), To: bound.Draw(t, "to"),
			Limit: rapid.IntRange(0, 3).Draw(t, "limit"), Reverse: rapid.Bool().Draw(t, "reverse"),
		}
		var want []string
		for _, k := range stored {
			if k := string(k); strings.HasPrefix(k, r.Prefix) && k >= r.From && (r.To == "" || k < r.To) {
				want = append(want, k)
			}
		}
		slices.Sort(want)
		if r.Reverse {
			slices.Reverse(want)
		}
		if r.Limit > 0 {
			want = want[:min(r.Limit, len(want))]
		}
		if got := keysOf(View{&s}, r); !slices.Equal(got, want) {
			t.Fatalf("%s of %q: %q, wanted %q", fmt.Sprintf("%+v", r), stored, got, want)
		}
		for range (View{&s}).Scan(r) {
			break // a reader may stop at once
		}
	})
}

func TestAViewNeverChanges(t *testing.T) {
	d := filledWith(t, "a", "b", "c")
	view := d.View()
	if _, err := d.Erase(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Store(t.Context(), "d", nil); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(view.FetchKeys(""), view.Size(), view.Rev(), view.IsKey("b"), view.IsKey("d")); got != "[a b c] 3 3 true false" {
		t.Errorf("the view of revision 3 shows %s", got)
	}
	if got := fmt.Sprint(d.View().FetchKeys(""), d.View().Size(), d.View().Rev()); got != "[a c d] 3 5" {
		t.Errorf("the view of revision 5 shows %s", got)
	}
}

func TestTheOriginalsLookups(t *testing.T) {
	view := filledWith(t, "apple", "avocado", "banana").View()
	if entry, err := view.Fetch("apple"); err != nil || string(entry.Value) != "apple" || entry.Rev != 1 {
		t.Errorf("fetch: %v, %v", entry, err)
	}
	if _, err := view.Fetch("cherry"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"cherry"`) {
		t.Errorf("fetch of a missing key: %v", err)
	}
	if keys := view.FetchKeys("a"); !slices.Equal(keys, []string{"apple", "avocado"}) {
		t.Errorf("fetch_keys: %q", keys)
	}
	long := slices.Collect(view.Filter(func(e Entry) bool { return len(e.Value) > 5 }))
	if len(long) != 2 || long[0].Key != "avocado" || long[1].Key != "banana" {
		t.Errorf("filter: %v", long)
	}
	for entry := range view.Filter(func(Entry) bool { return true }) {
		if entry.Key != "apple" {
			t.Errorf("a filter that is left at once shows %v", entry)
		}
		break
	}
	if sum := Fold(view.All(), 0, func(n int, e Entry) int { return n + len(e.Value) }); sum != len("appleavocadobanana") {
		t.Errorf("fold: %d", sum)
	}
	upper := slices.Collect(Map(view.All(), func(e Entry) string { return strings.ToUpper(e.Key) }))
	if !slices.Equal(upper, []string{"APPLE", "AVOCADO", "BANANA"}) {
		t.Errorf("map: %q", upper)
	}
	for range Map(view.All(), func(e Entry) string { return e.Key }) {
		break
	}
	if list := view.ToList("b"); len(list) != 1 || list[0].Key != "banana" || view.Size() != 3 {
		t.Errorf("to_list: %v, size %d", list, view.Size())
	}
}

func TestTheZeroViewIsEmpty(t *testing.T) {
	var view View
	_, found := view.Find("k")
	if found || view.IsKey("k") || view.Size() != 0 || view.Rev() != 0 || len(view.ToList("")) != 0 || len(view.FetchKeys("")) != 0 {
		t.Error("the zero view shows something")
	}
}
