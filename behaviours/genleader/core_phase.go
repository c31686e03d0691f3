package genleader

import (
	"fmt"
	"slices"
)

// Phase is where this member stands in its group.
type Phase int

const (
	Gathering  Phase = iota // no state yet: looks for its group, or for all voters to begin one
	Leaderless              // in the group, no leader known
	Following               // follows a leader
	Electing                // has won, and applies what earlier leaders left
	Leading                 // leads, and has applied everything of earlier leaders
	Departed                // has left, or failed
)

var phaseNames = [...]string{"gathering", "leaderless", "following", "electing", "leading", "departed"}

func (p Phase) String() string { return phaseNames[p] }

// phasesAfter are the phases that may follow each. A member gathers until it has state, from the bootstrap or from a leader.
// It leads by way of electing: first everything of earlier leaders is applied.
var phasesAfter = map[Phase][]Phase{
	Gathering:  {Leaderless, Departed},
	Leaderless: {Following, Electing, Departed},
	Following:  {Leaderless, Electing, Departed},
	Electing:   {Leaderless, Following, Leading, Departed},
	Leading:    {Leaderless, Following, Departed},
	Departed:   {},
}

func (c *core) becomeLeaderless() { c.enter(Leaderless) }
func (c *core) becomeFollower()   { c.enter(Following) }
func (c *core) becomeElecting()   { c.enter(Electing) }
func (c *core) becomeLeader()     { c.enter(Leading) }
func (c *core) becomeDeparted()   { c.enter(Departed) }

// enter is the only place that changes the phase.
func (c *core) enter(to Phase) {
	if to == c.phase {
		return
	}
	if !slices.Contains(phasesAfter[c.phase], to) {
		panic(fmt.Sprintf("genleader: %v after %v, which cannot be", to, c.phase))
	}
	c.phase, c.shown.stale = to, true
}
