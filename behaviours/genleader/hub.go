package genleader

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// flushBytes is how much waits for a peer before it is sent at once.
const flushBytes = 256 << 10

var (
	// ErrOpen is a group of a name that is open on this hub already.
	ErrOpen = errors.New("genleader: a group of this name is open here; wait for its Done")
	// ErrHubClosed is a group opened on a hub that was closed.
	ErrHubClosed = errors.New("genleader: the hub is closed")
	// errNoLink is a frame for a peer that is not linked.
	errNoLink = errors.New("genleader: no link to the member")
)

// HubConfig says which process a hub speaks for, and how.
type HubConfig struct {
	Self Member // this process
	// Send hands a frame to the transport: see Config.Send.
	Send   func(to string, frame []byte) error
	Logger *slog.Logger // default: discards
}

// A Hub carries many groups over one link to each peer. It tells a group of a peer's coming and going once the peer has
// opened the group too, so groups may be opened and closed on each member at any time and in any order. What groups say to
// one peer while the processor is busy with them travels in one frame. Links are watched by heartbeats of the hub, so
// that groups which have nothing to do rest: see Config.Leases.
//
// The transport tells the hub what it would tell a group: Deliver, LinkUp and LinkDown. Methods are safe for any goroutine.
type Hub struct {
	cfg    HubConfig
	system *actor.ActorSystem

	mu     sync.Mutex
	core   *hubCore
	groups map[string]*Group // from Group until the end of its actor
	spent  uint64            // the highest incarnation of groups that have ended
	out    map[string]*outgoing
	timer  *time.Timer
	closed bool
	work   sync.WaitGroup // flushes under way
	letRun func()         // runtime.Gosched
}

// refusedFrame is told to the group whose frame it is.
type refusedFrame struct {
	to    string
	frame []byte
}

// outgoing is what waits for one peer.
type outgoing struct {
	parts     []*wire.Part
	bytes     int
	heartbeat bool // to be sent even if it says nothing
	flushing  bool // a flush is on its way
	yielding  bool // one lets others run, be it waited for or not
}

// NewHub returns a hub without groups. Close it after its groups have ended.
func NewHub(system *actor.ActorSystem, cfg HubConfig) (*Hub, error) {
	if cfg.Self.Name == "" || cfg.Self.Incarnation == 0 || cfg.Send == nil {
		return nil, errors.New("genleader: HubConfig: Self and Send must be given")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Hub{
		cfg: cfg, system: system, core: newHubCore(time.Now()), letRun: runtime.Gosched,
		groups: map[string]*Group{}, out: map[string]*outgoing{},
	}, nil
}

// Group is New for a group of this hub: it fills Self and Send, and Logger if there is none. The name says which groups of
// different processes belong together. The group begins when an actor is spawned from its Props, and its name is free
// again when that actor has ended; the next group of that name is another incarnation. Errors: ErrOpen, ErrHubClosed, and
// those of New.
func (h *Hub) Group(name string, cfg Config) (*Group, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	cfg, err := h.configured(name, cfg)
	if err != nil {
		return nil, err
	}
	g, err := New(h.system, cfg)
	if err != nil {
		return nil, err
	}
	g.hub, g.name = h, name
	h.groups[name] = g
	return g, nil
}

// Check returns the error that Group would fail with before it uses the Storage. Whoever opens a storage for a group asks
// first.
func (h *Hub) Check(name string, cfg Config) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	cfg, err := h.configured(name, cfg)
	if err != nil {
		return err
	}
	return cfg.complete()
}

// configured is what New needs for a group of this hub.
func (h *Hub) configured(name string, cfg Config) (Config, error) {
	if err := checkGroupName(name); err != nil {
		return cfg, err
	}
	if h.closed {
		return cfg, ErrHubClosed
	}
	if h.groups[name] != nil {
		return cfg, fmt.Errorf("%w: %q", ErrOpen, name)
	}
	cfg.Self = Member{Name: h.cfg.Self.Name, Incarnation: h.cfg.Self.Incarnation}
	if h.spent != 0 { // one of them may have been of this name
		cfg.Self.Incarnation = max(h.spent+1, NewIncarnation(time.Now()))
	}
	if cfg.Logger == nil {
		cfg.Logger = h.cfg.Logger.With(slog.String("group", name))
	}
	cfg.Send = func(to string, frame []byte) error { return h.send(name, to, frame) }
	return cfg, nil
}

// Abandon gives the name of a group back whose actor could not be spawned.
func (g *Group) Abandon() {
	if g.hub != nil && g.pid.Load() == nil {
		g.hub.ended(g)
	}
	if g.cfg.Storage != nil && g.pid.Load() == nil {
		_ = g.cfg.Storage.Close() // nothing was written
	}
}

// NewIncarnation rises with time, and differs as a rule between processes that start in the same millisecond.
func NewIncarnation(now time.Time) uint64 {
	return numberAt(now) | 1 + rand.Uint64N(1<<numberChance-1) // never zero
}

