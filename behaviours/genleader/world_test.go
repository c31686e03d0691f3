package genleader

import (
	"container/heap"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
	"github.com/gendac/gendac/behaviours/lease"
)

// world runs the cores of a whole group in virtual time over a network that can be cut. One seed gives one run.
type world struct {
	moves       map[[2]Phase]bool // which phase a step began with, and which it ended with
	now         time.Time
	queue       deliveries
	order       int
	dice        uint64
	names       []string
	hosts       map[string]*host
	cuts        map[[2]string]bool      // one-way
	last        map[[2]string]time.Time // the latest arrival of each direction: frames keep their order
	starts      uint64
	trace       []string
	timing      Timing
	chunk       int           // bytes of an image in one message
	decoding    time.Duration // that a chunk takes its receiver
	snapshotErr error         // what Snapshot returns
	logEntries  uint64
	refusing    map[[2]string]bool // the transport takes nothing of that direction
	loses       func(from, to string, p *wire.Packet) bool
	logBytes    uint64
	delay       time.Duration // of every message, besides the random latency
	stalls      bool          // what a member says to itself is late now and then
	apart       uint64        // what raft ids exceed incarnations by

	durable bool // members keep their logs on disks
	tosses  bool // what a crash finds under way to a disk may get there
	disks   map[string]*modelDisk
	held    map[Member]time.Time // every lease that was granted and has not ended

	rules   settings                 // of the electorate; candidates are the names, if there are none here
	lists   map[string][]string      // what a member has for candidates, if it is something else
	clocks  map[string]time.Duration // how far the clock that a member draws its numbers from is ahead
	draws   bool                     // all members draw one number
	foreign map[string]string        // the cluster of a member, if it is another one
	watches map[string]bool          // who is a witness
	firsts  map[string]*host         // first processes of names that have a second one

	leaders      map[uint64]Member // who led each term
	latest       uint64            // term of the latest leader
	log          map[uint64]string // what was applied at each index, by whoever was first
	calls        []*account        // every call, in the order made
	mourns       bool              // HandleDown broadcasts
	left         int               // members that have left in order
	calmed       int               // how often all was made well
	unsafe       []string          // what must never be
	mayHibernate bool              // the group is on hubs and needs no leases
	packets      int               // of the group on its hubs
}

// An account is what became of one call, in virtual time.
type account struct {
	message         string
	made, returned  time.Time
	done, certainly bool // acknowledged; or certainly not done
}

// host is one member's process: a core, and a behaviour that keeps every broadcast in order.
type host struct {
	w       *world
	self    Member
	core    *core
	disk    *modelDisk
	gone    bool
	paused  bool
	waiting []event // what came while paused
	view    View
	lease   lease.Lease
	until   time.Time
	applied []string
	told    []string // callbacks, in order
	index   uint64   // of the latest broadcast applied
	events  []string
	replies map[uint64]string
	calls   map[uint64]*account // what has not returned yet
	late    From                // of the call that is to be answered later
	nextSeq uint64
	ended   error
	hung    bool                    // the group's actor is; the process lives
	hub     *hubCore                // in a world that hibernates
	parts   map[string][]*wire.Part // what the hub is about to say

	upTo      uint64               // the log is applied up to here
	reads     map[uint64]string    // what became of each read
	readers   map[uint64]uint64    // reads that wait for their index to be applied
	readFrom  map[uint64]time.Time // when each read began
	freshAsOf time.Time
	transfers map[uint64]string // what became of each transfer
	releases  map[uint64]string // what became of each wish to give up the vote
	then      map[uint64]func(error)
	inspected Inspection

	written map[uint64][]byte // images that are being sent: what is left of them
	read    map[uint64][]byte // images that are being received
	decodes time.Time         // when what is being received will have been decoded
	timers  uint64            // how often the timer was set
	hubSets uint64            // and that of the hub
}

// placeless is what is cut from events: where in the log a snapshot was taken.
var placeless = regexp.MustCompile(`snapshot at \d+`)

type delivery struct {
	at    time.Time
	order int
	do    func()
}

type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	return d[i].at.Before(d[j].at) || (d[i].at.Equal(d[j].at) && d[i].order < d[j].order)
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}

func newWorld(seed uint64, names ...string) *world {
	w := &world{
		now: time.Unix(1000, 0), dice: seed, names: names, hosts: map[string]*host{}, cuts: map[[2]string]bool{},
		last: map[[2]string]time.Time{}, moves: map[[2]Phase]bool{},
		firsts:  map[string]*host{},
		leaders: map[uint64]Member{}, disks: map[string]*modelDisk{}, held: map[Member]time.Time{}, log: map[uint64]string{},
	}
	w.chunk, w.logBytes, w.logEntries, w.refusing = 64, 1<<20, 50, map[[2]string]bool{}
	w.timing.setDefaults()
	return w
}

