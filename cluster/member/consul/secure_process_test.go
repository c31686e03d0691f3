//go:build process

package consul

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/consul/consultest"
	"github.com/gendac/gendac/cluster/member/membertest"
)

const (
	root        = "11111111-1111-1111-1111-111111111111"
	mayAnnounce = `service "demo" { policy = "write" } node_prefix "" { policy = "read" }`
)

// ask sends a request to the agent as its administrator and decodes the answer.
func ask(t *testing.T, agent *consultest.Agent, method, path string, body any) map[string]any {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+agent.Addr()+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Consul-Token", root)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %q %v", method, path, resp.Status, answer, err)
	}
	values := map[string]any{}
	_ = json.Unmarshal(answer, &values) // some answers are a word
	return values
}

// rights makes a policy and returns a function that changes what it allows.
func rights(t *testing.T, agent *consultest.Agent, rules string) (id string, change func(rules string)) {
	t.Helper()
	id = ask(t, agent, http.MethodPut, "/v1/acl/policy", map[string]any{"Name": "members", "Rules": rules})["ID"].(string)
	return id, func(rules string) {
		t.Helper()
		ask(t, agent, http.MethodPut, "/v1/acl/policy/"+id, map[string]any{"Name": "members", "Rules": rules})
	}
}

func token(t *testing.T, agent *consultest.Agent, policy string) (accessor, secret string) {
	t.Helper()
	made := ask(t, agent, http.MethodPut, "/v1/acl/token", map[string]any{"Policies": []any{map[string]any{"ID": policy}}})
	return made["AccessorID"].(string), made["SecretID"].(string)
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// latest returns the view that waits to be read, or v.
func latest(s member.Session, v member.View) member.View {
	select {
	case v = <-s.Views():
	default:
	}
	return v
}

// The bound is the grace: formerly all addresses were gone after it.
func TestATokenWhosePolicyIsEmptiedLosesNobody(t *testing.T) {
	agent := consultest.Start(t, consultest.ACLs(root))
	policy, allow := rights(t, agent, mayAnnounce)
	_, secret := token(t, agent, policy)
	d := realAgent(agent, "demo", WithTokenFile(file(t, "token", secret)), WithGrace(2*time.Second))
	a, b := mustJoin(t, d, a1), mustJoin(t, d, b1)
	membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
	membertest.Await(t, b, "both are listed", membertest.Lists(a1, b1))

	unwatch := watchLosses(t, b)
	allow("")
	v := membertest.Await(t, a, "unreachable", unreachable)
	t.Log(v.Err)
	if !strings.Contains(v.Err.Error(), "token") {
		t.Fatalf("want the cause: %v", v.Err)
	}
	time.Sleep(8 * time.Second) // the TTL, several graces
	unwatch()
	if v = latest(a, v); len(v.Members) != 2 || v.Source != member.Unreachable {
		t.Fatalf("members were lost: %v", v)
	}
	t.Log(v.Err)
	allow(mayAnnounce)
	for _, s := range []member.Session{a, b} {
		membertest.Await(t, s, "both pass again", func(v member.View) bool {
			return membertest.Lists(a1, b1)(v) && v.Err == nil && has("a1", member.Passing)(v) && has("b1", member.Passing)(v)
		})
	}
}

func TestATokenThatMayReadButNotWriteLosesNobody(t *testing.T) {
	agent := consultest.Start(t, consultest.ACLs(root))
	policy, allow := rights(t, agent, mayAnnounce)
	_, secret := token(t, agent, policy)
	d := realAgent(agent, "demo", WithTokenFile(file(t, "token", secret)), WithGrace(2*time.Second))
	a, _ := mustJoin(t, d, a1), mustJoin(t, d, b1)
	membertest.Await(t, a, "both are listed", membertest.Lists(a1, b1))
	allow(`service "demo" { policy = "read" } node_prefix "" { policy = "read" }`)
	for _, id := range []string{"demo:a1", "demo:b1"} {
		ask(t, agent, http.MethodPut, "/v1/agent/service/deregister/"+id, nil)
	}
	v := membertest.Await(t, a, "unreachable", unreachable)
	t.Log(v.Err)
	time.Sleep(5 * time.Second)
	if v = latest(a, v); len(v.Members) != 2 || !strings.Contains(v.Err.Error(), "403") {
		t.Fatalf("want both members and the refusal: %v", v)
	}
	allow(mayAnnounce)
	membertest.Await(t, a, "both are listed again", membertest.Lists(a1, b1))
}

func TestJoinNamesWhatTheTokenLacks(t *testing.T) {
	agent := consultest.Start(t, consultest.ACLs(root))
	policy, _ := rights(t, agent, `service "demo" { policy = "read" } node_prefix "" { policy = "read" }`)
	_, secret := token(t, agent, policy)
	for name, opts := range map[string][]Option{
		"no token":      nil,
		"an unknown":    {WithTokenFile(file(t, "token", "22222222-2222-2222-2222-222222222222"))},
		"may not write": {WithTokenFile(file(t, "token", secret))},
	} {
		_, err := realAgent(agent, "demo", opts...).Join(t.Context(), a1)
		var refusal *AnswerError
		if !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden || !strings.Contains(err.Error(), "give the token") {
			t.Errorf("%s: %v, want the agent's 403 and what to do", name, err)
		}
		t.Log(err)
	}
}

func TestATokenIsReplacedWhileAMemberRuns(t *testing.T) {
	agent := consultest.Start(t, consultest.ACLs(root))
	policy, _ := rights(t, agent, mayAnnounce)
	accessor, secret := token(t, agent, policy)
	path := file(t, "token", secret)
	a := mustJoin(t, realAgent(agent, "demo", WithTokenFile(path)), a1)
	membertest.Await(t, a, "listed", has("a1", member.Passing))
	ask(t, agent, http.MethodDelete, "/v1/acl/token/"+accessor, nil)
	v := membertest.Await(t, a, "the old token is refused", func(v member.View) bool { return v.Err != nil })
	t.Log(v.Err)
	_, secret = token(t, agent, policy)
	if err := os.WriteFile(path, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	membertest.Await(t, a, "well again", func(v member.View) bool { return v.Err == nil && membertest.Lists(a1)(v) })
}

func TestADatacenterOrNamespaceThatIsNotThereIsNamed(t *testing.T) {
	agent := consultest.Start(t)
	for want, opt := range map[string]Option{"datacenter": WithDatacenter("elsewhere"), "amespace": WithNamespace("elsewhere")} {
		_, err := realAgent(agent, "demo", opt).Join(t.Context(), a1)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want the agent's word about the %s", err, want)
		}
		t.Log(err)
	}
	mustJoin(t, realAgent(agent, "demo", WithDatacenter("dc1")), a1)
}

// A real catalogue takes names and ids that differ in case only for one.
func TestClustersWhoseNamesDifferInCaseDoNotMeet(t *testing.T) {
	agent := consultest.Start(t)
	small, capital := mustJoin(t, realAgent(agent, "demo"), a1), mustJoin(t, realAgent(agent, "Demo"), member.Member{Name: "a1", Addr: b1.Addr, Incarnation: 9})
	membertest.Await(t, small, "only our own", func(v member.View) bool { return has("a1", member.Passing)(v) && membertest.Lists(a1)(v) })
	membertest.Await(t, capital, "only its own", func(v member.View) bool { return has("a1", member.Passing)(v) && v.Members[0].Addr == b1.Addr })
	time.Sleep(2 * time.Second) // two heartbeats, in which each would notice that its registration is gone
	if n := passing(t, agent, "demo"); n != 2 {
		t.Fatalf("%d registrations, want both", n)
	}
}

func TestAnAgentThatWantsCertificates(t *testing.T) {
	dir := t.TempDir()
	authority, key := certificate(t, dir, "ca", nil, nil)
	certificate(t, dir, "agent", authority, key)
	certificate(t, dir, "member", authority, key)
	certificate(t, dir, "other-ca", nil, nil)
	in := func(name string) string { return filepath.Join(dir, name) }
	agent := consultest.Start(t, consultest.HTTPS(in("ca.pem"), in("agent.pem"), in("agent.key")))
	quiet := realAgent(agent, "demo").(config).logger
	on := func(t TLS) member.Discovery {
		return Discovery("https://"+agent.HTTPS(), WithCluster("demo"), WithLogger(quiet), WithTLS(t))
	}
	own := TLS{CAFile: in("ca.pem"), CertFile: in("member.pem"), KeyFile: in("member.key")}
	a := mustJoin(t, on(own), a1)
	membertest.Await(t, a, "listed", membertest.Lists(a1))
	for want, with := range map[string]TLS{
		"certificate required": {CAFile: in("ca.pem")},
		"unknown authority":    {CAFile: in("other-ca.pem"), CertFile: in("member.pem"), KeyFile: in("member.key")},
		"elsewhere":            {CAFile: in("ca.pem"), CertFile: in("member.pem"), KeyFile: in("member.key"), ServerName: "elsewhere"},
	} {
		_, err := on(with).Join(t.Context(), b1)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line that says %q", err, want)
		}
		t.Log(err)
	}
	own.ServerName = "agent.example"
	mustJoin(t, on(own), b1)
}

// certificate writes name.pem and name.key into dir: for loopback, or an authority if there is no other.
func certificate(t *testing.T, dir, name string, authority *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name + ".example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if authority == nil {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.ExtKeyUsage = true, true, x509.KeyUsageCertSign, nil
		authority, signer = c, key
	}
	signed, err := x509.CreateCertificate(rand.Reader, c, authority, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for suffix, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: signed}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c, key
}
