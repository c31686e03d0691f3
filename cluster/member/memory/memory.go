// Package memory lets many members of one process discover each other, for tests.
//
// A [Board] plays the part of the registry. Besides joining and leaving, a test can make it say what a real registry
// says on a bad day: that a member is critical, that the registry cannot be reached, that a member vanished.
//
// Views are delivered before the call that changed the board returns; there is no goroutine and no clock in here.
package memory

import (
	"context"
	"sync"

	"github.com/gendac/gendac/cluster/member"
)

// A Board is where members announce themselves. It is safe for several goroutines.
type Board struct {
	mu       sync.Mutex
	members  map[string]member.Member
	sessions map[*session]struct{}
	outage   error // not nil: the board cannot be reached, and why
}

// NewBoard returns an empty, reachable board.
func NewBoard() *Board {
	return &Board{members: map[string]member.Member{}, sessions: map[*session]struct{}{}}
}

// Discovery returns the discovery that joins this board. All discoveries of one board are equivalent.
func (b *Board) Discovery() member.Discovery { return discovery{b} }

// SetHealth makes the board say h about the member of that name; an unknown name is ignored.
func (b *Board) SetHealth(name string, h member.Health) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m, ok := b.members[name]; ok {
		m.Health = h
		b.members[name] = m
		b.publish()
	}
}

// Remove makes the board forget the member of that name, as if its registration had expired. Its session stays open.
func (b *Board) Remove(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.members, name)
	b.publish()
}

// SetOutage makes the board unreachable because of err, or reachable again when err is nil. During an outage sessions
// keep the members they knew and nobody can join; leaving fails, and the record stays as Critical.
func (b *Board) SetOutage(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outage = err
	b.publish()
}

// publish tells every session what is so now. The lock is held.
func (b *Board) publish() {
	for s := range b.sessions {
		s.update(b)
	}
}

type discovery struct{ board *Board }

// String names the kind of discovery.
func (d discovery) String() string { return "memory" }

func (d discovery) Join(ctx context.Context, self member.Member) (member.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := self.Validate(); err != nil {
		return nil, err
	}
	b := d.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.outage != nil {
		return nil, b.outage
	}
	if was, ok := b.members[self.Name]; ok && was.Health == member.Passing && was.Addr != self.Addr {
		return nil, &member.ConflictError{Name: self.Name, Ours: self.Addr, Theirs: was.Addr}
	}
	self.Health = member.Passing
	s := &session{board: b, self: self, feed: member.NewFeed()}
	b.members[self.Name] = self
	b.sessions[s] = struct{}{}
	b.publish()
	return s, nil
}

type session struct {
	board *Board
	self  member.Member
	feed  *member.Feed
	last  []member.Member
	left  bool
	err   error
}

// update publishes the board as this session sees it. The board's lock is held.
func (s *session) update(b *Board) {
	if b.outage != nil {
		s.feed.Publish(member.View{Members: s.last, Source: member.Unreachable, Err: b.outage})
		return
	}
	listed := false
	members := make([]member.Member, 0, len(b.members)+1)
	for name, m := range b.members {
		if name == s.self.Name {
			listed = true
		}
		members = append(members, m)
	}
	if !listed {
		me := s.self
		me.Health = member.Unknown
		members = append(members, me)
	}
	member.Sort(members)
	s.last = members
	s.feed.Publish(member.View{Members: members, Source: member.Connected})
}

func (s *session) Views() <-chan member.View { return s.feed.Views() }

func (s *session) Leave(context.Context) error {
	b := s.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.left {
		return s.err
	}
	s.left = true
	delete(b.sessions, s)
	s.feed.Close()
	m, ok := b.members[s.self.Name]
	switch {
	case !ok || m.Incarnation != s.self.Incarnation: // forgotten, or a later incarnation: not ours to withdraw
	case b.outage != nil:
		m.Health = member.Critical
		b.members[s.self.Name] = m
		s.err = b.outage
	default:
		delete(b.members, s.self.Name)
	}
	b.publish()
	return s.err
}
