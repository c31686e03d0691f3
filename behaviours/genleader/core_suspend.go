package genleader

import "time"

// suspendShare is the part of a lease for which the machine may be suspended before the lease ends. It is the part that
// StartAfter must exceed the lease by at least.
const suspendShare = 5

// noticeSuspend compares for how long the machine has been suspended in all with what it was when it was noticed last. The
// clock of c.now stood still meanwhile, so every stamp from before is older than it looks: what is or will be granted for
// one is no lease and says nothing of how fresh this member's state is.
//
// What a leader counts needs nothing of the kind. It counts how long it waits before it lets another act, and a clock that
// stood still makes it wait for longer; and what it grants others are their own stamps, which their own clocks judge.
func (c *core) noticeSuspend(slept time.Duration) {
	grown := slept - c.held.slept
	if grown <= c.timing.Lease/suspendShare {
		return
	}
	c.held.slept, c.held.awake = slept, c.now
	if !c.held.freshAsOf.IsZero() {
		c.held.freshAsOf = c.held.freshAsOf.Add(-grown)
		c.emit(fresh{asOf: c.held.freshAsOf})
	}
	if c.held.granted.IsZero() {
		return
	}
	c.shown.stale = true
	if c.held.granted = (time.Time{}); !c.at[leaseEnds].IsZero() {
		c.at[leaseEnds] = time.Time{}
		c.emit(leaseEnded{})
	}
}
