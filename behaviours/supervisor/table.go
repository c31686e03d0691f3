package supervisor

import (
	"maps"
	"slices"
)

const pageSize = 64

// A table holds values by generation. Generations count up, so that those of children that came together lie together:
// a page of an array where a map would cost more than the rest of a start.
type table[T any] struct {
	pages map[uint64]*page[T]
	n     int
}

type page[T any] struct {
	items [pageSize]*T
	n     int
}

func newTable[T any]() table[T] { return table[T]{pages: make(map[uint64]*page[T])} }

func (t *table[T]) get(gen uint64) *T {
	if p := t.pages[gen/pageSize]; p != nil {
		return p.items[gen%pageSize]
	}
	return nil
}

func (t *table[T]) put(gen uint64, v *T) {
	p := t.pages[gen/pageSize]
	if p == nil {
		p = new(page[T])
		t.pages[gen/pageSize] = p
	}
	if p.items[gen%pageSize] == nil {
		p.n++
		t.n++
	}
	p.items[gen%pageSize] = v
}

func (t *table[T]) remove(gen uint64) {
	p := t.pages[gen/pageSize]
	if p == nil || p.items[gen%pageSize] == nil {
		return
	}
	p.items[gen%pageSize] = nil
	p.n--
	t.n--
	if p.n == 0 {
		delete(t.pages, gen/pageSize)
	}
}

// all returns the values, oldest first.
func (t *table[T]) all() []*T {
	out := make([]*T, 0, t.n)
	for _, i := range slices.Sorted(maps.Keys(t.pages)) {
		for _, v := range t.pages[i].items {
			if v != nil {
				out = append(out, v)
			}
		}
	}
	return out
}
