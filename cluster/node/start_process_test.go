//go:build process

package node

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/member"
)

func TestAMemberWhoseStartFailsHasStartedNothing(t *testing.T) {
	started := make(chan struct{})
	cfg := soloConfig(t, started)
	cfg.Discovery = slowToRefuse{make(chan struct{})}
	if n, err := Start(cfg); err == nil {
		_ = n.Stop(t.Context())
		t.Fatal("it started")
	}
	select {
	case <-started:
		t.Fatal("the application was started, and the start of its member failed afterwards")
	default:
	}
}

// slowToRefuse takes nobody in, and takes its time: long enough for a member alone to lead and to start what it runs.
type slowToRefuse struct{ asked chan struct{} }

func (d slowToRefuse) Join(context.Context, member.Member) (member.Session, error) {
	close(d.asked)
	time.Sleep(time.Second)
	return nil, errors.New("refused at last")
}
func (slowToRefuse) String() string { return "slow" }

// A refused admin address shows before the member listens for others or asks to be taken in.
func TestARefusedAdminAddressComesFirst(t *testing.T) {
	listening := closedAddress(t)
	discovery := slowToRefuse{make(chan struct{})}
	cfg := soloConfig(t, make(chan struct{}))
	cfg.Discovery, cfg.Bind, cfg.Admin = discovery, listening, "192.0.2.1:7400"
	if _, err := Start(cfg); !errors.As(err, new(*admin.AddressError)) {
		t.Fatalf("%v, want an *admin.AddressError", err)
	}
	select {
	case <-discovery.asked:
		t.Error("it asked to be taken in first")
	default:
	}
	l, err := net.Listen("tcp", listening)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}
