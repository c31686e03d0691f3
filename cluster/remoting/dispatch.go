package remoting

import (
	"log/slog"
	"slices"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/model"
)

// envelope decides what to do with one envelope: our own kinds are events of the link, others belong to a session.
func (g *shell) envelope(in *inbound, env *process.Envelope) {
	name := env.GetFrom()
	switch to := env.GetToIncarnation(); {
	case in.speaks != nil && !slices.Contains(in.speaks, name):
		g.r.stats.refused.Add(1)
		if g.r.warn.allow("certificate " + name) {
			g.r.log.Warn("a certificate speaks for another member", slog.String("member", name), slog.String("certificate", quoted(in.speaks)), slog.String("addr", in.addr))
		}
	case name != g.r.cfg.Name && !g.r.cfg.Known(name):
		g.r.stats.refused.Add(1)
		if g.r.warn.allow("unknown " + in.addr) {
			g.r.log.Warn("refused, the specification has no such member", slog.String("member", name), slog.String("addr", in.addr))
		}
	case name == g.r.cfg.Name:
		if env.GetFromIncarnation() != g.r.cfg.Incarnation && g.r.warn.allow("namesake "+in.addr) {
			g.r.log.Error("another process uses our name", slog.String("member", name), slog.String("addr", in.addr))
		}
		g.r.stats.stale.Add(1)
	case to != 0 && to != g.r.cfg.Incarnation && env.GetKind() != kindPing:
		g.r.stats.stale.Add(1)
	case env.GetVersion() > process.EnvelopeVersion:
		g.unsupported(in, env)
	case reserved(env.GetKind()):
		g.linkKind(in, name, env)
	default:
		g.userKind(in, name, env)
	}
}

func (g *shell) userKind(in *inbound, name string, env *process.Envelope) {
	l, ok := g.links[name]
	if !ok || !l.Accepts(env.GetFromIncarnation(), in.id) {
		g.r.stats.stale.Add(1)
		return
	}
	if env.GetKind() == kindProcess {
		g.carried(name, env.GetBody())
		return
	}
	h, ok := g.r.handlers[env.GetKind()]
	if !ok {
		g.unsupported(in, env)
		return
	}
	from := model.Member{Name: name, Incarnation: env.GetFromIncarnation()}
	g.call(env.GetKind(), func() { h(from, env.GetBody()) })
}

// unsupported answers a linked peer, and nobody else: a stranger could name any address for the answer.
func (g *shell) unsupported(in *inbound, env *process.Envelope) {
	g.r.stats.unsupported.Add(1)
	name, kind := env.GetFrom(), env.GetKind()
	if g.r.warn.allow("unsupported " + name + " " + kind) {
		g.r.log.Warn("unsupported", slog.String("peer", name), slog.String("kind", kind), slog.Uint64("version", uint64(env.GetVersion())))
	}
	l, ok := g.links[name]
	if !ok || kind == kindUnsupported || !l.Accepts(env.GetFromIncarnation(), in.id) {
		return
	}
	answer := g.r.envelope(kindUnsupported, l.Incarnation, []byte(kind))
	answer.Seq = env.GetSeq()
	g.say(endpoint{name, l.Addr}, answer)
}

// linkKind turns our own kinds into events.
func (g *shell) linkKind(in *inbound, name string, env *process.Envelope) {
	inc, body := env.GetFromIncarnation(), env.GetBody()
	nonce, okNonce := decodeNonce(body)
	switch kind := env.GetKind(); {
	case kind == kindHello:
		g.hello(in, name, inc, body)
	case kind == kindPing && okNonce && env.GetToIncarnation() != g.r.cfg.Incarnation:
		g.line(name) // meant for a former process at our address: our hello tells that it is gone
		g.step(name, Ping{Incarnation: 0, Nonce: nonce, Addr: in.addr, In: in.id})
	case kind == kindPing && okNonce:
		g.step(name, Ping{inc, nonce, in.addr, in.id})
	case kind == kindPong && okNonce:
		g.step(name, Pong{inc, nonce, in.id})
	case kind == kindBye:
		g.step(name, Bye{inc, in.id})
	case (kind == kindRefused || kind == kindReplaced) && env.GetToIncarnation() == g.r.cfg.Incarnation:
		g.refusal(name, inc, kind, body)
	case kind == kindUnsupported:
		if g.r.warn.allow("peer lacks " + name + clip(body)) {
			g.r.log.Warn("peer does not support", slog.String("peer", name), slog.String("kind", clip(body)))
		}
	default:
		g.r.stats.foreign.Add(1)
	}
}

// refusal hands a refusal to the link, which knows whether it answers a hello of ours.
func (g *shell) refusal(name string, inc uint64, kind string, body []byte) {
	word, ok := decodeRefusal(body)
	if l, known := g.links[name]; !ok || !known || !l.challenged(word.Challenge) {
		g.r.stats.stale.Add(1)
		return
	}
	if kind == kindReplaced {
		g.step(name, ReplacedUs{inc, word.Challenge})
		return
	}
	if g.r.warn.allow("refused by " + name) {
		g.r.log.Warn("link refused by peer", slog.String("peer", name), slog.String("reason", word.Why))
	}
	g.step(name, RefusedUs{word.Challenge})
}

func clip(b []byte) string { return string(b[:min(len(b), maxName)]) }

func (g *shell) hello(in *inbound, name string, inc uint64, body []byte) {
	h, err := decodeHello(body)
	if err != nil {
		g.r.stats.foreign.Add(1)
		return
	}
	if h.Cluster != g.r.cfg.Cluster {
		g.refuse(name, inc, h, "this is cluster "+clipName(g.r.cfg.Cluster)+", not "+clipName(h.Cluster))
		return
	}
	if _, known := g.links[name]; !known && len(g.links) >= maxUnnamed && g.unnamed() >= maxUnnamed {
		g.r.stats.refused.Add(1)
		return
	}
	g.line(name)
	g.step(name, Hello{
		Incarnation: inc, Session: h.Session, SeenIncarnation: h.SeenIncarnation, SeenSession: h.SeenSession,
		Up: h.Up, Addr: h.Addr, In: in.id, Challenge: h.Challenge,
	})
}

func clipName(s string) string { return "\"" + s[:min(len(s), maxName)] + "\"" }

// unnamed counts the links that strangers could have made.
func (g *shell) unnamed() int {
	n := 0
	for _, l := range g.links {
		if l.Known == "" && l.Phase != Up && l.Phase != Checking {
			n++
		}
	}
	return n
}

// refuse turns a hello away, and says why at both ends, once in a while.
func (g *shell) refuse(name string, inc uint64, h helloBody, why string) {
	g.r.stats.refused.Add(1)
	if !g.r.warn.allow("refuse " + name + " " + h.Addr) {
		return
	}
	g.r.log.Warn("refused a peer", slog.String("peer", name), slog.String("addr", h.Addr), slog.String("reason", why))
	g.post(endpoint{name, h.Addr}, inc, kindRefused, refusalBody{why, h.Challenge}.encode())
}
