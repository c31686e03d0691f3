package process

import (
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// WithMailbox chooses the queue of an actor made with Props. It takes the place of actor.WithMailbox, which would cost
// the actor its answers to calls still queued when it ends, Machine.Stop and Machine.Ready.
func WithMailbox(producer actor.MailboxProducer) actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return &mailbox{Mailbox: producer()} })
}

// mailbox looks over the shoulder of protoactor's: protoactor drops what is queued at a stopped actor without a word.
type mailbox struct {
	actor.Mailbox
	actor.MessageInvoker
	ctx     actor.Context
	touches []any // held back until the machine is ready
	probes  []*actor.Touch
	drained bool

	handled, restarts uint64
	last              reflect.Type // of the last message

	open  atomic.Bool // started: posts need no lock
	mu    sync.Mutex
	early []post
}

// A post is a message that came before the mailbox was started.
type post struct {
	msg    any
	system bool
}

// PostUserMessage queues a message. protoactor registers an actor before it connects its mailbox, and a message that
// comes in between, say by a name that is being spawned again, would crash its sender: here it waits.
func (m *mailbox) PostUserMessage(msg any) {
	if m.open.Load() || !m.keep(post{msg: msg}) {
		m.Mailbox.PostUserMessage(msg)
	}
}

// PostSystemMessage queues a system message, as PostUserMessage does.
func (m *mailbox) PostSystemMessage(msg any) {
	_, first := msg.(*actor.Started)
	if first || m.open.Load() || !m.keep(post{msg: msg, system: true}) {
		m.Mailbox.PostSystemMessage(msg)
	}
}

// keep keeps what comes before Start and says whether it did.
func (m *mailbox) keep(p post) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open.Load() {
		return false
	}
	m.early = append(m.early, p)
	return true
}

// Start opens the mailbox: the actor's start is queued by now.
func (m *mailbox) Start() {
	m.Mailbox.Start()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.early {
		if p.system {
			m.Mailbox.PostSystemMessage(p.msg)
		} else {
			m.Mailbox.PostUserMessage(p.msg)
		}
	}
	m.early = nil
	m.open.Store(true)
}

// RegisterHandlers puts the mailbox between the queue and the actor.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, dispatcher actor.Dispatcher) {
	m.MessageInvoker = invoker
	m.ctx, _ = invoker.(actor.Context)
	m.Mailbox.RegisterHandlers(m, dispatcher)
}

func (m *mailbox) resident() (alive, bool) {
	if m.ctx == nil {
		return nil, false
	}
	a, ok := m.ctx.Actor().(alive)
	return a, ok
}

// InvokeUserMessage passes on everything, except what waits for readiness or is too late.
func (m *mailbox) InvokeUserMessage(msg any) {
	a, ok := m.resident()
	if !ok {
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
	defer m.catch(a)
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
	defer m.catch(a)
	a.lifeOf().drains = true
	switch msg := msg.(type) {
	case *actor.Stop:
		if a.stop(m.ctx) {
			return
		}
	case *probe:
		m.probes = append(m.probes, msg.touch)
		Respond(msg.from, m.inspect(a), nil)
		return
	case *actor.Restart:
		m.restarts++
	}
	m.MessageInvoker.InvokeSystemMessage(msg)
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
func (m *mailbox) catch(a alive) {
	v := recover()
	if v == nil {
		return
	}
	a.lifeOf().begin(m.ctx) // unless it has
	failure, ok := v.(*PanicError)
	if !ok {
		failure = &PanicError{Value: v, Stack: debug.Stack()}
	}
	a.fail(failure)
	panic(failure)
}

// forget drops the reason of the end once no queued call can be in want of it: a call that watches may hear of the end
// before its request is refused.
func (m *mailbox) forget(l *life) {
	if m.UserMessageCount() <= 0 {
		l.plane.unmarkEnding(l.proc)
	}
}
