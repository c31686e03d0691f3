package remoting

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TLS names the files for mutual TLS. Both ends present CertFile, and accept who is signed by CAFile. A certificate must be
// valid for client and server use, and name its member as a DNS name (subject alternative name); a name that is not ASCII goes
// into a URI, "gendac:" and the name, percent-encoded. A certificate speaks for the members that it names and for no others;
// the common name and addresses mean nothing. The files are read again when they change.
type TLS struct{ CertFile, KeyFile, CAFile string }

const (
	keysPoll   = 10 * time.Second    // between looks at the files
	warnBefore = 30 * 24 * time.Hour // of the end of a certificate, or in the last third of its time if that is less
	warnEvery  = 24 * time.Hour
)

// A keyring holds what the files said when they were last good.
type keyring struct {
	files *TLS // nil: plain TCP
	name  string
	now   atomic.Pointer[keys]
}

type keys struct {
	sum         [sha256.Size]byte
	cert        tls.Certificate
	authorities *x509.CertPool
	begin, end  time.Time // within which the certificate and the authorities above it are valid
}

func newKeyring(files *TLS, name string) (*keyring, error) {
	k := &keyring{files: files, name: name}
	_, err := k.reload()
	return k, err
}

// reload reads the files. If they are not good, an error says why, and what was read before stays in use.
func (k *keyring) reload() (changed bool, err error) {
	if k.files == nil {
		return false, nil
	}
	next, err := k.files.read(k.name)
	if err != nil {
		return false, err
	}
	before := k.now.Swap(next)
	return before == nil || before.sum != next.sum, nil
}

// read checks all that peers will check.
func (t *TLS) read(name string) (*keys, error) {
	var all [3][]byte
	for i, f := range []struct{ field, path string }{
		{"TLS.CertFile", t.CertFile}, {"TLS.KeyFile", t.KeyFile}, {"TLS.CAFile", t.CAFile},
	} {
		text, err := os.ReadFile(f.path)
		if err != nil {
			return nil, &ConfigError{f.field, f.path, err.Error()}
		}
		all[i] = text
	}
	k := &keys{sum: sha256.Sum256(slices.Concat(all[0], all[1], all[2])), authorities: x509.NewCertPool()}
	var err error
	if k.cert, err = tls.X509KeyPair(all[0], all[1]); err != nil {
		return nil, &ConfigError{"TLS.CertFile", t.CertFile, err.Error()}
	}
	if !k.authorities.AppendCertsFromPEM(all[2]) {
		return nil, &ConfigError{"TLS.CAFile", t.CAFile, "holds no PEM certificate"}
	}
	chain := make([]*x509.Certificate, 0, len(k.cert.Certificate))
	for _, der := range k.cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, &ConfigError{"TLS.CertFile", t.CertFile, err.Error()}
		}
		chain = append(chain, c)
	}
	if names := namesOf(chain[0]); !slices.Contains(names, name) {
		return nil, &ConfigError{"TLS.CertFile", t.CertFile, fmt.Sprintf("names %q and not member %q: put it into the subject alternative names, as DNS:%s", names, name, name)}
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		signed, err := verify(k.authorities, chain, use)
		if err != nil {
			return nil, &ConfigError{"TLS.CertFile", t.CertFile, err.Error()}
		}
		k.begin, k.end = chain[0].NotBefore, chain[0].NotAfter
		for _, c := range signed {
			if c.NotAfter.Before(k.end) {
				k.begin, k.end = c.NotBefore, c.NotAfter
			}
		}
	}
	return k, nil
}

// verify returns one way from the first certificate to an authority.
func verify(authorities *x509.CertPool, chain []*x509.Certificate, use x509.ExtKeyUsage) ([]*x509.Certificate, error) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	ways, err := chain[0].Verify(x509.VerifyOptions{
		Roots: authorities, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use},
	})
	if err != nil {
		return nil, err
	}
	return ways[0], nil
}

