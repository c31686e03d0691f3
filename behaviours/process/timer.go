package process

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// fired is the message of a timer or of an ask on its way through the mailbox.
type fired struct {
	owner *life
	id    uint64
	msg   any
}

func (*fired) IgnoreDeadLetterLogging() {}

// After sends msg to the calling actor, through its mailbox, once d has passed; a d that is not positive means at once.
// Cancel is exact: after it returns msg is never handled, even if it is in the mailbox already. Cancelling again, or
// after msg was handled, does nothing. Call cancel only from the actor itself. The end of the incarnation cancels all
// its timers. After panics if ctx is not the context of an actor made with Props.
func After(ctx actor.Context, d time.Duration, msg any) (cancel func()) {
	l := mustLife(ctx, "After")
	if l.phase > exiting {
		return func() {}
	}
	l.lastTimer++
	id, proc, self := l.lastTimer, l.proc, l.self
	if l.timers == nil {
		l.timers = make(map[uint64]*time.Timer)
	}
	l.timers[id] = time.AfterFunc(max(d, 0), func() {
		proc.SendUserMessage(self, &fired{owner: l, id: id, msg: msg})
	})
	return func() {
		if t, ok := l.timers[id]; ok {
			t.Stop()
			delete(l.timers, id)
		}
	}
}

func (l *life) due(f *fired) bool {
	if f.owner != l {
		return false
	}
	if _, ok := l.timers[f.id]; ok {
		delete(l.timers, f.id)
		return true
	}
	_, ok := l.asks[f.id]
	delete(l.asks, f.id)
	return ok
}
