package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/gdict"
)

const (
	writeTimeout = time.Second
	sumKey       = "sum"
)

// writes is the account of what was written to the dictionary and what became of it.
type writes struct {
	wg sync.WaitGroup
	mu sync.Mutex

	last      int
	stored    map[string]string // acknowledged: each key is written once
	sum       int64             // acknowledged additions
	uncertain int64             // additions that may have been made
	refused   int
}

// store writes a key of its own, and every third time adds to a counter that all share.
func (w *world) store(h *host) {
	r := w.writes
	r.last++
	n := r.last
	r.wg.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
		defer cancel()
		if n%3 == 0 {
			_, err := h.dict.UpdateCounter(ctx, sumKey, 1)
			r.added(err)
			return
		}
		key, value := fmt.Sprintf("key/%d", n), fmt.Sprintf("%d by %v", n, h.self)
		_, err := h.dict.Store(ctx, key, []byte(value))
		r.note(key, value, err)
	})
}

func (r *writes) note(key, value string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.refused++
		return
	}
	if r.stored == nil {
		r.stored = map[string]string{}
	}
	r.stored[key] = value
}

func (r *writes) added(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.sum++
	case errors.Is(err, genleader.ErrUncertain):
		r.uncertain++
	default:
		r.refused++
	}
}

func (r *writes) wait() { r.wg.Wait() }

// judgeWrites holds every dictionary against the account, and against the others.
func (w *world) judgeWrites() {
	w.writes.wait()
	actorstest.Sleep(time.Second)
	r := w.writes
	r.mu.Lock()
	defer r.mu.Unlock()
	var first []gdict.Entry
	for i, name := range w.names {
		h := w.hosts[name]
		for key, want := range r.stored {
			if got, found := h.dict.Find(key); !found || string(got.Value) != want {
				w.problem("%s was acknowledged as %q; %v has %q", key, want, h.self, got.Value)
			}
		}
		entry, _ := h.dict.Find(sumKey)
		if n, _ := entry.Counter(); n < r.sum || n > r.sum+r.uncertain {
			w.problem("%v counts %d of %d acknowledged and %d uncertain additions", h.self, n, r.sum, r.uncertain)
		}
		entries, _ := h.dict.ToList("")
		if i == 0 {
			first = entries
		} else if difference := differ(first, entries); difference != "" {
			w.problem("the dictionaries of %s and %s differ: %s", w.names[0], name, difference)
		}
	}
}

func differ(a, b []gdict.Entry) string {
	if len(a) != len(b) {
		return fmt.Sprintf("%d and %d entries", len(a), len(b))
	}
	for i := range a {
		if a[i].Key != b[i].Key || a[i].Rev != b[i].Rev || !bytes.Equal(a[i].Value, b[i].Value) {
			return fmt.Sprintf("%s@%d=%q and %s@%d=%q", a[i].Key, a[i].Rev, a[i].Value, b[i].Key, b[i].Rev, b[i].Value)
		}
	}
	return ""
}
