package genleader

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestTransferThroughTheGroup: whoever asks hears that it is done once its own member follows the new leader, or why not.
func TestTransferThroughTheGroup(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		name := follower.group.Self.Name
		for _, asks := range []*member{leader, follower} {
			if err := asks.group.TransferLeadership(within(t, time.Second), "nobody"); !errors.Is(err, ErrUnknownMember) {
				t.Errorf("to nobody: %v", err)
			}
		}
		if err := leader.group.TransferLeadership(within(t, time.Second), name); err != nil {
			t.Fatal(err)
		}
		if now := leader.group.View().Leader.Name; now != name {
			t.Errorf("it is done, and %s leads", now)
		}
		actorstest.Sleep(time.Second)
		if phase := follower.group.View().Phase; phase != Leading {
			t.Errorf("%s is %v", name, phase)
		}
		if err := leader.group.TransferLeadership(t.Context(), name); err != nil {
			t.Errorf("to whoever leads already: %v", err)
		}
		n.isolate(name)
		actorstest.Sleep(2 * time.Second)
		err := follower.group.TransferLeadership(within(t, 300*time.Millisecond), leader.group.Self.Name)
		if !errors.Is(err, ErrNoLeader) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("by one that is cut off: %v", err)
		}
		if err := leader.group.TransferLeadership(within(t, time.Second), name); !errors.Is(err, ErrNotReady) {
			t.Errorf("to one that is cut off: %v", err)
		}
		n.heal()
		actorstest.Sleep(2 * time.Second)
		follower.stop()
		if err := follower.group.TransferLeadership(within(t, time.Second), name); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
	})
}
