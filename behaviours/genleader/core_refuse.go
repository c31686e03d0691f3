package genleader

import (
	"fmt"
	"maps"
	"slices"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// protocol is the version of what the log and the packets mean. Members that understood the log differently would not stay
// equal.
const protocol = 2

// A member tells each peer who it is before anything else. A peer of another cluster, one whose state goes back to another
// founding of a cluster of this name, or one of another protocol is a stranger: nothing that it says is heard, and the view names it. A stranger
// that has no state yet is told by those that have, and ends; that way one that is configured wrongly does not end those
// that are about to begin a group. An earlier process of a name is told that a later one is known, and ends.

// introduction is what a member says of itself.
func (c *core) introduction() *wire.Hello {
	return &wire.Hello{Id: c.id, Cluster: c.cluster, Founding: c.founding, Witness: c.isWitness, Protocol: protocol}
}

// meet takes a peer's word on who it is, and says whether it may be one of this group.
func (c *core) meet(from Member, h *wire.Hello) bool {
	otherFounding := c.founding != 0 && h.GetFounding() != 0 && h.GetFounding() != c.founding
	if h.GetCluster() != c.cluster || otherFounding || h.GetProtocol() != protocol {
		c.stale = true
		c.strangers[from.Name] = stranger{from.Incarnation, h.GetCluster(), h.GetProtocol()}
		if c.node != nil && h.GetFounding() == 0 && h.GetCluster() != c.cluster {
			c.refuse(from, &wire.Refused{Cluster: c.cluster})
		}
		return false
	}
	if _, was := c.strangers[from.Name]; was {
		c.stale = true
		delete(c.strangers, from.Name)
	}
	if later := c.latestOf(from.Name); later > from.Incarnation {
		c.refuse(from, &wire.Refused{Superseded: later})
		return false
	}
	if h.GetFounding() != 0 {
		c.stateful[from.Name] = from.Incarnation
	}
	c.present(from, h.GetId())
	return c.idOf(from) == h.GetId()
}

type stranger struct {
	incarnation uint64
	cluster     string
	protocol    uint32
}

func (c *core) isStranger(who Member) bool {
	s, known := c.strangers[who.Name]
	return known && s.incarnation == who.Incarnation
}

// latestOf is the latest process of a name that is known here.
func (c *core) latestOf(name string) uint64 {
	latest := c.presented[name].incarnation
	for id, other := range c.electorate {
		if other == name {
			latest = max(latest, c.carriers[id])
		}
	}
	return latest
}

func (c *core) refuse(who Member, why *wire.Refused) {
	if c.links[who.Name] == who.Incarnation {
		c.post(who.Name, &wire.Packet{What: &wire.Packet_Refused{Refused: why}})
	}
}

// refusedBy ends this member if the refusal is about it: it has no state to defend, or a later process has its name.
func (c *core) refusedBy(from Member, why *wire.Refused) {
	switch {
	case why.GetSuperseded() > c.self.Incarnation:
		c.emit(fail{reason: fmt.Errorf("%w: %s knows %v", ErrSuperseded, from.Name, Member{c.self.Name, why.GetSuperseded()})})
	case why.GetSuperseded() == 0 && c.node == nil:
		c.emit(fail{reason: fmt.Errorf("%w: %s is of %q, this member of %q", ErrOtherCluster, from.Name, why.GetCluster(), c.cluster)})
	}
}

// strangeness tells of a linked stranger, for the view.
func (c *core) strangeness() string {
	for _, name := range slices.Sorted(maps.Keys(c.strangers)) {
		s := c.strangers[name]
		switch {
		case c.links[name] != s.incarnation:
		case s.cluster != c.cluster:
			return fmt.Sprintf("%s is of cluster %q, this member of %q; it is not heard: correct its configuration or ours", name, s.cluster, c.cluster)
		case s.protocol != protocol:
			return fmt.Sprintf("%s speaks version %d of the group's protocol, this member %d; it is not heard: run the same version everywhere", name, s.protocol, protocol)
		default:
			return fmt.Sprintf("%s is of another founding of cluster %q; it is not heard: decide which of the two shall live and restart the members of the other", name, c.cluster)
		}
	}
	return ""
}
