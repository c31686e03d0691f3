package gdict

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestTypedWritesBindKeysToOwners: alone and in a transaction, and the last store says whose the key is.
func TestTypedWritesBindKeysToOwners(t *testing.T) {
	d := New()
	newTestLog(d)
	ctx := t.Context()
	me := Member(genleader.Member{Name: "n1", Incarnation: 7})
	locks := Of[int, string](d, "locks")
	owned := func(key int) bool {
		owner, owned, err := locks.OwnerOf(key)
		if err != nil || owned && owner != me {
			t.Errorf("%d is owned by %v, %v", key, owner, err)
		}
		return owned
	}
	_, stored := locks.Store(ctx, 1, "a", OwnedBy(me))
	_, first := locks.StoreIfMissing(ctx, 2, "b", OwnedBy(me))
	_, compared := locks.CompareAndStore(ctx, 3, 0, "c", OwnedBy(me))
	_, together := d.Txn(ctx, Then(locks.Op().Store(4, "d", OwnedBy(me)), locks.Op().StoreIfMissing(5, "e", OwnedBy(me)),
		locks.Op().CompareAndStore(6, 0, "f", OwnedBy(me))))
	if err := errors.Join(stored, first, compared, together); err != nil {
		t.Fatal(err)
	}
	for key := 1; key <= 6; key++ {
		if !owned(key) {
			t.Errorf("%d has no owner", key)
		}
	}
	if _, err := locks.Store(ctx, 1, "a"); err != nil || owned(1) {
		t.Errorf("stored for nobody: %v", err)
	}
}

func TestManyTypedValuesAreStoredAtOneRevision(t *testing.T) {
	d := New()
	newTestLog(d)
	names := Of[int, string](d, "names")
	rev, err := names.StoreMany(t.Context(), maps.All(map[int]string{1: "one", 2: "two"}))
	if err != nil || rev != 1 {
		t.Fatalf("%d, %v", rev, err)
	}
	repeated := func(yield func(int, string) bool) { _ = yield(3, "free") && yield(1, "uno") && yield(3, "three") }
	if rev, err := names.StoreMany(t.Context(), repeated); err != nil || rev != 2 {
		t.Fatalf("%d, %v", rev, err)
	}
	want := []string{"1=uno@2", "2=two@1", "3=three@2"}
	if got := lines(names.All()); !slices.Equal(got, want) {
		t.Errorf("got %q, wanted %q", got, want)
	}
}

