package sim

import (
	"slices"
	"sync"
	"time"
)

const (
	refusedAfter = time.Millisecond       // how soon the peers of a dead process learn that it is gone
	silentAfter  = 300 * time.Millisecond // how soon a link that has gone silent is given up, if it is
)

// A network joins the hosts. Frames of one direction keep their order; a cut direction loses them silently.
type network struct {
	mu     sync.Mutex
	hosts  map[string]*host // the latest incarnation of each name
	ways   map[way]*queue
	cuts   map[way]bool
	linked map[way][2]uint64 // by ordered names: the two incarnations that have a link
	seed   uint64
}

type way struct{ from, to string }

func (w way) back() way { return way{w.to, w.from} }

// pair is the same for both directions.
func (w way) pair() way {
	if w.from > w.to {
		return w.back()
	}
	return w
}

// A queue is one direction: what is on its way, in order.
type queue struct {
	dice  dice
	items []item
	last  time.Time
}

// An item is a frame, or news of the link, which does not travel and is held back only by a pause of its receiver.
type item struct {
	at   time.Time
	news bool
	do   func()
}

// dice is a small source of chance (splitmix64).
type dice uint64

func (d *dice) roll(n int) int {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return int((z ^ (z >> 31)) % uint64(n))
}

func newNetwork(seed uint64, names []string) *network {
	n := &network{hosts: map[string]*host{}, ways: map[way]*queue{}, cuts: map[way]bool{}, linked: map[way][2]uint64{}, seed: seed}
	for i, from := range names {
		for j, to := range names {
			n.ways[way{from, to}] = &queue{dice: dice(seed*10007 + uint64(i*100+j))}
		}
	}
	return n
}

// send is what a host's group does with a frame.
func (n *network) send(from *host, to string, frame []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w, peer := way{from.self.Name, to}, n.hosts[to]
	if from.gone || peer == nil || n.cuts[w] || n.linked[w.pair()] != incarnations(from, peer) {
		return
	}
	n.add(w, item{do: func() {
		if !n.cuts[w] {
			peer.group.Deliver(from.self, frame)
		}
	}}, n.latency(w))
}

func incarnations(a, b *host) [2]uint64 {
	if a.self.Name > b.self.Name {
		a, b = b, a
	}
	return [2]uint64{a.self.Incarnation, b.self.Incarnation}
}

func (n *network) latency(w way) time.Duration {
	return 100*time.Microsecond + time.Duration(n.ways[w].dice.roll(1900))*time.Microsecond
}

// add queues behind what is under way already.
func (n *network) add(w way, it item, delay time.Duration) {
	q := n.ways[w]
	it.at = time.Now().Add(delay)
	if it.at.Before(q.last) {
		it.at = q.last
	}
	q.last = it.at
	q.items = append(q.items, it)
	time.AfterFunc(time.Until(it.at), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.arrive(w)
	})
}

// arrive lets everything in that is due and not held back.
func (n *network) arrive(w way) {
	q, now := n.ways[w], time.Now()
	for len(q.items) > 0 && !q.items[0].at.After(now) && !n.holds(w, q.items[0]) {
		it := q.items[0]
		q.items = q.items[1:]
		it.do()
	}
}

func (n *network) holds(w way, it item) bool {
	return n.hosts[w.to].paused.Load() || (!it.news && n.hosts[w.from].paused.Load())
}

// link makes a connection between two living hosts that have none and can reach each other.
func (n *network) link(a, b *host) {
	w := way{a.self.Name, b.self.Name}
	if a.gone || b.gone || n.cuts[w] || n.cuts[w.back()] || n.linked[w.pair()] == incarnations(a, b) {
		return
	}
	n.linked[w.pair()] = incarnations(a, b)
	n.tell(w, func() { b.group.LinkUp(a.self) }, n.latency(w))
	n.tell(w.back(), func() { a.group.LinkUp(b.self) }, n.latency(w.back()))
}

func (n *network) tell(w way, do func(), delay time.Duration) {
	n.add(w, item{news: true, do: do}, delay)
}

// linkAll connects whoever can be connected.
func (n *network) linkAll() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range n.sorted() {
		for _, b := range n.sorted() {
			if a.self.Name < b.self.Name {
				n.link(a, b)
			}
		}
	}
}

func (n *network) sorted() []*host {
	var hosts []*host
	for _, h := range n.hosts {
		hosts = append(hosts, h)
	}
	slices.SortFunc(hosts, func(a, b *host) int {
		if a.self.Name < b.self.Name {
			return -1
		}
		return 1
	})
	return hosts
}

// lose drops what is on its way between two names, news excepted.
func (n *network) lose(w way) {
	for _, w := range []way{w, w.back()} {
		n.ways[w].items = slices.DeleteFunc(n.ways[w].items, func(it item) bool { return !it.news })
	}
}

// cut stops one direction silently.
func (n *network) cut(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cuts[way{from, to}] = true
}

// giveUp ends a link that is still cut: both ends have found it silent.
func (n *network) giveUp(a, b *host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	w := way{a.self.Name, b.self.Name}
	if n.linked[w.pair()] != incarnations(a, b) || (!n.cuts[w] && !n.cuts[w.back()]) {
		return
	}
	delete(n.linked, w.pair())
	n.lose(w)
	n.tell(w, func() { b.group.LinkDown(a.self, false) }, 0)
	n.tell(w.back(), func() { a.group.LinkDown(b.self, false) }, 0)
}

func (n *network) heal() {
	n.mu.Lock()
	clear(n.cuts)
	n.mu.Unlock()
	n.linkAll()
}

// remove ends a process: nothing of it travels any more, and its peers find its port closed.
func (n *network) remove(h *host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h.gone = true
	for _, peer := range n.sorted() {
		w := way{h.self.Name, peer.self.Name}
		if peer == h || n.linked[w.pair()] != incarnations(h, peer) {
			continue
		}
		delete(n.linked, w.pair())
		n.lose(w)
		n.tell(w, func() { peer.group.LinkDown(h.self, true) }, refusedAfter)
	}
}

func (n *network) put(h *host) {
	n.mu.Lock()
	n.hosts[h.self.Name] = h
	n.mu.Unlock()
	n.linkAll()
}

func (n *network) resume(h *host) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h.paused.Store(false)
	for _, tell := range h.held {
		time.AfterFunc(actEvery, tell) // it may get to act before it gets to listen
	}
	h.held = nil
	for _, peer := range n.sorted() {
		n.arrive(way{h.self.Name, peer.self.Name})
		n.arrive(way{peer.self.Name, h.self.Name})
	}
}
