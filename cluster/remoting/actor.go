package remoting

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/model"
)

const (
	byeTimeout = 250 * time.Millisecond // for peers to drop their connections after our goodbye
	maxUnnamed = 64                     // links that no discovery names and that never came up
)

// What the shell is told, besides envelopes.
type (
	open     struct{}
	peersAre struct{ addrs map[string]string }
	dialled  struct {
		name    string
		gen     uint64
		outcome outcome
	}
	expired struct {
		name string
		gen  uint64
	}
	outLost struct{ to endpoint }
	inLost  struct{ id uint64 }
	arrived struct {
		in        *inbound
		envelopes []*process.Envelope
		tokens    int // of in.room
	}
	leave struct{ flushed chan struct{} }
)

// shell is the one actor that peers can reach. It owns all links.
type shell struct {
	r        *Remoting
	seed     maphash.Seed
	links    map[string]*line
	inbounds map[uint64]*inbound // that have said something
	up       map[string]string   // by name, the address of an established link
	peers    map[string]string   // what discovery said before Open
	open     bool
	leaving  map[uint64]bool // inbound connections whose end we await before leaving; nil unless leaving
	flushed  chan struct{}
}

// A line is a link and its timer.
type line struct {
	linkState
	timer *time.Timer
	heard uint64 // the inbound connection that the link has admitted, 0: none
}

func newShell(r *Remoting) *shell {
	return &shell{r: r, seed: maphash.MakeSeed(), links: map[string]*line{}, inbounds: map[uint64]*inbound{}, up: map[string]string{}}
}

