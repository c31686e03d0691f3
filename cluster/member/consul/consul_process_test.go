//go:build process

package consul

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/consul/consultest"
	"github.com/gendac/gendac/cluster/member/membertest"
)

// realAgent returns a discovery on a real agent, as cluster name.
func realAgent(agent *consultest.Agent, name string, opts ...Option) member.Discovery {
	quiet := WithLogger(slog.New(slog.DiscardHandler))
	return Discovery(agent.Addr(), append([]Option{WithCluster(name), quiet}, opts...)...)
}

func TestConformanceOnARealAgent(t *testing.T) {
	agent := consultest.Start(t)
	var n atomic.Int64
	membertest.Test(t, func(*testing.T, []member.Member) member.Discovery {
		return realAgent(agent, fmt.Sprintf("case-%d", n.Add(1)))
	}, membertest.RealTime())
}

// The bound of 5 s is the promise to operators; it holds with room on an idle machine (about 1 s).
func TestMembersRegisterAgainWithin5sOfConsulComingBackEmpty(t *testing.T) {
	agent := consultest.Start(t)
	a, b := mustJoin(t, realAgent(agent, "demo"), a1), mustJoin(t, realAgent(agent, "demo"), b1)
	membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
	membertest.Await(t, b, "both are listed", membertest.Lists(a1, b1))
	unwatch := watchLosses(t, a)

	agent.Kill()
	time.Sleep(4 * time.Second) // longer than the TTL
	if err := agent.Restart(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	for passing(t, agent, "demo") != 2 {
		if time.Since(back) > 5*time.Second {
			t.Fatalf("not registered again within 5 s: %d of 2", passing(t, agent, "demo"))
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("registered again %v after Consul answered its first query", time.Since(back).Round(time.Millisecond))
	unwatch()
	membertest.Await(t, b, "both pass again", func(v member.View) bool {
		return membertest.Lists(a1, b1)(v) && has("a1", member.Passing)(v) && has("b1", member.Passing)(v)
	})
}

// watchLosses fails the test if any view until the returned stop lists fewer than two members.
func watchLosses(t *testing.T, s member.Session) (stop func()) {
	t.Helper()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case v := <-s.Views():
				if len(v.Members) < 2 {
					t.Errorf("a member was lost during the outage: %v", v)
				}
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}

// passing asks the agent itself, by another way than the code under test.
func passing(t *testing.T, agent *consultest.Agent, service string) int {
	t.Helper()
	resp, err := http.Get("http://" + agent.Addr() + "/v1/health/service/" + service + "?passing")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var body strings.Builder
	if err := resp.Write(&body); err != nil {
		t.Fatal(err)
	}
	return strings.Count(body.String(), `"`+metaMember+`":`)
}

func TestASilentProcessIsCriticalAndComesBack(t *testing.T) {
	agent := consultest.Start(t)
	a := mustJoin(t, realAgent(agent, "demo", WithTTL(time.Second)), a1)
	silent, err := dial(realAgent(agent, "demo", WithTTL(time.Second)).(config), b1)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.close()
	if err := silent.announce(t.Context()); err != nil {
		t.Fatal(err)
	}
	membertest.Await(t, a, "b1 passes", has("b1", member.Passing))
	membertest.Await(t, a, "b1 is critical", has("b1", member.Critical))
	if err := silent.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	membertest.Await(t, a, "b1 passes again", has("b1", member.Passing))
}

func TestAnUnknownCheckIsRecognised(t *testing.T) {
	agent := consultest.Start(t)
	a, err := dial(realAgent(agent, "demo").(config), a1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	if err := a.refresh(t.Context()); err != errLost {
		t.Fatalf("refresh of a check nobody registered: %v, want errLost", err)
	}
}

func TestJoinWithoutAnAgentNamesItsAddress(t *testing.T) {
	agent := consultest.Start(t)
	agent.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	began := time.Now()
	_, err := realAgent(agent, "demo").Join(ctx, a1)
	if err == nil || !strings.Contains(err.Error(), agent.Addr()) || !strings.Contains(err.Error(), "refused") {
		t.Fatalf("%v, want an error that names %s and why", err, agent.Addr())
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Fatalf("Join took %v", d)
	}
	t.Log(err)
}

func TestLeaveStopsEverything(t *testing.T) {
	agent := consultest.Start(t)
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s := mustJoin(t, realAgent(agent, "demo"), a1)
	if err := s.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := passing(t, agent, "demo"); n != 0 {
		t.Fatalf("%d still registered after Leave", n)
	}
	http.DefaultClient.CloseIdleConnections()
}
