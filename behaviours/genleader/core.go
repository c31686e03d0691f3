package genleader

import (
	"time"

	"go.etcd.io/raft/v3"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// core decides for one member of a group. It is stepped by one goroutine, reads no clock and draws no randomness of its
// own: equal inputs give equal effects.
type core struct {
	settings
	phase Phase
	now   time.Time
	began time.Time // stamps count from here
	dice  uint64

	node   *raft.RawNode
	log    *memoryLog
	term   uint64
	leader uint64

	readers readers

	gatherings map[uint64]*gathering

	rounds *rounds // on a leader

	at     [deadlines]time.Time // by deadline; zero: none
	wakeAt time.Time            // what the timer is set to
	eager  int                  // quick campaigns left

	hibernation hibernation
	giveUp      giveUp

	out       []effect
	peers     peers
	number    numbering
	members   electorate
	snapshots snapshots
	store     store
	book      callBook
	moves     transfers
	held      heldLease
	turn      batching
	state     applied
	shown     shown
	outbox    outbox
}

// settings is what a core is told once.
type settings struct {
	self         Member
	id           uint64 // for raft; in memory the incarnation
	cluster      string
	candidates   []string // rank order; never empty
	expect       int
	maxVoters    int
	forgetAfter  time.Duration // zero: never
	preferAfter  time.Duration // negative: never
	isWitness    bool
	timing       Timing
	leases       bool      // members hold leases
	mayHibernate bool      // may hibernate when there is nothing to do
	grid         time.Time // where the instants of heartbeats are counted from; zero: the first heartbeat
	// So many bytes and entries of the log are kept for members that are behind; see trimLog.
	logBytes, logEntries uint64
	durable              bool    // writes have to be confirmed
	renumbers            bool    // the links of this member may take another incarnation
	keepEvery            uint64  // bytes of log between two snapshots that are stored
	kept                 *Stored // by an earlier process of this member, if anything
}

type ackMark struct {
	term uint64
	at   time.Time
}

func newCore(s settings, now time.Time, seed uint64) *core {
	if s.id == 0 {
		s.id = memoryID(s.self)
	}
	if s.expect == 0 {
		s.expect = len(s.candidates)
	}
	if s.preferAfter == 0 {
		s.preferAfter = preferElections * s.timing.Election
	}
	if s.maxVoters == 0 {
		s.maxVoters = defaultMaxVoters
	}
	return &core{
		settings: s, now: now, began: now, dice: seed,
		peers: peers{
			links: map[string]uint64{}, refused: map[Member]bool{}, left: map[Member]bool{},
			joining: map[string]*joiner{}, stranded: map[string]LogLoss{}, strangers: map[string]stranger{},
			stateful: map[string]uint64{}, presented: map[string]presence{}, unheard: map[string]time.Duration{},
		},
		members: electorate{
			names: map[uint64]string{}, carriers: map[uint64]uint64{}, witnesses: map[uint64]bool{},
			former: map[string]uint64{},
		},
		state: applied{
			welcomes: map[string]*wire.Sync{},
		},
		moves: transfers{
			asked: map[uint64]*transferWait{},
		},
		gatherings: map[uint64]*gathering{},
		book: callBook{
			calls: map[uint64]*pendingCall{},
		},
		outbox: outbox{
			packets: map[string][]*wire.Packet{}, bare: map[string]int{},
		},
		snapshots: snapshots{
			streams: map[uint64]*stream{},
		},
	}
}

// step absorbs one event at one instant and returns what to do about it, in order. The list is good until the next step.
func step(c *core, in input) (*core, []effect) {
	c.recycle()
	c.now = in.at
	switch in.event.(type) {
	case called, arrived, abandoned, readAsked, handled, behaved, flushed, received, inspecting, saved, chunkRead, chunkUsed, unsent:
		// These come by the thousand. What they change in the view says so itself: a role, an electorate, a heartbeat.
	default:
		c.shown.stale = true
	}
	c.noticeSuspend(in.slept)
	c.wakeOn(in.event)
	switch ev := in.event.(type) {
	case started:
		if c.kept != nil {
			c.resume(c.kept)
		} else {
			c.askToJoin()
		}
	case linkUp:
		c.linkUp(ev.member)
	case linkDown:
		c.linkDown(ev.member, ev.refused)
	case received:
		for _, p := range ev.packets {
			c.receive(ev.from, p)
		}
	case called:
		c.call(ev)
	case arrived:
		for _, each := range ev.calls {
			c.call(each)
		}
	case unsent:
		c.unsent(ev)
	case abandoned:
		c.settle(ev.seq)
		c.abandonRead(ev.seq)
		c.abandonTransfer(ev.seq)
		c.abandonRelease(ev.seq)
		c.abandonGathering(ev.seq, ErrNoAnswer)
	case askedAll:
		c.askAll(ev)
	case localAnswered:
		c.askedHere(ev)
	case transferAsked:
		c.transfer(ev)
	case withheld:
		c.withhold(ev)
	case readAsked:
		c.readIndex(ev.seq)
	case behaved:
		for _, each := range ev.events {
			c.behaved(each)
		}
	case handled, synced:
		c.behaved(ev)
	case inspecting:
		c.emit(inspected{ask: ev.ask, is: c.inspect()})
	case chunkRead:
		c.chunkRead(ev)
	case imageFailed:
		c.imageFailed(ev)
	case chunkUsed:
		c.chunkUsed(ev)
	case imageRead:
		c.imageRead(ev)
	case saved:
		c.saved(ev)
	case imageKept:
		c.store.imageKept(ev)
	case releaseAsked:
		c.askRelease(ev)
	case releaseWithdrawn:
		c.withdrawRelease()
	case leaving:
		c.leave()
	case flushed:
		for _, each := range ev.said {
			c.behaved(each)
		}
		c.turn.flushing = false
		c.drive()
	case linkSilent, woke:
	}
	c.alarms()
	c.finish(in.event)
	return c, c.out
}

// publish tells of a changed view.
func (c *core) publish() {
	if !c.shown.stale {
		return
	}
	c.shown.stale = false
	c.compareMembers()
	if view := c.look(); !view.equal(c.shown.view) {
		c.compareViews(c.shown.view, view)
		c.shown.view = view
		c.emit(announce{view: view})
	}
}

func (c *core) emit(e effect) { c.out = append(c.out, e) }

// post queues a packet for a member that is linked; to anybody else it is lost, as on any network.
func (c *core) post(to string, p *wire.Packet) {
	if _, up := c.peers.links[to]; up && to != c.self.Name {
		c.outbox.packets[to] = append(c.outbox.packets[to], p)
	}
}

func (b *batching) touch() { b.dirty = true }

// jitter draws from [0, span) with splitmix64 on the seed in the state.
func (c *core) jitter(span time.Duration) time.Duration {
	c.dice += 0x9e3779b97f4a7c15
	z := c.dice
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	z ^= z >> 31
	return time.Duration(z % uint64(max(span, 1)))
}

// rank is this member's place among the voters that can be reached.
func (c *core) rank() int {
	place := 0
	for _, id := range c.members.voterIDs() {
		if id != c.id && c.compareRank(id, c.id) < 0 && c.peers.reaches(c.members.names[id], id) {
			place++
		}
	}
	return place
}
