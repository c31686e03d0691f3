package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gendac/gendac/gdict"
)

// ReservedKeys is what the keys of the cluster itself begin with. They can be read through this API and not be written.
const ReservedKeys = "gendac/"

const (
	maxStreams   = 32               // lists, watches and exports at once
	streamStall  = 30 * time.Second // how long one piece of a stream may take to be written, and read
	everyChanges = 4096             // events that may wait for a watch of every change
)

// A DictBackend is a Backend whose member has a dictionary.
type DictBackend interface{ Dict() *gdict.Dict }

// A Joiner is a DictBackend whose dictionary means nothing until the member is in its group.
type Joiner interface {
	// Joined returns nil once the dictionary is the group's, however old, and before that an error that matches ErrNotJoined.
	Joined() error
}

// A line is what lists and watches stream: one JSON object each. The last line of a list has End. A line with an error is
// the last one, too.
type line struct {
	Key     []byte `json:"key,omitempty"`
	Value   []byte `json:"value,omitempty"`
	Rev     uint64 `json:"rev,omitempty"`
	Erased  bool   `json:"erased,omitempty"`
	Synced  bool   `json:"synced,omitempty"`
	Through uint64 `json:"through,omitempty"`
	End     bool   `json:"end,omitempty"`
	Text    string `json:"error,omitempty"`
	Code    string `json:"code,omitempty"`
}

// entryBody is an entry in JSON, its bytes in base64.
type entryBody struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
	Rev   uint64 `json:"rev,omitempty"`
}

// doneBody answers a write.
type doneBody struct {
	Rev    uint64 `json:"rev,omitempty"`
	Erased int    `json:"erased,omitempty"`
}

// dictAPI answers requests about the dictionary.
type dictAPI struct {
	dict    *gdict.Dict
	joiner  Joiner          // nil: the dictionary is the group's
	streams chan struct{}   // one token for each that runs
	ending  context.Context // ends the streams when the server closes
}

// register adds the paths of the dictionary to mux.
func (d *dictAPI) register(mux *http.ServeMux) {
	mux.HandleFunc("/v1/dict/entry", d.route(map[string]handler{
		http.MethodGet: d.get, http.MethodPut: d.put, http.MethodDelete: d.remove,
	}))
	mux.HandleFunc("/v1/dict/entries", d.route(map[string]handler{
		http.MethodGet: d.list, http.MethodPost: d.putMany, http.MethodDelete: d.removeMany,
	}))
	mux.HandleFunc("/v1/dict/watch", d.route(map[string]handler{http.MethodGet: d.watch}))
	mux.HandleFunc("/v1/dict/export", d.route(map[string]handler{http.MethodGet: d.export}))
}

// A handler answers, or returns what to refuse with before anything was answered.
type handler func(w http.ResponseWriter, r *http.Request, q query) error

// route picks the handler of a method, bounds the request and turns a panic into an answer.
func (d *dictAPI) route(methods map[string]handler) http.HandlerFunc {
	allowed := make([]string, 0, len(methods))
	for _, m := range []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete} {
		if methods[m] != nil {
			allowed = append(allowed, m)
		}
	}
	return func(w http.ResponseWriter, r *http.Request) {
		h := methods[r.Method]
		if h == nil {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			refuse(w, fmt.Errorf("%w: %s takes %s, not %s", ErrMethod, r.URL.Path, strings.Join(allowed, ", "), r.Method))
			return
		}
		defer func() {
			if p := recover(); p != nil {
				if err, is := p.(error); is && errors.Is(err, http.ErrAbortHandler) {
					panic(p) // cuts the connection, so that nobody takes half an answer for a whole one
				}
				refuse(w, fmt.Errorf("%w: %v", ErrInternal, p))
			}
		}()
		r.Body = http.MaxBytesReader(w, r.Body, maxDictBody)
		q, err := d.query(r)
		if err == nil && d.dict == nil {
			err = ErrNoDict
		}
		if err == nil {
			err = h(w, r, q)
		}
		if err != nil {
			refuse(w, err)
		}
	}
}

// A query is what a request asks for, checked.
type query struct {
	key     string
	bounds  gdict.Range
	level   gdict.Level
	rev     uint64
	hasRev  bool
	every   bool
	values  bool
	own     bool // show the cluster's own keys
	timeout time.Duration
}

func (d *dictAPI) query(r *http.Request) (q query, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, fmt.Errorf("%w: the query cannot be read", ErrBadRequest)
	}
	q = query{values: true, own: true, timeout: RequestTimeout}
	for name := range values {
		if err := q.set(name, values.Get(name)); err != nil {
			return q, err
		}
	}
	return q, nil
}

// set takes one parameter. Unknown ones are refused: a newer client may mean something by them that matters.
func (q *query) set(name, value string) (err error) {
	switch name {
	case "key":
		q.key = value
	case "prefix":
		q.bounds.Prefix = value
	case "from":
		q.bounds.From = value
	case "to":
		q.bounds.To = value
	case "limit":
		q.bounds.Limit, err = strconv.Atoi(value)
	case "reverse":
		q.bounds.Reverse, err = strconv.ParseBool(value)
	case "read":
		q.level, err = gdict.ParseLevel(value)
	case "rev":
		q.rev, err = strconv.ParseUint(value, 10, 64)
		q.hasRev = true
	case "every":
		q.every, err = strconv.ParseBool(value)
	case "values":
		q.values, err = strconv.ParseBool(value)
	case "own":
		q.own, err = strconv.ParseBool(value)
	case "timeout":
		var d time.Duration
		if d, err = time.ParseDuration(value); err == nil {
			q.timeout = min(d, RequestTimeout)
		}
	default:
		return fmt.Errorf("%w: unknown parameter %q", ErrBadRequest, name)
	}
	if err != nil {
		return fmt.Errorf("%w: parameter %s: %q", ErrBadRequest, name, value)
	}
	return nil
}

func (q query) bounded(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.Context(), q.timeout)
}

// shows says whether a key is wanted in a list or a watch.
func (q query) shows(key string) bool { return q.own || !strings.HasPrefix(key, ReservedKeys) }

// writable refuses the keys that belong to the cluster.
func writable(key string) error {
	if strings.HasPrefix(key, ReservedKeys) {
		return fmt.Errorf("%w: %q", ErrReserved, key)
	}
	return nil
}
