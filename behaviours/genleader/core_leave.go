package genleader

import (
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// leave hands leadership over if there is somebody to take it, then says goodbye.
func (c *core) leave() {
	if c.phase == Departed || !c.at[leaveBy].IsZero() {
		return
	}
	c.at[leaveBy] = c.now
	if c.rounds == nil {
		return
	}
	if to := c.heir(); to != 0 {
		c.handOver(to, From{})
		c.at[leaveBy] = c.now.Add(c.timing.Election)
	}
}

func (c *core) depart() {
	c.at[leaveBy] = time.Time{}
	c.becomeDeparted()
	for _, name := range slices.Sorted(maps.Keys(c.peers.links)) {
		c.post(name, &wire.Packet{What: &wire.Packet_Bye{Bye: &wire.Bye{}}})
	}
	c.loseCalls()
	c.loseReaders()
	for _, seq := range slices.Sorted(maps.Keys(c.moves.asked)) {
		if c.moves.asked[seq].asked {
			c.endTransfer(seq, errLost)
		} else {
			c.endTransfer(seq, ErrStopped)
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(c.gatherings)) {
		c.abandonGathering(seq, ErrStopped)
	}
	c.emit(departed{})
}
