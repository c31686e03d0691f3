package gdict

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// TestATransactionSpansTypedViewsAndUntypedKeys: all of it is done or nothing, at one revision.
func TestATransactionSpansTypedViewsAndUntypedKeys(t *testing.T) {
	d := New()
	newTestLog(d)
	ctx := t.Context()
	stock, orders := Of[string, int](d, "stock"), Of[int, price](d, "orders")
	if _, err := stock.Store(ctx, "apple", 1); err != nil {
		t.Fatal(err)
	}
	order := func(id int) (TxnResult, error) {
		return d.Txn(ctx,
			If(stock.Cond().CounterIn("apple", 1, math.MaxInt64), orders.Cond().Missing(id), Missing("closed")),
			Then(stock.Op().UpdateCounter("apple", -1), orders.Op().Store(id, price{Cents: 5}), Append("log", []byte("."))),
			Else(UpdateCounter("refused", 1)))
	}
	done, err := order(7)
	if err != nil || !done.Succeeded || done.Rev != 2 || len(done.Results) != 3 || done.Results[0].N != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	if item, err := orders.Fetch(7); err != nil || item != (Item[int, price]{7, price{Cents: 5}, 2}) {
		t.Errorf("%v, %v", item, err)
	}
	done, err = order(8)
	if err != nil || done.Succeeded || done.Results[0].N != 1 {
		t.Errorf("sold what there is not: %+v, %v", done, err)
	}
	if log, _ := d.Find("log"); string(log.Value) != "." {
		t.Errorf("the log has %q", log.Value)
	}
}

// TestTypedConditionsAreThoseOfTheEncodedKey: each is held against an entry, another value of it, and none.
func TestTypedConditionsAreThoseOfTheEncodedKey(t *testing.T) {
	d := New()
	newTestLog(d)
	ctx := t.Context()
	is := Of[int8, int64](d, "n").Cond()
	if rev, err := Of[int8, int64](d, "n").Store(ctx, -1, 5); err != nil || rev != 1 {
		t.Fatal(rev, err)
	}
	for i, c := range []struct {
		cond Cond
		want bool
	}{
		{is.RevIs(-1, 1), true},
		{is.RevIs(-1, 2), false},
		{is.RevIs(1, 0), true},
		{is.Missing(-1), false},
		{is.Missing(1), true},
		{is.Exists(-1), true},
		{is.Exists(1), false},
		{is.ValueIs(-1, 5), true},
		{is.ValueIs(-1, 6), false},
		{is.ValueIs(1, 5), false},
		{is.ValueIsNot(-1, 5), false},
		{is.ValueIsNot(-1, 6), true},
		{is.ValueIsNot(1, 5), false},
		{is.CounterIn(-1, 5, 5), true},
		{is.CounterIn(-1, 6, 9), false},
		{is.CounterIn(1, 0, 0), true},
	} {
		if done, err := d.Txn(ctx, If(c.cond)); err != nil || done.Succeeded != c.want {
			t.Errorf("%d, %v: %v, %v", i, c.cond, done.Succeeded, err)
		}
	}
}

// TestWhatCannotBeEncodedStopsTheWholeTransaction before anything is sent, wherever in it it stands.
func TestWhatCannotBeEncodedStopsTheWholeTransaction(t *testing.T) {
	d := New()
	newTestLog(d)
	fine := Of[string, int](d, "fine")
	keys, values := Of(d, "keys", Codecs[string, int64]{Key: refusing{}}), Of[string, func()](d, "values")
	lists := OfLists[string, func()](d, "lists")
	unkeyed := OfLists(d, "lists", Codecs[string, int]{Key: refusing{}})
	some := func() {}
	var parts []Clause
	for _, o := range []Op{
		keys.Op().Store("k", 1), keys.Op().StoreIfMissing("k", 1), keys.Op().CompareAndStore("k", 1, 1), keys.Op().Erase("k"),
		keys.Op().ErasePrefix("k"), keys.Op().UpdateCounter("k", 1), keys.Op().Append("k", 1), unkeyed.Op().AppendList("k", 1),
		values.Op().Store("k", some), values.Op().StoreIfMissing("k", some), values.Op().CompareAndStore("k", 1, some),
		values.Op().Append("k", some), lists.Op().Store("k", []func(){some}), lists.Op().AppendList("k", some),
	} {
		parts = append(parts, Then(o), Else(o))
	}
	for _, c := range []Cond{
		keys.Cond().RevIs("k", 1), keys.Cond().Missing("k"), keys.Cond().Exists("k"), keys.Cond().ValueIs("k", 1),
		keys.Cond().ValueIsNot("k", 1), keys.Cond().CounterIn("k", 1, 1), values.Cond().ValueIs("k", some), values.Cond().ValueIsNot("k", some),
	} {
		parts = append(parts, If(c))
	}
	for i, part := range parts {
		bad := (*CodecError)(nil)
		_, err := d.Txn(t.Context(), If(fine.Cond().Missing("k")), Then(fine.Op().Store("k", 1)), part, Then(fine.Op().Erase("k")))
		if !errors.As(err, &bad) || bad.Doing != doEncode {
			t.Errorf("%d: %v", i, err)
		}
	}
	for _, part := range []Clause{
		Then(values.Op().UpdateCounter("k", 1)), If(values.Cond().CounterIn("k", 1, 1)), Else(lists.Op().UpdateCounter("k", 1)),
	} {
		if _, err := d.Txn(t.Context(), part); !errors.Is(err, ErrNoCounter) {
			t.Errorf("%v", err)
		}
	}
	if _, err := d.Txn(t.Context(), Then(fine.Op().Append("k", 1))); !errors.Is(err, ErrNoBytes) {
		t.Errorf("%v", err)
	}
	if d.View().Rev() != 0 {
		t.Error("something was sent")
	}
	if got := []string{values.Op().Store("k", some).String(), keys.Cond().Exists("k").String()}; !slices.Equal(got, []string{
		`an operation that cannot be sent: gdict: key "values/k": cannot encode its value as func(): json: unsupported type: func()`,
		`a condition that cannot be sent: gdict: cannot encode a key of type string: refusing`,
	}) {
		t.Errorf("%q", got)
	}
}
