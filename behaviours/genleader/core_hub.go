package genleader

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

const (
	maxGroupName  = 200                    // bytes
	idleHeartbeat = time.Second            // between two heartbeats of a link that no group relies on
	askAgain      = 100 * time.Millisecond // before a listing that has not come is asked for again
)

// hubCore decides what the groups of one process are told of the same groups in other processes. A group has a link to a
// peer while the processes are linked and both have opened it.
//
// Each end tells the other which groups it opens and closes. Frames may be lost while a link stays up, so every frame
// also says how many such changes there were, and whoever has counted otherwise asks for the whole list.
//
// Every end sends heartbeats, so that a link that falls silent shows, and groups that hibernate need none of their own.
type hubCore struct {
	now         time.Time
	began       time.Time          // heartbeats are counted from here
	open        map[string]opening // by name of the group
	changes     uint64             // of open
	peers       map[string]*hubPeer
	heartbeatAt time.Time
	late        bool // the latest heartbeat was, and silence was not looked for
	wakeAt      time.Time
	out         []hubEffect
}

// opening is a group that is open here.
type opening struct {
	incarnation  uint64 // of this process's member of the group
	timing       Timing
	mayHibernate bool // it may rely on the heartbeats of the link
}

// hubPeer is the latest process of a name.
type hubPeer struct {
	incarnation uint64
	up          bool
	heardAt     time.Time
	told        time.Duration     // of which silence the groups have been told
	groups      map[string]uint64 // open there: incarnations of its members of them
	changes     uint64            // counted here
	listed      bool              // the whole list has come
	askAt       time.Time         // not to be asked again before
	parted      map[string]uint64 // what was open there when the link was lost, or is closed and not known to be harmless
}

type hubEvent interface{ hubEvent() }

type (
	groupOpened struct {
		name string
		opening
	}
	groupClosed struct {
		name        string
		incarnation uint64
	}
	peerUp   struct{ Member }
	peerDown struct {
		Member
		refused bool
	}
	framed struct {
		from  Member
		frame *wire.HubFrame
	}
	hubWoke struct{}
)

func (groupOpened) hubEvent() {}
func (groupClosed) hubEvent() {}
func (peerUp) hubEvent()      {}
func (peerDown) hubEvent()    {}
func (framed) hubEvent()      {}
func (hubWoke) hubEvent()     {}

type hubEffect interface {
	hubEffect()
	String() string
}

type (
	// tellGroup gives a group one of its own events, deliver a frame.
	tellGroup struct {
		group string
		what  event
	}
	deliver struct {
		group string
		from  Member
		frame []byte
	}
	// say adds to what goes to a peer, heartbeatPeer makes sure that something does.
	say struct {
		to   string
		part *wire.Part
	}
	heartbeatPeer struct{ to string }
	// hubTimer replaces the one timer; a zero time stops it.
	hubTimer struct{ at time.Time }
)

func (tellGroup) hubEffect()     {}
func (deliver) hubEffect()       {}
func (say) hubEffect()           {}
func (heartbeatPeer) hubEffect() {}
func (hubTimer) hubEffect()      {}

func (e tellGroup) String() string { return fmt.Sprintf("tell %s: %v", e.group, e.what) }
func (e deliver) String() string {
	return fmt.Sprintf("deliver to %s from %v: %d bytes", e.group, e.from, len(e.frame))
}
func (e say) String() string           { return "say to " + e.to + ": " + describePart(e.part) }
func (e heartbeatPeer) String() string { return "heartbeat " + e.to }
func (hubTimer) String() string        { return "timer" }

func describePart(p *wire.Part) string {
	switch what := p.GetWhat().(type) {
	case *wire.Part_Opened:
		return fmt.Sprintf("opened %s@%d", what.Opened.GetGroup(), what.Opened.GetIncarnation())
	case *wire.Part_Closed:
		return fmt.Sprintf("closed %s@%d", what.Closed.GetGroup(), what.Closed.GetIncarnation())
	case *wire.Part_Listing:
		text := fmt.Sprintf("open after %d changes:", what.Listing.GetChanges())
		for _, o := range what.Listing.GetOpen() {
			text += fmt.Sprintf(" %s@%d", o.GetGroup(), o.GetIncarnation())
		}
		return text
	case *wire.Part_Ask:
		return "which groups are open?"
	case *wire.Part_Data:
		return fmt.Sprintf("%s@%d: %d bytes", what.Data.GetGroup(), what.Data.GetIncarnation(), len(what.Data.GetFrame()))
	default:
		return "nothing"
	}
}

func newHubCore(now time.Time) *hubCore {
	return &hubCore{now: now, began: now, open: map[string]opening{}, peers: map[string]*hubPeer{}}
}

