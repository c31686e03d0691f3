package consul

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/membertest"
)

// denied is how an agent refuses a token.
const denied = "Permission denied: token with AccessorID 'x' lacks permission 'service:write' on \"demo\"\n"

// deny has f refuse the requests whose method and path begin with one of these.
func (f *fake) refuse(status int, text string, requests ...string) {
	f.change(func() {
		f.deny = func(r *http.Request) (int, string) {
			for _, request := range requests {
				if strings.HasPrefix(r.Method+" "+r.URL.Path, request) {
					return status, text
				}
			}
			return 0, ""
		}
	})
}

func TestATokenThatMayNotReadIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, _ := mustJoin(t, on(f), a1), mustJoin(t, on(f), b1)
		membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
		f.change(func() { f.hide = func(*api.AgentServiceRegistration) bool { return true } })
		v := membertest.Await(t, a, "unreachable", unreachable)
		if len(v.Members) != 2 || !errors.Is(v.Err, errFiltered) || !strings.Contains(v.Err.Error(), agentAddr) {
			t.Fatalf("want two members, the agent and the cause: %v", v)
		}
		time.Sleep(time.Hour)
		select {
		case v := <-a.Views():
			t.Fatalf("an hour of incomplete answers changed what is known: %v", v)
		default:
		}
		if n := f.count("GET /v1/health"); n > 2*2*3600 {
			t.Fatalf("%d queries of two members in an hour, want no hot loop", n)
		}
		f.change(func() { f.hide = nil })
		membertest.Await(t, a, "connected again", membertest.Lists(a1, b1))
	})
}

// The token still may read one of two nodes: what is on the other one is known from before, and what is new is believed.
func TestAPartialAnswerAddsAndRemovesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, _ := mustJoin(t, on(f), a1), mustJoin(t, on(f), b1)
		membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
		f.change(func() { f.hide = func(s *api.AgentServiceRegistration) bool { return s.ID == "demo:b1" } })
		membertest.Await(t, a, "unreachable", unreachable)
		c1 := member.Member{Name: "c1", Addr: "127.0.0.1:7103", Incarnation: 3}
		if _, err := on(f).Join(t.Context(), c1); !errors.Is(err, errFiltered) {
			t.Fatalf("a member that joins by an incomplete answer: %v, want errFiltered", err)
		}
		r := (&agent{config: on(f).(config), self: c1}).registration()
		f.change(func() { f.services[r.ID] = &registered{service: r, fresh: time.Now(), status: api.HealthPassing} })
		v := membertest.Await(t, a, "c1 is known", has("c1", member.Passing))
		if len(v.Members) != 3 || v.Source != member.Unreachable {
			t.Fatalf("want all three, and no claim that this is all: %v", v)
		}
	})
}

func TestARegistrationThatIsRefusedForGoodIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, _ := mustJoin(t, on(f), a1), mustJoin(t, on(f), b1)
		membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
		f.refuse(http.StatusForbidden, denied, "PUT ")
		f.change(func() { clear(f.services) })
		v := membertest.Await(t, a, "unreachable", unreachable)
		if len(v.Members) != 2 || !strings.Contains(v.Err.Error(), "403: Permission denied") || strings.Contains(v.Err.Error(), "\n") {
			t.Fatalf("want two members and the refusal: %v", v)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for len(a.Views()) > 0 {
			v = <-a.Views()
		}
		if len(v.Members) != 2 || v.Source != member.Unreachable {
			t.Fatalf("an hour later: %v", v)
		}
		f.refuse(0, "")
		v = membertest.Await(t, a, "both are listed again", membertest.Lists(a1, b1))
		if v.Err != nil {
			t.Fatalf("the error of a time that is over: %v", v)
		}
	})
}

func TestAMemberThatMayNotRefreshSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a := mustJoin(t, on(f), a1)
		membertest.Await(t, a, "listed", has("a1", member.Passing))
		f.refuse(http.StatusForbidden, denied, "PUT /v1/agent/check/update/")
		v := membertest.Await(t, a, "the refusal is told", func(v member.View) bool { return v.Err != nil })
		var refusal *AnswerError
		if v.Source != member.Connected || !errors.As(v.Err, &refusal) || refusal.Status != http.StatusForbidden {
			t.Fatalf("want a complete view and the refusal: %v", v)
		}
		f.refuse(0, "")
		membertest.Await(t, a, "well again", func(v member.View) bool { return v.Err == nil && has("a1", member.Passing)(v) })
	})
}

func TestJoinNamesTheRefusal(t *testing.T) {
	for _, request := range []string{"GET /v1/health/", "GET /v1/agent/health/", "PUT /v1/agent/service/register"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.refuse(http.StatusForbidden, denied, request)
			_, err := on(f).Join(t.Context(), a1)
			if err == nil || !strings.Contains(err.Error(), "403: Permission denied") || !strings.Contains(err.Error(), "give the token") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%s: %v, want one line with the agent's refusal and what to do", request, err)
			}
		})
	}
}