// TestStoringNothingIsNoWrite: the log goes on without it, and the revision is one that the caller's member has.
func TestStoringNothingIsNoWrite(t *testing.T) {
	d := New()
	log := newTestLog(d)
	last, err := d.Store(t.Context(), "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	none, err := d.StoreMany(t.Context(), nil)
	typed, problem := Of[int, string](d, "names").StoreMany(t.Context(), maps.All(map[int]string{}))
	if err != nil || problem != nil || none != last || typed != last || len(log.records) != 1 {
		t.Errorf("%d, %v; %d, %v; the log has %d, wanted revision %d and 1", none, err, typed, problem, len(log.records), last)
	}
}

// TestAViewHasWhatLiesInAViewWithinIt, and erases it with the rest.
func TestAViewHasWhatLiesInAViewWithinIt(t *testing.T) {
	d := New()
	newTestLog(d)
	outer, inner, beside := Of[string, string](d, "a"), Of[string, string](d, "a/b"), Of[string, string](d, "ab")
	for _, view := range []*Typed[string, string]{inner, beside} {
		if _, err := view.Store(t.Context(), "k", "v"); err != nil {
			t.Fatal(err)
		}
	}
	if item, err := outer.Fetch("b/k"); err != nil || item.Value != "v" {
		t.Errorf("%v, %v", item, err)
	}
	if n, err := outer.EraseAll(t.Context()); n != 1 || err != nil || d.View().IsKey("a/b/k") || !d.View().IsKey("ab/k") {
		t.Errorf("%d, %v: %v are left", n, err, d.View().FetchKeys(""))
	}
}

func TestATypedViewErasesOnlyItsOwn(t *testing.T) {
	d := New()
	newTestLog(d)
	ctx := t.Context()
	lines := Of[string, int](d, "lines")
	for _, key := range []string{"7/a", "7/b", "70/a", "8/a", "9/a", "9/b"} {
		if _, err := lines.Store(ctx, key, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, foreign := range []string{"lines", "lines0", "lines/9/foreign"} {
		if _, err := d.Store(ctx, foreign, []byte("no number")); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := lines.ErasePrefix(ctx, "7/"); err != nil || n != 2 {
		t.Errorf("erased %d under 7/, %v", n, err)
	}
	limit := (*LimitError)(nil)
	if n, err := lines.ErasePrefix(ctx, ""); !errors.As(err, &limit) || limit.What != whatKey || n != 0 {
		t.Errorf("erased %d under nothing, %v", n, err)
	}
	done, err := d.Txn(ctx, Then(lines.Op().ErasePrefix("9/"), lines.Op().Erase("8/a"), lines.Op().Erase("8/b")))
	if err != nil || fmt.Sprint(done.Results) != "[{3} {1} {0}]" {
		t.Errorf("%+v, %v", done, err)
	}
	if n, err := lines.EraseAll(ctx); err != nil || n != 1 {
		t.Errorf("erased %d, %v", n, err)
	}
	if _, err := lines.Store(ctx, "10/a", 1); err != nil {
		t.Fatal(err)
	}
	if done, err := d.Txn(ctx, Then(lines.Op().EraseAll())); err != nil || done.Results[0].N != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	if left := d.View().FetchKeys(""); !slices.Equal(left, []string{"lines", "lines0"}) {
		t.Errorf("left are %q", left)
	}
}

// TestBytesAreAppendedToAndNothingElseIs: where the end of one value and the beginning of the next would make no value.
func TestBytesAreAppendedToAndNothingElseIs(t *testing.T) {
	d := New()
	newTestLog(d)
	ctx := t.Context()
	texts, blobs := Of[string, currency](d, "texts"), Of(d, "blobs", Codecs[string, blob]{Value: Raw[blob]()})
	for i, part := range []string{"e", "ur"} {
		n, err := texts.Append(ctx, "k", currency(part))
		m, err2 := blobs.Append(ctx, "k", blob(part))
		if n != 1+2*i || m != n || err != nil || err2 != nil {
			t.Errorf("%d and %d bytes, %v, %v", n, m, err, err2)
		}
	}
	done, err := d.Txn(ctx, Then(texts.Op().Append("k", "o"), blobs.Op().Append("k", blob("o"))))
	if err != nil || done.Results[0].N != 4 {
		t.Errorf("%+v, %v", done, err)
	}
	text, err := texts.Fetch("k")
	blob, err2 := blobs.Fetch("k")
	if text.Value != "euro" || string(blob.Value) != "euro" || err != nil || err2 != nil {
		t.Errorf("%v, %v, %v, %v", text, blob, err, err2)
	}
	rev := d.View().Rev()
	for name, err := range map[string]error{
		"prices":         second(Of[string, price](d, "x").Append(ctx, "k", price{})),
		"counters":       second(Of[string, int64](d, "x").Append(ctx, "k", 1)),
		"text in JSON":   second(Of(d, "x", Codecs[string, string]{Value: JSON[string]()}).Append(ctx, "k", "v")),
		"lists of bytes": second(OfLists[string, byte](d, "x").Append(ctx, "k", []byte("v"))),
	} {
		if !errors.Is(err, ErrNoBytes) || !strings.Contains(err.Error(), `"x/k"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.View().Rev() != rev {
		t.Error("something was sent")
	}
}

func second[T any](_ T, err error) error { return err }

func TestTypedListsGrow(t *testing.T) {
	d := New()
	newTestLog(d)
	ctx := t.Context()
	history := OfLists[string, price](d, "history")
	one, two, three := price{Cents: 1}, price{Cents: 2, Of: "eur"}, price{}
	if n, err := history.AppendList(ctx, "k", one, two); n != 2 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	done, err := d.Txn(ctx, If(history.Cond().ValueIs("k", []price{one, two})), Then(history.Op().AppendList("k", three), AppendList("raw", nil)))
	if err != nil || !done.Succeeded || done.Results[0].N != 3 {
		t.Fatalf("%+v, %v", done, err)
	}
	if item, err := history.Fetch("k"); err != nil || !slices.Equal(item.Value, []price{one, two, three}) {
		t.Errorf("%v, %v", item, err)
	}
	entry, _ := d.Find("history/k")
	if raw, err := entry.List(); err != nil || string(raw[0]) != `{"cents":1}` || len(raw) != 3 {
		t.Errorf("%q, %v", raw, err)
	}
	if _, err := history.Store(ctx, "k", []price{two}); err != nil {
		t.Fatal(err)
	}
	if n, err := history.AppendList(ctx, "k"); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := history.AppendList(ctx, "empty"); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if item, err := history.Fetch("empty"); len(item.Value) != 0 || err != nil {
		t.Errorf("%v, %v", item, err)
	}
	for foreign, want := range map[string]string{
		"\x05few":                 "it is no list",
		string(List([]byte("{"))): "element 0: ",
	} {
		if _, err := d.Store(ctx, "history/bad", []byte(foreign)); err != nil {
			t.Fatal(err)
		}
		bad := (*CodecError)(nil)
		if _, err := history.Fetch("bad"); !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", foreign, err)
		}
	}
	numbers := OfLists(d, "numbers", Codecs[int, uint16]{Key: Decimal[int](), Value: Ordered[uint16]()})
	if n, err := numbers.AppendList(ctx, 7, 1, 2, 3); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if entry, _ := d.Find("numbers/7"); len(entry.Value) != 3*9 {
		t.Errorf("%q", entry.Value)
	}
}
