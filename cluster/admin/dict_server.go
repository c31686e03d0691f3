package admin

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/gendac/gendac/gdict"
)

func (d *dictAPI) get(w http.ResponseWriter, r *http.Request, q query) error {
	view, err := d.read(r, q)
	if err != nil {
		return err
	}
	e, err := view.Fetch(q.key)
	if err != nil {
		return dictError(err)
	}
	answer(w, http.StatusOK, entryBody{Key: []byte(e.Key), Value: e.Value, Rev: e.Rev})
	return nil
}

func (d *dictAPI) read(r *http.Request, q query) (gdict.View, error) {
	ctx, cancel := q.bounded(r)
	defer cancel()
	view, err := d.dict.Read(ctx, q.level)
	if err == nil && view.Rev() > 0 {
		return view, nil
	}
	if outside := d.joined(); outside != nil {
		return view, outside
	}
	if err != nil {
		return view, dictError(err)
	}
	return d.dict.View(), nil // it may have joined meanwhile
}

// joined tells a dictionary that is empty from one that is not there yet.
func (d *dictAPI) joined() error {
	if d.joiner == nil {
		return nil
	}
	return d.joiner.Joined()
}

func (d *dictAPI) put(w http.ResponseWriter, r *http.Request, q query) error {
	if err := writable(q.key); err != nil {
		return err
	}
	value, err := io.ReadAll(r.Body)
	if err != nil {
		return unread(err)
	}
	ctx, cancel := q.bounded(r)
	defer cancel()
	var rev uint64
	if q.hasRev {
		rev, err = d.dict.CompareAndStore(ctx, q.key, q.rev, value)
	} else {
		rev, err = d.dict.Store(ctx, q.key, value)
	}
	return done(w, doneBody{Rev: rev}, err)
}

func (d *dictAPI) remove(w http.ResponseWriter, r *http.Request, q query) error {
	if err := writable(q.key); err != nil {
		return err
	}
	ctx, cancel := q.bounded(r)
	defer cancel()
	var rev uint64
	var err error
	if q.hasRev {
		rev, err = d.dict.CompareAndErase(ctx, q.key, q.rev)
	} else {
		rev, err = d.dict.Erase(ctx, q.key)
	}
	return done(w, doneBody{Rev: rev}, err)
}

func (d *dictAPI) putMany(w http.ResponseWriter, r *http.Request, q query) error {
	entries, err := decodeEntries(r.Body)
	if err != nil {
		return err
	}
	values := make(map[string][]byte, len(entries))
	for _, e := range entries {
		if err := writable(string(e.Key)); err != nil {
			return err
		}
		values[string(e.Key)] = e.Value
	}
	if len(values) == 0 || len(values) != len(entries) {
		return fmt.Errorf("%w: %d entries with %d different keys", ErrBadRequest, len(entries), len(values))
	}
	ctx, cancel := q.bounded(r)
	defer cancel()
	rev, err := d.dict.StoreMany(ctx, values)
	return done(w, doneBody{Rev: rev}, err)
}

func (d *dictAPI) removeMany(w http.ResponseWriter, r *http.Request, q query) error {
	prefix := q.bounds.Prefix
	switch {
	case prefix == "":
		return fmt.Errorf("%w: the prefix is empty", ErrBadRequest)
	case strings.HasPrefix(ReservedKeys, prefix):
		return fmt.Errorf("%w: the prefix %q covers %s", ErrReserved, prefix, ReservedKeys)
	}
	if err := writable(prefix); err != nil {
		return err
	}
	ctx, cancel := q.bounded(r)
	defer cancel()
	erased, err := d.dict.ErasePrefix(ctx, prefix)
	return done(w, doneBody{Erased: erased}, err)
}

func done(w http.ResponseWriter, body doneBody, err error) error {
	if err != nil {
		return dictError(err)
	}
	answer(w, http.StatusOK, body)
	return nil
}

