package process

import (
	"reflect"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
)

// WithMailbox chooses the queue of an actor made with Props. It takes the place of actor.WithMailbox, which would cost
// the actor its answers to calls still queued when it ends, Machine.Stop and Machine.Ready. Without it an actor has an
// unbounded queue of this package's own, which knows neither protoactor's mailbox middleware nor its MessageBatch.
func WithMailbox(producer actor.MailboxProducer) actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return &mailbox{foreign: &gate{Mailbox: producer()}} })
}

func withOwnMailbox() actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return &mailbox{} })
}

// mailbox looks over the shoulder of protoactor's actor context: protoactor drops what is queued at a stopped actor
// without a word.
type mailbox struct {
	foreign    *gate // a queue that is not ours, or nil
	dispatcher actor.Dispatcher
	lanes      // unless foreign
	actor.MessageInvoker
	ctx actor.Context

	who     alive        // the incarnation, as of the last system message
	last    reflect.Type // of the last message
	handled uint64

	restarts uint32
	drained  bool
	touches  []any // held back until the machine is ready
	probes   []*actor.Touch
}

var (
	_ actor.Mailbox        = (*mailbox)(nil)
	_ actor.MessageInvoker = (*mailbox)(nil)
)

// PostUserMessage queues a message. An exit signal does not wait behind messages.
func (m *mailbox) PostUserMessage(msg any) {
	if exit, ok := msg.(*Exited); ok {
		m.PostSystemMessage(exit)
		return
	}
	m.queue(msg)
}

func (m *mailbox) queue(msg any) {
	if m.foreign != nil {
		m.foreign.PostUserMessage(msg)
		return
	}
	m.begin(m.postUser(msg))
}

// PostSystemMessage queues a system message.
func (m *mailbox) PostSystemMessage(msg any) {
	if m.foreign != nil {
		m.foreign.PostSystemMessage(msg)
		return
	}
	m.begin(m.postSystem(msg))
}

// RegisterHandlers puts the mailbox between the queue and the actor.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, d actor.Dispatcher) {
	m.MessageInvoker, m.dispatcher = invoker, d
	m.ctx, _ = invoker.(actor.Context)
	if m.foreign != nil {
		m.foreign.RegisterHandlers(m, d)
	}
}

// Start lets the actor handle its messages, the first of which is queued by now.
func (m *mailbox) Start() {
	if m.foreign != nil {
		m.foreign.Start()
		return
	}
	m.begin(m.start())
}

// UserMessageCount returns how many messages wait, or a little more.
func (m *mailbox) UserMessageCount() int {
	if m.foreign != nil {
		return m.foreign.UserMessageCount()
	}
	return m.count()
}

// waiting is how many messages wait, exactly. It is for the actor's own turn.
func (m *mailbox) waiting() int {
	if m.foreign != nil {
		return m.foreign.UserMessageCount()
	}
	return m.exact()
}

func (m *mailbox) begin(wake bool) {
	if !wake {
		return
	}
	if _, ours := m.dispatcher.(dispatcher); ours {
		go m.workFresh() // as our dispatcher does, with one allocation less
		return
	}
	m.dispatcher.Schedule(m.work)
}

// resident returns the present incarnation, if it is one of ours.
func (m *mailbox) resident() (alive, bool) {
	if m.ctx == nil {
		return nil, false
	}
	a, ok := m.ctx.Actor().(alive)
	if ok {
		m.who = a
		a.lifeOf().drains = true
	}
	return a, ok
}

// InvokeUserMessage passes on everything, except what waits for readiness or is too late.
func (m *mailbox) InvokeUserMessage(msg any) {
	a := m.who
	if a == nil {
		m.MessageInvoker.InvokeUserMessage(msg)
		return
	}
	if l := a.lifeOf(); l.phase >= ended {
		refuse(l, msg)
		if l.phase == buried {
			m.forget(l)
		}
		return
	}
	defer m.catch(a, msg)
	if touch, isTouch := actor.UnwrapEnvelopeMessage(msg).(*actor.Touch); isTouch {
		if !m.probed(touch) {
			m.touches = append(m.touches, msg)
		}
	} else {
		m.handled++
		m.last = typeOf(msg)
		m.MessageInvoker.InvokeUserMessage(msg)
	}
	m.answerTouches(a)
}