// step absorbs one event at one instant and returns what to do about it, in order.
func (c *hubCore) step(at time.Time, ev hubEvent) []hubEffect {
	c.now, c.out = at, nil
	switch ev := ev.(type) {
	case groupOpened:
		c.opened(ev)
	case groupClosed:
		c.closed(ev)
	case peerUp:
		c.peerUp(ev.Member)
	case peerDown:
		c.peerDown(ev.Member, ev.refused)
	case framed:
		c.framed(ev.from, ev.frame)
	case hubWoke:
	}
	c.keepSendingHeartbeats()
	if !c.heartbeatAt.Equal(c.wakeAt) {
		c.wakeAt = c.heartbeatAt
		c.emit(hubTimer{at: c.heartbeatAt})
	}
	return c.out
}

func (c *hubCore) emit(e hubEffect) { c.out = append(c.out, e) }

func (c *hubCore) opened(ev groupOpened) {
	c.open[ev.name] = ev.opening
	c.changes++
	c.heartbeatAt = time.Time{} // it may want heartbeats sooner
	for _, name := range c.linked() {
		c.emit(say{to: name, part: openedPart(ev.name, ev.incarnation)})
		if there := c.peers[name].groups[ev.name]; there != 0 {
			c.emit(tellGroup{ev.name, linkUp{Member{name, there}}})
		}
	}
}

func (c *hubCore) closed(ev groupClosed) {
	if c.open[ev.name].incarnation != ev.incarnation {
		return
	}
	delete(c.open, ev.name)
	c.changes++
	for _, name := range c.linked() {
		c.emit(say{to: name, part: closedPart(ev.name, ev.incarnation)})
	}
}

func (c *hubCore) peerUp(who Member) {
	if p := c.peers[who.Name]; p != nil {
		if p.incarnation == who.Incarnation && p.up {
			return
		}
		c.lose(who.Name, false)
	}
	c.peers[who.Name] = &hubPeer{
		incarnation: who.Incarnation, up: true, heardAt: c.now, groups: map[string]uint64{}, parted: map[string]uint64{},
	}
	c.list(who.Name)
}

func (c *hubCore) peerDown(who Member, refused bool) {
	if p := c.peers[who.Name]; p != nil && p.incarnation == who.Incarnation {
		c.lose(who.Name, refused)
	}
}

// lose ends the links of all groups to a peer. Word that the process is gone may come later than that of the silence.
func (c *hubCore) lose(name string, refused bool) {
	p := c.peers[name]
	for _, group := range slices.Sorted(maps.Keys(p.groups)) {
		p.parted[group] = p.groups[group]
		if !refused {
			c.tellIfOpen(group, linkDown{Member{name, p.groups[group]}, false})
		}
	}
	p.up, p.groups = false, map[string]uint64{}
	if !refused {
		return
	}
	for _, group := range slices.Sorted(maps.Keys(p.parted)) {
		c.tellIfOpen(group, linkDown{Member{name, p.parted[group]}, true})
	}
	clear(p.parted)
}

func (c *hubCore) tellIfOpen(group string, what event) {
	if _, open := c.open[group]; open {
		c.emit(tellGroup{group, what})
	}
}

// framed takes what a linked process says. Anything else is of a process that is gone.
func (c *hubCore) framed(from Member, frame *wire.HubFrame) {
	p := c.peers[from.Name]
	if p == nil || !p.up || p.incarnation != from.Incarnation {
		return
	}
	p.heardAt, p.told = c.now, 0
	for _, part := range frame.GetParts() {
		c.part(from.Name, p, part)
	}
	if (!p.listed || p.changes != frame.GetChanges()) && !c.now.Before(p.askAt) {
		p.askAt = c.now.Add(askAgain)
		c.emit(say{to: from.Name, part: &wire.Part{What: &wire.Part_Ask{Ask: &wire.Ask{}}}})
	}
}

func (c *hubCore) part(from string, p *hubPeer, part *wire.Part) {
	switch what := part.GetWhat().(type) {
	case *wire.Part_Opened:
		p.changes++
		c.openedThere(from, p, what.Opened)
	case *wire.Part_Closed:
		p.changes++
		if group := what.Closed.GetGroup(); p.groups[group] == what.Closed.GetIncarnation() {
			c.closedThere(from, p, group)
		}
	case *wire.Part_Listing:
		c.listed(from, p, what.Listing)
	case *wire.Part_Ask:
		c.list(from)
	case *wire.Part_Data:
		group, incarnation := what.Data.GetGroup(), what.Data.GetIncarnation()
		if _, open := c.open[group]; open && incarnation != 0 && p.groups[group] == incarnation {
			c.emit(deliver{group: group, from: Member{from, incarnation}, frame: what.Data.GetFrame()})
		} // else it is for a group that is closed, or of one that is about to be told as opened
	}
}

