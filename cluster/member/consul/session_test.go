package consul

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/membertest"
)

var (
	a1 = member.Member{Name: "a1", Addr: "127.0.0.1:7101", Incarnation: 1}
	b1 = member.Member{Name: "b1", Addr: "127.0.0.1:7102", Incarnation: 2}
)

const agentAddr = "127.0.0.1:8500"

func on(f *fake, opts ...Option) member.Discovery {
	quiet := WithLogger(slog.New(slog.DiscardHandler))
	return Discovery(agentAddr, append([]Option{WithCluster("demo"), quiet, withTransport(f)}, opts...)...)
}

func mustJoin(t *testing.T, d member.Discovery, m member.Member) member.Session {
	t.Helper()
	s, err := d.Join(t.Context(), m)
	if err != nil {
		t.Fatalf("join %s: %v", m.Name, err)
	}
	t.Cleanup(func() { _ = s.Leave(context.Background()) })
	return s
}

func unreachable(v member.View) bool { return v.Source == member.Unreachable }

func has(name string, h member.Health) func(member.View) bool {
	return func(v member.View) bool {
		m, ok := v.Find(name)
		return ok && m.Health == h
	}
}

func TestConformanceOnAFakeAgent(t *testing.T) {
	membertest.Test(t, func(*testing.T, []member.Member) member.Discovery { return on(newFake()) })
}

func TestAnOutageKeepsTheMembersAndNamesTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, _ := mustJoin(t, on(f), a1), mustJoin(t, on(f), b1)
		membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
		f.set(true, 0, "")
		v := membertest.Await(t, a, "unreachable", unreachable)
		if len(v.Members) != 2 || !strings.Contains(v.Err.Error(), agentAddr) {
			t.Fatalf("want two members and the agent's address: %v", v)
		}
		time.Sleep(time.Hour)
		if n := f.count("GET /v1/health"); n > 2*3600 {
			t.Fatalf("%d queries in an hour of outage, want no hot loop", n)
		}
		f.set(false, 0, "")
		membertest.Await(t, a, "connected again", membertest.Lists(a1, b1))
	})
}

func TestAnAgentWithoutALeaderIsUnreachableToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := mustJoin(t, on(f), a1)
		f.set(false, http.StatusInternalServerError, "No cluster leader\n")
		v := membertest.Await(t, a, "unreachable", unreachable)
		if !strings.Contains(v.Err.Error(), "No cluster leader") || strings.Contains(v.Err.Error(), "\n") {
			t.Fatalf("want Consul's reason on one line: %q", v.Err)
		}
	})
}

func TestAnAgentThatForgotEverythingIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, b := mustJoin(t, on(f), a1), mustJoin(t, on(f), b1)
		membertest.Await(t, b, "both are listed", membertest.Lists(a1, b1))
		f.set(true, 0, "")
		time.Sleep(20 * time.Second)
		f.forget()
		f.set(false, 0, "")
		time.Sleep(5 * time.Second)
		f.mu.Lock()
		n := len(f.services)
		f.mu.Unlock()
		if n != 2 {
			t.Fatalf("%d members registered 5 s after Consul came back empty, want 2", n)
		}
		for _, s := range []member.Session{a, b} {
			membertest.Await(t, s, "both pass again", func(v member.View) bool {
				return membertest.Lists(a1, b1)(v) && has("a1", member.Passing)(v) && has("b1", member.Passing)(v)
			})
		}
	})
}

func TestAForgottenMemberStaysListedUntilTheGraceIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, b := mustJoin(t, on(f), a1), mustJoin(t, on(f), b1)
		membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
		f.set(true, 0, "")
		if err := b.Leave(t.Context()); err == nil || !strings.Contains(err.Error(), agentAddr) {
			t.Fatalf("leaving while the agent is down: %v, want an error that names it", err)
		}
		f.forget()
		back := time.Now()
		f.set(false, 0, "")
		v := membertest.Await(t, a, "b1's fate is unknown", has("b1", member.Unknown))
		if v.Source != member.Connected {
			t.Fatalf("want connected: %v", v)
		}
		membertest.Await(t, a, "b1 is given up", membertest.Lists(a1))
		if d := time.Since(back); d < defaultGrace || d > defaultGrace+maxBackoff {
			t.Fatalf("given up after %v, want about %v", d, defaultGrace)
		}
	})
}

func TestASilentMemberTurnsCriticalAndStaysListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, _ := mustJoin(t, on(f), a1), mustJoin(t, on(f), b1)
		f.change(func() { f.services["demo:b1"].status = api.HealthCritical })
		v := membertest.Await(t, a, "b1 is critical", has("b1", member.Critical))
		if len(v.Members) != 2 {
			t.Fatalf("a critical member is still listed: %v", v)
		}
	})
}

func TestAnIndexThatGoesBackwardsIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := mustJoin(t, on(f), a1)
		membertest.Await(t, a, "registered", has("a1", member.Passing))
		f.change(func() { f.index = 3 })
		time.Sleep(time.Second)
		b := mustJoin(t, on(f), b1)
		asked := time.Now()
		membertest.Await(t, a, "news after the index went backwards", membertest.Lists(a1, b1))
		if d := time.Since(asked); d > time.Second {
			t.Fatalf("the news took %v: the query waited for the old index", d)
		}
		_ = b
	})
}

func TestANameTakenLaterSilencesUsUntilItIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := mustJoin(t, on(f), a1)
		thief := a1
		thief.Addr, thief.Incarnation = "127.0.0.1:7999", 77
		elsewhere := &agent{config: on(f).(config), self: thief}
		r := elsewhere.registration()
		f.change(func() { f.services[r.ID] = &registered{service: r, fresh: time.Now(), status: api.HealthPassing} })
		v := membertest.Await(t, a, "displaced", func(v member.View) bool { return v.Err != nil })
		var conflict *member.ConflictError
		if !errors.As(v.Err, &conflict) || conflict.Theirs != thief.Addr || conflict.Ours != a1.Addr {
			t.Fatalf("want a conflict that names both addresses: %v", v.Err)
		}
		synctest.Wait() // what it was about to say when it learned of the other, it has said
		registrations, updates := f.count("PUT /v1/agent/service/register"), f.count("PUT /v1/agent/check/update")
		time.Sleep(time.Minute)
		synctest.Wait()
		if f.count("PUT /v1/agent/service/register") != registrations || f.count("PUT /v1/agent/check/update") > updates {
			t.Fatal("a displaced member fights for its name")
		}
		f.change(func() { f.services[r.ID].status = api.HealthCritical })
		membertest.Await(t, a, "we have our name again", func(v member.View) bool {
			return v.Err == nil && has("a1", member.Passing)(v)
		})
		f.mu.Lock()
		defer f.mu.Unlock()
		if got := f.services[r.ID].service.Port; got != 7101 {
			t.Fatalf("registered at port %d, want ours", got)
		}
	})
}

func TestACriticalLeftoverIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		old := a1
		old.Addr, old.Incarnation = "127.0.0.1:7999", 77
		r := (&agent{config: on(f).(config), self: old}).registration()
		f.services[r.ID] = &registered{service: r, status: api.HealthCritical}
		a := mustJoin(t, on(f), a1)
		membertest.Await(t, a, "ours is announced", has("a1", member.Passing))
	})
}

func TestJoinWithoutAnAgentSaysWhichOneInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.set(true, 0, "")
		began := time.Now()
		_, err := on(f).Join(t.Context(), a1)
		if err == nil || !strings.Contains(err.Error(), agentAddr) || !errors.Is(err, errRefused) || strings.Contains(err.Error(), "\n") {
			t.Fatalf("%v, want one line that names %s and the cause", err, agentAddr)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Fatalf("Join took %v", d)
		}
	})
}

func TestJoinWaitsForAnAgentThatIsStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.set(false, http.StatusInternalServerError, "No cluster leader")
		time.AfterFunc(1500*time.Millisecond, func() { f.set(false, 0, "") })
		mustJoin(t, on(f), a1)
	})
}

func TestOtherServicesOfTheSameNameAreNoMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.services["x"] = &registered{service: &api.AgentServiceRegistration{ID: "x", Name: "demo", Check: &api.AgentServiceCheck{}}}
		membertest.Await(t, mustJoin(t, on(f), a1), "only a1", membertest.Lists(a1))
	})
}

func TestAConfigurationThatCannotWorkIsRefusedByField(t *testing.T) {
	for field, opt := range map[string]Option{
		"TTL": WithTTL(time.Millisecond), "Wait": WithWait(time.Minute), "Grace": WithGrace(-1),
		"Forget": WithForget(time.Second), "Cluster": WithCluster("a b"),
	} {
		_, err := on(newFake(), opt).Join(t.Context(), a1)
		var bad *member.Error
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v, want a *member.Error about it", field, err)
		}
	}
	for _, addr := range []string{"", "ftp://x"} {
		_, err := Discovery(addr).Join(t.Context(), a1)
		var bad *member.Error
		if !errors.As(err, &bad) || bad.Field != "Consul" {
			t.Errorf("agent %q: %v, want a *member.Error about Consul", addr, err)
		}
	}
}
