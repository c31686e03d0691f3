package gdict

import (
	"context"
	"math"
	"testing"
	"time"
)

// TestAWriteMayHaveAllTheTimeThereIs, and is done as soon as there is a leader all the same.
func TestAWriteMayHaveAllTheTimeThereIs(t *testing.T) {
	for name, far := range map[string]func() time.Time{
		"the longest duration": func() time.Time { return time.Now().Add(math.MaxInt64) },
		"further than that":    func() time.Time { return time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC) },
	} {
		inBubble(t, func(t *testing.T, b *bus) {
			nodes := b.startThree(t)
			begin := time.Now()
			ctx, cancel := context.WithDeadline(t.Context(), far())
			defer cancel()
			time.AfterFunc(time.Minute, cancel)
			if _, err := nodes[1].dict.Store(ctx, "k", nil); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(begin); took > maxAttempt {
				t.Errorf("%s: it took %v", name, took)
			}
			for _, n := range nodes {
				n.stop(t)
			}
		})
	}
}
