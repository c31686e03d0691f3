package genleader

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// numbering is the account of this process's own incarnation, while it may still have to take another one.
type numbering struct {
	placed      bool   // a leader has granted this incarnation its word, or this member has led
	predecessor uint64 // the highest number that this member's own id had in what it kept
	newer       Member // a process of this name with a higher number, which may have ended
}

// Incarnations order the processes of one name, and are drawn from a clock that may be wrong. So a number alone ends
// nobody who has just started:
//
//   - A process that was never taken up under its number and hears of a higher one of its name takes the next number once
//     that other process is gone: it was seen to end, or nobody has had a link to it for StartAfter.
//   - A process that was taken up, and hears of a higher one, ends: it is the earlier one.
//   - A number from far ahead is not heard, so that it never gets into the log. How far is counted from this member's
//     clock, or from the highest number that the group has taken up already: who counts on from that is right.

const (
	// maxAhead is how far a process may have begun ahead of the clock of one that hears it. A clock that is in another
	// time zone is no reason to be deaf.
	maxAhead = 24 * time.Hour
	// numberChance is how many bits of an incarnation are drawn; the others are milliseconds since 1970. The whole stays
	// below 2^53, which every reader of JSON can hold.
	numberChance = 12
)

// numberAt is the lowest incarnation of an instant. A clock before 1970 counts as 1970.
func numberAt(at time.Time) uint64 { return uint64(max(0, at.UnixMilli())) << numberChance }

// aheadOfClock is how far an incarnation is ahead of this member's clock, if that is too far.
func (c *core) aheadOfClock(incarnation uint64) time.Duration {
	clock := numberAt(c.now)
	known := max(clock, c.self.Incarnation)
	for _, carrier := range c.members.carriers {
		known = max(known, carrier)
	}
	for _, p := range c.peers.presented {
		known = max(known, p.incarnation)
	}
	if incarnation <= known || incarnation-known <= uint64(maxAhead.Milliseconds())<<numberChance {
		return 0
	}
	return time.Duration(min((incarnation-clock)>>numberChance, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
}

// indexesPerMilli is how many indexes a group may use for each millisecond of its life without reaching those of the group
// that may be bootstrapped after it.
const indexesPerMilli = 1000

// bootstrapMoment is the moment of a bootstrap, in milliseconds since 1970: when the latest of the first voters was
// started, by its number. It travels with the first electorate, so it is the same everywhere. Terms, indexes and the
// epochs of the cluster's groups begin above it. A group that is bootstrapped anew has a voter that was started after
// the former group was, so it begins above all that the former group ever gave.
func bootstrapMoment(voters []*wire.Identity) uint64 {
	var latest uint64
	for _, voter := range voters {
		latest = max(latest, voter.GetIncarnation())
	}
	return latest >> numberChance
}

// inDays names a difference that is longer than a day.
func inDays(d time.Duration) string { return fmt.Sprintf("%.1f days", d.Hours()/24) }

// superseded tells an earlier process of a name about the later one.
func (c *core) superseded(later Member) *wire.Refused {
	p, seen := c.peers.presented[later.Name], c.began
	gone := c.peers.knownEnd(later) != nil
	if p.incarnation == later.Incarnation && !p.lost.IsZero() {
		seen, gone = p.lost, gone || p.gone
	}
	return &wire.Refused{Superseded: later.Incarnation, Gone: gone, Unseen: int64(c.now.Sub(seen))}
}

// supersededBy hears of a later process of this member's name.
func (c *core) supersededBy(from Member, why *wire.Refused) {
	later := Member{c.self.Name, why.GetSuperseded()}
	switch {
	case c.number.placed || !c.renumbers || (c.node != nil && !c.durable):
		c.emit(fail{reason: fmt.Errorf("%w: %s knows %v", ErrSuperseded, from.Name, later)})
	case why.GetGone() || time.Duration(why.GetUnseen()) >= c.timing.StartAfter:
		c.renumber(later)
	default: // it may live: whoever has lost it will say so when the question is asked again
		c.number.newer, c.shown.stale = later, true
		c.at[joinAt] = c.now.Add(joinEvery)
	}
}

// renumber takes the number after that of a process that is gone. All links are made anew under it.
func (c *core) renumber(later Member) {
	c.loseCalls()
	c.self.Incarnation = later.Incarnation + 1
	if c.durable {
		if _, member := c.members.names[c.id]; member {
			c.members.carriers[c.id] = c.self.Incarnation
		}
	} else {
		c.id = memoryID(c.self)
	}
	c.number.newer, c.shown.stale = Member{}, true
	c.emit(renumbered{self: c.self})
	c.tell(Renumbered{Self: c.self, Former: later})
}

// numbering says what keeps this member from being heard under its number.
func (c *core) numbering() string {
	if c.leader != 0 && c.number.placed {
		return ""
	}
	for _, name := range slices.Sorted(maps.Keys(c.peers.unheard)) {
		return fmt.Sprintf("%s does not hear this member, which began %s ahead of its clock: correct the clock that is wrong and restart this member", name, inDays(c.peers.unheard[name]))
	}
	if c.number.newer != (Member{}) {
		return fmt.Sprintf("waits until nobody has seen %v for %v, which is later by its number and may still run", c.number.newer, c.timing.StartAfter)
	}
	return ""
}

// maxFormer is for how many names that have left the electorate the highest number is remembered.
const maxFormer = 1024
