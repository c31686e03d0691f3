package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gendac/gendac/gdict"
)

// maxLine bounds a line of a stream: the greatest value in base64, and its key.
const maxLine = 2 * maxDictBody

const dictPath = "/v1/dict/"

// A Dict is the dictionary of the member that a Client asks. Its methods match the sentinels of this package: a write that
// returns an error did nothing unless it matches ErrUncertain. A context without a deadline gets RequestTimeout. That does
// not bound lists, watches and exports: these have RequestTimeout, or what BeginWithin says, until they begin.
type Dict struct {
	client Client
	begin  time.Duration
	others bool // without the cluster's own keys
}

// Dict returns the dictionary of the member.
func (c Client) Dict() Dict { return Dict{client: c, begin: RequestTimeout} }

// BeginWithin returns the same dictionary, whose lists, watches and exports fail with ErrTimeout if nothing comes for d at
// their beginning. It is RequestTimeout at most.
func (d Dict) BeginWithin(limit time.Duration) Dict {
	d.begin = min(limit, RequestTimeout)
	return d
}

// WithoutOwn returns the same dictionary, whose lists and watches leave out the keys of the cluster itself.
func (d Dict) WithoutOwn() Dict {
	d.others = true
	return d
}

var _ gdict.Storer = Dict{}

// Get returns the entry of key, read at level.
func (d Dict) Get(ctx context.Context, key string, level gdict.Level) (gdict.Entry, error) {
	var e entryBody
	err := d.ask(ctx, http.MethodGet, "entry", url.Values{"key": {key}, "read": {level.String()}}, nil, &e)
	return gdict.Entry{Key: string(e.Key), Value: e.Value, Rev: e.Rev}, err
}

// Store sets key to value and returns the revision of the change.
func (d Dict) Store(ctx context.Context, key string, value []byte) (rev uint64, err error) {
	return d.write(ctx, http.MethodPut, url.Values{"key": {key}}, value)
}

// CompareAndStore sets key to value if its revision is still rev; zero: if it does not exist.
func (d Dict) CompareAndStore(ctx context.Context, key string, rev uint64, value []byte) (uint64, error) {
	return d.write(ctx, http.MethodPut, url.Values{"key": {key}, "rev": {strconv.FormatUint(rev, 10)}}, value)
}

// Erase removes key.
func (d Dict) Erase(ctx context.Context, key string) (rev uint64, err error) {
	return d.write(ctx, http.MethodDelete, url.Values{"key": {key}}, nil)
}

// CompareAndErase removes key if its revision is still rev.
func (d Dict) CompareAndErase(ctx context.Context, key string, rev uint64) (uint64, error) {
	return d.write(ctx, http.MethodDelete, url.Values{"key": {key}, "rev": {strconv.FormatUint(rev, 10)}}, nil)
}

// ErasePrefix removes all keys that begin with prefix and returns how many they were.
func (d Dict) ErasePrefix(ctx context.Context, prefix string) (erased int, err error) {
	var done doneBody
	err = d.ask(ctx, http.MethodDelete, "entries", url.Values{"prefix": {prefix}}, nil, &done)
	return done.Erased, err
}

// StoreMany sets all these keys at one revision, or none.
func (d Dict) StoreMany(ctx context.Context, values map[string][]byte) (rev uint64, err error) {
	var entries []entryBody
	for key, value := range values {
		entries = append(entries, entryBody{Key: []byte(key), Value: value})
	}
	body, err := json.Marshal(map[string]any{"entries": entries})
	if err != nil {
		return 0, err
	}
	var done doneBody
	err = d.ask(ctx, http.MethodPost, "entries", nil, body, &done)
	return done.Rev, err
}

func (d Dict) write(ctx context.Context, method string, q url.Values, body []byte) (rev uint64, err error) {
	var done doneBody
	err = d.ask(ctx, method, "entry", q, body, &done)
	return done.Rev, err
}

func (d Dict) ask(ctx context.Context, method, path string, q url.Values, body []byte, into any) error {
	if len(body) > maxDictBody {
		return fmt.Errorf("%w: %d bytes, at most %d in one request", ErrTooBig, len(body), maxDictBody)
	}
	r := question{method: method, path: dictPath + path, body: body, want: http.StatusOK}
	return d.client.ask(ctx, r.with(ctx, q), into)
}

