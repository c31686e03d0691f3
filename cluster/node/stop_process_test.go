//go:build process

package node

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/spec"
)

// holdout is an application that does not return from one of its callbacks on a1 until it is let go. Meanwhile it may
// be doing anything, as an OS process does that has got its SIGTERM; only its lease bounds it.
type holdout struct {
	app.Defaults
	member, in string
	log        *holdoutLog
}

type holdoutLog struct {
	entered, release chan struct{} // entered is closed when a1 hangs
	mu               sync.Mutex
	held             time.Time // the end of the lease that a1 was told last
	successor        time.Time // when b1 became active
}

func (h *holdout) Start(ctx *app.Context, s app.Start) error {
	if s.Role != app.Active {
		return nil
	}
	if h.member == "b1" {
		h.log.mu.Lock()
		defer h.log.mu.Unlock()
		h.log.successor = time.Now()
		return nil
	}
	h.hang(ctx, "Start")
	return nil
}

func (h *holdout) Stop(ctx *app.Context) ([]byte, error) {
	if h.member == "a1" && ctx.Role() == app.Active {
		h.hang(ctx, "Stop")
	}
	return nil, nil
}

func (h *holdout) hang(ctx *app.Context, in string) {
	if h.in != in {
		return
	}
	close(h.log.entered)
	for {
		h.log.mu.Lock()
		if until := ctx.HeldUntil(); until.After(h.log.held) {
			h.log.held = until
		}
		h.log.mu.Unlock()
		select {
		case <-h.log.release:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// slowToLeave is a discovery that takes its time to let a member go, which is most of the teardown then.
type slowToLeave struct{ member.Discovery }

type slowSession struct{ member.Session }

func (d slowToLeave) Join(ctx context.Context, m member.Member) (member.Session, error) {
	s, err := d.Discovery.Join(ctx, m)
	return slowSession{s}, err
}

func (s slowSession) Leave(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second): // twice the time in which the group would hand leadership over
	}
	return s.Session.Leave(ctx)
}

func (l *holdoutLog) times() (held, successor time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held, l.successor
}

// TestAStopThatRunsOutOfTimeIsNoGoodbye: what has not stopped may still act until its lease has ended, so the others are
// not told that it has, and a safe group's successor waits.
func TestAStopThatRunsOutOfTimeIsNoGoodbye(t *testing.T) {
	for _, c := range []struct {
		name, in string
		is       error
		says     string
	}{
		{"its caller's patience is over", "Stop", context.Canceled, "instances have not stopped"},
		{"its own patience is over", "Start", controller.ErrNotStopped, "pair/switch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl, log := startHoldouts(t, c.in)
			a1 := cl.nodes["a1"]
			if c.in == "Stop" {
				cl.eventually("a1 active and b1 standby", cl.settled("b1", "a1", "b1"))
			} else {
				<-log.entered
			}
			delete(cl.nodes, "a1")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			if c.in == "Stop" {
				go func() { // its caller gives up while a1 hangs, however long the vote took before that
					<-log.entered
					cancel()
				}()
			}
			err := a1.Stop(ctx)
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("the stop says %v, want %v that says %q", err, c.is, c.says)
			}
			cl.eventually("b1 active", func() bool { _, at := log.times(); return !at.IsZero() })
			held, successor := log.times()
			if held.IsZero() {
				t.Fatal("a1 was never told of a lease while it hung")
			}
			if successor.Before(held) {
				t.Errorf("b1 became active %v before the lease of a1 ended", held.Sub(successor))
			}
			close(log.release)
			<-a1.Done()
		})
	}
}

// startHoldouts starts the members of a safe pair whose a1 hangs in that callback.
func startHoldouts(t *testing.T, in string) (*cluster, *holdoutLog) {
	t.Helper()
	stopTimeout := "30s" // longer than the caller waits
	if in == "Start" {
		stopTimeout = "100ms"
	}
	text := strings.Replace(pairSpec, "{failover: fast}", "{start_timeout: 30s, stop_timeout: "+stopTimeout+"}", 1)
	log := &holdoutLog{entered: make(chan struct{}), release: make(chan struct{})}
	c := newCluster(t)
	for _, name := range []string{"a1", "b1", "w1"} {
		cfg := c.config(name)
		s, err := spec.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Spec, cfg.Discovery = s, slowToLeave{cfg.Discovery}
		cfg.Apps = app.Registry{"switch": func() app.App { return &holdout{member: name, in: in, log: log} }}
		n, err := Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.nodes[name] = n
	}
	return c, log
}
