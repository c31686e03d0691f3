package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gendac/gendac/bench/history"
	"github.com/gendac/gendac/gdict"
)

const (
	root     = "h/"    // of every key here
	mayWait  = 100_000 // changes, before a watch that is not read ends
	watchFor = 8       // seconds at most until a watch is closed, and another one goes on after what it has shown
)

// watch follows everything that the clients of all members write.
func (m *tortured) watch(ctx context.Context) {
	dice := rand.New(rand.NewPCG(m.seed, 99))
	through := uint64(0)
	for ctx.Err() == nil {
		id := m.nextID()
		w, err := m.open(id, through)
		if err != nil {
			through = 0 // what it would go on after is not kept any more
			continue
		}
		limit := time.AfterFunc(time.Second+time.Duration(dice.IntN(watchFor))*time.Second, w.Close)
		for e := range w.Events() {
			m.show(id, e)
			if e.Through != 0 {
				through = e.Through
			}
		}
		limit.Stop()
		if err := w.Err(); err != nil {
			m.write(history.Record{Kind: history.Ended, ID: id, Problem: err.Error()})
			if errors.Is(err, gdict.ErrEnded) {
				return
			}
			through = 0
		}
	}
}

// open begins a watch, after that revision unless it is zero.
func (m *tortured) open(id int, after uint64) (*gdict.Watch, error) {
	opened := history.Record{Kind: history.Opened, ID: id, Rev: after}
	if after == 0 {
		m.write(opened)
		return m.dict.Watch(root, gdict.EveryChange(mayWait)), nil
	}
	w, err := m.dict.WatchFrom(root, after, gdict.EveryChange(mayWait))
	if err == nil {
		m.write(opened)
	}
	return w, err
}

func (m *tortured) show(id int, e gdict.Event) {
	r := history.Record{Kind: history.Change, ID: id, Rev: e.Rev, Through: e.Through, Key: e.Key, Value: string(e.Value), Erased: e.Erased}
	if e.Synced {
		r = history.Record{Kind: history.Synced, ID: id, Rev: e.Rev}
	}
	m.write(r)
}