// begun is called by a group's actor when it can be told of its links, ended when it has ended.
func (h *Hub) begun(g *Group) {
	h.take(groupOpened{g.name, opening{incarnation: g.Member().Incarnation, timing: g.cfg.Timing, mayHibernate: g.mayHibernate()}})
}

func (h *Hub) ended(g *Group) {
	h.take(groupClosed{g.name, g.Member().Incarnation})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.groups[g.name] == g {
		delete(h.groups, g.name)
	}
	h.spent = max(h.spent, g.Member().Incarnation)
}

// renumbered closes the links of a group under its former incarnation and opens them under the present one.
func (h *Hub) renumbered(g *Group, former Member) {
	h.take(groupClosed{g.name, former.Incarnation})
	h.begun(g)
}

// Deliver takes a frame that a peer's Send sent; from is the peer's process. Frames of one peer must come in order.
func (h *Hub) Deliver(from Member, frame []byte) {
	decoded := &wire.HubFrame{}
	if err := proto.Unmarshal(frame, decoded); err != nil {
		h.cfg.Logger.Warn("dropped a frame that is not readable", slog.String("peer", from.Name), slog.Any("err", err))
		return
	}
	h.take(framed{from, decoded})
}

// LinkUp and LinkDown are the transport's word on a peer: see Group.LinkUp.
func (h *Hub) LinkUp(who Member) { h.take(peerUp{who}) }

// LinkDown is described at LinkUp.
func (h *Hub) LinkDown(who Member, refused bool) { h.take(peerDown{who, refused}) }

// Close ends the hub. Groups that have not ended hear nothing any more.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	if h.timer != nil {
		h.timer.Stop()
	}
	h.mu.Unlock()
	h.work.Wait()
}

// take steps the core in the caller's turn: it neither waits nor calls out, but for Send.
func (h *Hub) take(ev hubEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	for _, e := range h.core.step(time.Now(), ev) {
		h.perform(e)
	}
}

func (h *Hub) perform(e hubEffect) {
	switch e := e.(type) {
	case tellGroup:
		if g := h.groups[e.group]; g != nil {
			g.tell(e.what)
		}
	case deliver:
		if g := h.groups[e.group]; g != nil {
			g.Deliver(e.from, e.frame)
		}
	case say:
		h.push(e.to, e.part, 0)
		h.flushSoon(e.to)
	case heartbeatPeer:
		h.outgoing(e.to).heartbeat = true
		h.flushSoon(e.to)
	case hubTimer:
		if h.timer != nil {
			h.timer.Stop()
		}
		if !e.at.IsZero() {
			h.timer = time.AfterFunc(time.Until(e.at), func() { h.take(hubWoke{}) })
		}
	}
}

// send is a group's Send. What cannot be said yet is sent behind what is being sent; a large frame, or the only group's,
// goes at once. No error says that it was sent, or that the group is told that it was not.
func (h *Hub) send(group, to string, frame []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.core.peers[to]; h.closed || p == nil || !p.up {
		return errNoLink
	}
	incarnation := h.core.open[group].incarnation
	h.push(to, &wire.Part{What: &wire.Part_Data{Data: &wire.Data{Group: group, Incarnation: incarnation, Frame: frame}}}, len(frame))
	if o := h.out[to]; len(h.core.open) == 1 || o.bytes >= flushBytes {
		h.flush(to)
	} else {
		h.flushSoon(to)
	}
	return nil
}

func (h *Hub) outgoing(to string) *outgoing {
	o := h.out[to]
	if o == nil {
		o = &outgoing{}
		h.out[to] = o
	}
	return o
}

func (h *Hub) push(to string, part *wire.Part, size int) {
	o := h.outgoing(to)
	o.parts = append(o.parts, part)
	o.bytes += size
}

// flushSoon sends when those that can run now have run: no group waits for a clock, and what several say in one go
// travels together. Where others want the processors they are not waited for: see patientFor.
func (h *Hub) flushSoon(to string) {
	o := h.out[to]
	if o.flushing {
		return
	}
	o.flushing = true
	flush := sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		o.flushing = false
		if len(o.parts) > 0 || o.heartbeat {
			h.flush(to)
		}
	})
	late := time.AfterFunc(patientFor, flush)
	if o.yielding {
		return
	}
	o.yielding = true
	letRun := h.letRun
	h.work.Go(func() {
		letRun()
		late.Stop()
		flush()
		h.mu.Lock()
		defer h.mu.Unlock()
		o.yielding = false
	})
}

// flush sends what waits. Nothing at all is a heartbeat. Groups hear what of theirs the transport refuses.
func (h *Hub) flush(to string) {
	o := h.out[to]
	frame := &wire.HubFrame{Changes: h.core.changes, Parts: o.parts}
	o.parts, o.bytes, o.heartbeat = nil, 0, false
	if h.closed {
		return
	}
	if data, err := proto.Marshal(frame); err == nil && h.cfg.Send(to, data) == nil {
		return
	}
	for _, part := range frame.GetParts() {
		data := part.GetData()
		if g := h.groups[data.GetGroup()]; g != nil && g.Member().Incarnation == data.GetIncarnation() {
			g.tell(refusedFrame{to, data.GetFrame()})
		}
	}
}