// InvokeSystemMessage offers a stop to the machine first. When the actor is gone it resumes the queue, which a panic
// has suspended, so that the rest of it can be refused.
func (m *mailbox) InvokeSystemMessage(msg any) {
	a, ok := m.resident()
	if !ok {
		m.MessageInvoker.InvokeSystemMessage(msg)
		return
	}
	defer m.catch(a, nil)
	switch msg := msg.(type) {
	case *actor.Stop:
		if a.stop(m.ctx) {
			return
		}
	case *Exited:
		if a.lifeOf().signalled(m.ctx, msg) {
			m.queue(msg)
		}
		return
	case *probe:
		m.probes = append(m.probes, msg.touch)
		Respond(msg.from, m.inspect(a), nil)
		return
	case *actor.Restart:
		m.restarts++
	case *actor.Watch:
		if l := a.lifeOf(); l.phase == buried { // whoever watches so late is told the reason, too
			l.plane.markEnding(l.proc, l.reason)
			defer m.forget(l)
		}
	}
	m.MessageInvoker.InvokeSystemMessage(msg)
	if now, ok := m.resident(); ok { // after a restart another
		a = now
	}
	m.answerTouches(a)
	if a.lifeOf().phase == buried && !m.drained {
		m.drained = true
		m.PostSystemMessage(&actor.ResumeMailbox{})
		m.forget(a.lifeOf())
	}
}

// probed says whether a touch belongs to a probe, and so was answered with it.
func (m *mailbox) probed(touch *actor.Touch) bool {
	i := slices.Index(m.probes, touch)
	if i < 0 {
		return false
	}
	m.probes = slices.Delete(m.probes, i, i+1)
	return true
}

func (m *mailbox) answerTouches(a alive) {
	if len(m.touches) == 0 {
		return
	}
	l, held := a.lifeOf(), m.touches
	switch {
	case l.phase == buried:
		m.touches = nil
		for _, msg := range held {
			refuse(l, msg)
		}
	case l.phase == live && a.ready():
		m.touches = nil
		for _, msg := range held {
			m.MessageInvoker.InvokeUserMessage(msg)
		}
	}
}

// refuse makes known that a message came too late: to its sender, or as a dead letter.
func refuse(l *life, msg any) {
	switch body := actor.UnwrapEnvelopeMessage(msg).(type) {
	case *Request:
		l.refuse(body)
	case *actor.Touch:
		l.refuseTouch(msg)
	case *fired, *Down, *Exited, actor.AutoReceiveMessage: // nobody's loss
	default:
		l.plane.system.DeadLetter.SendUserMessage(l.self, msg)
	}
}

// catch makes the end of the incarnation of a panic that none of the machine's functions made: in middleware, or in what
// protoactor's ReenterAfter calls.
func (m *mailbox) catch(a alive, msg any) {
	v := recover()
	if v == nil {
		return
	}
	a.lifeOf().begin(m.ctx) // unless it has
	failure, ok := v.(*PanicError)
	if !ok {
		failure = &PanicError{Value: v, Stack: TakeStack()}
	}
	switch {
	case a.fail(failure):
	case a.lifeOf().nursed && len(m.ctx.Children()) == 0:
		m.ctx.Stop(a.lifeOf().self) // its supervisor would do so, and reads the reason when it is gone
	default:
		m.EscalateFailure(failure, msg)
	}
}

// forget drops the reason of the end once no queued call can be in want of it: a call that watches may hear of the end
// before its request is refused.
func (m *mailbox) forget(l *life) {
	if m.waiting() <= 0 {
		l.plane.unmarkEnding(l.proc)
	}
}
