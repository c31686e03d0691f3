package genleader

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// callBook is the account of leader calls: this member's own, and those that wait for a new leader here.
type callBook struct {
	calls        map[uint64]*pendingCall
	queue        []uint64 // sequence numbers of pending calls, oldest first
	lastSent     uint64   // the term that calls were sent in last
	backlog      []*ask   // calls that reached a leader which is still electing
	callBytes    uint64   // that these count
	backlogBytes uint64   // that these count
}

// keepQueued is how many settled calls may stand in the queue before they are taken out.
const keepQueued = 1000

// pendingCall is a local caller's leader call. Once it was sent to the leader of a term it is done in that term or
// never: a call names the term it is for, and whatever that term's leader appended lies in the log before the next
// leader's sync. So a call that has not come back when that sync is applied was not done, and is sent again.
type pendingCall struct {
	request  []byte
	deadline time.Time
	only     uint64 // zero: any term's leader will do
	sentTerm uint64 // zero: not sent yet
}

func (c *core) call(ev called) {
	if ev.cast {
		c.cast(ev.request)
		return
	}
	if c.phase == Departed {
		c.emit(resolve{seq: ev.seq, err: ErrStopped})
		return
	}
	if ev.only != 0 && (c.phase != Leading || c.term != ev.only) {
		c.emit(resolve{seq: ev.seq, err: ErrNoLeader})
		return
	}
	if !c.admitCall(ev.seq, &pendingCall{request: ev.request, deadline: ev.deadline, only: ev.only}) {
		return
	}
	c.book.queue = append(c.book.queue, ev.seq)
	c.watchDeadline(ev.deadline)
}

func (c *core) watchDeadline(deadline time.Time) {
	if c.at[callsAt].IsZero() || deadline.Before(c.at[callsAt]) {
		c.at[callsAt] = deadline
	}
}

// pump sends what waits for a leader, oldest first.
func (c *core) pump() {
	if c.mayPump() {
		c.sendCalls()
	}
}

func (c *core) mayPump() bool {
	if len(c.book.queue) == 0 || c.leader == 0 || c.now.Before(c.at[pumpAt]) || (c.phase != Leading && c.phase != Following) {
		return false
	}
	if c.phase == Following && !c.peers.reaches(c.members.names[c.leader], c.leader) {
		return false
	}
	// Those of an earlier term come first, and whether they must be repeated shows with the sync of this term.
	return c.book.lastSent == 0 || c.book.lastSent >= c.term || c.oldestSent() >= c.term
}

func (c *core) sendCalls() {
	queue := c.book.queue
	c.book.queue = queue[:0] // settle may have it made shorter
	for _, seq := range queue {
		call, waits := c.book.calls[seq]
		if !waits || call.sentTerm != 0 {
			continue
		}
		if call.only != 0 && call.only != c.term {
			c.settle(seq)
			continue
		}
		call.sentTerm = c.term
		c.book.lastSent = c.term
		if c.phase == Leading {
			c.emit(&ask{term: c.term, from: From{Member: c.self, Seq: seq}, request: call.request})
			continue
		}
		c.post(c.members.names[c.leader], &wire.Packet{What: &wire.Packet_Call{Call: &wire.Call{Term: c.term, Seq: seq, Request: call.request}}})
	}
}

// oldestSent is the earliest term that calls which did not come back were sent in, or the present one.
func (c *core) oldestSent() uint64 {
	oldest := c.term
	for _, call := range c.book.calls {
		if call.sentTerm != 0 {
			oldest = min(oldest, call.sentTerm)
		}
	}
	if oldest == c.term {
		c.book.lastSent = c.term // so that this is not counted again
	}
	return oldest
}

// resubmit queues again, in their order, the calls of earlier terms that did not come back. One that was for its term
// only was not done and never will be.
func (c *core) resubmit(term uint64) {
	for _, seq := range slices.Sorted(maps.Keys(c.book.calls)) {
		call := c.book.calls[seq]
		if call.sentTerm == 0 || call.sentTerm >= term {
			continue
		}
		call.sentTerm = 0
		if call.only != 0 {
			c.settle(seq)
			continue
		}
		c.book.queue = append(c.book.queue, seq)
	}
	slices.Sort(c.book.queue)
}

// settle ends a wait: before its deadline because the caller gave up, or at it.
func (c *core) settle(seq uint64) {
	call, waits := c.book.calls[seq]
	if !waits {
		return
	}
	c.book.forgetCall(seq)
	if len(c.book.queue) > 2*len(c.book.calls)+keepQueued {
		c.book.queue = slices.DeleteFunc(c.book.queue, func(seq uint64) bool { _, waits := c.book.calls[seq]; return !waits })
	}
	err := ErrNoLeader
	if call.sentTerm != 0 {
		err = ErrUncertain
	}
	c.emit(resolve{seq: seq, err: err})
}

