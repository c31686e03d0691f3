package node

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/consul"
	"github.com/gendac/gendac/cluster/member/static"
	"github.com/gendac/gendac/cluster/porttest"
	"github.com/gendac/gendac/cluster/remoting"
	"github.com/gendac/gendac/cluster/spec"
)

// A mistake is a configuration that cannot work, and what the error has to be and to name.
type mistake struct {
	change func(c *Config)
	is     error    // the type
	names  []string // the field or what is wrong with it, and the value
}

// mistakes are made to the configuration of a1, which starts as it is. used is an address that somebody listens on.
func mistakes(used string) map[string]mistake {
	return map[string]mistake{
		"no specification": {func(c *Config) { c.Spec = nil }, &Error{}, []string{"node: Spec"}},
		"unknown member":   {func(c *Config) { c.Name = "a9" }, &Error{}, []string{"node: Name", `"a9"`}},
		"no name":          {func(c *Config) { c.Name = "" }, &Error{}, []string{"node: Name"}},
		"an application that nobody registered": {
			func(c *Config) { c.Apps = app.Registry{"other": c.Apps["switch"]} },
			&spec.Error{},
			[]string{"applications", "switch"},
		},
		"an application registered as nil": {
			func(c *Config) { c.Apps = app.Registry{"switch": nil} },
			&spec.Error{},
			[]string{"applications", "switch"},
		},
		"a lease longer than the margin allows": {
			func(c *Config) {
				c.Spec.Timing = spec.DefaultTiming()
				c.Spec.Timing.Lease = spec.Duration(1250 * time.Millisecond)
			},
			&spec.Error{},
			[]string{"timing.lease", "1.25s", "1.3s"},
		},
		"no address of its own": {func(c *Config) { c.Bind = "" }, &Error{}, []string{"node: Bind", "a1"}},
		"no address of another": {func(c *Config) { c.Discovery = nil }, &Error{}, []string{"addr", "static discovery"}},
		"an address that is none": {
			func(c *Config) { c.Bind = "nowhere" },
			nil,
			[]string{"nowhere"},
		},
		"an address that is not this machine's": {
			func(c *Config) { c.Bind = "192.0.2.1:7100" },
			&remoting.AddressError{},
			[]string{"192.0.2.1:7100"},
		},
		"a used address":       {func(c *Config) { c.Bind = used }, &remoting.AddressError{}, []string{used}},
		"a used admin address": {func(c *Config) { c.Admin = used }, &admin.AddressError{}, []string{used}},
		"an admin address for everybody": {
			func(c *Config) { c.Admin = "0.0.0.0:0" },
			&admin.AddressError{},
			[]string{"0.0.0.0:0"},
		},
		"a certificate that is not there": {
			func(c *Config) { c.TLS = &remoting.TLS{CertFile: "no.pem", KeyFile: "no.key", CAFile: "no.ca"} },
			&remoting.ConfigError{},
			[]string{"no.pem"},
		},
		"not in the list of members": {
			func(c *Config) { c.Discovery = static.Discovery(map[string]string{"b1": "127.0.0.1:7100"}) },
			&member.Error{},
			[]string{"Name", `"a1"`},
		},
		"another address than in the list of members": {
			func(c *Config) { c.Discovery = static.Discovery(map[string]string{"a1": "127.0.0.1:1"}) },
			&member.Error{},
			[]string{"Addr", "127.0.0.1:1"},
		},
		"no Consul": {
			func(c *Config) { c.Discovery = consul.Discovery("") },
			&member.Error{},
			[]string{"Consul"},
		},
		"a name that is in use": {
			func(c *Config) {
				c.Discovery = refusing{&member.Error{Field: "Name", Value: "a1", Problem: "is in use"}}
			},
			&member.Error{},
			[]string{"Name", `"a1"`},
		},
	}
}

// refusing is a discovery that takes nobody in.
type refusing struct{ err error }

func (r refusing) Join(context.Context, member.Member) (member.Session, error) { return nil, r.err }
func (r refusing) String() string                                              { return "refusing" }

// TestAConfigurationThatCannotWorkIsRefusedInOneLine with an error that names what to change, after which nothing of the
// member is left: no goroutine, and no address.
func TestAConfigurationThatCannotWorkIsRefusedInOneLine(t *testing.T) {
	used, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = used.Close() }()
	c := &cluster{t: t, board: newCluster(t).board, log: &journal{}}
	for name, m := range mistakes(used.Addr().String()) {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			var log bytes.Buffer
			cfg := c.config("a1")
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
			cfg.Bind = closedAddress(t)
			bind := cfg.Bind
			m.change(&cfg)
			n, err := Start(cfg)
			if err == nil {
				_ = n.Stop(t.Context())
				t.Fatal("it started")
			}
			refusedAs(t, err, m)
			if log.Len() > 0 {
				t.Errorf("the error is not all that was said: %s", log.String())
			}
			free(t, bind)
		})
	}
}

func refusedAs(t *testing.T, err error, m mistake) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
	for _, part := range m.names {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
	var matches bool
	switch m.is.(type) {
	case nil:
		matches = true
	case *Error:
		matches = errors.As(err, new(*Error))
	case *spec.Error:
		matches = errors.As(err, new(*spec.Error))
	case *member.Error:
		matches = errors.As(err, new(*member.Error))
	case *remoting.AddressError:
		matches = errors.As(err, new(*remoting.AddressError))
	case *remoting.ConfigError:
		matches = errors.As(err, new(*remoting.ConfigError))
	case *admin.AddressError:
		matches = errors.As(err, new(*admin.AddressError))
	}
	if !matches {
		t.Errorf("%q is a %T, want a %T", err, err, m.is)
	}
}

// closedAddress is one that nobody listens on, nor comes to listen on by chance.
func closedAddress(t *testing.T) string {
	t.Helper()
	addr, err := porttest.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// free fails the test unless an address can be listened on.
func free(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Errorf("still in use: %v", err)
		return
	}
	_ = l.Close()
}