func (w *world) random(n int) int {
	w.dice = w.dice*6364136223846793005 + 1442695040888963407
	return int((w.dice >> 33) % uint64(n))
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, delivery{at: w.now.Add(d), order: w.order, do: do})
}

func (w *world) latency() time.Duration {
	return w.delay + 100*time.Microsecond + time.Duration(w.random(900))*time.Microsecond
}

// stall is by how much a member is late with what it says to itself.
func (w *world) stall() time.Duration {
	if !w.stalls || w.random(10) > 0 {
		return 0
	}
	return time.Duration(w.random(3*int(w.timing.Heartbeat/time.Microsecond))) * time.Microsecond
}

// run lets virtual time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for len(w.queue) > 0 && !w.queue[0].at.After(end) {
		next := heap.Pop(&w.queue).(delivery)
		w.now = next.at
		next.do()
		w.checkLeases()
	}
	w.now = end
}

// start begins a new incarnation of a name. Everybody it can reach gets a link.
func (w *world) start(name string) *host {
	w.starts++
	h := &host{w: w, written: map[uint64][]byte{}, read: map[uint64][]byte{}, self: w.draw(name), replies: map[uint64]string{}, calls: map[uint64]*account{}, transfers: map[uint64]string{}, releases: map[uint64]string{}, then: map[uint64]func(error){}, reads: map[uint64]string{}, readers: map[uint64]uint64{}, readFrom: map[uint64]time.Time{}}
	s := w.settingsOf(h.self)
	h.withDisk(&s)
	h.core = newCore(s, w.now, h.self.Incarnation)
	w.hosts[name] = h
	h.take(started{})
	if w.mayHibernate {
		h.openHub()
	}
	for _, peer := range w.names {
		if p := w.hosts[peer]; p != nil && peer != name && !p.gone && !w.cuts[[2]string{name, peer}] && !w.cuts[[2]string{peer, name}] {
			w.after(w.latency(), func() { h.take(linkUp{p.self}) })
			w.after(w.latency(), func() { p.take(linkUp{h.self}) })
		}
	}
	return h
}

// draw makes an incarnation. They rise with every start, unless the clock of a name is set.
func (w *world) draw(name string) Member {
	if w.draws {
		return Member{name, 101}
	}
	return Member{name, 100 + w.starts + uint64(w.clocks[name].Milliseconds())<<numberChance}
}

// renumber gives a process's links another incarnation.
func (h *host) renumber(self Member) {
	was := h.self
	h.self = self
	for _, peer := range h.w.names {
		p := h.w.hosts[peer]
		if p == nil || peer == was.Name || p.linkedWith(was.Name) != was.Incarnation {
			continue
		}
		h.w.after(h.w.latency(), func() {
			p.take(linkDown{was, false})
			p.take(linkUp{self})
		})
		h.w.after(h.w.latency(), func() { h.take(linkUp{p.self}) })
	}
}

func (w *world) settingsOf(self Member) settings {
	s := w.rules
	s.self, s.id, s.timing, s.logBytes, s.logEntries = self, self.Incarnation+w.apart, w.timing, w.logBytes, w.logEntries
	if s.candidates == nil {
		s.candidates = w.names
	}
	if list := w.lists[self.Name]; list != nil {
		s.candidates = list
	}
	s.leases, s.mayHibernate, s.renumbers = !w.mayHibernate, w.mayHibernate, !w.mayHibernate
	if w.draws {
		s.id = 0
	}
	s.isWitness, s.cluster = w.watches[self.Name], w.foreign[self.Name]
	return s
}

// kill ends a process; its peers see their connections refused.
func (w *world) kill(name string) {
	h := w.hosts[name]
	if h.disk != nil && !h.gone {
		h.disk.crash()
	}
	h.gone, h.paused, h.until = true, false, time.Time{}
	for _, peer := range w.names {
		if p := w.hosts[peer]; p != nil && p != h && !w.cuts[[2]string{name, peer}] {
			w.after(w.latency(), func() { p.take(linkDown{h.self, true}) })
		}
	}
}

func (w *world) resume(name string) {
	h := w.hosts[name]
	h.paused = false
	backlog := h.waiting
	h.waiting = nil
	h.take(woke{})
	for _, ev := range backlog {
		h.take(ev)
	}
}

