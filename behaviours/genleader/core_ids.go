package genleader

import (
	"fmt"
	"hash/fnv"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A Raft id stands for what one voter has promised; an incarnation is one run of a process, with a clock of its own. In
// memory a process has promised nothing before it started, so its incarnation is its id. One that keeps its log keeps
// its id too, and comes back under it as another incarnation. Raft and the electorate go by ids; links, leases and
// everything the outside sees go by incarnations. A process says which id it has: in its Hello, when it asks to join,
// and with each raft message.

// memoryID is the raft id of a process that keeps nothing. It depends on the name, too: two processes that draw one
// incarnation have two ids.
func memoryID(who Member) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %d", who.Name, who.Incarnation)
	return max(1, h.Sum64())
}

// hello says to a new peer who this is for raft.
func (c *core) hello(to string) {
	c.post(to, &wire.Packet{What: &wire.Packet_Hello{Hello: c.introduction()}})
}

// present takes a process's word on its id. A later process of the same name counts, an earlier one does not.
func (c *core) present(from Member, id uint64) {
	if id == 0 || id == c.id || from.Name == c.self.Name {
		return
	}
	if p := c.peers.presented[from.Name]; p.incarnation > from.Incarnation || p.is(from.Incarnation, id) {
		return
	}
	if name, known := c.members.names[id]; known && name != from.Name {
		return
	}
	c.peers.presented[from.Name] = presence{incarnation: from.Incarnation, id: id}
	c.carried(from, id)
}

// idOf is the id that a process has presented, or zero.
func (c *core) idOf(who Member) uint64 {
	if who == c.self {
		return c.id
	}
	if p := c.peers.presented[who.Name]; p.incarnation == who.Incarnation {
		return p.id
	}
	return 0
}

// linkedTo finds the peer that a raft message is for. A joiner does not know the electorate yet, and goes by who has
// presented itself.
func (c *core) linkedTo(id uint64) (name string, linked bool) {
	if name, known := c.members.names[id]; known {
		return name, c.peers.reaches(name, id)
	}
	for name, p := range c.peers.presented {
		if p.id == id && c.peers.links[name] == p.incarnation {
			return name, true
		}
	}
	return "", false
}

func identityOf(id *wire.Identity) Member {
	return Member{Name: id.GetName(), Incarnation: id.GetIncarnation()}
}

// raftID of an identity without one is its incarnation.
func raftID(id *wire.Identity) uint64 {
	if id.GetId() != 0 {
		return id.GetId()
	}
	return id.GetIncarnation()
}
