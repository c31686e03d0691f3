package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/gendac/gendac/cluster/member"
)

const (
	defaultCluster = "gendac"
	defaultTTL     = 3 * time.Second
	defaultWait    = 10 * time.Second // also the longest allowed
	defaultGrace   = 10 * time.Second
	minForget      = time.Minute // Consul raises anything shorter
	joinTimeout    = 3 * time.Second
)

// An Option changes one setting of [Discovery]. A value that cannot work is reported by Join.
type Option func(*config)

// WithCluster names the Consul service that the members share; the default is "gendac". Members of different clusters
// do not see each other. The same characters are allowed as in a member's name.
func WithCluster(name string) Option { return func(c *config) { c.cluster = name } }

// WithTTL sets after how long without a refresh a member turns Critical; it refreshes three times as often. The default
// is 3 s, at least 300 ms is wanted.
func WithTTL(d time.Duration) Option { return func(c *config) { c.ttl = d } }

// WithWait sets how long one query waits at the agent for news; the default is 10 s, which is also the longest allowed.
// It bounds how late a silently cut connection is noticed.
func WithWait(d time.Duration) Option { return func(c *config) { c.wait = d } }

// WithGrace sets how long the members that are missing stay listed after Consul may have forgotten them; the default
// is 10 s. It should be longer than all members need to register again: the TTL and 2 s.
func WithGrace(d time.Duration) Option { return func(c *config) { c.grace = d } }

// WithForget sets after how long in the critical state Consul drops a member; the default is one minute, which is also
// the shortest that Consul allows.
func WithForget(d time.Duration) Option { return func(c *config) { c.forget = d } }

// WithLogger sets where transitions (unreachable, connected, registered again, displaced) are logged; the default is
// slog.Default().
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// WithTokenFile names a file with the ACL token of every request. It is read anew for each one, so a token that is
// replaced there is in use within one wait of a query. Without it the token is that of CONSUL_HTTP_TOKEN_FILE or
// CONSUL_HTTP_TOKEN, if there is one.
func WithTokenFile(path string) Option { return func(c *config) { c.tokenFile = path } }

// WithTLS has the agent's interface spoken to over https. Without it that depends on the scheme of the address.
func WithTLS(t TLS) Option { return func(c *config) { c.tls = &t } }

// WithDatacenter names the datacenter that is asked for members; the default is the agent's own. Members register at
// their agents, so it must be the one that the agent belongs to: with another one the agent's answers do not list this
// member, and the view says so.
func WithDatacenter(name string) Option { return func(c *config) { c.datacenter = name } }

// WithNamespace names the namespace (of Consul Enterprise) that the members register in; the default is the token's.
func WithNamespace(name string) Option { return func(c *config) { c.namespace = name } }

// withTransport replaces the network, for tests.
func withTransport(t http.RoundTripper) Option { return func(c *config) { c.transport = t } }

// Discovery returns the discovery that talks to the Consul agent at addr: host:port, http://host:port,
// https://host:port or unix:///path. Nothing is contacted before Join.
func Discovery(addr string, opts ...Option) member.Discovery {
	c := config{
		addr:    addr,
		cluster: defaultCluster,
		ttl:     defaultTTL, wait: defaultWait, grace: defaultGrace, forget: minForget,
		logger: slog.Default(), most: maxAnswer,
	}
	for _, o := range opts {
		o(&c)
	}
	return c
}

type config struct {
	addr, cluster            string
	ttl, wait, grace, forget time.Duration
	logger                   *slog.Logger
	tokenFile                string
	tls                      *TLS
	datacenter, namespace    string
	transport                http.RoundTripper
	most                     int64 // bytes of an answer
}

func (c config) validate() error {
	for _, d := range []struct {
		field      string
		value      time.Duration
		least, max time.Duration
	}{
		{"TTL", c.ttl, 300 * time.Millisecond, time.Hour},
		{"Wait", c.wait, time.Second, defaultWait},
		{"Grace", c.grace, 0, time.Hour},
		{"Forget", c.forget, minForget, 1000 * time.Hour},
	} {
		if d.value < d.least || d.value > d.max {
			return &member.Error{Field: d.field, Value: d.value.String(), Problem: fmt.Sprintf("want %v to %v", d.least, d.max)}
		}
	}
	if c.addr == "" {
		return &member.Error{Field: "Consul", Value: c.addr, Problem: "want the agent's address, host:port"}
	}
	if err := (member.Member{Name: c.cluster, Addr: "localhost:1"}).Validate(); err != nil {
		return &member.Error{Field: "Cluster", Value: c.cluster, Problem: "want one or more of letters, digits, '.', '_', '-'"}
	}
	if c.tls != nil {
		return c.tls.validate()
	}
	return nil
}

// String names the kind of discovery and the agent.
func (c config) String() string { return "consul " + c.addr }

// Join registers self and reads who is there. While Consul does not answer it tries again until ctx ends (after 3 s, if
// ctx has no deadline), and then returns an error that names the address and the last failure.
func (c config) Join(ctx context.Context, self member.Member) (member.Session, error) {
	if err := cmp.Or(self.Validate(), c.validate()); err != nil {
		return nil, err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, joinTimeout)
		defer cancel()
	}
	a, err := dial(c, self)
	if err != nil {
		return nil, err
	}
	members, err := a.join(ctx)
	if err != nil {
		a.close()
		return nil, err
	}
	return open(c, a, members), nil
}

// join repeats list and announce until they succeed.
func (a *agent) join(ctx context.Context) ([]member.Member, error) {
	for failures := 1; ; failures++ {
		members, err := a.tryJoin(ctx)
		var conflict *member.ConflictError
		switch {
		case err == nil:
			return members, nil
		case errors.As(err, &conflict):
			return nil, err
		}
		if ctx.Err() == nil && sleep(ctx, backoff(failures, roll())) {
			continue
		}
		// The request may have reached the agent all the same; nothing must stay behind.
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = a.withdraw(bye)
		return nil, fmt.Errorf("consul: cannot join through the agent at %s: %w", a.addr, err)
	}
}

func (a *agent) tryJoin(ctx context.Context) ([]member.Member, error) {
	members, _, err := a.list(ctx, 0, 0)
	if err != nil {
		return nil, err
	}
	if m, ok := find(members, a.self.Name); ok && foreign(a.self, m) {
		return nil, &member.ConflictError{Name: a.self.Name, Ours: a.self.Addr, Theirs: m.Addr}
	}
	return members, a.announce(ctx)
}
