package remoting

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process"
)

const (
	byeTimeout = 250 * time.Millisecond // for peers to drop their connections after our goodbye
	maxUnnamed = 64                     // links that no discovery names and that never came up
)

// What the gateway is told, besides envelopes.
type (
	open     struct{}
	peersAre struct{ addrs map[string]string }
	dialled  struct {
		name    string
		gen     uint64
		outcome Outcome
	}
	expired struct {
		name string
		gen  uint64
	}
	outLost struct{ addr string }
	inLost  struct{ id uint64 }
	arrived struct {
		in        *inbound
		envelopes []*process.Envelope
	}
	leave struct{ flushed chan struct{} }
)

// gateway is the one actor that peers can reach. It owns all links.
type gateway struct {
	r       *Remoting
	links   map[string]*line
	up      map[string]string // by name, the address of an established link
	peers   map[string]string // what discovery said before Open
	open    bool
	leaving map[uint64]bool // inbound connections whose end we await before leaving; nil unless leaving
	flushed chan struct{}
}

// A line is a link and its timer.
type line struct {
	Link
	timer *time.Timer
}

func newGateway(r *Remoting) *gateway {
	return &gateway{r: r, links: map[string]*line{}, up: map[string]string{}}
}

func (g *gateway) Receive(ctx actor.Context) {
	if g.leaving != nil {
		g.farewell(ctx.Message())
		return
	}
	switch m := ctx.Message().(type) {
	case *arrived:
		for _, env := range m.envelopes {
			g.envelope(m.in, env)
		}
		<-m.in.room
	case dialled:
		g.step(m.name, Dialled{m.gen, m.outcome})
	case expired:
		g.step(m.name, Expired{m.gen})
	case outLost:
		for name, l := range g.links {
			if l.Addr == m.addr || l.Known == m.addr {
				g.step(name, OutLost{m.addr})
			}
		}
	case inLost:
		for name := range g.links {
			g.step(name, InLost{m.id})
		}
	case open:
		g.open = true
		g.setPeers(g.peers)
	case peersAre:
		g.setPeers(m.addrs)
	case leave:
		g.leave(m.flushed)
	case *actor.Stopped:
		g.silence()
	}
}

func (g *gateway) setPeers(addrs map[string]string) {
	if !g.open {
		g.peers = addrs
		return
	}
	for name := range g.links {
		if _, ok := addrs[name]; !ok {
			g.step(name, Named{})
		}
	}
	for name, addr := range addrs {
		if name != g.r.cfg.Name && addr != "" {
			g.line(name)
			g.step(name, Named{addr})
		}
	}
}

func (g *gateway) line(name string) *line {
	l, ok := g.links[name]
	if !ok {
		l = &line{Link: Link{Self: g.r.cfg.Incarnation, Session: 1, Seed: rand.Uint64()}}
		g.links[name] = l
	}
	return l
}

// step runs one event through the link of a name.
func (g *gateway) step(name string, ev Event) {
	l, ok := g.links[name]
	if !ok {
		return
	}
	before := l.Phase
	next, effects := Step(l.Link, ev)
	l.Link = next
	if before != next.Phase {
		g.r.log.Debug("remoting: link", "peer", name, "from", before.String(), "to", next.Phase.String(), "on", ev.String())
	}
	for _, fx := range effects {
		g.perform(name, l, fx)
	}
	if l.Phase == Down && l.Known == "" && l.Incarnation == 0 {
		delete(g.links, name)
	}
}

