package gdict

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// times multiplies, and will have nothing to do with zero.
var times = TypedFunction[int64, int8]{Name: "times", Version: 1, Update: func(old int64, by int8) (int64, error) {
	if by == 0 {
		return 0, errors.New("zero")
	}
	return old * int64(by), nil
}}

// A typedModel is a view of numbers and one of lists beside two maps of Go.
type typedModel struct {
	dict    *Dict
	numbers *Typed[int8, int64]
	lists   *Lists[currency, int16]
	number  map[int8]int64
	list    map[currency][]int16
}

// TestATypedViewFollowsAMap: whatever is done, alone or in a transaction of both views, they have what the maps have, in the
// order of their keys.
func TestATypedViewFollowsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := New(Functions(times.Function()))
		newTestLog(d)
		m := &typedModel{
			dict: d, numbers: Of[int8, int64](d, "numbers"), lists: OfLists[currency, int16](d, "lists"),
			number: map[int8]int64{}, list: map[currency][]int16{},
		}
		t.Repeat(map[string]func(*rapid.T){
			"store": m.store, "erase": m.erase, "update": m.update, "together": m.together, "": m.check,
		})
	})
}

var (
	numberKeys = rapid.Int8Range(-2, 2)
	listKeys   = rapid.Custom(func(t *rapid.T) currency { return currency(rapid.StringN(0, 2, 4).Draw(t, "letters")) })
	shortLists = rapid.SliceOfN(rapid.Int16(), 0, 3)
)

func (m *typedModel) store(t *rapid.T) {
	ctx := context.Background()
	values := rapid.MapOfN(numberKeys, rapid.Int64(), 1, 3).Draw(t, "values")
	_, many := m.numbers.StoreMany(ctx, maps.All(values))
	maps.Copy(m.number, values)
	key, list := listKeys.Draw(t, "key"), shortLists.Draw(t, "list")
	_, stored := m.lists.Store(ctx, key, list)
	m.list[key] = list
	key, list = listKeys.Draw(t, "longer"), shortLists.Draw(t, "elements")
	m.list[key] = slices.Concat(m.list[key], list)
	n, appended := m.lists.AppendList(ctx, key, list...)
	if err := errors.Join(many, stored, appended); err != nil || n != len(m.list[key]) {
		t.Fatal(n, err)
	}
}

func (m *typedModel) erase(t *rapid.T) {
	ctx := context.Background()
	key := numberKeys.Draw(t, "key")
	_, one := m.numbers.Erase(ctx, key)
	delete(m.number, key)
	prefix, want := listKeys.Filter(func(k currency) bool { return k != "" }).Draw(t, "prefix"), len(m.list)
	maps.DeleteFunc(m.list, func(k currency, _ []int16) bool { return len(k) >= len(prefix) && k[:len(prefix)] == prefix })
	n, some := m.lists.ErasePrefix(ctx, prefix)
	if err := errors.Join(one, some); err != nil || n != want-len(m.list) {
		t.Fatal(n, err)
	}
	if rapid.IntRange(0, 9).Draw(t, "all") == 0 {
		if n, err := m.numbers.EraseAll(ctx); err != nil || n != len(m.number) {
			t.Fatal(n, err)
		}
		clear(m.number)
	}
}

func (m *typedModel) update(t *rapid.T) {
	key, by, initial := numberKeys.Draw(t, "key"), rapid.Int8Range(-1, 1).Draw(t, "by"), rapid.Int64().Draw(t, "initial")
	was, there := m.number[key]
	item, err := m.numbers.UpdateOr(context.Background(), key, times.With(by), initial)
	switch {
	case !there:
		m.number[key] = initial
	case by != 0:
		m.number[key] = was * int64(by)
	default:
		if failed := (*UpdateError)(nil); !errors.As(err, &failed) {
			t.Fatal(item, err)
		}
		return
	}
	if err != nil || item.Key != key || item.Value != m.number[key] {
		t.Fatal(item, err)
	}
}

// together moves a number to the end of a list, if it is what the model has there and nothing else.
func (m *typedModel) together(t *rapid.T) {
	from, to, moved := numberKeys.Draw(t, "from"), listKeys.Draw(t, "to"), rapid.Int16().Draw(t, "moved")
	was, there := m.number[from]
	have := was + rapid.Int64Range(0, 1).Draw(t, "off")
	done, err := m.dict.Txn(context.Background(), If(m.numbers.Cond().ValueIs(from, have)),
		Then(m.numbers.Op().Erase(from), m.lists.Op().AppendList(to, moved)), Else(m.numbers.Op().Store(from, 1)))
	if err != nil || done.Succeeded != (there && have == was) {
		t.Fatal(done, err)
	}
	if !done.Succeeded {
		m.number[from] = 1
		return
	}
	delete(m.number, from)
	m.list[to] = append(slices.Clone(m.list[to]), moved)
}

func (m *typedModel) check(t *rapid.T) {
	var numbers []int8
	for item, err := range m.numbers.All() {
		if err != nil || item.Value != m.number[item.Key] {
			t.Fatal(item, err)
		}
		numbers = append(numbers, item.Key)
	}
	if !slices.Equal(numbers, slices.Sorted(maps.Keys(m.number))) {
		t.Fatal(numbers, m.number)
	}
	var err error
	lists := map[currency][]int16{}
	for item := range Decoded(m.lists.All(), &err) {
		lists[item.Key] = item.Value
	}
	if err != nil || !maps.EqualFunc(lists, m.list, slices.Equal) {
		t.Fatal(lists, m.list, err)
	}
}
