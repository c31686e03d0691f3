package gdict

import (
	"encoding/binary"
	"fmt"
	"maps"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// An Owner is whose end ends a key; see OwnedBy. Make one with Member, or with Dict.OwnActor.
type Owner struct {
	Member genleader.Member
	actor  uint64 // of this member; zero: the member's process itself
	leased bool   // it ends as well when its lease is over
}

// Member is the owner that ends with a member's process: this incarnation of it, and no other.
func Member(m genleader.Member) Owner { return Owner{Member: m} }

// WhileLeased is the same owner, but it ends as well when nobody has heard its member for so long that its lease is
// certainly over. The group must grant leases.
func (o Owner) WhileLeased() Owner {
	o.leased = true
	return o
}

func (o Owner) String() string {
	text := o.Member.String()
	if o.actor > 0 {
		text = fmt.Sprintf("actor %d of %s", o.actor, text)
	}
	if o.leased {
		text += " while leased"
	}
	return text
}

func (o Owner) check() error {
	if n := len(o.Member.Name); n == 0 || n > maxOwnerName || o.Member.Incarnation == 0 {
		return &RefusedError{Problem: fmt.Sprintf("an owner without an incarnation or a name of 1 to %d bytes", maxOwnerName)}
	}
	return nil
}

const (
	// maxOwnerName is how many bytes the name of an owner's member has at most.
	maxOwnerName = 255
	// maxGone is for how many names the latest incarnation that is gone is remembered. It is part of the log's meaning.
	maxGone = 1024
)

// id orders owners by member, incarnation and actor, and tells any two apart.
func (o Owner) id() string {
	b := append(memberID(o.Member.Name), make([]byte, 17)...)
	binary.BigEndian.PutUint64(b[len(b)-17:], o.Member.Incarnation)
	binary.BigEndian.PutUint64(b[len(b)-9:], o.actor)
	if o.leased {
		b[len(b)-1] = 1
	}
	return string(b)
}

func memberID(name string) []byte { return append([]byte{byte(len(name))}, name...) }

// ownerOf reads what id wrote, at the beginning of text, and returns what follows.
func ownerOf(text string) (o Owner, rest string) {
	end := 1 + int(text[0])
	o.Member.Name, rest = text[1:end], text[end:]
	o.Member.Incarnation = binary.BigEndian.Uint64([]byte(rest[:8]))
	o.actor = binary.BigEndian.Uint64([]byte(rest[8:16]))
	o.leased = rest[16] == 1
	return o, rest[17:]
}

// An owned is what is known about owners: part of a state, and like it immutable.
type owned struct {
	owner  tree // of a key: its owner's id is the value
	keys   tree // owner's id and key
	actors tree // ids of the actors that may own keys
	gone   *goneMembers
}

// goneMembers are the latest incarnations that are gone, by name. They never change; nil: none.
type goneMembers struct{ latest map[string]uint64 }

func (g *goneMembers) all() map[string]uint64 {
	if g == nil {
		return nil
	}
	return g.latest
}

// with returns the same with one more. Incarnations rise with time, so of too many the lowest is the one that nobody asks
// about any more.
func (g *goneMembers) with(m genleader.Member) *goneMembers {
	latest := maps.Clone(g.all())
	if latest == nil {
		latest = map[string]uint64{}
	}
	latest[m.Name] = max(latest[m.Name], m.Incarnation)
	for len(latest) > maxGone {
		oldest := ""
		for name, incarnation := range latest {
			if oldest == "" || incarnation < latest[oldest] || incarnation == latest[oldest] && name < oldest {
				oldest = name
			}
		}
		delete(latest, oldest)
	}
	return &goneMembers{latest}
}

func emptyOwned() owned { return owned{owner: emptyTree(), keys: emptyTree(), actors: emptyTree()} }

// idle tells that nobody has owned anything yet: then nobody need be told of ends.
func (o *owned) idle() bool { return o.owner.Len() == 0 && o.actors.Len() == 0 && o.gone == nil }

// watched tells whether there is an owner that may end.
func (o *owned) watched() bool { return o.owner.Len() > 0 || o.actors.Len() > 0 }

// ownerCost is what an owned key counts more than another.
func ownerCost(key, id string) uint64 { return cost(len(key), len(id)+len(key)) }

// ownerOf returns the owner of a key, or nil.
func (s *state) ownerOf(key string) *Owner {
	if s.owned.owner.Len() == 0 {
		return nil
	}
	entry, found := s.owned.owner.Find(key)
	if !found {
		return nil
	}
	o, _ := ownerOf(string(entry.Value))
	return &o
}

// editOwned begins to change what is known about owners.
func (d *draft) editOwned() {
	if d.owning {
		return
	}
	d.owning = true
	d.owned.owner, d.owned.keys, d.owned.actors = d.owned.owner.edit().tree, d.owned.keys.edit().tree, d.owned.actors.edit().tree
}

// ownerIDOf returns the owner of a key, or "".
func (d *draft) ownerIDOf(key []byte) string {
	if d.owned.owner.Len() == 0 {
		return ""
	}
	entry, _ := d.owned.owner.find(key)
	return string(entry.Value)
}

// bind gives a key another owner; "": none.
func (d *draft) bind(key, was, id string) {
	if was == id {
		return
	}
	d.editOwned()
	if was != "" {
		edit{d.owned.owner}.remove(key)
		edit{d.owned.keys}.remove(was + key)
	}
	if id != "" {
		edit{d.owned.owner}.put(&Entry{Key: key, Value: []byte(id)})
		edit{d.owned.keys}.put(&Entry{Key: id + key})
	}
}

// mayOwn tells whether an owner has not ended yet, as far as the log knows.
func (d *draft) mayOwn(o Owner) error {
	if o.Member.Incarnation <= d.owned.gone.all()[o.Member.Name] {
		return &OwnerError{Owner: o, Problem: "its process is gone"}
	}
	if _, registered := d.owned.actors.Find(actorID(o)); o.actor > 0 && !registered {
		return &OwnerError{Owner: o, Problem: "it has ended, or was never begun"}
	}
	return nil
}

// actorID is the id under which an actor is registered, whether its keys are leased or not.
func actorID(o Owner) string {
	o.leased = false
	return o.id()
}

// begin registers an actor as an owner.
func (d *draft) begin(o ownActor) error {
	if err := d.mayOwn(Owner{Member: o.owner.Member}); err != nil {
		return err
	}
	if n := uint64(d.owned.actors.Len()); n >= d.limits.owners {
		return &LimitError{What: whatOwners, Size: n + 1, Limit: d.limits.owners}
	}
	d.editOwned()
	edit{d.owned.actors}.put(&Entry{Key: actorID(o.owner)})
	return nil
}

// end erases what an owner owned; it may own nothing any more.
func (d *draft) end(o disown) int64 {
	n := d.eraseOwned(o.owner.id(), func(Owner) bool { return true })
	leased := o.owner.WhileLeased()
	n += d.eraseOwned(leased.id(), func(Owner) bool { return true })
	d.editOwned()
	edit{d.owned.actors}.remove(actorID(o.owner))
	return n
}

// memberEnds erases what a member's process and its actors owned.
func (d *draft) memberEnds(o memberEnds) int64 {
	name := string(memberID(o.member.Name))
	ends := func(owner Owner) bool { // all incarnations up to this one: a process is gone before another has its name
		return owner.Member.Incarnation == o.member.Incarnation || o.how == ended && owner.Member.Incarnation < o.member.Incarnation
	}
	if o.how == lapsed {
		return d.eraseOwned(name, func(owner Owner) bool { return owner.leased && ends(owner) })
	}
	n := d.eraseOwned(name, ends)
	d.editOwned()
	for entry := range d.owned.actors.edit().scan(name) {
		if owner, _ := ownerOf(entry.Key); ends(owner) {
			edit{d.owned.actors}.remove(entry.Key)
		}
	}
	if o.how == ended {
		d.owned.gone = d.owned.gone.with(o.member)
	}
	return n
}

// eraseOwned erases the keys of the owners whose ids begin with prefix and which are chosen.
func (d *draft) eraseOwned(prefix string, chosen func(Owner) bool) (n int64) {
	var doomed []string
	for entry := range d.owned.keys.scan(prefix) {
		if owner, key := ownerOf(entry.Key); chosen(owner) {
			doomed = append(doomed, key)
		}
	}
	for _, key := range doomed {
		n += d.remove([]byte(key))
	}
	return n
}

// members lists the members that own something, or whose actors may, in order.
func (o *owned) members() (all []genleader.Member) {
	for _, t := range []tree{o.keys, o.actors} {
		for from := ""; ; {
			next := ""
			for entry := range t.up(from) {
				next = entry.Key
				break
			}
			if next == "" {
				break
			}
			owner, _ := ownerOf(next)
			all = append(all, owner.Member)
			owner.actor, owner.leased = 1<<64-1, true
			from = owner.id() + "\xff"
		}
	}
	return all
}

// overdue lists what the leader of a view should say about owners: who has ended, and whose lease is over. What it does
// not know for certain it leaves.
func overdue(v genleader.View, owners []genleader.Member, leases bool, now time.Time) (said []memberEnds) {
	for _, who := range owners {
		member, at, state := who == v.Leader, v.ForeignSafeAt, genleader.Suspect
		later := false // than the process of its name that this leader has met: it kept its log, and is silent since
		for _, list := range [][]genleader.Member{v.Voters, v.Learners} {
			for _, m := range list {
				member = member || m == who
				later = later || m.Name == who.Name && m.Incarnation < who.Incarnation
			}
		}
		for _, s := range v.Members {
			if s.Member == who {
				at, state = s.SafeAt, s.State
			}
		}
		safe := !at.IsZero() && !now.Before(at)
		switch {
		case state == genleader.Dead || state == genleader.Left:
			said = append(said, memberEnds{member: who, how: ended})
		case who == v.Leader || state == genleader.Up || later:
		case !member && safe:
			said = append(said, memberEnds{member: who, how: endOf(v, who)})
		case member && safe && leases:
			said = append(said, memberEnds{member: who, how: lapsed})
		}
	}
	return said
}

// endOf tells whether one that is no member any more was replaced, and so is gone, or removed, and may come back.
func endOf(v genleader.View, who genleader.Member) howEnded {
	for _, list := range [][]genleader.Member{v.Voters, v.Learners} {
		for _, m := range list {
			if m.Name == who.Name && m.Incarnation > who.Incarnation {
				return ended
			}
		}
	}
	return removed
}

// mayBegin tells whether the leader of a view admits a new key of an owner: its member must be one, must not be known to
// have ended, and must hold its lease if the key is bound to that.
func mayBegin(v genleader.View, o Owner, leases bool, now time.Time) error {
	if o.leased && !leases {
		return &RefusedError{Problem: fmt.Sprintf("owner %v: the group grants no leases", o)}
	}
	for _, s := range v.Members {
		switch {
		case s.Member != o.Member:
		case s.State == genleader.Dead:
			return &OwnerError{Owner: o, Problem: "its process is gone"}
		case s.State == genleader.Left:
			return &OwnerError{Owner: o, Problem: "it has left"}
		case o.leased && s.State == genleader.Suspect && !now.Before(s.SafeAt):
			return &OwnerError{Owner: o, Problem: "it holds no lease now"}
		}
	}
	for _, list := range [][]genleader.Member{v.Voters, v.Learners, {v.Leader}} {
		for _, m := range list {
			if m == o.Member {
				return nil
			}
		}
	}
	return &OwnerError{Owner: o, Problem: "it is no member of the group now"}
}
