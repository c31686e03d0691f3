package genleader

import "sync/atomic"

// maxQuestions is how many reads, questions, transfers and inspections may wait for a group's turn, be their callers there
// still or not. Leader calls are taken back when their callers give up, and have their bounds in the core.
const maxQuestions = 1 << 16

// maxInbox is how many bytes of frames and casts may wait for a group's turn. What comes beyond is dropped, as a network
// would: raft and the streams send it again, a call in it is uncertain at its deadline.
const maxInbox = 64 << 20

// inbox counts what waits in a group's mailbox.
type inbox struct {
	bytes   atomic.Int64
	dropped atomic.Uint64
}

// take says whether there is room for n bytes more, and keeps it then.
func (i *inbox) take(n int) bool {
	if i.bytes.Add(int64(n)) <= maxInbox {
		return true
	}
	i.bytes.Add(int64(-n))
	i.dropped.Add(1)
	return false
}

// give returns the room of what has had its turn.
func (i *inbox) give(n int) { i.bytes.Add(int64(-n)) }

// ask tells the group a question that counts as one until it has its turn.
func (g *Group) ask(msg any) error {
	if g.questions.Add(1) > maxQuestions {
		g.questions.Add(-1)
		return ErrOverloaded
	}
	if !g.tell(msg) {
		g.questions.Add(-1)
		return ErrStopped
	}
	return nil
}
