package genleader

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// A gathering is a local caller's question to the instances of all candidates. Each answers once, or fails: its process
// or the link to it ends, or the caller waits no longer.
type gathering struct {
	waits map[Member]bool
	Answers
}

// askAll asks the candidates that are members now.
func (c *core) askAll(ev askedAll) {
	if c.phase == Departed {
		c.emit(gathered{seq: ev.seq, err: ErrStopped})
		return
	}
	g := &gathering{waits: map[Member]bool{}, Answers: Answers{Good: map[Member][]byte{}, Failed: map[Member]error{}}}
	c.gatherings[ev.seq] = g
	for _, id := range c.members.memberIDs() {
		who := c.members.memberOf(id)
		if slices.Contains(c.members.conf.GetLearners(), id) && !slices.Contains(c.candidates, who.Name) {
			continue // a worker
		}
		g.waits[who] = true
		switch {
		case who == c.self:
			c.emit(askLocal{from: c.self, seq: ev.seq, request: ev.request})
		case c.peers.links[who.Name] == who.Incarnation:
			c.post(who.Name, &wire.Packet{What: &wire.Packet_Question{Question: &wire.Question{Seq: ev.seq, Request: ev.request}}})
		default:
			c.gather(ev.seq, who, nil, ErrUnreachable)
		}
	}
	c.endGathering(ev.seq)
}

// askedHere is what this member's own instance answered, for whoever asked.
func (c *core) askedHere(ev localAnswered) {
	if ev.from == c.self {
		c.gather(ev.seq, c.self, ev.reply, ev.err)
		c.endGathering(ev.seq)
		return
	}
	answer := &wire.Response{Seq: ev.seq, Reply: ev.reply}
	if ev.err != nil {
		answer.Failed, answer.Failure = true, ev.err.Error()
	}
	if c.peers.links[ev.from.Name] == ev.from.Incarnation {
		c.post(ev.from.Name, &wire.Packet{What: &wire.Packet_Response{Response: answer}})
	}
}

func (c *core) askAnswered(from Member, a *wire.Response) {
	var err error
	if a.GetFailed() {
		err = errors.New(a.GetFailure())
	}
	c.gather(a.GetSeq(), from, a.GetReply(), err)
	c.endGathering(a.GetSeq())
}

func (c *core) gather(seq uint64, from Member, reply []byte, err error) {
	g := c.gatherings[seq]
	if g == nil || !g.waits[from] {
		return
	}
	delete(g.waits, from)
	if err != nil {
		g.Failed[from] = err
	} else {
		g.Good[from] = reply
	}
}

func (c *core) endGathering(seq uint64) {
	if g := c.gatherings[seq]; g != nil && len(g.waits) == 0 {
		delete(c.gatherings, seq)
		c.emit(gathered{seq: seq, answers: g.Answers})
	}
}

// loseAsked fails what a process was asked whose link has ended.
func (c *core) loseAsked(who Member) {
	for _, seq := range slices.Sorted(maps.Keys(c.gatherings)) {
		c.gather(seq, who, nil, ErrUnreachable)
		c.endGathering(seq)
	}
}

// abandonGathering fails what has not been answered when the caller waits no longer.
func (c *core) abandonGathering(seq uint64, err error) {
	g := c.gatherings[seq]
	if g == nil {
		return
	}
	for who := range maps.Clone(g.waits) {
		c.gather(seq, who, nil, err)
	}
	c.endGathering(seq)
}

func (e askedAll) String() string { return fmt.Sprintf("ask all %d %q", e.seq, e.request) }
func (e localAnswered) String() string {
	return fmt.Sprintf("answer of %d for %v: %q %v", e.seq, e.from, e.reply, e.err)
}

func (e askLocal) String() string { return fmt.Sprintf("ask %d of %v %q", e.seq, e.from, e.request) }

func (e gathered) String() string {
	return fmt.Sprintf("gathered %d: %d good, %d failed %v", e.seq, len(e.answers.Good), len(e.answers.Failed), e.err)
}