func (c *hubCore) openedThere(from string, p *hubPeer, o *wire.Opened) {
	group, incarnation := o.GetGroup(), o.GetIncarnation()
	if checkGroupName(group) != nil || incarnation == 0 || p.groups[group] == incarnation {
		return
	}
	if p.groups[group] != 0 {
		c.closedThere(from, p, group)
	}
	p.groups[group] = incarnation
	c.tellIfOpen(group, linkUp{Member{from, incarnation}})
}

// closedThere ends the link of one group. If the group gives no leases nothing of that member acts any more, and it is as
// gone as with its process; otherwise its lease may run on, and only the end of the process proves more.
func (c *hubCore) closedThere(from string, p *hubPeer, group string) {
	incarnation := p.groups[group]
	if incarnation == 0 {
		return
	}
	delete(p.groups, group)
	harmless := c.open[group].mayHibernate
	if !harmless {
		p.parted[group] = incarnation
	}
	c.tellIfOpen(group, linkDown{Member{from, incarnation}, harmless})
}

// listed takes the whole list.
func (c *hubCore) listed(from string, p *hubPeer, l *wire.Listing) {
	there := map[string]*wire.Opened{}
	for _, o := range l.GetOpen() {
		there[o.GetGroup()] = o
	}
	for _, group := range slices.Sorted(maps.Keys(p.groups)) {
		if there[group].GetIncarnation() != p.groups[group] {
			c.closedThere(from, p, group)
		}
	}
	for _, group := range slices.Sorted(maps.Keys(there)) {
		c.openedThere(from, p, there[group])
	}
	p.listed, p.changes = true, l.GetChanges()
}

// list tells a peer all that is open here.
func (c *hubCore) list(to string) {
	l := &wire.Listing{Changes: c.changes}
	for _, name := range slices.Sorted(maps.Keys(c.open)) {
		l.Open = append(l.Open, &wire.Opened{Group: name, Incarnation: c.open[name].incarnation})
	}
	c.emit(say{to: to, part: &wire.Part{What: &wire.Part_Listing{Listing: l}}})
}

// linked are the peers that are up, by name.
func (c *hubCore) linked() []string {
	var names []string
	for name, p := range c.peers {
		if p.up {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// keepSendingHeartbeats sends heartbeats and notices links that are silent.
func (c *hubCore) keepSendingHeartbeats() {
	if c.now.Before(c.heartbeatAt) {
		return
	}
	linked := c.linked()
	if len(linked) == 0 {
		c.heartbeatAt = time.Time{}
		return
	}
	pause := c.pause()
	if c.heartbeatAt.IsZero() {
		c.heartbeatAt = onGrid(c.began, c.now, pause)
		return
	}
	// A process that stood still may have yet to take what the peers said meanwhile.
	late := !c.late && c.now.Sub(c.heartbeatAt) > pause
	c.late, c.heartbeatAt = late, onGrid(c.began, c.now, pause)
	for _, name := range linked {
		c.emit(heartbeatPeer{to: name})
		if !late {
			c.listen(name)
		}
	}
}

// onGrid is the instant of the grid that is nearest to one pause from now. What heartbeats on one grid travels together.
func onGrid(origin, now time.Time, pause time.Duration) time.Time {
	if origin.IsZero() {
		return now.Add(pause)
	}
	return origin.Add((now.Sub(origin) + 3*pause/2) / pause * pause)
}

// pause is between two heartbeats: short enough for the silence that counts for a group that hibernates to take some of
// them.
func (c *hubCore) pause() time.Duration {
	pause := idleHeartbeat
	for _, o := range c.open {
		if o.mayHibernate {
			pause = min(pause, max(o.timing.Heartbeat, o.timing.Election/5))
		}
	}
	return pause
}

// listen tells the groups that rely on a link when it has been silent for half of their election time: they have as long
// again to find out.
func (c *hubCore) listen(name string) {
	p := c.peers[name]
	silence := c.now.Sub(p.heardAt)
	for _, group := range slices.Sorted(maps.Keys(p.groups)) {
		o, open := c.open[group]
		if bound := o.timing.Election / 2; open && o.mayHibernate && silence >= bound && p.told < bound {
			c.emit(tellGroup{group, linkSilent{Member{name, p.groups[group]}, p.heardAt}})
		}
	}
	p.told = silence
}

func openedPart(group string, incarnation uint64) *wire.Part {
	return &wire.Part{What: &wire.Part_Opened{Opened: &wire.Opened{Group: group, Incarnation: incarnation}}}
}

func closedPart(group string, incarnation uint64) *wire.Part {
	return &wire.Part{What: &wire.Part_Closed{Closed: &wire.Opened{Group: group, Incarnation: incarnation}}}
}

func checkGroupName(name string) error {
	if name == "" || len(name) > maxGroupName {
		return fmt.Errorf("genleader: group %q: a name has 1 to %d bytes", name, maxGroupName)
	}
	return nil
}
