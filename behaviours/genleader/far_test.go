package genleader

import (
	"context"
	"math"
	"testing"
	"time"
)

// TestADeadlineMayLieAsFarAheadAsItLikes: whoever would wait for ever is answered as anybody else, and not told at once that
// the time is over.
func TestADeadlineMayLieAsFarAheadAsItLikes(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		g := follower.group
		for name, far := range map[string]time.Time{
			"the longest duration": time.Now().Add(math.MaxInt64),
			"further than that":    time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC),
		} {
			ctx, cancel := context.WithDeadline(t.Context(), far)
			_, called := g.LeaderCall(ctx, []byte("x"))
			_, read := g.ReadIndex(ctx)
			_, asked := g.AskCandidates(ctx, []byte("who"))
			moved := g.TransferLeadership(ctx, g.cfg.Self.Name)
			for what, err := range map[string]error{"a call": called, "a read": read, "a question": asked, "a transfer": moved} {
				if err != nil {
					t.Errorf("%s: %s: %v", name, what, err)
				}
			}
			cancel()
		}
	})
}
