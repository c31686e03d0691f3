//go:build process

package node

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/member/consul"
)

// TestAStartThatWasRefusedCanBeRepeated at the same address, once the mistake is mended.
func TestAStartThatWasRefusedCanBeRepeated(t *testing.T) {
	c := newCluster(t)
	cfg := c.config("a1")
	cfg.Bind = closedAddress(t)
	bad := cfg
	bad.Admin = "0.0.0.0:0"
	if _, err := Start(bad); !errors.As(err, new(*admin.AddressError)) {
		t.Fatalf("%v, want an *admin.AddressError", err)
	}
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.nodes["a1"] = n
	c.start("b1", "w1")
	c.eventually("settled", c.settled("w1", "a1", "b1"))
}

// TestAConsulThatNeverAnswersEndsTheStart: nobody listens at the one, the other takes connections and says nothing.
func TestAConsulThatNeverAnswersEndsTheStart(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	for name, addr := range map[string]string{"nobody": closedAddress(t), "mute": mute.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			cfg := newCluster(t).config("a1")
			cfg.Discovery = consul.Discovery(addr, consul.WithLogger(slog.New(slog.DiscardHandler)))
			began := time.Now()
			n, err := Start(cfg)
			if err == nil {
				_ = n.Stop(t.Context())
				t.Fatal("it started")
			}
			t.Logf("after %v: %v", time.Since(began).Round(time.Millisecond), err)
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), addr) {
				t.Errorf("%q, want one line that names %s", err, addr)
			}
		})
	}
}
