package consul

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/gendac/gendac/cluster/member"
)

// TLS says how the agent is spoken to over https. Its files are read anew for every connection, so certificates may be
// replaced while a member runs. An empty field has the value of Consul's own variable, if that is set (CONSUL_CACERT,
// CONSUL_CLIENT_CERT, CONSUL_CLIENT_KEY, CONSUL_TLS_SERVER_NAME).
type TLS struct {
	CAFile     string // the authority that signs the agent's certificate; without it, those of the machine
	CertFile   string // this member's certificate, if the agent wants one
	KeyFile    string // and its key
	ServerName string // that the agent's certificate must hold, such as server.dc1.consul; without it, the host of the address
}

func (t TLS) validate() error {
	if (t.CertFile == "") != (t.KeyFile == "") {
		return &member.Error{Field: "TLS.CertFile", Value: t.CertFile, Problem: fmt.Sprintf("goes together with TLS.KeyFile, which is %q", t.KeyFile)}
	}
	return nil
}

// dial prepares a client; it does not touch the network. It reads the files that it was given, so that one that cannot
// be used is an error now.
func dial(c config, self member.Member) (*agent, error) {
	conf := api.DefaultConfig() // with what the environment says
	conf.Address, conf.Datacenter, conf.Namespace = c.addr, c.datacenter, cmp.Or(c.namespace, conf.Namespace)
	token := tokenFile(cmp.Or(c.tokenFile, conf.TokenFile))
	if _, err := token.read(); err != nil {
		return nil, &member.Error{Field: "TokenFile", Value: string(token), Problem: err.Error()}
	}
	transport := conf.Transport
	transport.Proxy = nil // the agent is this machine's, or near
	dialer := &net.Dialer{Timeout: requestTimeout}
	transport.DialContext = dialer.DialContext
	if path, ok := strings.CutPrefix(c.addr, "unix://"); ok {
		conf.Address = "localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
	}
	if err := secure(conf, c); err != nil {
		return nil, err
	}
	var inner http.RoundTripper = transport
	if c.transport != nil {
		inner = c.transport
	}
	conf.HttpClient = &http.Client{
		Transport:     checked{inner, token.read, c.most},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token is for the agent only
	}
	client, err := api.NewClient(conf)
	if err != nil {
		return nil, &member.Error{Field: "Consul", Value: c.addr, Problem: err.Error()}
	}
	return &agent{config: c, self: self, client: client, idle: transport.CloseIdleConnections}, nil
}

// secure has conf's transport use TLS as c wants it, with files that are read for every connection.
func secure(conf *api.Config, c config) error {
	if c.tls != nil {
		if strings.HasPrefix(c.addr, "http://") {
			return &member.Error{Field: "Consul", Value: c.addr, Problem: "want https://, because TLS was asked for"}
		}
		conf.Scheme = "https"
		of := &conf.TLSConfig
		of.CAFile, of.Address = cmp.Or(c.tls.CAFile, of.CAFile), cmp.Or(c.tls.ServerName, of.Address)
		if c.tls.CertFile != "" {
			of.CertFile, of.KeyFile = c.tls.CertFile, c.tls.KeyFile
		}
	}
	files := conf.TLSConfig
	if _, err := api.SetupTLSConfig(&files); err != nil {
		return &member.Error{Field: "TLS", Value: files.CAFile + " " + files.CertFile, Problem: err.Error()}
	}
	dial := conf.Transport.DialContext
	conf.Transport.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		now := files
		settings, err := api.SetupTLSConfig(&now)
		if err != nil {
			return nil, err
		}
		settings.ServerName = cmp.Or(settings.ServerName, hostOf(addr))
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		secured := tls.Client(conn, settings)
		if err := secured.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secured, nil
	}
	return nil
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// A tokenFile is the path of a file with a token, or empty.
type tokenFile string

const maxToken = 4 << 10 // bytes

// read returns the token as the file has it now.
func (f tokenFile) read() (string, error) {
	if f == "" {
		return "", nil
	}
	info, err := os.Stat(string(f))
	if err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("the token cannot be read: %s is not a regular file", f) // a pipe may never end
	}
	file, err := os.Open(string(f))
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("the token cannot be read: %w", err)
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 || len(text) > maxToken || bytes.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("the token cannot be read: %s holds %d bytes, want one word of at most %d", f, len(text), maxToken)
	}
	return string(text), nil
}