// What comes from somewhere else than a Consul agent, or from one that cannot know, is not the news that all have left.
func TestAnAnswerThatCannotBeBelievedIsAnOutage(t *testing.T) {
	for name, answer := range map[string]func(http.Header) (int, string){
		"a page":             func(h http.Header) (int, string) { h.Set("Content-Type", "text/html"); return 200, "<p>Log in" },
		"no index":           func(h http.Header) (int, string) { h.Del("X-Consul-Index"); return 200, "[]" },
		"index 0":            func(h http.Header) (int, string) { h.Set("X-Consul-Index", "0"); return 200, "[]" },
		"no last contact":    func(h http.Header) (int, string) { h.Del("X-Consul-LastContact"); return 200, "[]" },
		"null":               func(http.Header) (int, string) { return 200, "null" },
		"no leader":          func(h http.Header) (int, string) { h.Set("X-Consul-KnownLeader", "false"); return 200, "[]" },
		"half":               func(http.Header) (int, string) { return 200, `[{"Service": {"Service": "demo"` },
		"an object":          func(http.Header) (int, string) { return 200, `{}` },
		"somewhere else":     func(h http.Header) (int, string) { h.Set("Location", "http://elsewhere/"); return 302, "" },
		"nothing":            func(http.Header) (int, string) { return 204, "" },
		"too much at a time": func(http.Header) (int, string) { return 429, "rate limit exceeded" },
		"without an end":     func(http.Header) (int, string) { return 200, "[" + strings.Repeat(" ", 8<<10) + "]" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				odd := &oddAnswers{fake: f}
				a := mustJoin(t, on(f, withTransport(odd), func(c *config) { c.most = 8 << 10 }), a1)
				_ = mustJoin(t, on(f), b1)
				membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
				f.change(func() { odd.answer = answer })
				v := membertest.Await(t, a, "unreachable", unreachable)
				time.Sleep(time.Minute)
				if len(v.Members) != 2 || !strings.Contains(v.Err.Error(), agentAddr) || len(a.Views()) > 0 {
					t.Fatalf("want two members and the agent's address: %v", v)
				}
				t.Log(v.Err)
			})
		})
	}
}

// oddAnswers are those of a fake, with another answer to the query for members.
type oddAnswers struct {
	*fake
	answer func(http.Header) (status int, body string)
}

func (o *oddAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := o.fake.RoundTrip(r)
	o.mu.Lock()
	answer := o.answer
	o.mu.Unlock()
	if err != nil || answer == nil || !strings.HasPrefix(r.URL.Path, "/v1/health/") {
		return resp, err
	}
	status, body := answer(resp.Header)
	resp.StatusCode, resp.Body = status, io.NopCloser(bytes.NewReader([]byte(body)))
	return resp, nil
}

func TestAServiceWhoseNameDiffersInCaseIsNotOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		a, other := mustJoin(t, on(f), a1), mustJoin(t, on(f, WithCluster("Demo")), b1)
		membertest.Await(t, a, "only a1", membertest.Lists(a1))
		membertest.Await(t, other, "only b1", membertest.Lists(b1))
	})
}

// Consul's catalogue takes ids that differ in case only for one.
func TestIDsOfDifferentNamesDifferWithoutCase(t *testing.T) {
	names := rapid.StringMatching(`[a-bA-B._-]{1,4}`)
	rapid.Check(t, func(t *rapid.T) {
		one, two := names.Draw(t, "one"), names.Draw(t, "two")
		if (one == two) != strings.EqualFold(caseless(one), caseless(two)) {
			t.Fatalf("%q and %q: %q and %q", one, two, caseless(one), caseless(two))
		}
	})
	if got := caseless("a.1-b_c"); got != "a.1-b_c" {
		t.Fatalf("the id of a name without capitals changed: %q", got)
	}
}

func TestTheTokenIsReadForEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, file := newFake(), filepath.Join(t.TempDir(), "token")
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("first\n")
		a := mustJoin(t, on(f, WithTokenFile(file)), a1)
		membertest.Await(t, a, "listed", membertest.Lists(a1))
		write("second\n")
		time.Sleep(20 * time.Second)
		f.mu.Lock()
		first, last := f.tokens[0], f.tokens[len(f.tokens)-1]
		f.mu.Unlock()
		if first != "first" || last != "second" {
			t.Fatalf("sent %q, and %q after the file changed", first, last)
		}
		write("")
		v := membertest.Await(t, a, "a token file without a token", unreachable)
		if !strings.Contains(v.Err.Error(), file) || len(v.Members) != 1 {
			t.Fatalf("want the file's name: %v", v)
		}
		write("third")
		membertest.Await(t, a, "well again", membertest.Lists(a1))
	})
}

func TestFilesThatCannotBeUsedAreRefusedByField(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for field, opt := range map[string]Option{
		"TokenFile": WithTokenFile(missing), "TLS": WithTLS(TLS{CAFile: missing}),
		"TLS.CertFile": WithTLS(TLS{CertFile: missing}),
	} {
		_, err := on(newFake(), opt).Join(t.Context(), a1)
		var bad *member.Error
		if !errors.As(err, &bad) || bad.Field != field || !strings.Contains(err.Error(), missing) {
			t.Errorf("%s: %v, want a *member.Error about it that names the file", field, err)
		}
	}
	_, err := Discovery("http://127.0.0.1:8500", WithTLS(TLS{})).Join(t.Context(), a1)
	var bad *member.Error
	if !errors.As(err, &bad) || bad.Field != "Consul" {
		t.Errorf("TLS without https: %v, want a *member.Error about Consul", err)
	}
}