// disconnect cuts two members off from each other, and the first sees its connection close.
func (w *world) disconnect(name, from string) {
	w.cut(name, from)
	w.cut(from, name)
	h, gone := w.hosts[name], w.hosts[from].self
	w.after(time.Millisecond, func() { h.take(linkDown{gone, false}) })
}

// cut stops everything from one to another, silently; heal undoes all cuts and links whom a cut kept from meeting.
func (w *world) cut(from, to string) { w.cuts[[2]string{from, to}] = true }

func (w *world) heal() {
	clear(w.cuts)
	for _, a := range w.names {
		for _, b := range w.names {
			if a != b {
				w.after(time.Millisecond+w.latency(), func() { w.link(a, b) }) // later than a connection that is closing
			}
		}
	}
}

// link lets a member meet another that it has no link to, if nothing keeps them apart.
func (w *world) link(a, b string) {
	ha, hb := w.hosts[a], w.hosts[b]
	if ha == nil || hb == nil || hb.gone || w.cuts[[2]string{a, b}] || w.cuts[[2]string{b, a}] || ha.linkedWith(b) == hb.self.Incarnation {
		return
	}
	ha.take(linkUp{hb.self})
}

func (w *world) call(name, message string, timeout time.Duration) uint64 {
	h := w.hosts[name]
	h.nextSeq++
	h.calls[h.nextSeq] = &account{message: strings.TrimPrefix(message, "both:"), made: w.now}
	w.calls = append(w.calls, h.calls[h.nextSeq])
	h.take(called{seq: h.nextSeq, request: []byte(message), deadline: w.now.Add(timeout)})
	return h.nextSeq
}

// transfer asks a member to make another lead, and gives up after timeout.
func (w *world) transfer(name, to string, timeout time.Duration) {
	h := w.hosts[name]
	h.nextSeq++
	seq := h.nextSeq
	h.take(transferAsked{seq: seq, name: to})
	w.after(timeout, func() { h.take(abandoned{seq: seq}) })
}

// giveUp has a member give up its vote, and ends its wait after timeout.
func (w *world) giveUp(name string, timeout time.Duration, then func(error)) {
	h := w.hosts[name]
	h.nextSeq++
	seq := h.nextSeq
	h.releases[seq], h.then[seq] = "waits", then
	h.take(releaseAsked{seq: seq})
	w.after(timeout, func() { h.take(abandoned{seq: seq}) })
}

// mustHave holds what is applied here against what was acknowledged to anybody before an instant.
func (h *host) mustHave(before time.Time, claim string) {
	for _, o := range h.w.calls {
		if o.done && o.returned.Before(before) && !slices.Contains(h.applied, o.message) {
			h.w.unsafe = append(h.w.unsafe, fmt.Sprintf("%s: %v: %s does not see %s, acknowledged at %s",
				sinceStart(h.w.now), h.self, claim, o.message, sinceStart(o.returned)))
		}
	}
}

// read asks for an index to read from, gives up after timeout, and reads when the index is applied.
func (w *world) read(name string, timeout time.Duration) uint64 {
	h := w.hosts[name]
	h.nextSeq++
	seq := h.nextSeq
	h.readFrom[seq] = w.now
	h.take(readAsked{seq: seq})
	w.after(timeout, func() { h.take(abandoned{seq: seq}) })
	return seq
}

// ring is the one timer, unless it was set anew since.
func (h *host) ring(set uint64) {
	if set == h.timers {
		h.take(woke{})
	}
}

// take steps one event, now or, in a paused process, when it goes on.

func (h *host) take(ev event) {
	if h.gone || h.ended != nil {
		return
	}
	if h.paused {
		h.waiting = append(h.waiting, ev)
		return
	}
	if h.hub != nil {
		if ev := hubEventOf(ev); ev != nil {
			h.viaHub(ev)
			return
		}
	}
	h.step(ev)
}

func (h *host) step(ev event) {
	if h.hung {
		return
	}
	var effects []effect
	was := h.core.phase
	h.core, effects = step(h.core, input{at: h.w.now, event: ev})
	h.w.moves[[2]Phase{was, h.core.phase}] = true
	for _, e := range effects {
		h.perform(e)
	}
}

