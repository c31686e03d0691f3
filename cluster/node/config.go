package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/static"
	"github.com/gendac/gendac/cluster/remoting"
	"github.com/gendac/gendac/cluster/spec"
)

// A Config describes this member. Name and Spec are needed.
type Config struct {
	Name      string           // a member of the spec
	Bind      string           // host:port to listen on for the other members; default: the spec's address of this member
	Advertise string           // host:port under which they reach it; default: Bind
	Discovery member.Discovery // default: the spec's addresses, and then each member needs one
	Spec      *spec.Spec       // equal on every member; it is validated
	Apps      app.Registry     // the code of the spec's applications
	Admin     string           // address of the admin API: loopback host:port, or unix:PATH; empty for none
	TLS       *remoting.TLS    // nil: the network is trusted
	DataDir   string           // keeps the state of all groups through restarts; default: StateDir. Made if it is not there
	// InMemory keeps nothing on disk. This costs the state when a majority of the members ends at once, however they end: the
	// dictionary, every acknowledged write and the epochs so far. And a member that stops in order must first see that the
	// others have everything: see Stop.
	InMemory bool
	// MaxDictionary bounds the dictionary, in bytes as gdict.MaxTotal counts them, while this member leads; default 1 GiB,
	// or a quarter of GOMEMLIMIT if that is less.
	MaxDictionary int
	// AdminHosts are further Host headers that the admin API answers to, beside loopback names: see admin.Hosts.
	AdminHosts []string
	// AdminGroup is a group of the operating system that may use the admin API's Unix socket: see admin.SocketGroup.
	AdminGroup string
	Logger     *slog.Logger // default: discards

	now func() time.Time // the wall clock, but for tests
}

// An Error says which field of a Config cannot be used.
type Error struct{ Field, Value, Problem string }

func (e *Error) Error() string { return fmt.Sprintf("node: %s: %q: %s", e.Field, e.Value, e.Problem) }

func (c *Config) complete() error {
	if c.now == nil {
		c.now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Spec == nil {
		return &Error{"Spec", "", "must be given"}
	}
	if err := c.Spec.Validate(); err != nil {
		return err
	}
	self, known := c.Spec.Members[c.Name]
	if !known {
		return &Error{"Name", c.Name, "is not a member of the spec; add it under members"}
	}
	if err := c.Spec.Registered(func(name string) bool { return c.Apps[name] != nil }); err != nil {
		return err
	}
	if err := checkDictionary(c.MaxDictionary); err != nil {
		return err
	}
	if err := c.keepState(); err != nil {
		return err
	}
	if c.Bind == "" {
		c.Bind = self.Addr
	}
	if c.Bind == "" {
		return &Error{"Bind", "", fmt.Sprintf("the spec has no addr for member %s; give one", c.Name)}
	}
	if host, port, err := net.SplitHostPort(c.Bind); c.Advertise == "" && err == nil && dialable(host, port) {
		c.Advertise = c.Bind // as it is written, because the others' lists of members have it so too
	}
	if c.Discovery == nil {
		discovery, err := c.fromSpec()
		if err != nil {
			return err
		}
		c.Discovery = discovery
	}
	return nil
}

// dialable says whether others can dial what is listened on under this name.
func dialable(host, port string) bool {
	ip := net.ParseIP(host)
	return host != "" && (ip == nil || !ip.IsUnspecified()) && port != "" && port != "0"
}

// fromSpec is the embedded default: everybody's address is written in the spec.
func (c *Config) fromSpec() (member.Discovery, error) {
	addrs := map[string]string{}
	for name, m := range c.Spec.Members {
		if m.Addr == "" {
			return nil, &Error{"Spec.members." + name + ".addr", "", "static discovery needs every member's address"}
		}
		addrs[name] = m.Addr
	}
	return static.Discovery(addrs), nil
}

// hostLogger keeps protoactor's own log out of the member's, which is told what matters by its links. At debug level it
// is all there.
type hostLogger struct{ slog.Handler }

func (h hostLogger) Enabled(ctx context.Context, level slog.Level) bool {
	return h.Handler.Enabled(ctx, slog.LevelDebug) && h.Handler.Enabled(ctx, level)
}

func (h hostLogger) WithAttrs(attrs []slog.Attr) slog.Handler {
	return hostLogger{h.Handler.WithAttrs(attrs)}
}

func (h hostLogger) WithGroup(name string) slog.Handler { return hostLogger{h.Handler.WithGroup(name)} }
