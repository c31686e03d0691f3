package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

const (
	maxDictBody = 8 << 20  // bytes of one request's body: a value, or a batch
	maxBodies   = 16 << 20 // bytes of the bodies of all requests under way
	maxEntries  = 1024     // of one batch; the dictionary's own limit is lower
)

// bodies counts the bytes of bodies that requests under way have read.
type bodies struct{ held atomic.Int64 }

// metered has what h reads counted until it returns. What would exceed the budget fails with ErrOverloaded.
func (b *bodies) metered(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := &meter{ReadCloser: r.Body, all: b}
		defer func() { b.held.Add(-m.taken) }()
		r.Body = m
		h.ServeHTTP(w, r)
	})
}

// A meter is the body of one request.
type meter struct {
	io.ReadCloser
	all   *bodies
	taken int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if !m.all.take(int64(n)) {
		return 0, fmt.Errorf("%w: requests under way have more than %d bytes", ErrOverloaded, maxBodies)
	}
	m.taken += int64(n)
	return n, err
}

// take counts n bytes if the budget has room for them. Those that do not fit never stand in the way of others.
func (b *bodies) take(n int64) bool {
	for {
		held := b.held.Load()
		if held+n > maxBodies {
			return false
		}
		if b.held.CompareAndSwap(held, held+n) {
			return true
		}
	}
}

// decodeEntries reads {"entries": [...]} and counts the entries while it reads, because an empty one costs two bytes here and
// many more in memory.
func decodeEntries(body io.Reader) (entries []entryBody, err error) {
	d := json.NewDecoder(body)
	if err := expect(d, '{'); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, unread(err)
		}
		if field, _ := name.(string); !strings.EqualFold(field, "entries") {
			var ignored json.RawMessage
			if err := d.Decode(&ignored); err != nil {
				return nil, unread(err)
			}
			continue
		}
		if entries, err = appendEntries(d, entries); err != nil {
			return nil, err
		}
	}
	return entries, expect(d, '}')
}

func appendEntries(d *json.Decoder, entries []entryBody) ([]entryBody, error) {
	if err := expect(d, '['); err != nil {
		return nil, err
	}
	for d.More() {
		if len(entries) == maxEntries {
			return nil, fmt.Errorf("%w: more than %d entries", ErrTooBig, maxEntries)
		}
		var e entryBody
		if err := d.Decode(&e); err != nil {
			return nil, unread(err)
		}
		entries = append(entries, e)
	}
	return entries, expect(d, ']')
}

// expect reads one bracket.
func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		return unread(err)
	}
	if got != want {
		return fmt.Errorf("%w: the body has %v where %v belongs", ErrBadRequest, got, want)
	}
	return nil
}

// unread says why a body could not be taken.
func unread(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fmt.Errorf("%w: more than %d bytes", ErrTooBig, large.Limit)
	case errors.Is(err, ErrOverloaded):
		return err
	default:
		return fmt.Errorf("%w: the body cannot be read: %w", ErrBadRequest, err)
	}
}