// checkGrants holds what this member grants now against its view: whoever plans by the view may look between any two
// effects, and must not find there that a member is safe before the lease ends that it is being given.
func (h *host) checkGrants(e send) {
	to := h.w.hosts[e.to]
	for _, p := range e.packets {
		heartbeat := p.GetHeartbeat()
		i := slices.IndexFunc(h.view.Members, func(s MemberStatus) bool { return to != nil && s.Member == to.self })
		if !heartbeat.GetGranted() || i < 0 || h.view.Members[i].State == Up {
			continue
		}
		ends := to.core.began.Add(time.Duration(heartbeat.GetStamp()) + h.w.timing.Lease)
		if safe := h.view.Members[i].SafeAt; safe.Before(ends) {
			h.w.unsafe = append(h.w.unsafe, fmt.Sprintf("%s: %v grants %v a lease until %s, and its view still calls it safe at %s",
				sinceStart(h.w.now), h.self, to.self, sinceStart(ends), sinceStart(safe)))
		}
	}
}

func (h *host) perform(e effect) {
	w := h.w
	switch e := e.(type) {
	case send:
		h.checkGrants(e)
		h.send(e)
	case flush:
		w.after(w.stall(), func() { h.take(flushed{}) })
	case setTimer:
		h.timers++ // it replaces the one before
		if set := h.timers; !e.at.IsZero() {
			w.after(max(0, e.at.Sub(w.now))+w.stall(), func() { h.ring(set) })
		}
	case *ask:
		if e.cast {
			h.told = append(h.told, "cast "+string(e.request))
		}
		answer := h.answer(e)
		if answer.stop != nil && e.from.Member != h.self {
			h.send(send{to: e.from.Member.Name, packets: []*wire.Packet{lastWord(e, answer.stop)}})
		}
		w.after(0, func() { h.take(handled{term: e.term, from: e.from, answer: answer}) })
	case *applyMany:
		for _, b := range e.broadcasts {
			h.apply(b)
		}
	case readable:
		if e.err != nil {
			h.reads[e.seq] = e.err.Error()
			return
		}
		h.reads[e.seq] = "is to be read from " + fmt.Sprint(e.index)
		h.await(e.seq, e.index)
	case transferred:
		h.transfers[e.seq] = "done"
		if e.err != nil {
			h.transfers[e.seq] = e.err.Error()
		}
	case released:
		h.releases[e.seq] = "released"
		if e.err != nil {
			h.releases[e.seq] = e.err.Error()
		}
		if then := h.then[e.seq]; then != nil {
			then(e.err)
		}
	case advanced:
		h.upTo = e.index
		for seq, index := range h.readers {
			h.await(seq, index)
		}
	case fresh:
		h.freshAsOf = e.asOf
		h.mustHave(e.asOf, "fresh as of "+sinceStart(e.asOf))
	case resolve:
		h.replies[e.seq] = string(e.reply)
		if e.err != nil {
			h.replies[e.seq] = e.err.Error()
			h.returned(e.seq, false, errors.Is(e.err, ErrNoLeader) || errors.Is(e.err, ErrOverloaded))
		}
	case elected:
		sync := "sync of " + h.self.Name
		if e.joiner == nil {
			if other, taken := w.leaders[e.term]; taken && other != h.self {
				w.unsafe = append(w.unsafe, fmt.Sprintf("term %d has two leaders: %v and %v", e.term, other, h.self))
			}
			w.leaders[e.term], w.latest = h.self, max(w.latest, e.term)
			h.told = append(h.told, "elected")
		} else {
			sync += " for " + e.joiner.Name
			h.told = append(h.told, "elected for "+e.joiner.Name)
		}
		w.after(0, func() { h.take(synced{term: e.term, to: e.joiner, sync: []byte(sync)}) })
	case surrender:
		h.told = append(h.told, fmt.Sprintf("surrendered to %s %q", e.leader.Name, e.sync))
	case takeImage, readImage, receiveImage, feedImage, restore, dropImage:
		h.images(e)
	case save:
		h.save(e)
	case keepImage:
		h.keepImage(e)
	case restoreKept:
		h.restoreKept()
	case memberDown:
		h.told = append(h.told, fmt.Sprintf("down %s: %v", e.who.Name, e.reason))
		if w.mourns {
			w.after(0, func() { h.take(handled{term: e.term, answer: Broadcast([]byte(e.who.Name + "-is-down"))}) })
		}
	case extendLease:
		h.until = e.until
		w.held[h.self] = e.until
		h.lease.Extend(w.now, e.until)
	case leaseEnded:
		h.told = append(h.told, "lease ended")
	case renumbered:
		h.renumber(e.self)
	case happened:
		h.events = append(h.events, placeless.ReplaceAllString(e.what.String(), "snapshot"))
	case inspected:
		h.inspected = e.is
	case announce:
		if h.view.Phase != e.view.Phase || h.view.Leader != e.view.Leader {
			w.trace = append(w.trace, fmt.Sprintf("%6s %s %v -> %v", sinceStart(w.now), h.self.Name, h.view.Phase, e.view.Phase))
		}
		h.view = e.view
	case departed:
		h.gone = true
	case fail:
		h.ended = e.reason
	}
}

