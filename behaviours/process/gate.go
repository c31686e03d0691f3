package process

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// gate keeps what comes to a mailbox of protoactor's before that is started. protoactor registers an actor before it
// connects its mailbox, and a message that comes in between, say by a name that is being spawned again, would crash its
// sender.
type gate struct {
	actor.Mailbox

	open  atomic.Bool // started: posts need no lock
	mu    sync.Mutex
	early []post
}

// A post is a message that came before the mailbox was started.
type post struct {
	msg    any
	system bool
}

// PostUserMessage queues a message.
func (g *gate) PostUserMessage(msg any) {
	if g.open.Load() || !g.keep(post{msg: msg}) {
		g.Mailbox.PostUserMessage(msg)
	}
}

// PostSystemMessage queues a system message. The start itself is let through.
func (g *gate) PostSystemMessage(msg any) {
	_, first := msg.(*actor.Started)
	if first || g.open.Load() || !g.keep(post{msg: msg, system: true}) {
		g.Mailbox.PostSystemMessage(msg)
	}
}

// keep keeps what comes before Start and says whether it did.
func (g *gate) keep(p post) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open.Load() {
		return false
	}
	g.early = append(g.early, p)
	return true
}

// Start opens the mailbox: the actor's start is queued by now.
func (g *gate) Start() {
	g.Mailbox.Start()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.early {
		if p.system {
			g.Mailbox.PostSystemMessage(p.msg)
		} else {
			g.Mailbox.PostUserMessage(p.msg)
		}
	}
	g.early = nil
	g.open.Store(true)
}
