package gdict

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// lines prints what a scan yields, one entry per element.
func lines[K, V any](seq func(func(Item[K, V], error) bool)) (out []string) {
	for item, err := range seq {
		out = append(out, show(fmt.Sprintf("%v=%v@%d", item.Key, item.Value, item.Rev), err))
	}
	return out
}

func TestATypedViewWritesAndReads(t *testing.T) {
	d := New()
	newTestLog(d)
	prices := Of[string, price](d, "prices")
	ctx := t.Context()
	rev, err := prices.Store(ctx, "eur", price{Cents: 120})
	if err != nil || rev != 1 {
		t.Fatalf("stored at %d, %v", rev, err)
	}
	if entry, _ := d.Find("prices/eur"); string(entry.Value) != `{"cents":120}` {
		t.Errorf("the dictionary has %q", entry.Value)
	}
	item, err := prices.Fetch("eur")
	if err != nil || item != (Item[string, price]{"eur", price{Cents: 120}, 1}) {
		t.Errorf("fetched %v, %v", item, err)
	}
	if _, err := prices.CompareAndStore(ctx, "eur", 7, price{}); !errors.Is(err, ErrConflict) {
		t.Errorf("compared with a wrong revision: %v", err)
	}
	if rev, err := prices.CompareAndStore(ctx, "eur", 1, price{Cents: 130}); err != nil || rev != 3 {
		t.Errorf("compared: %d, %v", rev, err)
	}
	if _, err := prices.UpdateCounter(ctx, "eur", 1); !errors.Is(err, ErrNoCounter) {
		t.Errorf("counted prices: %v", err)
	}
	if _, err := prices.StoreIfMissing(ctx, "eur", price{}); !errors.Is(err, ErrConflict) {
		t.Errorf("stored although it was there: %v", err)
	}
	if _, err := prices.CompareAndErase(ctx, "eur", 1); !errors.Is(err, ErrConflict) {
		t.Errorf("erased at a wrong revision: %v", err)
	}
	if rev, err := prices.CompareAndErase(ctx, "eur", 3); err != nil || rev != 6 {
		t.Errorf("erased at its revision: %d, %v", rev, err)
	}
	if rev, err := prices.StoreIfMissing(ctx, "eur", price{}); err != nil || rev != 7 {
		t.Errorf("stored where there was none: %d, %v", rev, err)
	}
	if rev, err := prices.Erase(ctx, "eur"); err != nil || rev != 8 {
		t.Errorf("erased at %d, %v", rev, err)
	}
	if _, found, err := prices.Find("eur"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := prices.Fetch("eur"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), `"prices/eur"`) {
		t.Errorf("fetched what is gone: %v", err)
	}
}

// TestATypedViewHasWhatADictHas: an operation that is added to one is added to the other.
func TestATypedViewHasWhatADictHas(t *testing.T) {
	// These are of the whole dictionary; Txn takes typed operations.
	elsewhere := []string{"Attach", "Behaviour", "Dict", "KeepHistory", "OwnActor", "Txn", "Export", "Size", "InTerm"}
	for whole, part := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[*Dict](): reflect.TypeFor[*Lists[string, int]](),
		reflect.TypeFor[View]():  reflect.TypeFor[TypedView[string, int]](),
	} {
		for method := range whole.Methods() {
			if _, has := part.MethodByName(method.Name); !has && !slices.Contains(elsewhere, method.Name) {
				t.Errorf("%v has no %s", part, method.Name)
			}
		}
	}
}

