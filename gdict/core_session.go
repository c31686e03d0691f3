package gdict

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// These are part of the log's meaning: members that had others would decide differently.
const (
	// sessionWindow is how far ahead of the first write that may still be repeated a session may be.
	sessionWindow = 1024
	// sessionBytes is how many bytes of replies are kept for one session.
	sessionBytes = 64 << 10
)

// A requestID says which write of which session a command is. The zero requestID is none.
type requestID struct {
	session      uint64
	seq          uint64 // counts the writes of a session, from 1
	acknowledged uint64 // no write below it will be repeated
	born         uint64 // a revision from before the session's first write
}

// sensible tells whether a session can have such a write, or there is none at all.
func (t requestID) sensible() bool {
	if t.session == 0 {
		return t == requestID{}
	}
	return t.seq != 0 && t.acknowledged != 0 && t.acknowledged <= t.seq
}

// sessions are the writes that must not be done again: what the log has decided about them, by session. What is kept is
// bounded: so many sessions, of which the one that has been idle longest goes when another begins; of each a window of
// writes; of each so many bytes. All of it depends on the log alone.
type sessions struct {
	all map[uint64]*session
	// floor is the latest revision at which a session that is gone was used. One that was born before it might be that
	// one, so it is not begun.
	floor uint64
}

type session struct {
	used         uint64   // the revision of its last write
	acknowledged uint64   // its first write that may be repeated
	replies      [][]byte // of the writes from acknowledged on; nil: not seen yet; forgotten: seen, and its reply not kept
	bytes        int      // of all replies
	room         [][]byte // holds replies, which move towards its end as writes are acknowledged, and then back
}

// forgotten stands for a reply that there was no room to keep.
var forgotten = []byte{}

// recall says what the log has decided about a write: the reply it had, or that it must not be done because nobody can
// know. Without either the write is new, and its reply has to be kept.
func (s *sessions) recall(index uint64, t requestID, limit uint64) (reply []byte, err error) {
	of, known := s.all[t.session]
	if !known {
		if t.born < s.floor {
			return nil, &expiredError{rev: index}
		}
		of = s.begin(t.session, t.acknowledged, limit)
	}
	of.used = index
	of.acknowledge(t.acknowledged)
	switch {
	case t.seq < of.acknowledged:
		return nil, &expiredError{rev: index}
	case t.seq-of.acknowledged >= sessionWindow:
		return nil, &RefusedError{Problem: fmt.Sprintf("write %d is too far ahead of write %d of its session", t.seq, of.acknowledged)}
	case t.seq-of.acknowledged >= uint64(len(of.replies)):
		return nil, nil
	}
	switch reply = of.replies[t.seq-of.acknowledged]; {
	case reply == nil:
		return nil, nil
	case len(reply) == 0:
		return nil, &expiredError{rev: index}
	default:
		return reply, nil
	}
}

// begin makes a session, in place of the one that has been idle longest if there are too many.
func (s *sessions) begin(id, acknowledged, limit uint64) *session {
	for uint64(len(s.all)) >= max(limit, 1) {
		oldest, used := uint64(0), uint64(0)
		for candidate, of := range s.all {
			if used == 0 || of.used < used { // no two have the same
				oldest, used = candidate, of.used
			}
		}
		delete(s.all, oldest)
		s.floor = max(s.floor, used)
	}
	of := &session{acknowledged: max(acknowledged, 1)}
	if s.all == nil {
		s.all = map[uint64]*session{}
	}
	s.all[id] = of
	return of
}

// keep remembers the reply to a write that recall called new.
func (s *sessions) keep(t requestID, reply []byte) {
	of := s.all[t.session]
	at := int(t.seq - of.acknowledged)
	if at >= cap(of.replies) {
		if 2*at >= cap(of.room) {
			of.room = make([][]byte, 0, 2*at+1)
		}
		of.replies = append(of.room[:0], of.replies...)
		clear(of.room[len(of.replies):cap(of.room)]) // what was moved away
	}
	for len(of.replies) <= at {
		of.replies = append(of.replies, nil)
	}
	of.replies[at] = reply
	of.bytes += len(reply)
	for i := 0; of.bytes > sessionBytes && i < len(of.replies); i++ {
		if len(of.replies[i]) > 0 {
			of.bytes -= len(of.replies[i])
			of.replies[i] = forgotten
		}
	}
}

// acknowledge forgets the writes below seq.
func (of *session) acknowledge(seq uint64) {
	if seq <= of.acknowledged {
		return
	}
	gone := min(seq-of.acknowledged, uint64(len(of.replies)))
	for _, reply := range of.replies[:gone] {
		of.bytes -= len(reply)
	}
	clear(of.replies[:gone])
	of.acknowledged = seq
	if gone == uint64(len(of.replies)) {
		of.replies = of.replies[:0] // a caller that waits for each of its writes needs one place, always the same
		return
	}
	of.replies = of.replies[gone:]
}

// clone returns a copy that does not change. Replies are never written to.
func (s *sessions) clone() sessions {
	all := make(map[uint64]*session, len(s.all))
	for id, of := range s.all {
		frozen := *of
		frozen.replies, frozen.room = slices.Clone(of.replies), nil
		all[id] = &frozen
	}
	return sessions{all: all, floor: s.floor}
}

// ids lists the sessions in one order for all members.
func (s *sessions) ids() []uint64 { return slices.Sorted(maps.Keys(s.all)) }

// check tells what is wrong with a session that came with a snapshot.
func (of *session) check(rev uint64) error {
	switch {
	case of.used == 0 || of.used > rev:
		return fmt.Errorf("a session that was used at revision %d, which is not within 1 and %d", of.used, rev)
	case of.acknowledged == 0:
		return errors.New("a session that begins with write 0")
	case of.bytes > sessionBytes:
		return fmt.Errorf("a session that keeps %d bytes of replies, at most %d", of.bytes, sessionBytes)
	default:
		return nil
	}
}

// An expiredError says that a write was not done now, and that nothing is known any more about whether it was before.
type expiredError struct{ rev uint64 } // a new session may be born at rev

func (e *expiredError) Error() string { return ErrSessionExpired.Error() }
func (e *expiredError) Unwrap() error { return ErrSessionExpired }

// A replica is all that a member knows from the log: the dictionary, and the writes that must not be done again.
type replica struct {
	state    state
	sessions sessions
}

// apply carries out one entry of the log, and returns the reply to its caller and the changes it made, in room if there is
// enough. Equal replicas that apply equal logs stay equal and give equal replies.
func (r *replica) apply(index uint64, cmd []byte, room []change) (reply []byte, changes []change) {
	c := decodeCommand(cmd)
	l := c.limits
	if l == nil {
		l = r.state.limits
	}
	if c.err != nil || c.session == 0 || l == nil || index <= r.state.rev {
		var done result
		r.state, done, changes = apply(r.state, index, c, room)
		return encodeReply(done), changes
	}
	reply, err := r.sessions.recall(index, c.requestID, l.sessions)
	switch {
	case err != nil:
		r.state.rev = index
		return encodeReply(result{err: err}), nil
	case reply != nil:
		r.state.rev = index
		return reply, nil
	}
	var done result
	r.state, done, changes = apply(r.state, index, c, room)
	reply = encodeReply(done)
	r.sessions.keep(c.requestID, reply)
	return reply, changes
}