// stream lets f write a long answer, one of a bounded number at a time. The connection is cut if the reader takes nothing
// for too long, and f's context ends with the server.
func (d *dictAPI) stream(w http.ResponseWriter, kind string, f func(to *streamWriter) error) error {
	select {
	case d.streams <- struct{}{}:
	default:
		return fmt.Errorf("%w: %d lists, watches and exports run already", ErrOverloaded, maxStreams)
	}
	defer func() { <-d.streams }()
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	to := &streamWriter{w: w, control: http.NewResponseController(w)}
	if err := f(to); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// A streamWriter gives each piece its own deadline.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *streamWriter) Write(b []byte) (int, error) {
	// Fails where the connection has no deadlines, as in tests without one.
	_ = s.control.SetWriteDeadline(time.Now().Add(streamStall))
	return s.w.Write(b)
}

func (s *streamWriter) line(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = s.Write(append(b, '\n'))
	return err
}

func (d *dictAPI) list(w http.ResponseWriter, r *http.Request, q query) error {
	view, err := d.read(r, q)
	if err != nil {
		return err
	}
	return d.stream(w, "application/x-ndjson", func(to *streamWriter) error {
		for e := range q.scan(view) {
			l := line{Key: []byte(e.Key), Rev: e.Rev}
			if q.values {
				l.Value = e.Value
			}
			if err := to.line(l); err != nil {
				return err
			}
		}
		return to.line(line{End: true, Rev: view.Rev()})
	})
}

// scan gives the entries that a list shows, and of these no more than the limit.
func (q query) scan(view gdict.View) iter.Seq[gdict.Entry] {
	if q.own {
		return view.Scan(q.bounds)
	}
	all := q.bounds
	all.Limit = 0
	return func(yield func(gdict.Entry) bool) {
		left := q.bounds.Limit
		for e := range view.Scan(all) {
			if !q.shows(e.Key) {
				continue
			}
			if left--; !yield(e) || left == 0 {
				return
			}
		}
	}
}

func (d *dictAPI) export(w http.ResponseWriter, r *http.Request, q query) error {
	view, err := d.read(r, q)
	if err != nil {
		return err
	}
	return d.stream(w, "application/octet-stream", func(to *streamWriter) error {
		_, err := view.Export(to, func(e gdict.Entry) bool {
			return strings.HasPrefix(e.Key, q.bounds.Prefix) && !strings.HasPrefix(e.Key, ReservedKeys)
		})
		return err
	})
}

func (d *dictAPI) watch(w http.ResponseWriter, r *http.Request, q query) error {
	if q.hasRev { // a revision that this member has not reached may be one of another life of the cluster
		if _, err := d.read(r, query{level: gdict.AtLeast(q.rev), timeout: q.timeout}); err != nil {
			return err
		}
	}
	var options []gdict.WatchOption
	if q.every {
		options = append(options, gdict.EveryChange(everyChanges))
	}
	var watch *gdict.Watch
	var err error
	if q.hasRev {
		watch, err = d.dict.WatchFrom(q.bounds.Prefix, q.rev, options...)
		err = dictError(err)
	} else if err = d.joined(); err == nil {
		watch = d.dict.Watch(q.bounds.Prefix, options...)
	}
	if err != nil {
		return err
	}
	defer watch.Close()
	return d.stream(w, "application/x-ndjson", func(to *streamWriter) error {
		return d.follow(r, watch, q, to)
	})
}

// follow streams a watch until the reader goes away, the watch ends or the server does.
func (d *dictAPI) follow(r *http.Request, watch *gdict.Watch, q query, to *streamWriter) error {
	for {
		var event gdict.Event
		open := true
		select {
		case event, open = <-watch.Events():
		default: // nothing waits: let the reader have what it was given
			if err := to.control.Flush(); err != nil {
				return err
			}
			select {
			case event, open = <-watch.Events():
			case <-r.Context().Done():
				return r.Context().Err()
			case <-d.ending.Done():
				return to.refusal(ErrStopping)
			}
		}
		if !open {
			return to.refusal(dictError(watch.Err()))
		}
		if !event.Synced && !q.shows(event.Key) {
			continue
		}
		if err := to.line(line{
			Key: []byte(event.Key), Value: event.Value, Rev: event.Rev,
			Erased: event.Erased, Synced: event.Synced, Through: event.Through,
		}); err != nil {
			return err
		}
	}
}

func (s *streamWriter) refusal(err error) error {
	code, _ := codeOf(err)
	return s.line(line{Text: strings.Join(strings.Fields(err.Error()), " "), Code: code})
}
