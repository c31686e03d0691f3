package admin

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/gdict/gdicttest"
)

// open starts a server and closes it at the end of the test.
func open(t *testing.T, addr string, b Backend, opts ...Option) *Server {
	t.Helper()
	s, err := NewServer(addr, b, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// TestRequestsToAnotherNameAreRefused: a page whose name was made to point to loopback sends its own name as Host. It learns
// nothing and changes nothing.
func TestRequestsToAnotherNameAreRefused(t *testing.T) {
	f := &fake{}
	s := open(t, "127.0.0.1:0", f, Hosts("Forwarded.example:8400"))
	_, port, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, origin string
		status       int
		code         string
	}{
		{"127.0.0.1:" + port, "", 202, ""},
		{"localhost:" + port, "", 202, ""},
		{"LOCALHOST:" + port, "", 202, ""},
		{"127.9.9.9:" + port, "", 202, ""},
		{"[::1]:" + port, "", 202, ""},
		{"forwarded.example:8400", "", 202, ""},
		{"localhost:" + port, "http://localhost:" + port, 202, ""},
		{"localhost:" + port, "http://evil.example", 403, "forbidden"},
		{"localhost:" + port, "null", 403, "forbidden"},
		{"localhost:" + port, "http://localhost:1", 403, "forbidden"},
		{"evil.example:" + port, "", 403, "forbidden_host"},
		{"evil.example:" + port, "http://evil.example:" + port, 403, "forbidden_host"},
		{"evil.example", "", 403, "forbidden_host"},
		{"localhost.evil.example:" + port, "", 403, "forbidden_host"},
		{"127.0.0.1.evil.example:" + port, "", 403, "forbidden_host"},
		{"forwarded.example", "", 403, "forbidden_host"},
		{"localhost", "", 403, "forbidden_host"},
		{"localhost:1", "", 403, "forbidden_host"},
		{"10.0.0.1:" + port, "", 403, "forbidden_host"},
	} {
		for _, method := range []string{"GET", "POST"} {
			path, want := "/v1/groups/pair/switchover", c.status
			if method == "GET" {
				path = "/v1/status"
				if c.code != "forbidden_host" {
					want = 200 // a browser does not show the answer to another site
				}
			}
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr()+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = c.host
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			transport := &http.Transport{DisableKeepAlives: true}
			resp, err := transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != want || want == 403 && !strings.Contains(string(body), `"code": "`+c.code+`"`) {
				t.Errorf("%s with Host %q, Origin %q: %d %s, want %d %s", method, c.host, c.origin, resp.StatusCode, body, want, c.code)
			}
		}
	}
	if len(f.ordered) != 7 {
		t.Errorf("%d orders reached the member, want 7", len(f.ordered))
	}
}

func TestTheSocketIsItsOwnersAndTheClientUsesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a1.sock")
	want := Status{Cluster: "demo", Member: "a1"}
	s := open(t, UnixPrefix+path, &fake{status: want})
	if s.Addr() != UnixPrefix+path {
		t.Errorf("the server's address is %q", s.Addr())
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	c := Client{Addr: s.Addr()}
	if got, err := c.Status(t.Context()); err != nil || got.Member != "a1" {
		t.Errorf("through the socket: %+v, %v", got, err)
	}
	if err := c.Switchover(t.Context(), "pair"); err != nil {
		t.Error(err)
	}
	if _, err := (Client{Addr: UnixPrefix + path + "x"}).Status(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("where no socket is: %v", err)
	}
	open(t, UnixPrefix+path+".group", &fake{}, SocketGroup(fmt.Sprint(os.Getgid())))
	if info, err := os.Stat(path + ".group"); err != nil || info.Mode() != fs.ModeSocket|0o660 {
		t.Errorf("the socket of a group is %v, %v", info.Mode(), err)
	}
}

func TestASocketLeftBehindIsTakenOverAndNoOther(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "left")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as after kill -9
	_ = l.Close()
	s := open(t, UnixPrefix+left, &fake{})
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for addr, text := range map[string]string{
		s.Addr():            "address already in use",
		UnixPrefix + file:   "address already in use",
		UnixPrefix:          "the path of the socket is missing",
		"unix:/no/such/dir": "no such file or directory",
		UnixPrefix + strings.Repeat("x", maxPath+1): "at most 103 bytes",
	} {
		if s, err := NewServer(addr, &fake{}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %s", addr, err, text)
			if s != nil {
				_ = s.Close(t.Context())
			}
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "kept" {
		t.Errorf("the file became %q, %v", got, err)
	}
	if _, err := NewServer("127.0.0.1:0", &fake{}, SocketGroup("0")); err == nil {
		t.Error("a group for a TCP address was accepted")
	}
	if _, err := NewServer(UnixPrefix+left+"2", &fake{}, SocketGroup("no such group")); err == nil {
		t.Error("a group that does not exist was accepted")
	}
}

func TestWhoMayUseASocket(t *testing.T) {
	own, grouped := peerRule{on: true, uid: 7, gid: -1}, peerRule{on: true, uid: 7, gid: 50}
	for _, c := range []struct {
		rule peerRule
		who  credentials
		may  bool
	}{
		{own, credentials{7, []int{7}}, true},
		{own, credentials{0, []int{0}}, true},
		{own, credentials{8, []int{7}}, false},
		{own, credentials{8, []int{50}}, false},
		{own, credentials{8, []int{-1}}, false},
		{grouped, credentials{8, []int{8, 50}}, true},
		{grouped, credentials{8, []int{8, 51}}, false},
	} {
		if err := c.rule.judge(c.who); (err == nil) != c.may || err != nil && !errors.Is(err, ErrPeer) {
			t.Errorf("%+v by %+v: %v", c.rule, c.who, err)
		}
	}
}

// TestTheKernelSaysWhoConnects: even where the file lets everybody connect, another user's request is refused.
func TestTheKernelSaysWhoConnects(t *testing.T) {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("needs root on Linux, to connect as another user")
	}
	dir, err := os.MkdirTemp("", "gendac-admin-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "s")
	f := &fake{}
	s := open(t, UnixPrefix+path, f)
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	answers := make(chan string)
	go func() { // on a thread of its own, which ends with it
		runtime.LockOSThread()
		const nobody, keep = 65534, ^uintptr(0)
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, nobody, keep); errno != 0 {
			answers <- errno.Error()
			return
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			answers <- err.Error()
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/groups/pair/switchover HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		all, _ := io.ReadAll(conn)
		answers <- string(all)
	}()
	if got := <-answers; !strings.Contains(got, "403 Forbidden") || !strings.Contains(got, "user 65534") {
		t.Errorf("another user is answered %q", got)
	}
	if err := (Client{Addr: s.Addr()}).Switchover(t.Context(), "pair"); err != nil || len(f.ordered) != 1 {
		t.Errorf("the owner: %v, %d orders", err, len(f.ordered))
	}
}

// TestIdleConnectionsMakeRoom: whoever connects and says nothing, or half a request, keeps nobody else out; a connection with a
// request under way stays.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	f := &slow{begun: make(chan struct{}), end: make(chan struct{})}
	s := open(t, "127.0.0.1:0", f)
	s.listener.mu.Lock()
	s.listener.most = 4
	s.listener.mu.Unlock()
	order := func() chan error {
		done := make(chan error, 1)
		go func() { done <- Client{Addr: s.Addr()}.Switchover(t.Context(), "pair") }()
		return done
	}
	first := order()
	<-f.begun
	for i := range 20 {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			fmt.Fprintf(conn, "GET /v1/status HT")
		}
	}
	if _, err := (Client{Addr: s.Addr()}).Status(t.Context()); err != nil {
		t.Errorf("among idle connections: %v", err)
	}
	busy := []chan error{first}
	for range 3 {
		busy = append(busy, order())
		<-f.begun
	}
	if n := s.places(); n != 4 {
		t.Errorf("%d connections are open, want 4", n)
	}
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many is answered %v, %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
	close(f.end)
	for _, done := range busy {
		if err := <-done; err != nil {
			t.Errorf("a request under way was cut: %v", err)
		}
	}
}

