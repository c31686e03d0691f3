package genleader

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	suspendLooks  = time.Millisecond // a busy group looks at the clock no more often
	suspendAsleep = 2                // heartbeats after which somebody looks although the group has had no turn
)

// suspendWatch reads for how long the machine has been suspended: in the group's turns, and while a lease may be held also
// between them, because the timers of the group stood still too.
type suspendWatch struct {
	group *Group
	read  time.Time // when
	slept time.Duration

	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

// look is called in the group's turn.
func (w *suspendWatch) look(self *actor.PID) time.Duration {
	if !w.group.cfg.Leases {
		return 0
	}
	if now := time.Now(); w.read.IsZero() || now.Sub(w.read) >= suspendLooks {
		w.read, w.slept = now, w.group.cfg.Suspended()
	}
	if w.timer == nil {
		w.begin(self)
	}
	return w.slept
}

func (w *suspendWatch) begin(self *actor.PID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	every := suspendAsleep * w.group.cfg.Timing.Heartbeat
	w.timer = time.AfterFunc(every, func() {
		if w.group.lease.NoticeSuspend() {
			w.group.system.Root.Send(self, woke{}) // the core has more to do about it
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.ended {
			w.timer.Reset(every)
		}
	})
}

func (w *suspendWatch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.timer != nil {
		w.timer.Stop()
	}
}
