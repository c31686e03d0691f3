package process

import "github.com/asynkron/protoactor-go/actor"

// WithMailbox chooses the queue of an actor made with Props. It takes the place of actor.WithMailbox, which would cost
// the actor its answers to calls still queued when it ends, and Machine.Stop.
func WithMailbox(producer actor.MailboxProducer) actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return &mailbox{Mailbox: producer()} })
}

// mailbox looks over the shoulder of protoactor's: protoactor drops what is queued at a stopped actor without a word.
type mailbox struct {
	actor.Mailbox
	actor.MessageInvoker
	ctx     actor.Context
	drained bool
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

// InvokeUserMessage refuses what a buried actor finds in its mailbox and passes on everything else.
func (m *mailbox) InvokeUserMessage(msg any) {
	if a, ok := m.resident(); ok && a.lifeOf().phase == buried {
		if req, ok := actor.UnwrapEnvelopeMessage(msg).(*Request); ok {
			a.lifeOf().refuse(req)
		}
		m.forget(a.lifeOf())
		return
	}
	m.MessageInvoker.InvokeUserMessage(msg)
}

// InvokeSystemMessage offers a stop to the machine first. When the actor is gone it resumes the queue, which a panic
// has suspended, so that the rest of it can be refused.
func (m *mailbox) InvokeSystemMessage(msg any) {
	a, ok := m.resident()
	if !ok {
		m.MessageInvoker.InvokeSystemMessage(msg)
		return
	}
	a.lifeOf().drains = true
	if _, isStop := msg.(*actor.Stop); isStop && a.stop(m.ctx) {
		return
	}
	m.MessageInvoker.InvokeSystemMessage(msg)
	if a.lifeOf().phase == buried && !m.drained {
		m.drained = true
		m.PostSystemMessage(&actor.ResumeMailbox{})
		m.forget(a.lifeOf())
	}
}

// forget drops the reason of the end once no queued call can be in want of it: a call that watches may hear of the end
// before its request is refused.
func (m *mailbox) forget(l *life) {
	if m.UserMessageCount() <= 0 {
		l.plane.unmarkEnding(l.proc)
	}
}
