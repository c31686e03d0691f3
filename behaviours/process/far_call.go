package process

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// farCall is a call of ours that waits for another member.
type farCall struct {
	caller caller
	to     *actor.PID
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
		c.caller.deliver(ref.Seq, outcome{err: errorOf(f)})
		return
	}
	value, err := unpack(a.GetBody())
	if err != nil {
		err = fmt.Errorf("%w: from %s: %w", ErrBadReply, c.to, err)
	}
	c.caller.deliver(ref.Seq, outcome{value: value, err: err})
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
	r := t.plane.newRelay(key.ref, farCaller{t, key}, to, proc)
	t.mu.Lock()
	t.serving[key] = r
	t.mu.Unlock()
	r.arm(time.Duration(ask.GetWithin()))
	if body == (inspection{}) {
		r.probe()
		return
	}
	proc.SendUserMessage(to, &actor.MessageEnvelope{Message: &Request{From: r.from(), Body: body}, Sender: r.me})
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
		t.plane.system.Logger().Debug("answer not sent", slog.String("addr", key.address), slog.Any("err", err))
	}
	return err == nil
}

// farCaller is a caller on another member.
type farCaller struct {
	port *Port
	key  farRef
}

var _ waiter = farCaller{}

func (c farCaller) answered(out outcome) bool { return c.port.answer(c.key, out) }
func (c farCaller) expired()                  {} // it knows the time itself

func (c farCaller) closed(*relay) {
	c.port.mu.Lock()
	defer c.port.mu.Unlock()
	delete(c.port.serving, c.key)
}
