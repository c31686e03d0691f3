package process

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// farCall is a call of ours that waits for another member.
type farCall struct {
	slot *slot
	to   *actor.PID
}

func (p *plane) callFar(ctx context.Context, to *actor.PID, req any) (any, error) {
	if err := ctx.Err(); err != nil {
		return nil, callError(to, req, err)
	}
	t := p.port.Load()
	if t == nil {
		return nil, fmt.Errorf("%w: call of %T to %s: %w", ErrNodeDown, req, to, errNoCarrier)
	}
	body, err := pack(req)
	if err != nil {
		return nil, fmt.Errorf("process: call to %s: %w", to, err)
	}
	within := DefaultTimeout
	if deadline, has := ctx.Deadline(); has {
		within = time.Until(deadline)
	}
	s := p.slots.get()
	defer p.slots.put(s)
	seq := p.seq.Add(1)
	s.use.Store(seq)
	t.mu.Lock()
	t.calls[seq] = farCall{s, to}
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		delete(t.calls, seq)
		t.mu.Unlock()
	}()
	ask := &wire.Ask{Ref: wireRef(Ref{p.incarnation, seq}), To: to.GetId(), Body: body, Within: int64(within)}
	if err := t.send(to.GetAddress(), &wire.Frame{What: &wire.Frame_Ask{Ask: ask}}); err != nil {
		s.deliver(seq, outcome{err: fmt.Errorf("call of %T to %s: %w", req, to, err)})
	}
	out, err := s.waitFar(ctx, seq)
	if err != nil {
		return nil, callError(to, req, err)
	}
	return out.value, out.err
}

// answered takes the answer to a call, unless that was a former incarnation's or has been given up.
func (t *Port) answered(a *wire.Answer) {
	ref := refOf(a.GetRef())
	if ref.Incarnation != t.plane.incarnation {
		return
	}
	t.mu.Lock()
	c, ok := t.calls[ref.Seq]
	t.mu.Unlock()
	if !ok {
		return
	}
	if f := a.GetFailure(); f != nil {
		c.slot.deliver(ref.Seq, outcome{err: errorOf(f)})
		return
	}
	value, err := unpack(a.GetBody())
	if err != nil {
		err = fmt.Errorf("%w: from %s: %w", ErrBadReply, c.to, err)
	}
	c.slot.deliver(ref.Seq, outcome{value: value, err: err})
}

// asked hands a call of another member's to its target.
func (t *Port) asked(address string, ask *wire.Ask) {
	key := farRef{address, refOf(ask.GetRef())}
	to := actor.NewPID(t.plane.system.Address(), ask.GetTo())
	proc, ok := t.plane.system.ProcessRegistry.Get(to)
	if !ok {
		t.answer(key, outcome{err: fmt.Errorf("%w: call to %s", ErrNoProc, to)})
		return
	}
	body, err := unpack(ask.GetBody())
	if err != nil {
		t.answer(key, outcome{err: fmt.Errorf("process: call to %s: %w", to, err)})
		return
	}
	r := &relay{port: t, key: key, to: to, proc: proc}
	r.open.Store(true)
	r.me, _ = t.plane.system.ProcessRegistry.Add(r, t.plane.callPrefix+"far/"+strconv.FormatUint(t.plane.seq.Add(1), 36))
	t.mu.Lock()
	t.serving[key] = r
	r.left = time.Duration(ask.GetWithin())
	r.timer = time.AfterFunc(min(r.left, watchAfter), r.watch)
	t.mu.Unlock()
	if body == (inspection{}) {
		r.probe()
		return
	}
	proc.SendUserMessage(to, &actor.MessageEnvelope{Message: &Request{From: From{r, key.ref.Seq}, Body: body}, Sender: r.me})
}

func (t *Port) answer(key farRef, out outcome) bool {
	a := &wire.Answer{Ref: wireRef(key.ref), Failure: failureOf(out.err)}
	if out.err == nil {
		body, err := pack(out.value)
		if err != nil {
			a.Failure = failureOf(fmt.Errorf("%w: %w", ErrBadReply, err))
		}
		a.Body = body
	}
	err := t.send(key.address, &wire.Frame{What: &wire.Frame_Answer{Answer: a}})
	if err != nil && a.Body != nil { // a reply that is too large: the caller need not wait for it
		a.Body, a.Failure = nil, failureOf(fmt.Errorf("%w: %w", ErrBadReply, err))
		err = t.send(key.address, &wire.Frame{What: &wire.Frame_Answer{Answer: a}})
	}
	if err != nil {
		t.plane.system.Logger().Debug("process: answer not sent", "to", key.address, "err", err)
	}
	return err == nil
}

// A relay stands for a caller on another member, until it has been answered or has given up.
type relay struct {
	port  *Port
	key   farRef
	to    *actor.PID
	proc  actor.Process
	me    *actor.PID
	timer *time.Timer
	left  time.Duration // how long the caller waits, from when timer was made

	probes bool // it is an inspection
	open   atomic.Bool
}

var (
	_ actor.Process = (*relay)(nil)
	_ caller        = (*relay)(nil)
)

func (r *relay) incarnation() uint64 { return r.key.ref.Incarnation }
func (r *relay) waits(uint64) bool   { return r.open.Load() }

func (r *relay) deliver(_ uint64, out outcome) bool {
	return r.close() && r.port.answer(r.key, out)
}

// watch looks after a target that is slow to answer, as a slot does.
func (r *relay) watch() {
	t := r.port
	t.mu.Lock()
	defer t.mu.Unlock()
	if !r.open.Load() {
		return
	}
	r.timer = time.AfterFunc(r.left-watchAfter, r.drop)
	r.proc.SendSystemMessage(r.to, &actor.Watch{Watcher: r.me})
}

// drop forgets a caller that waits no more.
func (r *relay) drop() { r.close() }

func (r *relay) close() bool {
	if !r.open.CompareAndSwap(true, false) {
		return false
	}
	t := r.port
	t.mu.Lock()
	delete(t.serving, r.key)
	r.timer.Stop()
	t.mu.Unlock()
	t.plane.system.ProcessRegistry.Remove(r.me)
	r.proc.SendSystemMessage(r.to, &actor.Unwatch{Watcher: r.me})
	return true
}

// SendUserMessage takes the reply of a plain actor that answers with ctx.Respond.
func (r *relay) SendUserMessage(_ *actor.PID, envelope any) {
	msg := actor.UnwrapEnvelopeMessage(envelope)
	if _, dead := msg.(*actor.DeadLetterResponse); dead {
		r.deliver(0, outcome{err: &ExitError{Who: r.to, Reason: ErrNoProc}})
		return
	}
	if r.probes {
		r.deliver(0, outcome{err: notOurs(r.to)})
		return
	}
	r.deliver(0, outcome{value: msg})
}

// SendSystemMessage learns of the target's end.
func (r *relay) SendSystemMessage(_ *actor.PID, msg any) {
	if gone, ok := msg.(*actor.Terminated); ok {
		r.deliver(0, outcome{err: r.port.plane.goneError(r.to, r.proc, gone)})
	}
}

// Stop does nothing: a relay ends by itself.
func (r *relay) Stop(*actor.PID) {}
