package genleader

import (
	"slices"
	"strings"

	"github.com/gendac/gendac/behaviours/lease"
)

// An Election is what a callback may know and ask of its group. It is good during that callback only.
type Election struct {
	shell *shell
	index uint64
	term  uint64
}

// Index is the place in the log of the broadcast that FromLeader applies; it rises with each, and is the same on every
// member. Zero in other callbacks.
func (e *Election) Index() uint64 { return e.index }

// Self is this member.
func (e *Election) Self() Member { return e.shell.group.Member() }

// Leader returns the leader that this member accepts, if there is one.
func (e *Election) Leader() (Member, bool) {
	leader := e.shell.group.View().Leader
	return leader, leader != Member{}
}

// Candidates are the members that vote now or may be promoted, by name; Workers are all others.
func (e *Election) Candidates() []Member { return e.members(true) }

// Workers is described at Candidates.
func (e *Election) Workers() []Member { return e.members(false) }

func (e *Election) members(candidates bool) []Member {
	view := e.shell.group.View()
	var found []Member
	if candidates {
		found = slices.Clone(view.Voters)
	}
	for _, m := range view.Learners {
		if slices.Contains(e.shell.group.cfg.Candidates, m.Name) == candidates {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return found
}

// Alive and Down are the members that the leader hears and those it does not. Both are empty on other members.
func (e *Election) Alive() []Member { return e.inState(func(s State) bool { return s == Up }) }

// Down is the opposite of Alive.
func (e *Election) Down() []Member { return e.inState(func(s State) bool { return s != Up }) }

func (e *Election) inState(wanted func(State) bool) []Member {
	var found []Member
	for _, s := range e.shell.group.View().Members {
		if wanted(s.State) {
			found = append(found, s.Member)
		}
	}
	return found
}

// LeaseTerm is the term of this member's lease at this point of the log.
func (e *Election) LeaseTerm() lease.Term {
	term, _ := e.shell.group.lease.Current()
	return term
}

// Reply answers a caller that an earlier HandleLeaderCall left waiting. It has no effect when this member leads no more.
func (e *Election) Reply(to From, reply []byte) {
	e.shell.said(handled{term: e.term, from: to, answer: Reply(reply)})
}

// Broadcast sends msg to every member if this one still leads in the term of the callback; else it is not sent.
func (e *Election) Broadcast(msg []byte) {
	e.shell.said(handled{term: e.term, answer: Broadcast(msg)})
}