func (g *gateway) perform(name string, l *line, fx Effect) {
	r := g.r
	switch fx := fx.(type) {
	case Dial:
		r.dial(fx.Addr, fx.Timeout, func(o Outcome) { r.tell(dialled{name, fx.Gen, o}) })
	case Arm:
		if l.timer != nil {
			l.timer.Stop()
		}
		l.timer = time.AfterFunc(fx.After, func() { r.tell(expired{name, fx.Gen}) })
	case SendHello:
		g.post(fx.Addr, 0, kindHello, helloBody{
			Cluster: r.cfg.Cluster, Addr: r.Addr(), Session: fx.Session,
			SeenIncarnation: fx.SeenIncarnation, SeenSession: fx.SeenSession, Up: fx.Up,
		}.encode())
	case SendPing:
		g.post(fx.Addr, fx.Incarnation, kindPing, encodeNonce(fx.Nonce))
	case SendPong:
		g.post(fx.Addr, fx.Incarnation, kindPong, encodeNonce(fx.Nonce))
	case SendReplaced:
		r.stats.refused.Add(1)
		g.post(fx.Addr, fx.Incarnation, kindReplaced, nil)
	case Admit:
		g.admit(name, &admission{fx.Addr, fx.Incarnation})
	case Bar:
		g.admit(name, nil)
	case Forget:
		r.out.drop(fx.Addr)
	case TellUp:
		r.log.Info("remoting: link up", "peer", name, "incarnation", hex(fx.Incarnation), "addr", l.Addr)
		g.rose(name, l.Addr)
		g.call("links", func() { r.onLink(LinkUp{Peer{name, fx.Incarnation}}) })
	case TellDown:
		r.log.Info("remoting: link down", "peer", name, "incarnation", hex(fx.Incarnation), "why", fx.Why.String())
		down := LinkDown{Peer{name, fx.Incarnation}, fx.Why == LoseRefused, fx.Why == LoseBye}
		g.fell(name)
		g.call("links", func() { r.onLink(down) })
	}
}

func hex(n uint64) string { return fmt.Sprintf("%x", n) }

// admit replaces the table that Send reads.
func (g *gateway) admit(name string, a *admission) {
	next := maps.Clone(*g.r.admitted.Load())
	if a == nil {
		delete(next, name)
	} else {
		next[name] = *a
	}
	g.r.admitted.Store(&next)
}

// post sends outside of any session.
func (g *gateway) post(addr string, to uint64, kind string, body []byte) {
	g.say(addr, g.r.envelope(kind, to, body))
}

func (g *gateway) say(addr string, env *process.Envelope) {
	if err := g.r.out.send(addr, env, true); err != nil {
		g.r.log.Debug("remoting: not sent", "addr", addr, "kind", env.GetKind(), "err", err)
	}
}

// call runs a callback of our user; its panic costs that call only.
func (g *gateway) call(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			g.r.stats.panics.Add(1)
			g.r.log.Error("remoting: handler panicked", "handler", what, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	f()
}

// dial finds out, in a goroutine of its own, whether somebody listens at addr.
func (r *Remoting) dial(addr string, timeout time.Duration, answer func(Outcome)) {
	r.work.Go(func() {
		ctx, cancel := context.WithTimeout(r.quit, timeout)
		defer cancel()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		switch {
		case err == nil:
			self := conn.LocalAddr().String() == conn.RemoteAddr().String()
			conn.Close()
			if self { // on loopback, a dial of a free port can meet itself
				answer(Refused)
				return
			}
			answer(Accepted)
		case errors.Is(err, syscall.ECONNREFUSED):
			answer(Refused)
		case errors.Is(err, syscall.ECONNRESET):
			answer(Reset)
		default:
			answer(Failed)
		}
	})
}

// silence ends what would still wake us.
func (g *gateway) silence() {
	for _, l := range g.links {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
}

// leave says goodbye to everybody we are linked to. A peer that hears it closes its connection to us, which is how we know
// that it has heard.
func (g *gateway) leave(flushed chan struct{}) {
	g.leaving, g.flushed = map[uint64]bool{}, flushed
	g.silence()
	for _, l := range g.links {
		if l.Phase == Up {
			g.leaving[l.In] = true
			g.post(l.Addr, l.Incarnation, kindBye, nil)
		}
	}
	g.r.admitted.Store(&map[string]admission{})
	for name := range g.up {
		g.fell(name)
	}
	g.farewell(nil)
}

func (g *gateway) farewell(msg any) {
	switch m := msg.(type) {
	case *arrived:
		<-m.in.room
	case inLost:
		delete(g.leaving, m.id)
	}
	if len(g.leaving) == 0 && g.flushed != nil {
		close(g.flushed)
		g.flushed = nil
	}
}