func (c *core) expireCalls() {
	for _, seq := range slices.Sorted(maps.Keys(c.book.calls)) {
		if deadline := c.book.calls[seq].deadline; c.now.Before(deadline) {
			c.watchDeadline(deadline)
		} else {
			c.settle(seq)
		}
	}
}

// loseCalls ends every wait whose outcome can no longer be seen here.
func (c *core) loseCalls() {
	for _, seq := range slices.Sorted(maps.Keys(c.book.calls)) {
		if c.book.calls[seq].sentTerm != 0 || c.phase == Departed {
			c.settle(seq)
		}
	}
}

// callFrom is another member's call. A call for another term means nothing here: its sender will see that and repeat it.
func (c *core) callFrom(from Member, call *wire.Call) {
	if call.GetTerm() != c.term || c.rounds == nil {
		return
	}
	a := &ask{term: c.term, from: From{Member: from, Seq: call.GetSeq()}, request: call.GetRequest()}
	if c.phase == Electing {
		c.shelve(a)
		return
	}
	c.emit(a)
}

func (c *core) cast(request []byte) {
	switch {
	case c.phase == Leading:
		c.emit(&ask{term: c.term, request: request, cast: true})
	case c.phase == Following:
		c.post(c.members.names[c.leader], &wire.Packet{What: &wire.Packet_Cast{Cast: &wire.Cast{Term: c.term, Request: request}}})
	}
}

// behaved takes one thing that the behaviour said.
func (c *core) behaved(ev event) {
	switch ev := ev.(type) {
	case handled:
		c.handled(ev)
	case synced:
		c.synced(ev)
	}
}

// synced takes what Elected returned. The leader's own opens its term: from then on it serves calls.
func (c *core) synced(ev synced) {
	if c.rounds == nil || ev.term != c.term {
		return
	}
	sync := &wire.Sync{Leader: &wire.Identity{Name: c.self.Name, Incarnation: c.self.Incarnation}, Term: c.term, Sync: ev.sync}
	if ev.to != nil {
		sync.To = &wire.Identity{Name: ev.to.Name, Incarnation: ev.to.Incarnation}
	}
	if err := c.proposeSync(sync); err != nil || ev.to != nil {
		return
	}
	c.becomeLeader()
	for _, a := range c.book.backlog {
		c.emit(a)
	}
	c.book.clearBacklog()
	for _, id := range c.members.memberIDs() {
		switch who := c.members.memberOf(id); {
		case c.peers.left[who]:
			c.reportDown(who, ErrLeft)
		case c.peers.refused[who]:
			c.reportDown(who, ErrGone)
		}
	}
}

// handled takes the behaviour's answer to a call of this term. One of an earlier term is dropped: nothing of it was
// broadcast, and its caller's member repeats the call.
func (c *core) handled(ev handled) {
	if ev.answer.stop != nil {
		c.emit(fail{reason: ev.answer.stop}) // its caller has been told: see lastWord
		return
	}
	if c.rounds == nil || ev.term != c.term {
		return
	}
	if !ev.answer.broadcast {
		if ev.answer.replies {
			c.answer(ev.from, &wire.Answered{Seq: ev.from.Seq, Reply: ev.answer.reply})
		}
		return
	}
	c.propose(ev.from, ev.answer)
}

// answer brings an answer to the member of the caller, which may be this one.
func (c *core) answer(to From, a *wire.Answered) {
	a.Term = c.term
	switch {
	case to.Member == c.self:
		c.answered(a)
	case c.peers.links[to.Member.Name] == to.Member.Incarnation:
		c.post(to.Member.Name, &wire.Packet{What: &wire.Packet_Answered{Answered: a}})
	}
}

// lastWord tells the caller of an ask that the behaviour ends over it. Otherwise the
// caller's member would ask the next leader, and that one would end as well.
func lastWord(a *ask, reason error) *wire.Packet {
	return &wire.Packet{What: &wire.Packet_Answered{Answered: &wire.Answered{Seq: a.from.Seq, Term: a.term, Stopped: reason.Error()}}}
}

// answered takes the answer of the leader that the call was sent to last. An earlier one does not know what became of it.
func (c *core) answered(a *wire.Answered) {
	if call, waits := c.book.calls[a.GetSeq()]; !waits || call.sentTerm != a.GetTerm() {
		return
	}
	c.book.forgetCall(a.GetSeq())
	switch {
	case a.GetOverloaded():
		c.emit(resolve{seq: a.GetSeq(), err: ErrOverloaded})
	case a.GetStopped() != "":
		c.emit(resolve{seq: a.GetSeq(), err: fmt.Errorf("%w: %s", ErrLeaderStopped, a.GetStopped())})
	default:
		c.emit(resolve{seq: a.GetSeq(), reply: a.GetReply()})
	}
}
