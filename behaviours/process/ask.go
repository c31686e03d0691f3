package process

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// Ask is Call for actors: it sends req and does not wait. The request takes its place among everything else that the
// caller sends to the same target, and the answer among everything that the target sends back.
//
// What wrap makes of the reply, or of the error, arrives in the caller's user lane once, no later than timeout from now;
// the errors are those of Call. wrap may run in any goroutine and must not block. If the caller's incarnation ends before
// the answer is handled, nobody sees it.
func Ask[R any](ctx actor.Context, to *actor.PID, req any, timeout time.Duration, wrap func(reply R, err error) (msg any)) {
	a := newAsker(ctx)
	a.wrap = func(out outcome) any { return wrap(replyOf[R](to, req, out)) }
	a.late = func() error { return fmt.Errorf("%w: call of %T to %s after %v", ErrTimeout, req, to.GetId(), timeout) }
	p := planeOf(ctx.ActorSystem())
	switch {
	case timeout <= 0:
		a.expired()
	case to != nil && !p.local(to):
		p.askFar(a, to, req, timeout)
	default:
		p.ask(a, to, req, timeout)
	}
}

// asker is an actor that waits for an answer without standing still.
type asker struct {
	life *life  // nil for a plain actor
	id   uint64 // among its timers and asks
	self *actor.PID
	proc actor.Process
	wrap func(outcome) any
	late func() error
}

var _ waiter = (*asker)(nil)

func newAsker(ctx actor.Context) *asker {
	a := &asker{self: ctx.Self()}
	l, ours := lifeOf(ctx)
	if !ours {
		a.proc, _ = ctx.ActorSystem().ProcessRegistry.Get(ctx.Self())
		return a
	}
	l.lastTimer++
	a.life, a.id, a.proc = l, l.lastTimer, l.proc
	if l.asks == nil {
		l.asks = make(map[uint64]*relay)
	}
	l.asks[a.id] = nil
	return a
}

// keep lets the end of the asker's incarnation end the ask.
func (a *asker) keep(r *relay) {
	if a.life != nil {
		a.life.asks[a.id] = r
	}
}

func (a *asker) answered(out outcome) bool {
	msg := a.wrap(out)
	if a.life != nil {
		msg = &fired{owner: a.life, id: a.id, msg: msg}
	}
	a.proc.SendUserMessage(a.self, msg)
	return true
}

func (a *asker) expired() { a.answered(outcome{err: a.late()}) }

func (a *asker) closed(r *relay) {
	if r.port == nil {
		return
	}
	r.port.mu.Lock()
	delete(r.port.calls, r.ref.Seq)
	r.port.mu.Unlock()
}

func (p *plane) ask(a *asker, to *actor.PID, req any, timeout time.Duration) {
	proc, ok := p.system.ProcessRegistry.Get(to)
	if !ok {
		a.answered(outcome{err: fmt.Errorf("%w: call of %T to %s", ErrNoProc, req, to.GetId())})
		return
	}
	r := p.newRelay(p.newRef(), a, to, proc)
	a.keep(r)
	r.arm(timeout)
	proc.SendUserMessage(to, &actor.MessageEnvelope{Message: &Request{From: r.from(), Body: req}, Sender: r.me})
}

func (p *plane) askFar(a *asker, to *actor.PID, req any, timeout time.Duration) {
	t := p.port.Load()
	if t == nil {
		a.answered(outcome{err: fmt.Errorf("%w: call of %T to %s: %w", ErrNodeDown, req, to, errNoCarrier)})
		return
	}
	body, err := pack(req)
	if err != nil {
		a.answered(outcome{err: fmt.Errorf("process: call to %s: %w", to, err)})
		return
	}
	r := &relay{plane: p, port: t, ref: p.newRef(), waiter: a, to: to}
	r.open.Store(true)
	a.keep(r)
	t.mu.Lock()
	t.calls[r.ref.Seq] = farCall{r, to}
	t.mu.Unlock()
	r.arm(timeout)
	ask := &wire.Ask{Ref: wireRef(r.ref), To: to.GetId(), Body: body, Within: int64(timeout)}
	if err := t.send(to.GetAddress(), &wire.Frame{What: &wire.Frame_Ask{Ask: ask}}); err != nil {
		r.deliver(r.ref.Seq, outcome{err: fmt.Errorf("call of %T to %s: %w", req, to, err)})
	}
}
