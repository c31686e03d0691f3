package genleader

import (
	"fmt"
	"time"
)

// Timing is how long a group waits for what. Every member of a group must use the same.
type Timing struct {
	// Heartbeat is the time between two heartbeats of the leader.
	Heartbeat time.Duration
	// Election is how long a leader may be silent before another is elected.
	Election time.Duration
	// Lease is how long a member may act after the moment it asked for the lease.
	Lease time.Duration
	// StartAfter is how long the leader waits after that moment before it lets another act. What it exceeds Lease by
	// covers clocks of different rates and the time an application needs to notice.
	StartAfter time.Duration
}

func (t *Timing) setDefaults() {
	fill := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	fill(&t.Heartbeat, 50*time.Millisecond)
	fill(&t.Election, 500*time.Millisecond)
	fill(&t.Lease, time.Second)
	fill(&t.StartAfter, 1300*time.Millisecond)
}

func (t Timing) validate() error {
	for _, f := range []struct {
		name         string
		value, least time.Duration
		why          string
	}{
		{"Heartbeat", t.Heartbeat, time.Millisecond, "one millisecond"},
		{"Election", t.Election, 4 * t.Heartbeat, "four heartbeats"},
		{"Lease", t.Lease, 4 * t.Heartbeat, "four heartbeats"},
		{"StartAfter", t.StartAfter, t.Lease + t.Lease/5, "a fifth longer than the lease, for clocks that run at different rates"},
	} {
		if f.value < f.least {
			return fmt.Errorf("genleader: Timing.%s: %v: must be at least %s (%v)", f.name, f.value, f.why, f.least)
		}
	}
	return nil
}