func (g *shell) Receive(ctx actor.Context) {
	if g.leaving != nil {
		g.farewell(ctx.Message())
		return
	}
	switch m := ctx.Message().(type) {
	case *arrived:
		g.inbounds[m.in.id] = m.in
		for _, env := range m.envelopes {
			g.envelope(m.in, env)
			g.hear(env.GetFrom())
		}
		m.done()
	case dialled:
		g.step(m.name, Dialled{m.gen, m.outcome})
	case expired:
		g.step(m.name, Expired{m.gen})
	case outLost:
		g.step(m.to.name, OutLost{m.to.addr})
	case inLost:
		delete(g.inbounds, m.id)
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

func (g *shell) setPeers(addrs map[string]string) {
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

func (g *shell) line(name string) *line {
	l, ok := g.links[name]
	if !ok {
		l = &line{linkState: linkState{Self: g.r.cfg.Incarnation, Session: g.firstSession(name), Seed: rand.Uint64()}}
		g.links[name] = l
	}
	return l
}

// firstSession is a number that only those learn whom we greet: a hello that repeats it has come from where ours was received.
// A link that is begun again has the same.
func (g *shell) firstSession(name string) uint64 { return 1 + maphash.String(g.seed, name)>>16 }

// done gives the tokens of a batch back.
func (a *arrived) done() {
	for range a.tokens {
		<-a.in.room
	}
}

// hear admits the connection that a link reads from, and no other.
func (g *shell) hear(name string) {
	l, ok := g.links[name]
	if !ok {
		return
	}
	now := uint64(0)
	if l.Phase == Up || l.Phase == Checking {
		now = l.In
	}
	if now == l.heard {
		return
	}
	if in := g.inbounds[now]; in != nil && in.conn != nil {
		in.conn.admit()
	}
	if in := g.inbounds[l.heard]; in != nil && in.conn != nil {
		in.conn.dismiss()
	}
	l.heard = now
}

// step runs one event through the link of a name.
func (g *shell) step(name string, ev event) {
	l, ok := g.links[name]
	if !ok {
		return
	}
	before := l.Phase
	next, effects := step(l.linkState, ev)
	l.linkState = next
	if before != next.Phase {
		g.r.log.Debug("link", slog.String("peer", name), slog.String("from", before.String()), slog.String("to", next.Phase.String()), slog.String("on", ev.String()))
	}
	for _, fx := range effects {
		g.perform(name, l, fx)
	}
	g.hear(name)
	if l.Phase == Down && l.Known == "" && l.Incarnation == 0 {
		delete(g.links, name)
	}
}

func (g *shell) perform(name string, l *line, fx effect) {
	r := g.r
	switch fx := fx.(type) {
	case Dial:
		r.dial(fx.Addr, fx.Timeout, func(o outcome) { r.tell(dialled{name, fx.Gen, o}) })
	case Arm:
		if l.timer != nil {
			l.timer.Stop()
		}
		l.timer = time.AfterFunc(fx.After, func() { r.tell(expired{name, fx.Gen}) })
	case SendHello:
		g.post(endpoint{name, fx.Addr}, 0, kindHello, helloBody{
			Cluster: r.cfg.Cluster, Addr: r.Addr(), Session: fx.Session,
			SeenIncarnation: fx.SeenIncarnation, SeenSession: fx.SeenSession, Up: fx.Up,
			Challenge: fx.Challenge,
		}.encode())
	case SendPing:
		g.post(endpoint{name, fx.Addr}, fx.Incarnation, kindPing, encodeNonce(fx.Nonce))
	case SendPong:
		g.post(endpoint{name, fx.Addr}, fx.Incarnation, kindPong, encodeNonce(fx.Nonce))
	case SendReplaced:
		r.stats.refused.Add(1)
		g.post(endpoint{name, fx.Addr}, fx.Incarnation, kindReplaced, refusalBody{Challenge: fx.Challenge}.encode())
	case TellReplaced:
		g.call("links", func() { r.onLink(Replaced{model.Member{Name: name, Incarnation: fx.Incarnation}}) })
	case Admit:
		r.out.keep(endpoint{name, fx.Addr})
		g.admit(name, &admission{fx.Addr, fx.Incarnation})
	case Bar:
		g.admit(name, nil)
	case Forget:
		r.out.drop(endpoint{name, fx.Addr})
	case TellUp:
		r.log.Info("link up", slog.String("peer", name), slog.String("incarnation", hex(fx.Incarnation)), slog.String("addr", l.Addr))
		g.rose(name, l.Addr)
		g.call("links", func() { r.onLink(LinkUp{model.Member{Name: name, Incarnation: fx.Incarnation}}) })
	case TellDown:
		r.log.Info("link down", slog.String("peer", name), slog.String("incarnation", hex(fx.Incarnation)), slog.String("reason", fx.Why.String()))
		down := LinkDown{model.Member{Name: name, Incarnation: fx.Incarnation}, fx.Why == loseRefused, fx.Why == loseBye}
		g.fell(name)
		g.call("links", func() { r.onLink(down) })
	}
}

func hex(n uint64) string { return fmt.Sprintf("%x", n) }

// admit replaces the table that Send reads.
func (g *shell) admit(name string, a *admission) {
	next := maps.Clone(*g.r.admitted.Load())
	if a == nil {
		delete(next, name)
	} else {
		next[name] = *a
	}
	g.r.admitted.Store(&next)
}

// post sends outside of any session.
func (g *shell) post(at endpoint, to uint64, kind string, body []byte) {
	g.say(at, g.r.envelope(kind, to, body))
}

func (g *shell) say(at endpoint, env *process.Envelope) {
	if err := g.r.out.send(at, env, true); err != nil {
		g.r.log.Debug("not sent", slog.String("addr", at.addr), slog.String("kind", env.GetKind()), slog.Any("err", err))
	}
}

// call runs a callback of our user; its panic costs that call only.
func (g *shell) call(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			g.r.stats.panics.Add(1)
			g.r.log.Error("handler panicked", slog.String("handler", what), slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
		}
	}()
	f()
}

// dial finds out, in a goroutine of its own, whether somebody listens at addr.
func (r *Remoting) dial(addr string, timeout time.Duration, answer func(outcome)) {
	r.work.Go(func() {
		ctx, cancel := context.WithTimeout(r.quit, timeout)
		defer cancel()
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		switch {
		case err == nil:
			self := conn.LocalAddr().String() == conn.RemoteAddr().String()
			conn.Close()
			if self { // on loopback, a dial of a free port can meet itself
				answer(refusedDial)
				return
			}
			answer(accepted)
		case errors.Is(err, syscall.ECONNREFUSED):
			answer(refusedDial)
		case errors.Is(err, syscall.ECONNRESET):
			answer(resetDial)
		default:
			answer(failedDial)
		}
	})
}

// silence ends what would still wake us.
func (g *shell) silence() {
	for _, l := range g.links {
		if l.timer != nil {
			l.timer.Stop()
		}
	}
}

// leave says goodbye to everybody we are linked to. A peer that hears it closes its connection to us, which is how we know
// that it has heard.
func (g *shell) leave(flushed chan struct{}) {
	g.leaving, g.flushed = map[uint64]bool{}, flushed
	g.silence()
	for name, l := range g.links {
		if l.Phase == Up {
			g.leaving[l.In] = true
			g.post(endpoint{name, l.Addr}, l.Incarnation, kindBye, nil)
		}
	}
	g.r.admitted.Store(&map[string]admission{})
	for name := range g.up {
		g.fell(name)
	}
	g.farewell(nil)
}

func (g *shell) farewell(msg any) {
	switch m := msg.(type) {
	case *arrived:
		m.done()
	case inLost:
		delete(g.leaving, m.id)
	}
	if len(g.leaving) == 0 && g.flushed != nil {
		close(g.flushed)
		g.flushed = nil
	}
}
