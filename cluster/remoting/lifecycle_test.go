package remoting

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/cluster/model"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		childMain()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestUsedPortIsAnAddressError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(quietSystem(), Config{Name: "a", Bind: l.Addr().String()})
	var used *AddressError
	if !errors.As(err, &used) || used.Addr != l.Addr().String() {
		t.Fatalf("got %v", err)
	}
	if msg := err.Error(); !strings.Contains(msg, l.Addr().String()) || strings.Contains(msg, "\n") {
		t.Fatalf("message %q", msg)
	}
}

func TestConfigErrorsNameTheField(t *testing.T) {
	for field, cfg := range map[string]Config{
		"Name":         {},
		"Bind":         {Name: "a", Bind: "nowhere"},
		"Advertise":    {Name: "a", Bind: ":0"},
		"TLS.CertFile": {Name: "a", TLS: &TLS{CertFile: "none.pem"}},
	} {
		_, err := Start(quietSystem(), cfg)
		var bad *ConfigError
		if !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestSendRefusesWhatItCannotCarry(t *testing.T) {
	a, b := pair(t)
	for _, c := range []struct {
		to   string
		size int
		want error
	}{{"nobody", 1, ErrNoLink}, {"a", 1, ErrNoLink}, {"b", MaxBody + 1, ErrTooLarge}} {
		if err := a.Send(c.to, "say", make([]byte, c.size)); !errors.Is(err, c.want) {
			t.Errorf("to %s: got %v, want %v", c.to, err, c.want)
		}
	}
	stopNode(t, a)
	if err := a.Send("b", "say", nil); !errors.Is(err, ErrStopped) {
		t.Errorf("after stop: %v", err)
	}
	_ = b
}

// TestLargeMessagesGoInParts: what waits together is far over gRPC's limit for one message.
func TestLargeMessagesGoInParts(t *testing.T) {
	a, b := startNode(t, Config{Name: "a"}), startNode(t, Config{Name: "b"})
	got := make(chan int, 100)
	b.Handle("big", func(_ model.Member, body []byte) { got <- len(body) })
	acquaint(a, b)
	a.await(t, "up b")
	sizes := []int{16 << 20}
	for range 16 {
		sizes = append(sizes, 1<<20)
	}
	for _, n := range sizes {
		if err := a.Send("b", "big", make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	limit := time.After(patience)
	for _, want := range sizes {
		select {
		case n := <-got:
			if n != want {
				t.Fatalf("came %d bytes, want %d", n, want)
			}
		case <-limit:
			t.Fatal("not all arrived")
		}
	}
}

// TestSlowPeerIsBacklogNotMemory: a peer that handles nothing stops the sender at a bound, and what was accepted arrives.
func TestSlowPeerIsBacklogNotMemory(t *testing.T) {
	a, b := startNode(t, Config{Name: "a"}), startNode(t, Config{Name: "b"})
	hold, got := make(chan struct{}), make(chan struct{}, 1000)
	b.Handle("slow", func(model.Member, []byte) { <-hold; got <- struct{}{} })
	acquaint(a, b)
	a.await(t, "up b")
	body := make([]byte, 4<<20)
	sent := 0
	for {
		err := a.Send("b", "slow", body)
		if errors.Is(err, ErrBacklog) {
			break
		}
		if err != nil || sent > 200 {
			t.Fatalf("after %d: %v", sent, err)
		}
		sent++
	}
	close(hold)
	limit := time.After(patience)
	for i := range sent {
		select {
		case <-got:
		case <-limit:
			t.Fatalf("only %d of %d arrived", i, sent)
		}
	}
	eventually(t, "room again", func() bool { return a.Send("b", "slow", nil) == nil })
}

func TestForeignClusterIsRefused(t *testing.T) {
	a, b := startNode(t, Config{Name: "a"}), startNode(t, Config{Name: "b", Cluster: "other-"})
	acquaint(a, b)
	a.awaitStats(t, "refusal", func(s Stats) bool { return s.Refused > 0 })
	b.awaitStats(t, "refusal", func(s Stats) bool { return s.Refused > 0 })
	if notes := append(a.notes(), b.notes()...); len(notes) != 0 {
		t.Fatalf("linked all the same: %q", notes)
	}
}

// TestLostConnectionsOfTheLivingAreNotTold breaks both connections under a link again and again.
func TestLostConnectionsOfTheLivingAreNotTold(t *testing.T) {
	a, b := pair(t)
	for range 10 {
		for _, n := range []*node{a, b} {
			n.out.mu.Lock()
			for _, w := range n.out.current {
				w.cancel() // as if the network had reset it
			}
			n.out.mu.Unlock()
		}
		eventually(t, "both up again", func() bool { return a.Send("b", "say", []byte("x")) == nil && b.Send("a", "say", nil) == nil })
	}
	// What was under way when a connection broke may be lost, so say it until it is heard.
	for _, p := range [][2]*node{{a, b}, {b, a}} {
		eventually(t, "a word arrives", func() bool {
			_ = p[0].Send(p[1].cfg.Name, "say", []byte("there?"))
			p[1].mu.Lock()
			defer p[1].mu.Unlock()
			return p[1].count(p[0].cfg.Name+": there?") > 0
		})
	}
	stillTalks(t, a, b, "resets")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventuallyWithin(t, patience, what, ok)
}

func eventuallyWithin(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-tick.C
	}
}

// TestRestartIsANewPeer: a process that goes away without a word and comes back at its address is down, then up.
func TestRestartIsANewPeer(t *testing.T) {
	a, b := pair(t)
	addr := b.Addr()
	b.vanish()
	again := startNode(t, Config{Name: "b", Bind: addr})
	again.SetPeers(map[string]string{"a": a.Addr()})
	again.Open()
	again.await(t, "up a")
	a.awaitCount(t, "up b", 2)
	a.await(t, "down b refused=true bye=false")
	say(t, again, "a", "I am new")
	a.await(t, "b: I am new")
	notes := a.notes()
	if want := []string{"up b", "down b refused=true bye=false", "up b", "b: I am new"}; strings.Join(notes, ";") != strings.Join(want, ";") {
		t.Fatalf("a was told %q, want %q", notes, want)
	}
}

// vanish ends a node as kill -9 would: no goodbye.
func (n *node) vanish() {
	n.stopped.Store(true)
	n.cancel()
	_ = n.system.Root.StopFuture(n.pid).Wait()
	n.out.close()
	n.server.Stop()
	n.work.Wait()
	n.out.live.Wait()
}

func TestNothingIsHandledBeforeOpen(t *testing.T) {
	a, b := startNode(t, Config{Name: "a"}), startNode(t, Config{Name: "b"})
	a.SetPeers(map[string]string{"b": b.Addr()})
	a.Open()
	time.AfterFunc(0, func() { b.Open() })
	a.await(t, "up b")
	b.await(t, "up a") // b was told nothing of a by discovery
	defer func() {
		if recover() == nil {
			t.Fatal("Handle after Open did not panic")
		}
	}()
	b.Handle("late", func(model.Member, []byte) {})
}

func TestMutualTLS(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	a := startNode(t, Config{Name: "a", TLS: ca.issue(t, "a")})
	b := startNode(t, Config{Name: "b", TLS: ca.issue(t, "b")})
	plain := startNode(t, Config{Name: "plain"})
	alien := startNode(t, Config{Name: "alien", TLS: other.issue(t, "alien")})
	acquaint(a, b, plain, alien)
	a.await(t, "up b")
	b.await(t, "up a")
	stillTalks(t, a, b, "TLS")
	// Both have dialled, and both have been greeted in vain, when each of their first greetings has run out.
	for _, n := range []*node{plain, alien} {
		eventually(t, n.cfg.Name+" gives up a connection", func() bool { return n.Stats().Failures > 0 })
		if notes := n.notes(); len(notes) != 0 {
			t.Fatalf("%s without a certificate of ours was let in: %q", n.cfg.Name, notes)
		}
	}
	if len(a.notes()) != 2 || len(b.notes()) != 2 { // the link and one word
		t.Fatalf("told: %q %q", a.notes(), b.notes())
	}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(100 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, file, "CERTIFICATE", der)
	return &authority{cert, key, file}
}

func (a *authority) issue(t *testing.T, name string, changes ...func(*x509.Certificate)) *TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(100 * 24 * time.Hour),
		DNSNames:    []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	for _, change := range changes {
		change(tmpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out := &TLS{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), a.file}
	writePEM(t, out.CertFile, "CERTIFICATE", der)
	writePEM(t, out.KeyFile, "EC PRIVATE KEY", keyDER)
	return out
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
