package process

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// watchAfter is when a call without an answer begins to watch its target. An actor made with Props answers by
	// itself when it ends, so that the watch is for plain actors, and quick calls need not pay for it.
	watchAfter = 20 * time.Millisecond

	maxIdleSlots = 256
)

// A slot takes the reply of one call at a time. It is used again and again, and is registered as a process for all of
// its life; what makes that safe is the number of the call, which every reply must bring: an answer to an earlier call
// finds another number there, or none, and is dropped.
type slot struct {
	plane   *plane
	id      string
	use     atomic.Uint64 // the call that waits; 0 is none
	done    chan outcome  // has room for the one that turns use to 0
	timer   *time.Timer
	watched atomic.Pointer[message] // the call that last watched its target
}

var (
	_ actor.Process = (*slot)(nil)
	_ caller        = (*slot)(nil)
)

// A message is everything that a call sends, in one piece, and is not used again.
type message struct {
	request  Request
	envelope actor.MessageEnvelope
	sender   actor.PID // the slot; its RequestId is the number of the call, for plain actors' ctx.Respond
	to       *actor.PID
	proc     actor.Process
}

// open makes the slot wait for call number seq.
func (s *slot) open(seq uint64, to *actor.PID, proc actor.Process) *message {
	m := &message{to: to, proc: proc}
	m.request.From = From{caller: s, seq: seq}
	m.sender.Address, m.sender.Id, m.sender.RequestId = s.plane.system.Address(), s.id, uint32(seq)
	m.envelope.Sender = &m.sender
	s.use.Store(seq)
	return m
}

func (s *slot) incarnation() uint64   { return s.plane.incarnation }
func (s *slot) waits(seq uint64) bool { return s.use.Load() == seq }

func (s *slot) deliver(seq uint64, out outcome) bool {
	if seq == 0 || !s.use.CompareAndSwap(seq, 0) {
		return false
	}
	s.done <- out
	return true
}

// deliverTo is deliver for those who know the low half of the number only. A slot does not see four thousand million
// calls while a reply is under way.
func (s *slot) deliverTo(low uint32, out outcome) {
	if seq := s.use.Load(); uint32(seq) == low {
		s.deliver(seq, out)
	}
}

// wait returns the outcome, or the error of ctx if no answer can be taken any more. The slot is free then. One timer
// serves first the watch and then, if ctx has no deadline, the default one.
func (s *slot) wait(ctx context.Context, m *message) (outcome, error) {
	s.timer.Reset(watchAfter)
	select {
	case out := <-s.done:
		s.timer.Stop()
		return out, nil
	case <-ctx.Done():
		s.timer.Stop()
		return s.giveUp(m.request.From.seq, ctx.Err())
	case <-s.timer.C:
	}
	s.watched.Store(m)
	m.proc.SendSystemMessage(m.to, &actor.Watch{Watcher: &m.sender})
	defer func() {
		s.watched.Store(nil)
		m.proc.SendSystemMessage(m.to, &actor.Unwatch{Watcher: &m.sender})
	}()
	if _, has := ctx.Deadline(); !has {
		s.timer.Reset(DefaultTimeout - watchAfter)
		defer s.timer.Stop()
	}
	select {
	case out := <-s.done:
		return out, nil
	case <-ctx.Done():
		return s.giveUp(m.request.From.seq, ctx.Err())
	case <-s.timer.C: // set only if ctx has no deadline
		return s.giveUp(m.request.From.seq, context.DeadlineExceeded)
	}
}

// waitFar is wait without the watch, which other members see to.
func (s *slot) waitFar(ctx context.Context, seq uint64) (outcome, error) {
	if _, has := ctx.Deadline(); !has {
		s.timer.Reset(DefaultTimeout)
		defer s.timer.Stop()
	}
	select {
	case out := <-s.done:
		return out, nil
	case <-ctx.Done():
		return s.giveUp(seq, ctx.Err())
	case <-s.timer.C:
		return s.giveUp(seq, context.DeadlineExceeded)
	}
}

// giveUp ends the wait with err, unless an answer was taken at the same moment.
func (s *slot) giveUp(seq uint64, err error) (outcome, error) {
	if s.use.CompareAndSwap(seq, 0) {
		return outcome{}, err
	}
	return <-s.done, nil
}

// SendUserMessage takes the reply of a plain actor that answers with ctx.Respond.
func (s *slot) SendUserMessage(me *actor.PID, envelope any) {
	msg := actor.UnwrapEnvelopeMessage(envelope)
	if dead, ok := msg.(*actor.DeadLetterResponse); ok {
		s.deliverTo(me.GetRequestId(), outcome{err: &ExitError{Who: dead.GetTarget(), Reason: ErrNoProc}})
		return
	}
	s.deliverTo(me.GetRequestId(), outcome{value: msg})
}

// SendSystemMessage learns of the target's end.
func (s *slot) SendSystemMessage(me *actor.PID, msg any) {
	gone, ok := msg.(*actor.Terminated)
	m := s.watched.Load()
	if !ok || m == nil || m.sender.GetRequestId() != me.GetRequestId() {
		return
	}
	s.deliver(m.request.From.seq, outcome{err: s.plane.goneError(m.to, m.proc, gone)})
}

// Stop does nothing: a call ends by itself.
func (s *slot) Stop(*actor.PID) {}

// slots are the reply slots of a system that no call uses.
type slots struct {
	plane *plane
	mu    sync.Mutex
	idle  []*slot
	made  uint64
}

func (all *slots) get() *slot {
	all.mu.Lock()
	if n := len(all.idle); n > 0 {
		s := all.idle[n-1]
		all.idle = all.idle[:n-1]
		all.mu.Unlock()
		return s
	}
	all.made++
	made := all.made
	all.mu.Unlock()
	s := &slot{plane: all.plane, id: all.plane.callPrefix + strconv.FormatUint(made, 36), done: make(chan outcome, 1)}
	s.timer = time.NewTimer(watchAfter)
	s.timer.Stop()
	all.plane.system.ProcessRegistry.Add(s, s.id)
	return s
}

func (all *slots) put(s *slot) {
	all.mu.Lock()
	if len(all.idle) < maxIdleSlots {
		all.idle = append(all.idle, s)
		s = nil
	}
	all.mu.Unlock()
	if s != nil {
		all.plane.system.ProcessRegistry.Remove(actor.NewPID("", s.id))
	}
}
