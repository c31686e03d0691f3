// Package static discovers members from a list that was written down beforehand.
//
// Every member of the list is in every view, whether it runs or not, so liveness is left entirely to whoever talks to
// the members. The list never changes while a process runs, and the source is always Connected. Incarnation and Health
// of the others stay unknown (zero).
package static

import (
	"context"
	"maps"

	"github.com/gendac/gendac/cluster/member"
)

// Discovery returns a discovery that knows peers, from name to host:port. The map is copied. A list that cannot be used
// (no such name, a bad address, another address than the member's own) is reported by Join.
func Discovery(peers map[string]string) member.Discovery { return list(maps.Clone(peers)) }

type list map[string]string

var _ member.Discovery = list(nil)

// String names the kind of discovery.
func (l list) String() string { return "static" }

// Join checks that the list is usable and that self stands in it with the same address: the others will dial what the
// list says, so a difference would leave this member unreachable.
func (l list) Join(ctx context.Context, self member.Member) (member.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := self.Validate(); err != nil {
		return nil, err
	}
	addr, ok := l[self.Name]
	if !ok {
		return nil, &member.Error{Field: "Name", Value: self.Name, Problem: "is not in the static list of members; add it there"}
	}
	if addr != self.Addr {
		return nil, &member.Error{Field: "Addr", Value: self.Addr, Problem: "the static list of members has " + addr + " for " + self.Name + "; make them the same"}
	}
	view, err := l.view(self)
	if err != nil {
		return nil, err
	}
	s := session{feed: member.NewFeed()}
	s.feed.Publish(view)
	return s, nil
}

func (l list) view(self member.Member) (member.View, error) {
	v := member.View{Source: member.Connected}
	for name, addr := range l {
		m := member.Member{Name: name, Addr: addr}
		if err := m.Validate(); err != nil {
			return member.View{}, err
		}
		if name == self.Name {
			m.Incarnation = self.Incarnation
		}
		v.Members = append(v.Members, m)
	}
	member.Sort(v.Members)
	return v, nil
}

type session struct{ feed *member.Feed }

func (s session) Views() <-chan member.View { return s.feed.Views() }

// Leave never fails: there is no announcement to withdraw.
func (s session) Leave(context.Context) error {
	s.feed.Close()
	return nil
}
