package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a backend whose answers the test chooses and whose orders it can read.
type fake struct {
	mu       sync.Mutex
	status   Status
	refusal  error
	ordered  []string
	deadline bool
	panics   bool
}

func (f *fake) Status() Status { return f.status }

func (f *fake) Switchover(ctx context.Context, group string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.panics {
		panic("boom")
	}
	_, f.deadline = ctx.Deadline()
	f.ordered = append(f.ordered, group)
	return f.refusal
}

func request(t *testing.T, b Backend, method, target string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler(b, "example.com").ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestStatusHasStableNamesAndNoNulls(t *testing.T) {
	_, body := request(t, &fake{status: Status{Cluster: "demo", Member: "a1", Lease: 12}}, "GET", "/v1/status")
	want := `{
  "cluster": "demo",
  "member": "a1",
  "incarnation": 0,
  "leader": "",
  "term": 0,
  "role": "",
  "lease_ms": 12,
  "commit": 0,
  "applied": 0,
  "discovery": {
    "kind": "",
    "source": ""
  },
  "members": [],
  "groups": [],
  "instances": [],
  "alarms": []
}
`
	if body != want {
		t.Errorf("got %s\nwant %s", body, want)
	}
}

func TestBadRequestsAreAnsweredInJSON(t *testing.T) {
	for _, c := range []struct {
		method, target, header string
		status                 int
		code                   string
	}{
		{"GET", "/", "", 404, "not_found"},
		{"GET", "/v2/status", "", 404, "not_found"},
		{"POST", "/v1/status", "", 405, "method_not_allowed"},
		{"GET", "/v1/groups/pair/switchover", "", 405, "method_not_allowed"},
		{"POST", "/v1/groups/pair", "", 404, "not_found"},
		{"POST", "/v1/groups/a%2Fb/switchover", "", 400, "bad_request"},
		{"POST", "/v1/groups/a%00b/switchover", "", 400, "bad_request"},
		{"POST", "/v1/groups/%FF/switchover", "", 400, "bad_request"},
		{"POST", "/v1/groups/" + strings.Repeat("x", 257) + "/switchover", "", 400, "bad_request"},
		{"POST", "/v1/groups/pair/switchover", "http://evil.example", 403, "forbidden"},
	} {
		f := &fake{}
		header := []string{}
		if c.header != "" {
			header = []string{"Origin", c.header}
		}
		resp, body := request(t, f, c.method, c.target, header...)
		var r Refusal
		if err := json.Unmarshal([]byte(body), &r); err != nil {
			t.Errorf("%s %s: %v in %q", c.method, c.target, err, body)
			continue
		}
		if resp.StatusCode != c.status || r.Code != c.code || r.Text == "" || strings.Contains(r.Text, "\n") {
			t.Errorf("%s %s = %d %+v, want %d %s", c.method, c.target, resp.StatusCode, r, c.status, c.code)
		}
		if c.status == 405 && resp.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow header", c.method, c.target)
		}
		if len(f.ordered) != 0 {
			t.Errorf("%s %s reached the backend", c.method, c.target)
		}
	}
}

func TestABackendThatPanicsIsAnInternalError(t *testing.T) {
	resp, body := request(t, &fake{panics: true}, "POST", "/v1/groups/pair/switchover")
	if resp.StatusCode != 500 || !strings.Contains(body, `"internal"`) {
		t.Errorf("got %d %s, want 500 internal", resp.StatusCode, body)
	}
}

func TestSwitchoverHasADeadlineAndKeepsTheName(t *testing.T) {
	f := &fake{}
	resp, _ := request(t, f, "POST", "/v1/groups/my%20pair/switchover")
	if resp.StatusCode != http.StatusAccepted || !f.deadline || len(f.ordered) != 1 || f.ordered[0] != "my pair" {
		t.Errorf("got %d, deadline %t, ordered %q; want 202, true, [my pair]", resp.StatusCode, f.deadline, f.ordered)
	}
}

func TestTheServerListensOnLoopbackOnly(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0:0":      `admin: address "0.0.0.0:0": not a loopback address; the admin API has no passwords, use 127.0.0.1:PORT, [::1]:PORT or unix:PATH`,
		":0":             `admin: address ":0": not a loopback address; the admin API has no passwords, use 127.0.0.1:PORT, [::1]:PORT or unix:PATH`,
		"7400":           `admin: address "7400": not host:port`,
		"127.0.0.1:port": `admin: address "127.0.0.1:port": lookup tcp/port: unknown port`,
	} {
		s, err := NewServer(addr, &fake{})
		var bad *AddressError
		if !errors.As(err, &bad) || err.Error() != want {
			t.Errorf("NewServer(%q) = %v, want %s", addr, err, want)
		}
		if s != nil {
			_ = s.Close(t.Context())
		}
	}
}

func TestAUsedPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = NewServer(taken.Addr().String(), &fake{})
	want := fmt.Sprintf("admin: address %q: address already in use", taken.Addr())
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCloseCutsWhatDoesNotFinish(t *testing.T) {
	s, err := NewServer("127.0.0.1:0", &fake{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.Addr()) // says half a request, for ever
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("GET /v1/status HTTP/1.1\r\nHo")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	// Whether the server saw the connection yet is up to the scheduler; either way Close returns and the port is free.
	if err := s.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close = %v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Errorf("a second Close = %v", err)
	}
	again, err := net.Listen("tcp", s.Addr())
	if err != nil {
		t.Fatalf("the port is not free after Close: %v", err)
	}
	_ = again.Close()
}

func FuzzGroupPath(f *testing.F) {
	for _, seed := range []string{"pair", "a%2Fb", "%", "..", "%00", "a/b", "", "%E2%82%AC", "pair?x=1#y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, group string) {
		r, err := http.NewRequest("POST", "http://127.0.0.1/v1/groups/"+group+"/switchover", http.NoBody)
		if err != nil {
			t.Skip()
		}
		b := &fake{}
		w := httptest.NewRecorder()
		Handler(b, "example.com").ServeHTTP(w, r)
		for _, name := range b.ordered {
			if checkGroup(name) != nil {
				t.Fatalf("the backend was given %q", name)
			}
		}
		if (w.Code == http.StatusAccepted) != (len(b.ordered) == 1) {
			t.Fatalf("answered %d and ordered %q", w.Code, b.ordered)
		}
	})
}
