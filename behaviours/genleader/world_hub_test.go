package genleader

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// In a world that hibernates each host has a hub with one group, and the group needs no leases. What the world says of
// links is for the hub then, and frames travel as the hub makes them.

// hubInput is an event for the hub.
type hubInput struct{ hubEvent }

func (hubInput) event()           {}
func (e hubInput) String() string { return fmt.Sprintf("%T", e.hubEvent) }

const worldGroup = "the group"

func (h *host) openHub() {
	h.hub, h.parts = newHubCore(h.w.now), map[string][]*wire.Part{}
	h.viaHub(groupOpened{worldGroup, opening{incarnation: h.self.Incarnation, timing: h.w.timing, mayHibernate: true}})
}

// hubEventOf is what an event of the world means to the hub; nil: it is the group's.
func hubEventOf(ev event) hubEvent {
	switch ev := ev.(type) {
	case linkUp:
		return peerUp{ev.member}
	case linkDown:
		return peerDown{ev.member, ev.refused}
	case hubInput:
		return ev.hubEvent
	default:
		return nil
	}
}

func (h *host) viaHub(ev hubEvent) {
	for _, e := range h.hub.step(h.w.now, ev) {
		switch e := e.(type) {
		case tellGroup:
			h.step(e.what)
		case deliver:
			frame := &wire.Frame{}
			if proto.Unmarshal(e.frame, frame) == nil {
				h.step(received{from: e.from, packets: frame.GetPackets()})
			}
		case say:
			h.sayLater(e.to, e.part)
		case heartbeatPeer:
			h.sayLater(e.to)
		case hubTimer:
			h.hubSets++ // it replaces the one before
			if set := h.hubSets; !e.at.IsZero() {
				h.w.after(max(0, e.at.Sub(h.w.now)), func() {
					if set == h.hubSets {
						h.take(hubInput{hubWoke{}})
					}
				})
			}
		}
	}
}

// sayLater puts what is said to a peer at one instant into one frame.
func (h *host) sayLater(to string, parts ...*wire.Part) {
	_, waits := h.parts[to]
	h.parts[to] = append(h.parts[to], parts...)
	if waits {
		return
	}
	h.w.after(0, func() {
		frame := &wire.HubFrame{Changes: h.hub.changes, Parts: h.parts[to]}
		delete(h.parts, to)
		if p := h.hub.peers[to]; p != nil {
			h.transmit(to, p.incarnation, hubInput{framed{h.self, frame}})
		}
	})
}

func (h *host) sendByHub(e send) {
	h.w.packets += len(e.packets)
	frame, err := proto.Marshal(&wire.Frame{Packets: e.packets})
	if err != nil {
		return
	}
	data := &wire.Data{Group: worldGroup, Incarnation: h.self.Incarnation, Frame: frame}
	h.sayLater(e.to, &wire.Part{What: &wire.Part_Data{Data: data}})
}

// linkedWith is the incarnation at the other end of the link to a peer.
func (h *host) linkedWith(name string) uint64 {
	if h.hub == nil {
		return h.core.peers.links[name]
	}
	if p := h.hub.peers[name]; p != nil && p.up {
		return p.incarnation
	}
	return 0
}

// asleep are the members that rest.
func (w *world) asleep() []string {
	var names []string
	for _, name := range w.names {
		if h := w.hosts[name]; h != nil && !h.gone && h.core.hibernation.asleep {
			names = append(names, name)
		}
	}
	return names
}

// quiet runs until all rest, or for d.
func (w *world) quiet(d time.Duration) bool {
	for end := w.now.Add(d); w.now.Before(end); w.run(10 * time.Millisecond) {
		if slices.Equal(w.asleep(), w.names) {
			return true
		}
	}
	return false
}
