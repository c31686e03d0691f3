package genleader

import "github.com/gendac/gendac/behaviours/genleader/internal/wire"

// outbox is what is said to the others once the turn ends.
type outbox struct {
	packets      map[string][]*wire.Packet
	bare         map[string]int // where in the outbox an append without entries is, by member
	acknowledges bool           // what is to be said has entries of the leader's acknowledged
}

// finish turns what this step left behind into effects: calls that can go now, a changed view, packets once everything in
// the mailbox has been stepped, the timer. The view comes before the packets: what a member is granted must show in the
// view of whoever plans here before that member can have it.
func (c *core) finish(ev event) {
	c.pump()
	c.pumpReads()
	c.pumpTransfers()
	c.pumpRelease()
	c.tellApplied()
	c.missLeader()
	c.publish()
	if _, turnEnds := ev.(flushed); turnEnds && !c.turn.holding || c.phase == Departed {
		c.sendOutbox()
	}
	if (c.turn.dirty || c.turn.holding || len(c.outbox.packets) > 0) && !c.turn.flushing {
		c.turn.flushing = true
		c.emit(flush{gather: c.turn.holding || gathers(ev)})
	}
	if next := c.nextDeadline(); !next.Equal(c.wakeAt) {
		c.wakeAt = next
		c.emit(setTimer{at: next})
	}
}

// gathers says whether more like this event is likely to come at once. An answer to another member waits for nothing.
func gathers(ev event) bool {
	switch ev.(type) {
	case called, arrived, behaved:
		return true
	default:
		return false
	}
}

// recycle takes back the room of effects that have been acted on.
func (c *core) recycle() {
	for _, e := range c.out {
		if many, ok := e.(*applyMany); ok {
			clear(many.broadcasts)
			if c.turn.apply = many.broadcasts[:0]; cap(c.turn.apply) > 4*fullBatch {
				c.turn.apply = nil // it was a member that caught up
			}
		}
	}
	clear(c.out)
	c.out = c.out[:0]
}