// List gives the entries within r, read at level, to each, in order; with keysOnly their values are empty. It returns the
// revision that all of them are of. An error of each ends the list and is returned.
func (d Dict) List(ctx context.Context, r gdict.Range, level gdict.Level, keysOnly bool, each func(gdict.Entry) error) (rev uint64, err error) {
	q := url.Values{
		"prefix": {r.Prefix}, "from": {r.From}, "to": {r.To}, "limit": {strconv.Itoa(r.Limit)},
		"reverse": {strconv.FormatBool(r.Reverse)}, "read": {level.String()}, "values": {strconv.FormatBool(!keysOnly)},
		"own": {strconv.FormatBool(!d.others)},
	}
	err = d.lines(ctx, "entries", q, streamStall, func(l line) (bool, error) {
		if l.End {
			rev = l.Rev
			return true, nil
		}
		return false, each(gdict.Entry{Key: string(l.Key), Value: l.Value, Rev: l.Rev})
	})
	return rev, err
}

// Watch gives the events of a watch of prefix to each until ctx ends, which is no error. If from is not nil it goes on
// after that revision, as gdict.WatchFrom does; ErrCompacted says that it cannot. With every it ends with ErrOverrun rather
// than leave a change out. An error of each ends the watch and is returned.
func (d Dict) Watch(ctx context.Context, prefix string, from *uint64, every bool, each func(gdict.Event) error) error {
	q := url.Values{"prefix": {prefix}, "every": {strconv.FormatBool(every)}, "own": {strconv.FormatBool(!d.others)}}
	if from != nil {
		q.Set("rev", strconv.FormatUint(*from, 10))
	}
	err := d.lines(ctx, "watch", q, 0, func(l line) (bool, error) {
		return false, each(gdict.Event{
			Entry:  gdict.Entry{Key: string(l.Key), Value: l.Value, Rev: l.Rev},
			Erased: l.Erased, Synced: l.Synced, Through: l.Through,
		})
	})
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the caller has ended it
	}
	return err
}

// Export writes a backup of the entries whose keys begin with prefix, read at level, without the cluster's own. Check it
// before you trust it: if the member dies in the middle it is cut short.
func (d Dict) Export(ctx context.Context, prefix string, level gdict.Level, to io.Writer) error {
	q := url.Values{"prefix": {prefix}, "read": {level.String()}}
	return d.stream(ctx, "export", q, streamStall, func(from io.Reader) error {
		_, err := io.Copy(to, from)
		return err
	})
}

// lines gives each line of a stream to each until that says that it was the last.
func (d Dict) lines(ctx context.Context, path string, q url.Values, stall time.Duration, each func(line) (last bool, err error)) error {
	return d.stream(ctx, path, q, stall, func(from io.Reader) error {
		scanner := bufio.NewScanner(from)
		scanner.Buffer(make([]byte, 64<<10), maxLine)
		for scanner.Scan() {
			var l line
			decoder := json.NewDecoder(bytes.NewReader(scanner.Bytes()))
			if err := decoder.Decode(&l); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrBadReply, d.client.Addr, err)
			}
			if l.Code != "" {
				return &Refusal{Text: l.Text, Code: l.Code}
			}
			if last, err := each(l); last || err != nil {
				return err
			}
		}
		if err := scanner.Err(); err != nil {
			return err
		}
		return fmt.Errorf("%w: %s: the answer ends in the middle", ErrUnreachable, d.client.Addr)
	})
}

// errStalled ends a stream of which nothing comes.
var errStalled = errors.New("nothing came")

// stream opens a long answer and gives it to read. It ends when nothing comes for stall, zero meaning that silence is fine.
func (d Dict) stream(ctx context.Context, path string, q url.Values, stall time.Duration, read func(io.Reader) error) error {
	q.Set("timeout", (d.begin * 9 / 10).String())
	r := question{method: http.MethodGet, path: dictPath + path + "?" + q.Encode(), want: http.StatusOK}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(d.begin, func() { cancel(errStalled) })
	defer watchdog.Stop()
	body, err := d.client.open(ctx, r)
	if err != nil {
		return d.stalled(ctx, err)
	}
	defer func() { _ = body.Close() }() // read to the end or given up
	watchdog.Stop()
	if stall > 0 {
		watchdog.Reset(stall)
	}
	return read(readerFunc(func(b []byte) (int, error) {
		n, err := body.Read(b)
		if stall > 0 && n > 0 {
			watchdog.Reset(stall)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			err = d.stalled(ctx, d.client.lost(http.MethodGet, err))
		}
		return n, err
	}))
}

// stalled tells a stream that our own watchdog has ended from one that failed.
func (d Dict) stalled(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%w: %s: %w", ErrTimeout, d.client.Addr, errStalled)
	}
	return err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
