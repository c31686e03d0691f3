package node

import (
	"context"
	"fmt"
	"log/slog"

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
	Admin     string           // loopback host:port of the admin API; empty for none
	TLS       *remoting.TLS    // nil: the network is trusted
	DataDir   string           // keeps the dictionary through restarts; empty: in memory. Made if it is not there
	// MaxDictionary bounds the dictionary, in bytes as gdict.MaxTotal counts them, while this member leads; default 1 GiB,
	// or a quarter of GOMEMLIMIT if that is less.
	MaxDictionary int
	Logger        *slog.Logger // default: discards
}

// An Error says which field of a Config cannot be used.
type Error struct{ Field, Value, Problem string }

func (e *Error) Error() string { return fmt.Sprintf("node: %s: %q: %s", e.Field, e.Value, e.Problem) }

func (c *Config) complete() error {
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
	if c.Bind == "" {
		c.Bind = self.Addr
	}
	if c.Bind == "" {
		return &Error{"Bind", "", fmt.Sprintf("the spec has no addr for member %s; give one", c.Name)}
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
