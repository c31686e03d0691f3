package genleader

import (
	"context"
	"errors"
	"fmt"
)

type (
	askAllMessage struct {
		seq     uint64
		request []byte
		answer  chan outcome
	}
	// askedAll is a local caller's question to the instances of all candidates.
	askedAll struct {
		seq     uint64
		request []byte
	}
	// localAnswered is what the behaviour's HandleCall returned to a question of some member's.
	localAnswered struct {
		from  Member
		seq   uint64
		reply []byte
		err   error
	}
	// askLocal calls HandleCall and answers with localAnswered.
	askLocal struct {
		from    Member
		seq     uint64
		request []byte
	}
	// gathered answers a local caller of askedAll.
	gathered struct {
		seq     uint64
		answers Answers
		err     error
	}
)

func (askedAll) event()      {}
func (localAnswered) event() {}
func (askLocal) effect()     {}
func (gathered) effect()     {}

// Answers are what the candidates said: each of them is in one of the two maps.
type Answers struct {
	Good   map[Member][]byte
	Failed map[Member]error // ErrUnreachable, ErrNoAnswer, or what HandleCall returned, whose text alone crosses the wire
}

// AskCandidates puts one question to the instances of all candidates that are members of the group as this one knows it, at
// once, and returns when each has answered or failed, at the latest when ctx ends; without a deadline that is after five
// seconds. HandleCall gets the request as []byte and must reply with []byte. It is no leader call: nothing is ordered, and
// no majority is needed. The error is nil, ErrNotAsked, ErrOverloaded, ErrStopped, or ErrNoAnswer if a callback here kept the group from
// asking.
func (g *Group) AskCandidates(ctx context.Context, request []byte) (Answers, error) {
	if err := notEnded(ctx); err != nil {
		return Answers{}, err
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	w := g.waiterFor(ctx)
	defer w.timer.Stop()
	msg := askAllMessage{seq: g.seq.Add(1), request: request, answer: w.answer}
	if err := g.ask(msg); err != nil {
		return Answers{}, err
	}
	out := g.await(ctx, msg.seq, w, outcome{err: ErrNoAnswer})
	if errors.Is(out.err, ErrStopped) {
		return Answers{}, ErrStopped
	}
	return out.answers, out.err
}

// askLocal asks this member's own instance.
func (s *shell) askLocal(e askLocal) {
	answer := localAnswered{from: e.from, seq: e.seq}
	reply, err := s.group.cfg.Behaviour.HandleCall(s.election(0), e.request)
	bytes, ok := reply.([]byte)
	switch {
	case err != nil:
		answer.err = err
	case !ok && reply != nil:
		answer.err = fmt.Errorf("genleader: HandleCall replied with %T to a question to all candidates, which must be []byte", reply)
	default:
		answer.reply = bytes
	}
	s.again(answer)
}
