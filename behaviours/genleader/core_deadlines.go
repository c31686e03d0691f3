package genleader

import "time"

// A deadline is an instant at which a core has something to do, whatever event brings the time.
type deadline int

const (
	joinAt      deadline = iota // asks to join again
	forgetAt                    // takes the leader for silent
	campaignAt                  // wants to be elected
	heartbeatAt                 // begins a quorum round, on a leader
	leaseEnds                   // has no lease from then on
	leaveBy                     // leaves, whether or not somebody has taken its leadership over
	callsAt                     // no call ends before
	pumpAt                      // sends nothing of its queue of calls before
	readAt                      // asks for a read index again
	transferAt                  // asks the leader again to hand leadership over
	streamsAt                   // looks after snapshots on their way
	aloneAt                     // has had no leader for long
	deadlines
)

// alarms acts on every deadline that has passed, whatever event brought the time.
func (c *core) alarms() {
	if c.due(joinAt) {
		c.askToJoin()
	}
	if c.due(forgetAt) {
		c.doubtLeader(Silence)
		c.forget()
	}
	if c.due(campaignAt) {
		c.campaign()
	}
	if c.due(heartbeatAt) {
		c.heartbeat()
	}
	if c.due(leaseEnds) {
		c.emit(leaseEnded{})
	}
	if c.phase != Departed && !c.at[leaveBy].IsZero() && (c.due(leaveBy) || c.rounds == nil) {
		c.depart()
	}
	if c.due(callsAt) {
		c.expireCalls()
	}
	c.due(pumpAt)
	if c.due(streamsAt) {
		c.tendStreams()
	}
}

// due says whether a deadline has passed, and clears it then.
func (c *core) due(d deadline) bool { return c.passed(&c.at[d]) }

func (c *core) passed(at *time.Time) bool {
	if at.IsZero() || c.now.Before(*at) {
		return false
	}
	*at = time.Time{}
	return true
}

func (c *core) nextDeadline() time.Time {
	var next time.Time
	for _, at := range c.at {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}
