package remoting

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/gendac/gendac/behaviours/process"
)

// TestAMemberStartsOnlyWithItsOwnCertificate: what its peers would refuse is refused at start, by name.
func TestAMemberStartsOnlyWithItsOwnCertificate(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	mixed := ca.issue(t, "a")
	mixed.CAFile = other.file
	for what, c := range map[string]struct {
		files   *TLS
		problem string // "" if it starts
	}{
		"its own":             {ca.issue(t, "a"), ""},
		"one of several":      {ca.issue(t, "", func(c *x509.Certificate) { c.DNSNames = []string{"b", "a"} }), ""},
		"of another member":   {ca.issue(t, "w"), `names ["w"] and not member "a"`},
		"a common name only":  {ca.issue(t, "a", func(c *x509.Certificate) { c.DNSNames = nil }), `put it into the subject alternative names, as DNS:a`},
		"a wildcard":          {ca.issue(t, "*"), `names ["*"]`},
		"in capital letters":  {ca.issue(t, "A"), `names ["A"]`},
		"ended":               {ca.issue(t, "a", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) }), "expired"},
		"for servers only":    {ca.issue(t, "a", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }), "key usage"},
		"of another CA":       {mixed, "unknown authority"},
		"without its CA file": {&TLS{mixed.CertFile, mixed.KeyFile, "none.pem"}, "no such file"},
	} {
		r, err := Start(quietSystem(), Config{Name: "a", Cluster: "test", TLS: c.files})
		if r != nil {
			_ = r.Stop(t.Context())
		}
		var bad *ConfigError
		if c.problem == "" && err != nil || c.problem != "" && (!errors.As(err, &bad) || !strings.Contains(err.Error(), c.problem)) {
			t.Errorf("%s: %v, want %q", what, err, c.problem)
		}
	}
}

func TestANameThatIsNotASCIIIsAURI(t *testing.T) {
	ca := newAuthority(t)
	uri := func(name string) *TLS {
		return ca.issue(t, "", func(c *x509.Certificate) {
			c.DNSNames, c.URIs = nil, []*url.URL{{Scheme: "gendac", Opaque: url.PathEscape(name)}}
		})
	}
	a, b := startNode(t, Config{Name: "ä/1", TLS: uri("ä/1")}), startNode(t, Config{Name: "☃", TLS: uri("☃")})
	acquaint(a, b)
	a.await(t, "up ☃")
	b.await(t, "up ä/1")
}

// TestACertificateSpeaksForItsMemberOnly: the witness has a good certificate, and says that it is a.
func TestACertificateSpeaksForItsMemberOnly(t *testing.T) {
	ca := newAuthority(t)
	a, b := startNode(t, Config{Name: "a", TLS: ca.issue(t, "a")}), startNode(t, Config{Name: "b", TLS: ca.issue(t, "b")})
	acquaint(a, b)
	a.await(t, "up b")
	b.await(t, "up a")
	w, err := ca.issue(t, "w").read("w")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+b.Addr(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{w.cert}, RootCAs: w.authorities, ServerName: "b",
	})))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := remote.NewRemotingClient(conn).Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(connectRequest("127.0.0.1:1")); err != nil {
		t.Fatal(err)
	}
	for i, kind := range []string{"say", kindBye, kindHello, kindPing, kindReplaced, kindProcess} {
		e := envelopeFrom("a", func(e *process.Envelope) {
			e.Kind, e.FromIncarnation, e.ToIncarnation = kind, a.cfg.Incarnation, b.cfg.Incarnation
		})
		if err := s.Send(batchOf(envelopeType, ShellName, marshal(t, e), nil)); err != nil {
			t.Fatal(err)
		}
		b.awaitStats(t, kind, func(s Stats) bool { return s.Refused == uint64(i+1) })
	}
	stillTalks(t, a, b, "the witness")
	if slices.Contains(b.notes(), "a: boo") {
		t.Error("the witness spoke for a")
	}
}

// TestWhoeverAnswersMustBeTheMemberThatIsDialled: another member with a good certificate listens where b was.
func TestWhoeverAnswersMustBeTheMemberThatIsDialled(t *testing.T) {
	ca := newAuthority(t)
	a, w := startNode(t, Config{Name: "a", TLS: ca.issue(t, "a")}), startNode(t, Config{Name: "w", TLS: ca.issue(t, "w")})
	w.Open()
	a.SetPeers(map[string]string{"b": w.Addr()})
	a.Open()
	a.awaitStats(t, "a connection is given up", func(s Stats) bool { return s.Failures > 1 })
	if len(a.notes())+len(w.notes()) != 0 {
		t.Errorf("told %q and %q", a.notes(), w.notes())
	}
}

// TestCertificatesAreReadAgainWhenTheyChange: an authority is replaced without a stop, as the documentation says.
func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	ca, next := newAuthority(t), newAuthority(t)
	first, second := ca.issue(t, "a"), next.issue(t, "b")
	first.CAFile = first.CertFile + ".ca"
	put := func(to string, from ...string) {
		t.Helper()
		var all [][]byte
		for _, f := range from {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
		if err := os.WriteFile(to, bytes.Join(all, nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(first.CAFile, ca.file)
	second.CAFile = second.CertFile + ".ca"
	put(second.CAFile, ca.file, next.file)
	a, b := startNode(t, Config{Name: "a", TLS: first, poll: time.Millisecond}), startNode(t, Config{Name: "b", TLS: second})
	acquaint(a, b)
	a.awaitStats(t, "b's authority is unknown", func(s Stats) bool { return s.Failures > 0 })

	if err := os.WriteFile(first.CAFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	var bad *ConfigError
	if err := a.Reload(); !errors.As(err, &bad) || bad.Field != "TLS.CAFile" {
		t.Errorf("a file that is no good: %v", err)
	}
	put(first.CAFile, ca.file, next.file)
	a.await(t, "up b")
	b.await(t, "up a")

	if p := a.Problem(); p != "" {
		t.Errorf("a certificate that is new: %q", p)
	}
	soon := ca.issue(t, "a", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Minute)
	})
	put(first.KeyFile, soon.KeyFile) // between the two the files do not fit
	put(first.CertFile, soon.CertFile)
	eventually(t, "the end is seen", func() bool { return strings.Contains(a.Problem(), "ends at") })
	stillTalks(t, a, b, "new files")
}
