package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/porttest"
	"github.com/gendac/gendac/gdict"
)

func serve(t *testing.T, b Backend) Client {
	t.Helper()
	s, err := NewServer("127.0.0.1:0", b)
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
	return Client{Addr: s.Addr()}
}

func TestAStatusArrivesAsItWas(t *testing.T) {
	want := Status{
		Cluster: "demo", Member: "a1", Incarnation: 1<<63 + 5, Leader: "b1", Term: 3, Role: "follower", Lease: 870,
		Discovery: Discovery{Kind: "consul", Source: "unreachable", Err: "connection refused"},
		Members:   []Member{{Name: "a1", Addr: "127.0.0.1:1", Incarnation: 1, State: "up", Voter: true}},
		Groups: []Group{{
			Name: "pair", Active: "a1", ActiveSince: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Epoch: 2,
			Start: "failover(b1)", Standby: []string{"b1"}, Phase: "steady",
		}},
		Instances: []Instance{{Name: "pair/switch", Member: "a1", Role: "active", Phase: "running", Epoch: 2, Start: "normal"}},
		Alarms:    []string{"pair: redundancy-lost"},
	}
	got, err := serve(t, &fake{status: want}).Status(t.Context())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if g, ok := got.Group("pair"); !ok || g.Epoch != 2 {
		t.Errorf("Group(pair) = %+v, %t", g, ok)
	}
	if i, ok := got.Instance("pair/switch", "a1"); !ok || i.Role != "active" {
		t.Errorf("Instance(pair/switch, a1) = %+v, %t", i, ok)
	}
	if _, ok := got.Instance("pair/switch", "b1"); ok {
		t.Error("Instance found a copy that was not reported")
	}
}

func TestRefusalsMatchTheirSentinels(t *testing.T) {
	f := &fake{}
	c := serve(t, f)
	for _, sentinel := range []error{
		nil, ErrUnknownGroup, ErrNoActive, ErrNoStandby, ErrInTransition, ErrTargetNotReady, ErrPreferred, ErrNoLeader, ErrUncertain,
		ErrStopping,
	} {
		f.mu.Lock()
		f.refusal = nil
		if sentinel != nil {
			f.refusal = fmt.Errorf("group %q: %w", "pair", sentinel)
		}
		f.mu.Unlock()
		err := c.Switchover(t.Context(), "pair")
		if !errors.Is(err, sentinel) {
			t.Errorf("got %v, want %v", err, sentinel)
		}
		if sentinel != nil && !strings.HasPrefix(err.Error(), `group "pair": `) {
			t.Errorf("the member's words are lost: %v", err)
		}
	}
	if err := c.Switchover(t.Context(), "a/b"); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a bad name: %v, want ErrBadRequest", err)
	}
}

func TestNobodyThereIsUnreachable(t *testing.T) {
	addr, err := porttest.Addr()
	if err != nil {
		t.Fatal(err)
	}
	c := Client{Addr: addr}
	want := fmt.Sprintf("admin: unreachable: %s: connection refused", c.Addr)
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrUnreachable) || err.Error() != want {
		t.Errorf("Status = %v, want %s", err, want)
	}
	if err := c.Switchover(t.Context(), "pair"); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Switchover = %v, want ErrUnreachable: nothing was sent", err)
	}
	if _, err := (Client{Addr: "no port at all"}).Status(t.Context()); !errors.Is(err, ErrBadRequest) {
		t.Errorf("a bad address: %v, want ErrBadRequest", err)
	}
}

func TestALostAnswerIsUncertain(t *testing.T) {
	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	c := Client{Addr: cut.Listener.Addr().String()}
	if err := c.Switchover(t.Context(), "pair"); !errors.Is(err, ErrUncertain) {
		t.Errorf("Switchover = %v, want ErrUncertain", err)
	}
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("Status = %v, want ErrUnreachable: a question changes nothing", err)
	}
}

func TestSomebodyElseOnThePortIsABadReply(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"text": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
		"error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) },
		"newer": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"error":"x","code":"from_the_future"}`)
		},
	} {
		s := httptest.NewServer(h)
		if _, err := (Client{Addr: s.Listener.Addr().String()}).Status(t.Context()); !errors.Is(err, ErrBadReply) {
			t.Errorf("%s: %v, want ErrBadReply", name, err)
		}
		s.Close()
	}
}

// TestAPortOfAnotherKindIsNoAdminAddress: a member's own port answers bytes that nobody wants to see. Nothing was ordered.
func TestAPortOfAnotherKindIsNoAdminAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_, _ = conn.Write([]byte("\x00\x01gendac\x00\r\n\r\n"))
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	c := Client{Addr: l.Addr().String()}
	want := fmt.Sprintf("admin: not an answer of this API: %s: this is no admin address, it answers something else than HTTP", c.Addr)
	_, asked := c.Status(t.Context())
	_, stored := c.Dict().Store(t.Context(), "k", nil)
	watched := c.Dict().Watch(t.Context(), "", nil, false, func(gdict.Event) error { return nil })
	for what, err := range map[string]error{"status": asked, "switchover": c.Switchover(t.Context(), "pair"), "store": stored, "watch": watched} {
		if !errors.Is(err, ErrBadReply) || err.Error() != want {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTheContextEndsTheWait(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer s.Close()
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := (Client{Addr: s.Listener.Addr().String()}).Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}