// namesOf are the members for which a certificate speaks: exactly as written, without wildcards.
func namesOf(c *x509.Certificate) []string {
	names := slices.Concat([]string{}, c.DNSNames)
	for _, u := range c.URIs {
		if name, err := url.PathUnescape(u.Opaque); err == nil && u.Scheme == "gendac" {
			names = append(names, name)
		}
	}
	return names
}

// problem says what is wrong with the certificate, or will be soon; "" if nothing is.
func (k *keyring) problem(now time.Time) string {
	if k.files == nil {
		return ""
	}
	keys := k.now.Load()
	left := keys.end.Sub(now)
	switch {
	case left <= 0:
		return fmt.Sprintf("certificate %s, or its authority, ended at %s: no link can be made", k.files.CertFile, keys.end.UTC().Format(time.RFC3339))
	case left < min(warnBefore, keys.end.Sub(keys.begin)/3):
		return fmt.Sprintf("certificate %s, or its authority, ends at %s: replace the file", k.files.CertFile, keys.end.UTC().Format(time.RFC3339))
	default:
		return ""
	}
}

// watch looks at the files again and again until ctx ends.
func (k *keyring) watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	var warned time.Time
	failed := ""
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if p, now := k.problem(time.Now()), time.Now(); p != "" && now.Sub(warned) >= warnEvery {
			log.Warn("certificate problem", slog.String("reason", p))
			warned = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		changed, err := k.reload()
		switch {
		case err != nil && err.Error() != failed:
			failed = err.Error()
			log.Warn("the certificate files cannot be used, what was read before stays in use", slog.Any("err", err))
		case err == nil:
			failed = ""
		}
		if changed {
			log.Info("certificate files read again", slog.Any("until", k.now.Load().end))
			warned = time.Time{}
		}
	}
}

// config is what both directions have in common.
func (k *keyring) config() *tls.Config {
	keys := k.now.Load()
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{keys.cert}, SessionTicketsDisabled: true,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: keys.authorities,
	}
}

// An identity is what the port knows of a connection: its bounds, and the names it may use.
type identity struct {
	credentials.AuthInfo
	conn  *caller
	names []string // nil without TLS
}

// porter are the transport credentials of one direction. They take the files as they are when a connection is made.
type porter struct {
	credentials.TransportCredentials
	ring *keyring
	peer string // the member that is dialled
}

func (k *keyring) porter(peer string) porter {
	if k.files == nil {
		return porter{insecure.NewCredentials(), k, peer}
	}
	return porter{credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13}), k, peer}
}

// Clone returns p, which is never changed.
func (p porter) Clone() credentials.TransportCredentials { return p }

// ServerHandshake finds out for whom the other end may speak.
func (p porter) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	of := p.TransportCredentials
	if p.ring.files != nil {
		of = credentials.NewTLS(p.ring.config())
	}
	conn, info, err := of.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	who := identity{AuthInfo: info}
	who.conn, _ = raw.(*caller)
	if secured, is := info.(credentials.TLSInfo); is {
		who.names = namesOf(secured.State.PeerCertificates[0])
	}
	return conn, who, nil
}

// ClientHandshake makes sure that the member that is dialled answers.
func (p porter) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if p.ring.files == nil {
		return p.TransportCredentials.ClientHandshake(ctx, authority, raw)
	}
	cfg := p.ring.config()
	cfg.InsecureSkipVerify = true // Go would look for the address in the certificate; we look for the member's name
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		if _, err := verify(cfg.ClientCAs, s.PeerCertificates, x509.ExtKeyUsageServerAuth); err != nil {
			return fmt.Errorf("tls: the certificate at this address: %w", err)
		}
		if names := namesOf(s.PeerCertificates[0]); !slices.Contains(names, p.peer) {
			return fmt.Errorf("tls: the certificate at this address names %s, not member %q", quoted(names), p.peer)
		}
		return nil
	}
	return credentials.NewTLS(cfg).ClientHandshake(ctx, authority, raw)
}

func quoted(names []string) string {
	return fmt.Sprintf("%.200s", fmt.Sprintf("%q", strings.Join(names, ", ")))
}
