package process

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// keptSlots is how large an array an idle mailbox keeps.
const keptSlots = 16

// spare are arrays that mailboxes which have become idle had no more use for.
var spare = sync.Pool{New: func() any { return new([]any) }}

// larger moves messages to an array with more room.
func larger(full []any) []any {
	box := spare.Get().(*[]any)
	if cap(*box) <= len(full) {
		*box = make([]any, 0, 4*len(full))
	}
	room := append(*box, full...)
	*box = nil
	clear(full)
	if cap(full) > keptSlots {
		*box = full[:0]
		spare.Put(box)
	}
	return room
}

// lend gives a large array away. It holds nothing any more.
func lend(array []any) []any {
	if cap(array) <= keptSlots {
		return array[:0]
	}
	array = array[:0]
	spare.Put(&array)
	return nil
}

// A laneState says who looks after the lanes.
type laneState int8

const (
	closed laneState = iota // not started: what comes waits
	idle                    // nothing to do
	running
)

// lanes are the two queues of a mailbox, for many senders and one receiver: system messages always go first. The
// receiver takes all that has come at once, so that it seldom meets a sender. Compared with protoactor's there is half
// as much memory in an idle one, and nothing that would lose what comes before the start.
//
// What senders write for every message lies apart from what the receiver reads and writes for every message: on one cache
// line they would take it away from each other with each.
type lanes struct {
	mu     sync.Mutex
	state  laneState
	held   bool // suspended, for senders
	user   []any
	system []any

	_ [cacheLine]byte

	urgent    atomic.Bool // system is not empty
	suspended bool        // this and the rest only the receiver touches
	next      int         // in batch
	batch     []any       // taken from user
	left      atomic.Int32
}

const cacheLine = 64

// postUser says whether somebody must begin to work.
func (q *lanes) postUser(msg any) (wake bool) {
	q.mu.Lock()
	if n := len(q.user); n == cap(q.user) && n >= keptSlots {
		q.user = larger(q.user)
	}
	q.user = append(q.user, msg)
	if q.state == idle && !q.held {
		q.state, wake = running, true
	}
	q.mu.Unlock()
	return wake
}

// postSystem is postUser for system messages. The start comes before what came before it.
func (q *lanes) postSystem(msg any) (wake bool) {
	q.mu.Lock()
	q.system = append(q.system, msg)
	if _, first := msg.(*actor.Started); first {
		copy(q.system[1:], q.system)
		q.system[0] = msg
	}
	q.urgent.Store(true)
	if q.state == idle {
		q.state, wake = running, true
	}
	q.mu.Unlock()
	return wake
}

func (q *lanes) start() (wake bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.state = idle
	if len(q.system)+len(q.user) > 0 {
		q.state, wake = running, true
	}
	return wake
}

func (q *lanes) popSystem() any {
	q.mu.Lock()
	defer q.mu.Unlock()
	msg := q.system[0]
	q.system[0] = nil
	q.system = q.system[1:]
	if len(q.system) == 0 {
		q.system = nil
		q.urgent.Store(false)
	}
	return msg
}

// popUser returns the next message, or false with the state idle if there is none to handle now; or false only because
// a system message has come.
func (q *lanes) popUser() (msg any, ok bool) {
	if q.next == len(q.batch) && !q.refill() || q.suspended {
		return nil, false
	}
	msg = q.batch[q.next]
	q.batch[q.next] = nil
	q.next++
	if left := len(q.batch) - q.next; left%countEvery == 0 {
		q.left.Store(int32(left))
	}
	return msg, true
}

// refill takes what has come.
func (q *lanes) refill() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next = 0
	if len(q.user) == 0 {
		q.batch = q.batch[:0]
		return false
	}
	q.batch, q.user = q.user, q.batch[:0]
	q.left.Store(int32(len(q.batch)))
	return true
}

// rest says whether the receiver may go: nothing is left that it could handle now.
func (q *lanes) rest() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	waits := len(q.user) > 0 || q.next < len(q.batch)
	if len(q.system) > 0 || waits && !q.suspended {
		return false
	}
	if !waits {
		q.batch, q.user, q.next = lend(q.batch), lend(q.user), 0
	}
	q.state = idle
	return true
}

func (q *lanes) suspend(yes bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.suspended, q.held = yes, yes
}

// countEvery is how many messages the receiver handles before others see that they are fewer.
const countEvery = 64

// count is how many messages wait. Others than the receiver may be told of some that do not any more.
func (q *lanes) count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.user) + int(q.left.Load())
}

// exact is count for the receiver.
func (q *lanes) exact() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.user) + len(q.batch) - q.next
}

// work handles what there is, in a goroutine of its own.
func (m *mailbox) work() {
	for !m.burst() {
	}
}

// workFresh is work in a goroutine that has just been made.
func (m *mailbox) workFresh() {
	grow()
	m.work()
}

// burst returns true once there is nothing to do, and false after a panic.
func (m *mailbox) burst() (done bool) {
	var msg any
	defer func() {
		if v := recover(); v != nil {
			m.MessageInvoker.EscalateFailure(v, msg)
		}
	}()
	for n := 0; ; n++ {
		if n > throughput {
			n = 0
			runtime.Gosched()
		}
		if m.urgent.Load() {
			msg = m.popSystem()
			m.handleSystem(msg)
			continue
		}
		var ok bool
		if msg, ok = m.popUser(); ok {
			m.InvokeUserMessage(msg)
			continue
		}
		if m.rest() {
			return true
		}
	}
}

func (m *mailbox) handleSystem(msg any) {
	switch msg.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		m.InvokeSystemMessage(msg)
	}
}