func (s *Server) places() int {
	s.listener.mu.Lock()
	defer s.listener.mu.Unlock()
	return len(s.listener.guests)
}

// slow carries orders out when it is told to.
type slow struct {
	fake
	begun, end chan struct{}
}

func (s *slow) Switchover(context.Context, string) error {
	s.begun <- struct{}{}
	<-s.end
	return nil
}

// endless gives the same piece again and again, and counts what was read.
type endless struct {
	piece string
	read  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.piece[e.read%len(e.piece):])
	e.read += n
	return n, nil
}

// TestEntriesAreCountedWhileTheyAreRead: an empty entry has two bytes in a request and fifty in memory. What comes after the
// last one that is allowed is not even read.
func TestEntriesAreCountedWhileTheyAreRead(t *testing.T) {
	k := &keeper{Member: gdicttest.Start(t)}
	body := &endless{piece: "{},"}
	r := httptest.NewRequest("POST", "/v1/dict/entries", io.MultiReader(strings.NewReader(`{"entries":[`), body))
	w := httptest.NewRecorder()
	Handler(k, "example.com").ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "more than 1024 entries") {
		t.Errorf("endless entries: %d %s", w.Code, w.Body)
	}
	if body.read > 64<<10 {
		t.Errorf("%d bytes were read", body.read)
	}
}

