package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/gdict"
	"github.com/gendac/gendac/gdict/gdicttest"
)

// keeper is a backend with a dictionary.
type keeper struct {
	fake
	*gdicttest.Member
}

func keep(t *testing.T, bounds ...gdict.Option) (*keeper, Dict) {
	t.Helper()
	k := &keeper{Member: gdicttest.Start(t, bounds...)}
	return k, serve(t, k).Dict()
}

// binary is what no text may break: quotes, line ends, zero, bytes that are no UTF-8, and what URLs give a meaning.
const binary = "a/b?c=d&e%20 +#\x00\n\"\xff\xfe"

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	_, d := keep(t)
	ctx := t.Context()
	for _, text := range []string{"plain", binary, "ключ", ".", "..", "/"} {
		rev, err := d.Store(ctx, text, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		e, err := d.Get(ctx, text, gdict.Linearizable)
		if err != nil || e.Key != text || string(e.Value) != text || e.Rev != rev {
			t.Errorf("%q comes back as %q=%q@%d, %v", text, e.Key, e.Value, e.Rev, err)
		}
	}
	if e, err := d.Get(ctx, binary, gdict.Local); err != nil || string(e.Value) != binary {
		t.Errorf("%q, %v", e.Value, err)
	}
	if _, err := d.Store(ctx, "empty", nil); err != nil {
		t.Error(err)
	}
	if e, err := d.Get(ctx, "empty", gdict.Local); err != nil || len(e.Value) != 0 {
		t.Errorf("%q, %v", e.Value, err)
	}
}