func TestTypedCountersCount(t *testing.T) {
	d := New()
	newTestLog(d)
	type hits int64
	for name, count := range map[string]func(context.Context, string, int64) (int64, error){
		"int":      Of[string, int](d, "int").UpdateCounter,
		"int64":    Of[string, int64](d, "int64").UpdateCounter,
		"declared": Of[string, hits](d, "declared").UpdateCounter,
		"given":    Of(d, "given", Codecs[string, hits]{Value: Decimal[hits]()}).UpdateCounter,
	} {
		if n, err := count(t.Context(), "k", 5); err != nil || n != 5 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	for name, count := range map[string]func(context.Context, string, int64) (int64, error){
		"int8, which is too narrow": Of[string, int8](d, "int8").UpdateCounter,
		"uint64":                    Of[string, uint64](d, "uint64").UpdateCounter,
		"int64 in binary":           Of(d, "binary", Codecs[string, int64]{Value: Ordered[int64]()}).UpdateCounter,
	} {
		if n, err := count(t.Context(), "k", 5); !errors.Is(err, ErrNoCounter) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

func TestScansOfNumbersAreInTheirOrder(t *testing.T) {
	d := New()
	newTestLog(d)
	names := Of[int, string](d, "names")
	for _, n := range []int{300, -1, 2, 0, -300} {
		if _, err := names.Store(t.Context(), n, fmt.Sprint("n", n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Store(t.Context(), "names0", nil); err != nil { // not under the name
		t.Fatal(err)
	}
	for want, span := range map[string]Span[int]{
		"-300 -1 0 2 300": {},
		"300 2 0 -1 -300": {Reverse: true},
		"-1 0":            {From: new(-1), To: new(2)},
		"2 0":             {From: new(0), To: new(300), Reverse: true, Limit: 2},
		"":                {From: new(301)},
		"2":               {Prefix: new(2)},
	} {
		var got []string
		for item, err := range names.Scan(span) {
			if err != nil || item.Value != fmt.Sprint("n", item.Key) {
				t.Errorf("%v, %v", item, err)
			}
			got = append(got, fmt.Sprint(item.Key))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: %q, wanted %q", span, got, want)
		}
	}
	for item, err := range names.All() {
		if err != nil || item.Key != -300 {
			t.Errorf("the first of all is %v, %v", item, err)
		}
		break
	}
}

// TestWhatCannotBeDecodedHidesNothing: foreign bytes under the prefix are reported one by one, with key and type, beside
// the entries around them.
func TestWhatCannotBeDecodedHidesNothing(t *testing.T) {
	d := New()
	newTestLog(d)
	stock := Of[uint16, int8](d, "stock")
	for _, n := range []uint16{1, 2, 3} {
		if _, err := stock.Store(t.Context(), n, int8(n)); err != nil {
			t.Fatal(err)
		}
	}
	two, err := stock.Key(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, foreign := range []string{two, "stock/zz"} {
		if _, err := d.Store(t.Context(), foreign, []byte("many")); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"1=1@1",
		`error: gdict: key "stock/\x00\x00\x00\x00\x00\x00\x00\x02": cannot decode its value as int8: it is not a decimal number that fits`,
		"3=3@3",
		`error: gdict: key "stock/zz": cannot decode it as uint16: it has 2 bytes, and a number has 8`,
	}
	if got := lines(stock.All()); !slices.Equal(got, want) {
		t.Errorf("got %q\nwanted %q", got, want)
	}
	item, found, err := stock.Find(2)
	bad := (*CodecError)(nil)
	if !errors.As(err, &bad) || bad.Key != two || bad.Type != "int8" || !found || item.Key != 2 || item.Rev != 4 {
		t.Errorf("found %v, %v, %v", item, found, err)
	}
	if _, err := stock.Fetch(2); !errors.As(err, &bad) || !errors.Is(err, errNotDecimal) {
		t.Errorf("fetched: %v", err)
	}
}

// TestAValueThatCannotBeEncodedIsNotSent: the error names key and type, and nothing has changed.
func TestAValueThatCannotBeEncodedIsNotSent(t *testing.T) {
	d := New()
	newTestLog(d)
	ctx := t.Context()
	odd := Of[string, func()](d, "odd")
	_, stored := odd.Store(ctx, "k", func() {})
	_, compared := odd.CompareAndStore(ctx, "k", 0, func() {})
	for _, err := range []error{stored, compared} {
		bad := (*CodecError)(nil)
		if !errors.As(err, &bad) || bad.Key != "odd/k" || bad.Type != "func()" || bad.Doing != doEncode {
			t.Errorf("a function: %v", err)
		}
	}
	keys := Of(d, "keys", Codecs[string, int64]{Key: refusing{}})
	_, stored = keys.Store(ctx, "k", 1)
	_, erased := keys.Erase(ctx, "k")
	_, erasedAt := keys.CompareAndErase(ctx, "k", 1)
	_, compared = keys.CompareAndStore(ctx, "k", 0, 1)
	_, counted := keys.UpdateCounter(ctx, "k", 1)
	_, appended := keys.Append(ctx, "k", 1)
	_, prefixErased := keys.ErasePrefix(ctx, "k")
	_, many := keys.StoreMany(ctx, maps.All(map[string]int64{"k": 1}))
	_, _, owned := keys.OwnerOf("k")
	there, isKey := keys.View().IsKey("k")
	_, _, found := keys.Find("k")
	_, fetched := keys.Fetch("k")
	scanned := lines(keys.Scan(Span[string]{From: new("k")}))
	for name, err := range map[string]error{
		"store": stored, "erase": erased, "erase at": erasedAt, "compare": compared, "count": counted, "find": found, "fetch": fetched,
		"append": appended, "erase prefix": prefixErased, "store many": many, "owner": owned, "is key": isKey,
	} {
		if !errors.Is(err, errRefusing) || !strings.Contains(err.Error(), "cannot encode a key of type string") {
			t.Errorf("%s: %v", name, err)
		}
	}
	scanned = append(scanned, lines(keys.Scan(Span[string]{Prefix: new("k")}))...)
	if there || len(scanned) != 2 || scanned[0] != scanned[1] || !strings.Contains(scanned[0], errRefusing.Error()) {
		t.Errorf("scanned %q", scanned)
	}
	if d.View().Rev() != 0 {
		t.Error("something was sent")
	}
}

// TestTypedLookups: those of the original that are not Find and Fetch, with an entry among them that cannot be decoded, and a
// key that cannot.
func TestTypedLookups(t *testing.T) {
	d := New()
	newTestLog(d)
	stock := Of[uint16, int8](d, "stock")
	for _, n := range []uint16{1, 2, 3} {
		if _, err := stock.Store(t.Context(), n, int8(n)); err != nil {
			t.Fatal(err)
		}
	}
	two, err := stock.Key(2)
	if err != nil {
		t.Fatal(err)
	}
	view := stock.View()
	if items, err := view.ToList(); err != nil || fmt.Sprint(items) != "[{1 1 1} {2 2 2} {3 3 3}]" {
		t.Errorf("%v, %v", items, err)
	}
	for _, foreign := range []string{two, "stock/zz"} {
		if _, err := d.Store(t.Context(), foreign, []byte("many")); err != nil {
			t.Fatal(err)
		}
	}
	view = stock.View()
	for key, want := range map[uint16]bool{2: true, 4: false} {
		if is, err := view.IsKey(key); is != want || err != nil {
			t.Errorf("%d is a key: %v, %v", key, is, err)
		}
	}
	var keys []string
	for key, err := range view.FetchKeys() {
		keys = append(keys, show(fmt.Sprint(key), err))
	}
	badKey := `error: gdict: key "stock/zz": cannot decode it as uint16: it has 2 bytes, and a number has 8`
	if want := []string{"1", "2", "3", badKey}; !slices.Equal(keys, want) {
		t.Errorf("keys %q", keys)
	}
	kept := lines(view.Filter(func(i Item[uint16, int8]) bool { return i.Value > 1 }))
	if len(kept) != 3 || !strings.Contains(kept[0], "cannot decode its value") || kept[1] != "3=3@3" || kept[2] != badKey {
		t.Errorf("kept %q", kept)
	}
	items, err := stock.ToList()
	bad := (*CodecError)(nil)
	if !errors.As(err, &bad) || bad.Key != two || fmt.Sprint(items) != "[{1 1 1} {3 3 3}]" {
		t.Errorf("%v, %v", items, err)
	}
	sum := Fold(Decoded(view.All(), &err), 0, func(sum int8, i Item[uint16, int8]) int8 { return sum + i.Value })
	if sum != 4 || !errors.As(err, &bad) || bad.Key != two {
		t.Errorf("%d, %v", sum, err)
	}
	for range Decoded(view.All(), &err) {
		break
	}
	for range Decoded(view.FetchKeys(), &err) {
		break
	}
	for range Decoded(view.Filter(func(Item[uint16, int8]) bool { return true }), &err) {
		break
	}
	if err != nil {
		t.Errorf("nobody has seen an error: %v", err)
	}
}

func TestASpanMayHaveAPrefix(t *testing.T) {
	d := New()
	newTestLog(d)
	lines := Of[string, int](d, "lines")
	for i, key := range []string{"7", "7/a", "7/b", "7/c", "70/a"} {
		if _, err := lines.Store(t.Context(), key, i); err != nil {
			t.Fatal(err)
		}
	}
	for want, span := range map[string]Span[string]{
		"[1 2 3]": {Prefix: new("7/")},
		"[3 2]":   {Prefix: new("7/"), From: new("7/b"), To: new("8"), Reverse: true},
		"[4]":     {Prefix: new("70")},
		"[0 1]":   {Prefix: new(""), Limit: 2},
	} {
		var err error
		got := slices.Collect(Map(Decoded(lines.Scan(span), &err), func(i Item[string, int]) int { return i.Value }))
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%v, %v, wanted %s", got, err, want)
		}
	}
}

var errRefusing = errors.New("refusing")

type refusing struct{}

func (refusing) Append(dst []byte, _ string) ([]byte, error) { return dst, errRefusing }
func (refusing) Decode([]byte) (string, error)               { return "", errRefusing }

func TestTypedReadsHaveLevelsToo(t *testing.T) {
	g := newSlowGroup()
	prices := Of[string, int64](g.dicts[0], "prices")
	if _, err := prices.Store(t.Context(), "eur", 120); err != nil {
		t.Fatal(err)
	}
	g.catchUp()
	view, err := Of[string, int64](g.behind, "prices").Read(t.Context(), Linearizable)
	if err != nil {
		t.Fatal(err)
	}
	if item, err := view.Fetch("eur"); err != nil || item.Value != 120 || view.Rev() != 1 {
		t.Errorf("%v, %v at %d", item, err, view.Rev())
	}
	g.leaderless = true
	view, err = prices.Read(t.Context(), Linearizable)
	if _, found, _ := view.Find("eur"); err == nil || found {
		t.Errorf("a read that failed shows something: %v", err)
	}
}

// TestTypedReadsAddOnlyTheirCodec: looking a typed key up makes no garbage of its own.
func TestTypedReadsAddOnlyTheirCodec(t *testing.T) {
	d := New()
	newTestLog(d)
	numbers, names := Of[uint64, int64](d, "numbers"), Of[string, []byte](d, strings.Repeat("name", 20))
	long := strings.Repeat("key", 40)
	_, err1 := numbers.Store(t.Context(), 1<<40, 7)
	_, err2 := names.Store(t.Context(), long, []byte("v"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	var number Item[uint64, int64]
	var name Item[string, []byte]
	if n := testing.AllocsPerRun(200, func() { number, _, err1 = numbers.Find(1 << 40) }); n != 0 || err1 != nil || number.Value != 7 {
		t.Errorf("a number: %v allocations, read %v, %v", n, number, err1)
	}
	if n := testing.AllocsPerRun(200, func() { name, _, err2 = names.Find(long) }); n != 0 || err2 != nil || string(name.Value) != "v" {
		t.Errorf("a text: %v allocations, read %v, %v", n, name, err2)
	}
}
