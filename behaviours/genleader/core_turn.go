package genleader

// finish turns what this step left behind into effects: calls that can go now, packets once everything in the mailbox has
// been stepped, the timer, a changed view.
func (c *core) finish(ev event) {
	c.pump()
	c.pumpReads()
	c.pumpTransfers()
	c.tellApplied()
	c.missLeader()
	if _, turnEnds := ev.(flushed); turnEnds && !c.holding || c.phase == Departed {
		c.sendOutbox()
	}
	if (c.dirty || c.holding || len(c.outbox) > 0) && !c.flushing {
		c.flushing = true
		c.emit(flush{gather: c.holding || gathers(ev)})
	}
	if next := c.nextDeadline(); !next.Equal(c.wakeAt) {
		c.wakeAt = next
		c.emit(setTimer{at: next})
	}
	c.publish()
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
			if c.apply = many.broadcasts[:0]; cap(c.apply) > 4*fullBatch {
				c.apply = nil // it was a member that caught up
			}
		}
	}
	clear(c.out)
	c.out = c.out[:0]
}