func TestWritesThatCompare(t *testing.T) {
	_, d := keep(t)
	ctx := t.Context()
	first, err := d.CompareAndStore(ctx, "k", 0, []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.CompareAndStore(ctx, "k", 0, []byte("2"))
	if want := fmt.Sprintf(`gdict: key "k" exists already, at revision %d`, first); !errors.Is(err, ErrConflict) || err.Error() != want {
		t.Errorf("a key that exists: %v, wanted %s", err, want)
	}
	second, err := d.CompareAndStore(ctx, "k", first, []byte("3"))
	if err != nil || second <= first {
		t.Errorf("at its revision: %d, %v", second, err)
	}
	if _, err := d.CompareAndErase(ctx, "k", first); !errors.Is(err, ErrConflict) {
		t.Errorf("erased at an old revision: %v", err)
	}
	if _, err := d.CompareAndErase(ctx, "k", second); err != nil {
		t.Errorf("erased at its revision: %v", err)
	}
	if _, err := d.Get(ctx, "k", gdict.Linearizable); !errors.Is(err, ErrKeyNotFound) || !strings.Contains(err.Error(), `"k"`) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := d.Erase(ctx, "k"); err != nil {
		t.Errorf("erasing what is gone: %v", err)
	}
}

func listed(t *testing.T, d Dict, r gdict.Range) string {
	t.Helper()
	var out []string
	if _, err := d.List(t.Context(), r, gdict.Linearizable, false, func(e gdict.Entry) error {
		out = append(out, fmt.Sprintf("%s=%s", e.Key, e.Value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestListsAndManyAtOnce(t *testing.T) {
	k, d := keep(t)
	ctx := t.Context()
	rev, err := d.StoreMany(ctx, map[string][]byte{"a1": []byte("1"), "a2": []byte("2"), "b": []byte("3"), binary: nil})
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]gdict.Range{
		"a1=1 a2=2":     {Prefix: "a", To: "a3", From: "a1"},
		"b=3 a2=2":      {Reverse: true, Limit: 2},
		binary + "=":    {Prefix: "a/"},
		"":              {Prefix: "none"},
		"a2=2 b=3":      {From: "a2", To: "c"},
		"a1=1 a2=2 b=3": {From: "a0"},
	} {
		if got := listed(t, d, r); got != want {
			t.Errorf("%+v: %q, wanted %q", r, got, want)
		}
	}
	at, err := d.List(ctx, gdict.Range{}, gdict.Local, true, func(e gdict.Entry) error {
		if e.Value != nil || e.Rev != rev {
			t.Errorf("keys only: %v", e)
		}
		return nil
	})
	if err != nil || at != k.Dict().View().Rev() {
		t.Errorf("listed at %d, %v", at, err)
	}
	stop := errors.New("enough")
	if _, err := d.List(ctx, gdict.Range{}, gdict.Local, true, func(gdict.Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("a list that is left: %v", err)
	}
	if n, err := d.ErasePrefix(ctx, "a"); err != nil || n != 3 {
		t.Errorf("erased %d, %v", n, err)
	}
	if got := listed(t, d, gdict.Range{}); got != "b=3" {
		t.Errorf("left is %q", got)
	}
}

// TestTheClustersOwnKeysAreNotWritten: neither one by one, nor in a batch, nor by a prefix that covers them; they can be read.
func TestTheClustersOwnKeysAreNotWritten(t *testing.T) {
	k, d := keep(t)
	ctx := t.Context()
	own := ReservedKeys + "order/pair"
	if _, err := k.Dict().Store(ctx, own, []byte("x")); err != nil {
		t.Fatal(err)
	}
	_, stored := d.Store(ctx, own, nil)
	_, compared := d.CompareAndStore(ctx, own, 0, nil)
	_, erased := d.Erase(ctx, own)
	_, erasedAt := d.CompareAndErase(ctx, own, 1)
	_, many := d.StoreMany(ctx, map[string][]byte{"a": nil, own: nil})
	_, under := d.ErasePrefix(ctx, own[:len(own)-1])
	_, above := d.ErasePrefix(ctx, "ge")
	for name, err := range map[string]error{
		"store": stored, "compare": compared, "erase": erased, "erase at": erasedAt, "many": many, "a prefix below": under, "a prefix above": above,
	} {
		if !errors.Is(err, ErrReserved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.ErasePrefix(ctx, ""); !errors.Is(err, ErrBadRequest) {
		t.Errorf("everything: %v", err)
	}
	if e, err := d.Get(ctx, own, gdict.Local); err != nil || string(e.Value) != "x" {
		t.Errorf("it reads as %q, %v", e.Value, err)
	}
	var file bytes.Buffer
	if err := d.Export(ctx, "", gdict.Local, &file); err != nil {
		t.Fatal(err)
	}
	if b, err := gdict.CheckBackup(&file); err != nil || b.Entries != 0 {
		t.Errorf("exported %+v, %v", b, err)
	}
}

// TestTheClustersOwnKeysAreLeftOutOnRequest: of lists, whose limit counts the others only, and of watches.
func TestTheClustersOwnKeysAreLeftOutOnRequest(t *testing.T) {
	k, d := keep(t)
	ctx := t.Context()
	for _, key := range []string{ReservedKeys + "a", "f", ReservedKeys + "b", "h", "i"} {
		if _, err := k.Dict().Store(ctx, key, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	for want, r := range map[string]gdict.Range{
		"f=x h=x i=x": {}, "f=x h=x": {Limit: 2}, "h=x f=x": {Limit: 2, Reverse: true, To: "i"}, "": {Prefix: ReservedKeys},
	} {
		if got := listed(t, d.WithoutOwn(), r); got != want {
			t.Errorf("%+v: %q, wanted %q", r, got, want)
		}
	}
	if got, want := listed(t, d, gdict.Range{Limit: 3}), "f=x gendac/a=x gendac/b=x"; got != want {
		t.Errorf("all: %q, wanted %q", got, want)
	}
	seen, through, err := events(t, d.WithoutOwn(), "", nil, 4)
	if err != nil || strings.Contains(strings.Join(seen, " "), ReservedKeys) || through != k.Dict().View().Rev() {
		t.Errorf("a watch: %q through %d, %v", seen, through, err)
	}
	if seen, _, _ := events(t, d, "", nil, 6); !strings.Contains(strings.Join(seen, " "), ReservedKeys) {
		t.Errorf("a watch of all: %q", seen)
	}
}

func TestABackupTravelsThroughTheAPI(t *testing.T) {
	_, from := keep(t)
	_, to := keep(t)
	ctx := t.Context()
	for i := range 200 {
		if _, err := from.Store(ctx, fmt.Sprintf("k%03d%s", i, binary), bytes.Repeat([]byte{byte(i)}, i)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := from.Export(ctx, "k", gdict.Linearizable, &file); err != nil {
		t.Fatal(err)
	}
	done, err := gdict.Import(ctx, to, bytes.NewReader(file.Bytes()), gdict.ImportOptions{})
	if err != nil || done.Stored != 200 {
		t.Fatalf("%+v, %v", done, err)
	}
	if listed(t, to, gdict.Range{}) != listed(t, from, gdict.Range{}) {
		t.Error("not everything has come over")
	}
}

// TestErrorsOfTheDictionaryCrossTheWire: what the group answers becomes the sentinel of this package, in the member's words.
func TestErrorsOfTheDictionaryCrossTheWire(t *testing.T) {
	k, d := keep(t, gdict.MaxValue(100))
	ctx := t.Context()
	_, err := d.Store(ctx, "k", make([]byte, 101))
	if !errors.Is(err, ErrTooBig) || !strings.Contains(err.Error(), "101 bytes; the limit is 100") {
		t.Errorf("a value that is too large: %v", err)
	}
	if _, err := d.Store(ctx, "k", make([]byte, maxDictBody+1)); !errors.Is(err, ErrTooBig) {
		t.Errorf("a body that is too large: %v", err)
	}
	for _, c := range []struct{ fails, write, read error }{
		{genleader.ErrNoLeader, ErrNoLeader, ErrNoLeader},
		{fmt.Errorf("%w: %w", genleader.ErrUncertain, genleader.ErrStopped), ErrUncertain, ErrUncertain},
		{genleader.ErrOverloaded, ErrOverloaded, ErrOverloaded},
		{genleader.ErrStopped, ErrStopping, ErrStopping},
		{context.DeadlineExceeded, ErrTimeout, ErrTimeout},
		{errors.New("disk on fire"), ErrInternal, ErrInternal},
	} {
		k.Fail(c.fails)
		if _, err := d.Store(ctx, "k", nil); !errors.Is(err, c.write) {
			t.Errorf("%v: writing: %v, wanted %v", c.fails, err, c.write)
		}
		if _, err := d.Get(ctx, "k", gdict.Linearizable); !errors.Is(err, c.read) {
			t.Errorf("%v: reading: %v, wanted %v", c.fails, err, c.read)
		}
	}
	if _, err := d.Get(ctx, "k", gdict.Bounded(0)); !errors.Is(err, ErrStale) {
		t.Errorf("a bounded read: %v", err)
	}
	if _, err := d.Get(ctx, "k", gdict.Local); !errors.Is(err, ErrKeyNotFound) {
		t.Errorf("a local read: %v", err)
	}
}

// TestAShortDeadlineIsTheMembersToo: a caller with a deadline tells it, less a tenth for the way, and the member keeps to it.
func TestAShortDeadlineIsTheMembersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if q := (question{path: "/v1/dict/entry"}).with(ctx, nil); q.path != "/v1/dict/entry?timeout=900ms" {
			t.Errorf("asked for %s", q.path)
		}
	})
	w := httptest.NewRecorder()
	k := &keeper{Member: gdicttest.Start(t)}
	Handler(k, "example.com").ServeHTTP(w, httptest.NewRequest("GET", "/v1/dict/entry?key=k&read=rev%3D1000000&timeout=1ms", http.NoBody))
	if w.Code != http.StatusGatewayTimeout || !strings.Contains(w.Body.String(), `"timeout"`) {
		t.Errorf("a revision that never comes: %d %s", w.Code, w.Body)
	}
}

// events reads n events of a watch.
func events(t *testing.T, d Dict, prefix string, from *uint64, n int) (seen []string, through uint64, err error) {
	t.Helper()
	enough := errors.New("enough")
	err = d.Watch(t.Context(), prefix, from, true, func(e gdict.Event) error {
		seen = append(seen, e.String())
		through = max(through, e.Through)
		if len(seen) == n {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return seen, through, err
}

func TestAWatchStreamsAndGoesOn(t *testing.T) {
	k, d := keep(t)
	ctx := t.Context()
	first, err := d.Store(ctx, "a"+binary, []byte(binary))
	if err != nil {
		t.Fatal(err)
	}
	seen, through, err := events(t, d, "a", nil, 2)
	want := []string{fmt.Sprintf("%q=%q @%d term 0", "a"+binary, binary, first), fmt.Sprintf("synced @%d", first)}
	if err != nil || !slices.Equal(seen, want) || through != first {
		t.Errorf("%q through %d, %v; wanted %q", seen, through, err, want)
	}
	var later sync.WaitGroup
	later.Go(func() {
		if _, err := d.Erase(ctx, "a"+binary); err != nil {
			t.Error(err)
		}
	})
	seen, through, err = events(t, d, "a", &through, 2)
	later.Wait()
	if err != nil || len(seen) != 2 || !strings.Contains(strings.Join(seen, " "), "erased") {
		t.Errorf("%q, %v", seen, err)
	}
	k.Dict().KeepHistory(0, 0)
	if _, _, err := events(t, d, "a", &first, 1); !errors.Is(err, ErrCompacted) {
		t.Errorf("from before the history: %v", err)
	}
	w := httptest.NewRecorder()
	target := fmt.Sprintf("/v1/dict/watch?rev=%d&timeout=1ms", through+1000)
	Handler(k, "example.com").ServeHTTP(w, httptest.NewRequest("GET", target, http.NoBody))
	if w.Code != http.StatusGatewayTimeout {
		t.Errorf("from a revision that never comes: %d %s", w.Code, w.Body)
	}
}

// TestAWatchEndsWithItsReaderItsServerAndItsDictionary: nothing is left behind, and the reader is told.
func TestAWatchEndsWithItsReaderItsServerAndItsDictionary(t *testing.T) {
	k := &keeper{Member: gdicttest.Start(t)}
	s, err := NewServer("127.0.0.1:0", k)
	if err != nil {
		t.Fatal(err)
	}
	d := Client{Addr: s.Addr()}.Dict()
	ctx, cancel := context.WithCancel(t.Context())
	if err := d.Watch(ctx, "", nil, false, func(gdict.Event) error { cancel(); return nil }); err != nil {
		t.Errorf("a watch that its reader ends: %v", err)
	}
	closed := make(chan error, 1)
	err = d.Watch(t.Context(), "", nil, false, func(gdict.Event) error {
		go func() { closed <- s.Close(t.Context()) }()
		return nil
	})
	if !errors.Is(err, ErrStopping) {
		t.Errorf("a watch whose server closes: %v", err)
	}
	if err := <-closed; err != nil {
		t.Errorf("closing: %v", err)
	}
}

// TestStreamsAreBounded: one more than may run is refused, and the next one runs when another has ended.
func TestStreamsAreBounded(t *testing.T) {
	_, d := keep(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	synced := make(chan struct{}, maxStreams)
	for range maxStreams {
		all.Go(func() {
			if err := d.Watch(ctx, "", nil, false, func(gdict.Event) error { synced <- struct{}{}; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	for range maxStreams {
		<-synced
	}
	if err := d.Export(t.Context(), "", gdict.Local, io.Discard); !errors.Is(err, ErrOverloaded) {
		t.Errorf("one more: %v", err)
	}
	cancel()
	all.Wait()
	for {
		err := d.Export(t.Context(), "", gdict.Local, io.Discard)
		if err == nil {
			return
		}
		if !errors.Is(err, ErrOverloaded) {
			t.Fatal(err)
		}
	}
}

// outsider is a member that is not in its group yet.
type outsider struct{ holder }

func (*outsider) Joined() error { return fmt.Errorf("%w: it waits for b1", ErrNotJoined) }

// TestAMemberOutsideItsGroupIsNotEmpty: at no read level, and not to watches, lists and exports either.
func TestAMemberOutsideItsGroupIsNotEmpty(t *testing.T) {
	d := serve(t, &outsider{holder{dict: gdict.New()}}).Dict()
	ctx := t.Context()
	for _, level := range []gdict.Level{gdict.Local, gdict.Linearizable, gdict.Bounded(time.Hour), gdict.AtLeast(0), gdict.AtLeast(1)} {
		_, got := d.Get(ctx, "k", level)
		_, listed := d.List(ctx, gdict.Range{}, level, false, func(gdict.Entry) error { return nil })
		exported := d.Export(ctx, "", level, io.Discard)
		for what, err := range map[string]error{"get": got, "list": listed, "export": exported} {
			if !errors.Is(err, ErrNotJoined) || !strings.HasSuffix(err.Error(), "it waits for b1") {
				t.Errorf("%s, read %v: %v", what, level, err)
			}
		}
	}
	for _, from := range []*uint64{nil, new(uint64)} {
		if _, _, err := events(t, d, "", from, 1); !errors.Is(err, ErrNotJoined) {
			t.Errorf("watch: %v", err)
		}
	}
}

func TestAMemberWithoutADictionarySaysSo(t *testing.T) {
	if _, err := serve(t, &fake{}).Dict().Get(t.Context(), "k", gdict.Local); !errors.Is(err, ErrNoDict) {
		t.Errorf("%v", err)
	}
}

func TestBadDictionaryRequestsAreAnsweredInJSON(t *testing.T) {
	k := &keeper{Member: gdicttest.Start(t)}
	for _, c := range []struct {
		method, target, body string
		status               int
		code                 string
	}{
		{"POST", "/v1/dict/entry?key=k", "", 405, "method_not_allowed"},
		{"GET", "/v1/dict/entry?key=k&read=soon", "", 400, "bad_request"},
		{"GET", "/v1/dict/entry?key=k&colour=red", "", 400, "bad_request"},
		{"GET", "/v1/dict/entries?limit=x", "", 400, "bad_request"},
		{"GET", "/v1/dict/entry?%zz", "", 400, "bad_request"},
		{"GET", "/v1/dict/entry?key=k", "", 404, "key_not_found"},
		{"PUT", "/v1/dict/entry", "v", 413, "too_big"},
		{"PUT", "/v1/dict/entry?key=k&rev=-1", "v", 400, "bad_request"},
		{"POST", "/v1/dict/entries", "", 400, "bad_request"},
		{"POST", "/v1/dict/entries", "{}", 400, "bad_request"},
		{"POST", "/v1/dict/entries", `{"entries":[{"key":"YQ=="},{"key":"YQ=="}]}`, 400, "bad_request"},
		{"POST", "/v1/dict/entries", `{"entries":[{"key":"YQ==","value":7}]}`, 400, "bad_request"},
		{"GET", "/v1/dict/other", "", 404, "not_found"},
	} {
		w := httptest.NewRecorder()
		Handler(k, "example.com").ServeHTTP(w, httptest.NewRequest(c.method, c.target, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), `"code": "`+c.code+`"`) {
			t.Errorf("%s %s %q: %d %s, wanted %d %s", c.method, c.target, c.body, w.Code, w.Body, c.status, c.code)
		}
	}
	if n := k.Dict().View().Size(); n != 0 {
		t.Errorf("%d entries were stored", n)
	}
}

// TestAListThatIsCutIsNoList: an answer without its last line is not taken for a whole one.
func TestAListThatIsCutIsNoList(t *testing.T) {
	for name, body := range map[string]string{
		"no end": `{"key":"YQ==","rev":1}` + "\n", "half a line": `{"key":"YQ`, "nothing": "", "text": "hello\n",
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }))
		d := Client{Addr: s.Listener.Addr().String()}.Dict()
		_, err := d.List(t.Context(), gdict.Range{}, gdict.Local, false, func(gdict.Entry) error { return nil })
		if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrBadReply) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := d.Store(t.Context(), "k", nil); name == "text" && !errors.Is(err, ErrUncertain) {
			t.Errorf("a write that somebody else answers: %v", err)
		}
		s.Close()
	}
}

// TestAStreamThatDoesNotBeginTimesOut: a member that says nothing holds nobody up, and one that dies in the middle of a
// backup is not taken for one that has finished it.
func TestAStreamThatDoesNotBeginTimesOut(t *testing.T) {
	hang := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer silent.Close()
	defer close(hang)
	d := Client{Addr: silent.Listener.Addr().String()}.Dict().BeginWithin(20 * time.Millisecond)
	if err := d.Export(t.Context(), "", gdict.Local, io.Discard); !errors.Is(err, ErrTimeout) {
		t.Errorf("an export: %v", err)
	}
	if err := d.Watch(t.Context(), "", nil, false, func(gdict.Event) error { return nil }); !errors.Is(err, ErrTimeout) {
		t.Errorf("a watch: %v", err)
	}
	dying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half a backup"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer dying.Close()
	d = Client{Addr: dying.Listener.Addr().String()}.Dict()
	if err := d.Export(t.Context(), "", gdict.Local, io.Discard); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a member that dies: %v", err)
	}
}

// TestAQuietWatchOutlivesTheTimeoutsOfRequests: an hour without a change is no reason to end it. The hour is virtual, and
// the connection a pipe.
func TestAQuietWatchOutlivesTheTimeoutsOfRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dict := gdict.New()
		server := newHTTPServer(newHandler(t.Context(), &holder{dict: dict}, nil))
		pipes := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		go func() { _ = server.Serve(pipes) }()
		client := &http.Client{Transport: &http.Transport{DialContext: pipes.dial}}
		resp, err := client.Get("http://localhost/v1/dict/watch")
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		time.AfterFunc(time.Hour, func() { dict.Behaviour().Terminate(nil) })
		body, err := io.ReadAll(resp.Body)
		if took := time.Since(begin); err != nil || took != time.Hour || !strings.Contains(string(body), `"code":"stopping"`) {
			t.Errorf("after %s: %q, %v", took, body, err)
		}
		client.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

type holder struct {
	fake
	dict *gdict.Dict
}

func (h *holder) Dict() *gdict.Dict { return h.dict }

// pipes is a listener whose connections stay in the bubble.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// FuzzDictRequests: whatever is asked, the answer is one of the API's, nothing panics, and the cluster's own keys stay as
// they are.
func FuzzDictRequests(f *testing.F) {
	k := &keeper{Member: gdicttest.Start(f)}
	own := ReservedKeys + "own"
	rev, err := k.Dict().Store(f.Context(), own, []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	methods := []string{"GET", "PUT", "POST", "DELETE"}
	for _, seed := range []string{
		"key=k", "key=gendac/own", "prefix=gend", "prefix=g&reverse=true&limit=3", "own=false&limit=1", "key=k&rev=0", "key=%ff&read=rev%3D1", "timeout=-1s&key=k", "a=b;c", "%zz",
	} {
		for i := range methods {
			f.Add(i, "entry", seed, "value")
			f.Add(i, "entries", seed, `{"entries":[{"key":"Z2VuZGFjL293bg==","value":"eA=="}]}`)
		}
	}
	f.Fuzz(func(t *testing.T, method int, path, query, body string) {
		if path != "entry" && path != "export" {
			path = "entries"
		}
		r := httptest.NewRequest(methods[uint(method)%4], "/v1/dict/"+path, strings.NewReader(body))
		if strings.Contains(query, "read") || strings.Contains(query, "rea%") {
			query += "&timeout=1ms"
		}
		r.URL.RawQuery = query
		w := httptest.NewRecorder()
		Handler(k, "example.com").ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			refusal := (&Refusal{Text: "x", Code: "x"})
			if err := json.Unmarshal(w.Body.Bytes(), refusal); err != nil || errors.Is(refusal, ErrBadReply) || errors.Is(refusal, ErrInternal) {
				t.Fatalf("%s %s?%s: %d %s", r.Method, path, query, w.Code, w.Body)
			}
		}
		if e, found := k.Dict().Find(own); !found || e.Rev != rev {
			t.Fatalf("%s %s?%s changed the cluster's own key", r.Method, path, query)
		}
	})
}