// apply keeps a broadcast, and holds its place against what others applied there.
func (h *host) apply(e apply) {
	message := string(e.message)
	if other, taken := h.w.log[e.index]; taken && other != message {
		h.w.unsafe = append(h.w.unsafe, fmt.Sprintf("%v applies %q at %d, where another applied %q", h.self, message, e.index, other))
	}
	if e.index <= h.index {
		h.w.unsafe = append(h.w.unsafe, fmt.Sprintf("%v applies %d after %d", h.self, e.index, h.index))
	}
	h.w.log[e.index], h.index = message, e.index
	h.applied = append(h.applied, message)
	h.told = append(h.told, "from_leader "+message)
	if e.seq != 0 {
		h.replies[e.seq] = fmt.Sprintf("ok at %d", len(h.applied))
		if e.hasReply {
			h.replies[e.seq] = string(e.reply)
		}
		h.returned(e.seq, true, true)
	}
}

func (h *host) returned(seq uint64, done, certainly bool) {
	if o := h.calls[seq]; o != nil {
		o.returned, o.done, o.certainly = h.w.now, done, certainly
		delete(h.calls, seq)
	}
}

// await reads what is applied here once everything up to index is.
func (h *host) await(seq, index uint64) {
	h.readers[seq] = index
	if h.upTo >= index {
		h.mustHave(h.readFrom[seq], fmt.Sprint("read ", seq))
		h.reads[seq] = "sees " + strings.Join(h.applied, " ")
		delete(h.readers, seq)
	}
}

func (h *host) send(e send) {
	if h.hub != nil {
		h.sendByHub(e)
		return
	}
	if h.w.refusing[[2]string{h.self.Name, e.to}] {
		h.w.after(0, func() { h.take(unsent(e)) })
		return
	}
	packets := e.packets
	if lose := h.w.loses; lose != nil {
		packets = slices.DeleteFunc(slices.Clone(packets), func(p *wire.Packet) bool { return lose(h.self.Name, e.to, p) })
	}
	h.transmit(e.to, h.core.peers.links[e.to], received{from: h.self, packets: packets})
}

// transmit brings something to that incarnation of a peer.
func (h *host) transmit(peer string, incarnation uint64, what event) {
	w := h.w
	to := w.hosts[peer]
	if first := w.firsts[peer]; first != nil && incarnation == first.self.Incarnation {
		to = first
	}
	way := [2]string{h.self.Name, peer}
	if to == nil || w.cuts[way] {
		return
	}
	arrival := w.now.Add(w.latency())
	if arrival.Before(w.last[way]) {
		arrival = w.last[way]
	}
	w.last[way] = arrival
	w.after(arrival.Sub(w.now), func() {
		if to.self.Incarnation == incarnation && !w.cuts[way] {
			to.take(what)
		}
	})
}

// checkLeases holds every lease against what the leader believes: whom it calls safe must hold none, not even a process
// that is gone, since what it started may not know that yet. A former leader that
// does not know of a later term may believe what it likes: nothing that it decides can be committed.
func (w *world) checkLeases() {
	for _, name := range w.names {
		leader := w.hosts[name]
		if leader == nil || leader.gone || leader.paused || leader.view.Phase != Leading || leader.view.Term < w.latest {
			continue
		}
		w.checkLeasesOf(leader)
	}
}

func sinceStart(t time.Time) string {
	return t.Sub(time.Unix(1000, 0)).Round(time.Millisecond).String()
}

func (w *world) leader() *host {
	for _, name := range slices.Sorted(maps.Keys(w.hosts)) {
		if h := w.hosts[name]; !h.gone && !h.paused && h.ended == nil && h.view.Phase == Leading {
			return h
		}
	}
	return nil
}

// second starts another process of a name while the first lives, cut off, and meets nobody.
func (w *world) second(name string) {
	w.firsts[name] = w.hosts[name]
	w.heal()
	w.start(name)
}

// healFirst lets the first process of a name meet the others again, which know of the second.
func (w *world) healFirst(name string) {
	first := w.firsts[name]
	for _, peer := range w.names {
		if p := w.hosts[peer]; peer != name {
			w.after(w.latency(), func() { p.take(linkUp{first.self}) })
			w.after(w.latency(), func() { first.take(linkUp{p.self}) })
		}
	}
}
