package genleader

import "slices"

// Withhold makes this leader extend no lease of these members while it leads in that term, and those of all others again. It
// is how somebody is succeeded who is in contact and does not do what it was told: its lease ends, it is Suspect, and its
// SafeAt says from when on it holds none. A later leader gives leases to all until it is told so itself. In another term, or
// while this member does not lead, it does nothing.
func (g *Group) Withhold(term uint64, members []Member) {
	g.tell(withheld{term: term, members: slices.Clone(members)})
}

func (c *core) withhold(ev withheld) {
	if c.rounds != nil && c.term == ev.term {
		c.rounds.withheld = ev.members
		c.shown.stale = true
	}
}

// withholds says whether a member is to get no lease.
func (c *core) withholds(who Member) bool { return slices.Contains(c.rounds.withheld, who) }
