package genleader

import (
	"slices"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// What waits here is bounded, whoever makes it wait. The log has its own bounds (trimLog), raft bounds what is under way
// to each member and what waits for a majority, a stream its window. The rest is below: calls of this member's own, calls
// that reach a leader too early, and what the transport refuses.

const (
	maxPending   = 64 << 20 // bytes of this member's own calls that wait for their answers
	maxBacklog   = 64 << 20 // bytes of calls that wait until a new leader serves
	callOverhead = 256      // that a waiting call counts beside its request
)

func callCost(request []byte) uint64 { return uint64(len(request)) + callOverhead }

// admitCall keeps a call until it is answered, unless too much waits already.
func (c *core) admitCall(seq uint64, call *pendingCall) bool {
	if c.book.callBytes+callCost(call.request) > maxPending {
		c.emit(resolve{seq: seq, err: ErrOverloaded})
		return false
	}
	c.book.calls[seq] = call
	c.book.callBytes += callCost(call.request)
	return true
}

// forgetCall says whether a local caller still waits for seq, and takes it from the list.
func (b *callBook) forgetCall(seq uint64) bool {
	call, waits := b.calls[seq]
	if waits {
		delete(b.calls, seq)
		b.callBytes -= callCost(call.request)
	}
	return waits
}

// shelve keeps a call until this new leader serves.
func (c *core) shelve(a *ask) {
	if c.book.backlogBytes+callCost(a.request) > maxBacklog {
		c.answer(a.from, &wire.Answered{Seq: a.from.Seq, Overloaded: true})
		return
	}
	c.book.backlogBytes += callCost(a.request)
	c.book.backlog = append(c.book.backlog, a)
}

func (b *callBook) clearBacklog() { b.backlog, b.backlogBytes = nil, 0 }

// unsent: the transport has refused a frame, because there is no link or because the peer takes its frames too slowly. A
// call in it was not sent, and is sent again a little later. Raft goes on probing, with one message for each answer. What
// a stream has lost shows when its receiver is asked. Everything else is lost as on any network.
func (c *core) unsent(ev unsent) {
	raft, calls := false, false
	for _, p := range ev.packets {
		switch what := p.GetWhat().(type) {
		case *wire.Packet_Raft:
			raft = true
		case *wire.Packet_Call:
			call, waits := c.book.calls[what.Call.GetSeq()]
			if waits && call.sentTerm == what.Call.GetTerm() {
				call.sentTerm, calls = 0, true
				c.book.queue = append(c.book.queue, what.Call.GetSeq())
			}
		default:
		}
	}
	if id := c.idOf(Member{ev.to, c.peers.links[ev.to]}); raft && id != 0 && c.node != nil {
		c.node.ReportUnreachable(id)
		c.turn.touch()
	}
	if calls {
		slices.Sort(c.book.queue)
		c.at[pumpAt] = c.now.Add(c.timing.Heartbeat)
	}
}
