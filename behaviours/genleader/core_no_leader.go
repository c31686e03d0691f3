package genleader

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// patientElections is for how many election times a member bears to have no leader before it says what it lacks.
const patientElections = 4

// missLeader notes since when this member has had no leader.
func (c *core) missLeader() {
	if c.phase != Gathering && c.phase != Leaderless {
		c.at[aloneAt], c.shown.alone = time.Time{}, false
		return
	}
	if c.at[aloneAt].IsZero() && !c.shown.alone {
		c.at[aloneAt] = c.now.Add(patientElections * c.timing.Election)
	}
	if c.due(aloneAt) {
		c.shown.alone, c.shown.stale = true, true
	}
}

// noLeaderReason says what keeps a member that has long had no leader from having one; nothing for any other.
func (c *core) noLeaderReason() string {
	if !c.shown.alone {
		return ""
	}
	if c.phase == Gathering {
		missing := c.unlinked(c.candidates)
		if len(missing) == 0 {
			return "waits for its group: all candidates are linked, and none of them leads it or begins it"
		}
		return "waits for its group, to begin or to join it: no link to " + strings.Join(missing, ", ")
	}
	var voters []string
	for _, id := range c.members.voterIDs() {
		voters = append(voters, c.members.names[id])
	}
	missing, needed := c.unlinked(voters), len(voters)/2+1
	switch list := strings.Join(missing, ", "); {
	case len(missing) == 0:
		return "no leader: all voters are linked, and no majority of them answers"
	case len(voters)-len(missing) < needed:
		return fmt.Sprintf("no leader: no link to %s, and %d of %d voters are needed", list, needed, len(voters))
	default:
		return fmt.Sprintf("no leader: no majority of the voters answers, and there is no link to %s", list)
	}
}

// unlinked are those of the names that there is no link to.
func (c *core) unlinked(names []string) []string {
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, up := c.peers.links[name]
		return up || name == c.self.Name
	})
	slices.Sort(missing)
	return missing
}
