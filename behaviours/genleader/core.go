package genleader

import (
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
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

func (p Phase) String() string {
	return [...]string{"gathering", "leaderless", "following", "electing", "leading", "departed"}[p]
}

// core decides for one member of a group. It is stepped by one goroutine, reads no clock and draws no randomness of its
// own: equal inputs give equal effects.
//
//	gathering --genesis or first word of a leader--> leaderless <--> following
//	                                                 leaderless --won--> electing --own entry applied--> leading
//	                                                 any --leave--> departed
type core struct {
	settings
	phase Phase
	now   time.Time
	began time.Time // stamps count from here
	dice  uint64

	links     map[string]uint64   // incarnation at the other end of each link that is up
	presented map[string]presence // what the latest process of each name said of itself
	refused   map[Member]bool     // incarnations whose process is known to be gone
	left      map[Member]bool     // incarnations that said goodbye
	seeking   map[string]*seeker  // who has no state and looks for the group
	strangers map[string]stranger // who is of another group
	genesis   *wire.Genesis

	node       *raft.RawNode
	log        *memoryLog
	conf       *raftpb.ConfState
	electorate map[uint64]string     // names by raft id
	carriers   map[uint64]uint64     // the latest incarnation that had an id of the electorate
	witnesses  map[uint64]bool       // ids of the electorate that lead only while nobody else can
	founding   uint64                // the beginning of the group that the state goes back to; zero without state
	stateful   map[string]uint64     // incarnations that have said that they have state
	whole      int                   // voters there were when one was added last
	sync       *wire.Sync            // latest opening of a term that was applied
	welcomes   map[string]*wire.Sync // of that term, for those who have joined since, by name
	term       uint64
	leader     uint64
	applied    uint64
	extra      uint64 // broadcasts applied beyond one for each entry: what an index is ahead of raft's
	told       uint64 // what was told to be applied last

	generation uint64 // of streams, in both directions
	streams    map[uint64]*stream
	incoming   *incoming
	installing *incoming // raft has been told of it
	installed  streamName
	reports    []report // for raft
	streamsAt  time.Time
	dirty      bool // raft may have something ready
	flushing   bool // a flush is on its way

	logEnd    uint64            // last entry of the log, stored or not
	saving    []saving          // storage messages whose writes are not confirmed, oldest first
	saves     uint64            // writes asked for
	asked     *raftpb.HardState // the latest vote that was asked to be written
	promised  uint64            // the latest term that is stored
	keeping   bool              // a snapshot is being stored
	logged    uint64            // bytes of entries since the last one that was
	imageSize uint64            // of that one

	calls    map[uint64]*pendingCall
	queue    []uint64  // sequence numbers of pending calls, oldest first
	callsAt  time.Time // no call ends before
	lastSent uint64    // the term that calls were sent in last
	underWay int       // calls that were sent and whose answers may be about to come
	crowdAt  time.Time // when calls that wait for these go anyway
	backlog  []*ask    // calls that reached a leader which is still electing

	callBytes, backlogBytes uint64    // that these count
	pumpAt                  time.Time // nothing of the queue is sent before

	readers readers
	readAt  time.Time // when an ask of the readers is made again

	gatherings map[uint64]*gathering
	transfers  map[uint64]*transferWait
	transferAt time.Time // when their leader is asked again
	appointed  uint64    // the term in which this member is meant to lead
	before     []Member  // who have handed over by rank to make it so; none: by command

	rounds    *rounds // on a leader
	acked     ackMark // the latest beat that this member acknowledged
	older     ackMark // the latest one of an older term than acked
	grants    []grant // leases given and not usable yet
	granted   time.Time
	freshAsOf time.Time // everything acknowledged before is applied here

	seekAt, forgetAt, campaignAt, beatAt, leaseEnds, leaveBy, wakeAt time.Time
	eager                                                            int // quick campaigns left

	rest        rest
	notices     notices
	leaderHeard time.Time // a leader other than this member

	view         View
	stale        bool // something that the view shows may have changed
	alone        bool // there has been no leader for long
	aloneAt      time.Time
	memory       string // why no leader will come, if that is known
	imageErr     string // why a member gets no snapshot, if so
	storageErr   string // why the storage cannot be used any more, or no snapshot gets there
	outbox       map[string][]*wire.Packet
	bare         map[string]int // where in the outbox an append without entries is, by member
	waiting      proposals
	room         batch       // for the next one
	batch        []broadcast // room for the one that is being applied
	apply        []apply     // room for what it makes of it
	unsettled    bool        // of what this leader has submitted in this term not all is committed
	served       bool        // callers of this member have been, since the last flush
	acknowledges bool        // what is to be said has entries of the leader's acknowledged
	holding      bool        // what is to be said and proposed waits for those callers to come again
	out          []effect
}

// settings is what a core is told once.
type settings struct {
	self        Member
	id          uint64 // for raft; in memory the incarnation
	cluster     string
	candidates  []string // rank order; never empty
	expect      int
	maxVoters   int
	forgetAfter time.Duration // zero: never
	preferAfter time.Duration // negative: never
	isWitness   bool
	timing      Timing
	leases      bool      // members hold leases
	rests       bool      // may rest when there is nothing to do
	grid        time.Time // where the instants of beats are counted from; zero: the first beat
	// So many bytes and entries of the log are kept for members that are behind; see trimLog.
	logBytes, logEntries uint64
	durable              bool    // writes have to be confirmed
	keepEvery            uint64  // bytes of log between two snapshots that are stored
	kept                 *Stored // by an earlier process of this member, if anything
}

type ackMark struct {
	term uint64
	at   time.Time
}

func newCore(s settings, now time.Time, seed uint64) *core {
	if s.id == 0 {
		s.id = s.self.Incarnation
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
		links: map[string]uint64{}, refused: map[Member]bool{}, left: map[Member]bool{}, seeking: map[string]*seeker{}, strangers: map[string]stranger{}, stateful: map[string]uint64{},
		electorate: map[uint64]string{}, welcomes: map[string]*wire.Sync{}, carriers: map[uint64]uint64{}, transfers: map[uint64]*transferWait{}, gatherings: map[uint64]*gathering{}, witnesses: map[uint64]bool{}, presented: map[string]presence{},
		calls: map[uint64]*pendingCall{}, outbox: map[string][]*wire.Packet{}, bare: map[string]int{}, streams: map[uint64]*stream{},
	}
}

// step absorbs one event at one instant and returns what to do about it, in order. The list is good until the next step.
func step(c *core, in input) (*core, []effect) {
	c.recycle()
	c.now = in.at
	switch in.event.(type) {
	case called, arrived, abandoned, readAsked, handled, behaved, flushed, received, inspecting, saved, chunkRead, chunkUsed, unsent:
		// These come by the thousand. What they change in the view says so itself: a role, an electorate, a beat.
	default:
		c.stale = true
	}
	c.rouse(in.event)
	switch ev := in.event.(type) {
	case started:
		if c.kept != nil {
			c.resume(c.kept)
		} else {
			c.seek()
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
		c.abandonGathering(ev.seq, ErrNoAnswer)
	case askedAll:
		c.askAll(ev)
	case localAnswered:
		c.askedHere(ev)
	case transferAsked:
		c.transfer(ev)
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
		c.imageKept(ev)
	case leaving:
		c.leave()
	case flushed:
		for _, each := range ev.said {
			c.behaved(each)
		}
		c.flushing = false
		c.drive()
	case linkSilent, woke:
	}
	c.alarms()
	c.finish(in.event)
	return c, c.out
}

// alarms acts on every deadline that has passed, whatever event brought the time.
func (c *core) alarms() {
	if c.due(&c.seekAt) {
		c.seek()
	}
	if c.due(&c.forgetAt) {
		c.doubtLeader(Silence)
		c.forget()
	}
	if c.due(&c.campaignAt) {
		c.campaign()
	}
	if c.due(&c.beatAt) {
		c.beat()
	}
	if c.due(&c.leaseEnds) {
		c.emit(leaseEnded{})
	}
	if c.phase != Departed && !c.leaveBy.IsZero() && (c.due(&c.leaveBy) || c.rounds == nil) {
		c.depart()
	}
	if c.due(&c.callsAt) {
		c.expireCalls()
	}
	c.due(&c.pumpAt)
	if c.due(&c.crowdAt) {
		c.uncrowd()
	}
	if c.due(&c.streamsAt) {
		c.tendStreams()
	}
}

// due says whether a deadline has passed, and clears it then.
func (c *core) due(deadline *time.Time) bool {
	if deadline.IsZero() || c.now.Before(*deadline) {
		return false
	}
	*deadline = time.Time{}
	return true
}

// publish tells of a changed view.
func (c *core) publish() {
	if !c.stale {
		return
	}
	c.stale = false
	c.compareMembers()
	if view := c.look(); !view.equal(c.view) {
		c.compareViews(c.view, view)
		c.view = view
		c.emit(announce{view: view})
	}
}

func (c *core) nextDeadline() time.Time {
	var next time.Time
	for _, t := range []time.Time{c.seekAt, c.forgetAt, c.campaignAt, c.beatAt, c.leaseEnds, c.leaveBy, c.callsAt, c.readAt, c.transferAt, c.streamsAt, c.pumpAt, c.crowdAt, c.aloneAt} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

func (c *core) emit(e effect) { c.out = append(c.out, e) }

// post queues a packet for a member that is linked; to anybody else it is lost, as on any network.
func (c *core) post(to string, p *wire.Packet) {
	if _, up := c.links[to]; up && to != c.self.Name {
		c.outbox[to] = append(c.outbox[to], p)
	}
}

func (c *core) touch() { c.dirty = true }

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
	for _, id := range c.voterIDs() {
		if id != c.id && c.compareRank(id, c.id) < 0 && c.reaches(c.electorate[id], id) {
			place++
		}
	}
	return place
}
