package genleader

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// protocol is the version of what the log and the packets mean. Members that understood the log differently would not stay
// equal.
const protocol = 3

// A member tells each peer who it is before anything else. A peer of another cluster, one whose state goes back to another
// bootstrap of a cluster of this name, one of another protocol, or one from far ahead of this member's clock is a
// stranger: nothing that it says is heard, and the view names it. A stranger that has no state yet is told by those
// that have, and ends; that way one that is configured wrongly does not end those that are about to begin a group. An
// earlier process of a name is told that a later one is known: see core_number.go.

// introduction is what a member says of itself.
func (c *core) introduction() *wire.Hello {
	h := &wire.Hello{Id: c.id, Cluster: c.cluster, GroupId: c.members.groupID, Witness: c.isWitness, Protocol: protocol, Durable: c.durable}
	if c.log != nil {
		end := c.end()
		h.LastTerm, h.LastIndex = end.term, end.index
	}
	return h
}

// meet takes a peer's word on who it is, and says whether it may be one of this group.
func (c *core) meet(from Member, h *wire.Hello) bool {
	otherGroup := c.members.groupID != 0 && h.GetGroupId() != 0 && h.GetGroupId() != c.members.groupID
	if h.GetCluster() != c.cluster || otherGroup || h.GetProtocol() != protocol {
		c.shown.stale = true
		c.peers.strangers[from.Name] = stranger{incarnation: from.Incarnation, cluster: h.GetCluster(), protocol: h.GetProtocol()}
		if c.node != nil && h.GetGroupId() == 0 && h.GetCluster() != c.cluster {
			c.refuse(from, &wire.Refused{Cluster: c.cluster})
		}
		return false
	}
	if ahead := c.aheadOfClock(from.Incarnation); ahead > 0 {
		c.shown.stale = true
		c.peers.strangers[from.Name] = stranger{incarnation: from.Incarnation, cluster: c.cluster, protocol: protocol, ahead: ahead}
		c.refuse(from, &wire.Refused{Ahead: int64(ahead)})
		return false
	}
	if _, was := c.peers.strangers[from.Name]; was {
		c.shown.stale = true
		delete(c.peers.strangers, from.Name)
	}
	if later := c.latestOf(from.Name); later > from.Incarnation {
		c.refuse(from, c.superseded(Member{from.Name, later}))
		return false
	}
	if h.GetGroupId() != 0 {
		c.peers.stateful[from.Name] = from.Incarnation
	}
	c.present(from, h.GetId())
	c.noteEndOf(from, h)
	return c.idOf(from) == h.GetId()
}

type stranger struct {
	incarnation uint64
	cluster     string
	protocol    uint32
	ahead       time.Duration // of this member's clock
}

// latestOf is the latest process of a name that is known here.
func (c *core) latestOf(name string) uint64 {
	latest := max(c.peers.presented[name].incarnation, c.members.former[name])
	for id, other := range c.members.names {
		if other == name {
			latest = max(latest, c.members.carriers[id])
		}
	}
	return latest
}

func (c *core) refuse(who Member, why *wire.Refused) {
	if c.peers.links[who.Name] == who.Incarnation {
		c.post(who.Name, &wire.Packet{What: &wire.Packet_Refused{Refused: why}})
	}
}

// refusedBy ends this member if the refusal is about it: it has no state to defend, or a later process has its name.
func (c *core) refusedBy(from Member, why *wire.Refused) {
	switch {
	case why.GetSuperseded() > c.self.Incarnation:
		c.supersededBy(from, why)
	case why.GetAhead() > 0:
		c.peers.unheard[from.Name], c.shown.stale = time.Duration(why.GetAhead()), true
	case why.GetSuperseded() == 0 && c.node == nil:
		c.emit(fail{reason: fmt.Errorf("%w: %s is of %q, this member of %q", ErrOtherCluster, from.Name, why.GetCluster(), c.cluster)})
	}
}

// strangeness tells of a linked stranger, for the view.
func (c *core) strangeness() string {
	for _, name := range slices.Sorted(maps.Keys(c.peers.strangers)) {
		s := c.peers.strangers[name]
		switch {
		case c.peers.links[name] != s.incarnation:
		case s.cluster != c.cluster:
			return fmt.Sprintf("%s is of cluster %q, this member of %q; it is not heard: correct its configuration or ours", name, s.cluster, c.cluster)
		case s.ahead > 0:
			return fmt.Sprintf("%s began %s ahead of this member's clock; it is not heard: correct the clock that is wrong and restart %s", name, inDays(s.ahead), name)
		case s.protocol != protocol:
			return fmt.Sprintf("%s speaks version %d of the group's protocol, this member %d; it is not heard: run the same version everywhere", name, s.protocol, protocol)
		default:
			return fmt.Sprintf("%s is of another bootstrap of cluster %q; it is not heard: decide which of the two shall live and restart the members of the other", name, c.cluster)
		}
	}
	return ""
}
