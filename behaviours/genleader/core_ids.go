package genleader

import (
	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A Raft id stands for what one voter has promised; an incarnation is one run of a process, with a clock of its own. In
// memory a process has promised nothing before it started, so its incarnation is its id. One that keeps its log keeps
// its id too, and comes back under it as another incarnation. Raft and the electorate go by ids; links, leases and
// everything the outside sees go by incarnations. A process says which id it has: in its Hello, when it seeks, and with
// each raft message.

// presence is what the process of a name said of itself last.
type presence struct {
	incarnation uint64
	id          uint64
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
	if p := c.presented[from.Name]; p.incarnation > from.Incarnation || (p == presence{from.Incarnation, id}) {
		return
	}
	if name, known := c.electorate[id]; known && name != from.Name {
		return
	}
	c.presented[from.Name] = presence{from.Incarnation, id}
	c.carried(from, id)
}

// carried notes which process has an id of the electorate now. The one that had it before is gone, and what was granted
// to it may still run.
func (c *core) carried(who Member, id uint64) {
	if c.electorate[id] != who.Name || c.carriers[id] >= who.Incarnation {
		return
	}
	was := c.memberOf(id)
	c.carriers[id] = who.Incarnation
	c.stale = true
	if c.rounds != nil {
		c.retire(was)
		if !c.refused[was] && !c.left[was] { // it held the log that the new one has now
			c.refused[was] = true
			c.reportDown(was, ErrGone)
		}
		if c.rounds.opened {
			c.emit(elected{term: c.term, joiner: &who})
		}
	}
	if c.node != nil && c.leader == id && id != c.id {
		c.suspectLeader(ProcessGone) // whoever led under this id does so no more
	}
}

// enroll puts an id into the electorate.
func (c *core) enroll(identity *wire.Identity) {
	id, who := raftID(identity), identityOf(identity)
	c.electorate[id] = who.Name
	if identity.GetWitness() {
		c.witnesses[id] = true
	}
	c.carriers[id] = max(c.carriers[id], who.Incarnation)
	if id == c.id {
		c.carriers[id] = c.self.Incarnation
	}
	if p := c.presented[who.Name]; p.id == id {
		c.carriers[id] = max(c.carriers[id], p.incarnation)
	}
}

// memberOf is the process that has an id, as far as is known here: the latest that presented it.
func (c *core) memberOf(id uint64) Member {
	return Member{Name: c.electorate[id], Incarnation: c.carriers[id]}
}

// isMember says whether a process is the latest of an id of the electorate.
func (c *core) isMember(who Member) bool {
	for id, name := range c.electorate {
		if name == who.Name && c.carriers[id] == who.Incarnation {
			return true
		}
	}
	return false
}

// idOf is the id that a process has presented, or zero.
func (c *core) idOf(who Member) uint64 {
	if who == c.self {
		return c.id
	}
	if p := c.presented[who.Name]; p.incarnation == who.Incarnation {
		return p.id
	}
	return 0
}

// reaches says whether the link to a name leads to the process that has this id. One that has not said what it is yet
// gets the benefit of the doubt: it drops what is for another id.
func (c *core) reaches(name string, id uint64) bool {
	incarnation, up := c.links[name]
	if !up || c.isStranger(Member{name, incarnation}) {
		return false
	}
	p := c.presented[name]
	return p.incarnation != incarnation || p.id == id
}

// linkedTo finds the peer that a raft message is for. A joiner does not know the electorate yet, and goes by who has
// presented itself.
func (c *core) linkedTo(id uint64) (name string, linked bool) {
	if name, known := c.electorate[id]; known {
		return name, c.reaches(name, id)
	}
	for name, p := range c.presented {
		if p.id == id && c.links[name] == p.incarnation {
			return name, true
		}
	}
	return "", false
}

func (c *core) identity(id uint64) *wire.Identity {
	who := c.memberOf(id)
	return &wire.Identity{Name: who.Name, Incarnation: who.Incarnation, Id: id, Witness: c.witnesses[id]}
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
