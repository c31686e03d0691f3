package main

import (
	"context"
	"sync"
	"time"
)

const stallTick = 5 * time.Millisecond

// A stall watcher notices when this machine does not run anybody for a while: a driver that was not woken for a second
// says why leases ran out without a fault of the cluster. Figures of a machine that stands still are worth nothing.
type stall struct {
	mu      sync.Mutex
	longest time.Duration
	at      time.Time
}

// watchStalls watches until ctx ends.
func watchStalls(ctx context.Context) *stall {
	s := &stall{}
	go func() {
		tick := time.NewTicker(stallTick)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			now := time.Now()
			s.note(now, now.Sub(last)-stallTick)
			last = now
		}
	}()
	return s
}

func (s *stall) note(at time.Time, gap time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gap > s.longest {
		s.longest, s.at = gap, at
	}
}

// worst returns the longest time nobody ran, and when it ended.
func (s *stall) worst() (time.Duration, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.longest, s.at
}