// TestBodiesOfAllRequestsShareABudget: what slow requests have sent is bounded together, and given back at their end.
func TestBodiesOfAllRequestsShareABudget(t *testing.T) {
	k := &keeper{Member: gdicttest.Start(t)}
	h := Handler(k, "example.com")
	put := func(body io.Reader) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("PUT", "/v1/dict/entry?key=k", body))
		return w
	}
	done := make(chan int)
	var ends []*io.PipeWriter
	for range maxBodies / maxDictBody {
		out, in := io.Pipe()
		ends = append(ends, in)
		go func() { done <- put(out).Code }()
		// A pipe takes the second piece, of no bytes, when the next read begins: once the first has been counted.
		for _, piece := range [][]byte{make([]byte, maxDictBody), nil} {
			if _, err := in.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
	}
	if w := put(strings.NewReader("one more")); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"overloaded"`) {
		t.Errorf("beyond the budget: %d %s", w.Code, w.Body)
	}
	for _, in := range ends {
		_ = in.Close()
		if code := <-done; code != http.StatusRequestEntityTooLarge {
			t.Errorf("a value of %d bytes: %d", maxDictBody, code)
		}
	}
	if w := put(strings.NewReader("a value")); w.Code != http.StatusOK {
		t.Errorf("afterwards: %d %s", w.Code, w.Body)
	}
}

// TestARequestWithinTheBudgetIsNotRefusedForAnother: the bytes that did not fit count for nobody.
func TestARequestWithinTheBudgetIsNotRefusedForAnother(t *testing.T) {
	var all bodies
	first := &meter{ReadCloser: io.NopCloser(bytes.NewReader(make([]byte, maxBodies))), all: &all}
	if n, err := io.ReadFull(first, make([]byte, maxBodies)); err != nil {
		t.Fatalf("within the budget: %d bytes, %v", n, err)
	}
	second := &meter{ReadCloser: io.NopCloser(strings.NewReader("x")), all: &all}
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, ErrOverloaded) {
		t.Errorf("beyond the budget: %v", err)
	}
	if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("at the end of what was within it: %v", err)
	}
}
