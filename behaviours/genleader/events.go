package genleader

import (
	"fmt"
	"strings"

	"github.com/gendac/gendac/behaviours/lease"
)

// An Event is something that has happened to the group on this member, in the order in which it did here. Other members
// may see it earlier, later, or not at all: each tells of what it knows. String is one line for a log.
type Event interface {
	happened()
	String() string
}

type (
	// Elected says that this member has won the election of that term. It serves calls once View.Phase is Leading.
	Elected struct{ Term uint64 }
	// Surrendered says that this member accepts that leader for that term.
	Surrendered struct {
		Leader Member
		Term   uint64
	}
	// LeaderLost says that the leader of that term, which may be this member, leads no more as far as is known here. It
	// comes before the Elected or Surrendered of a later term.
	LeaderLost struct {
		Leader Member
		Term   uint64
		Reason Loss
	}
	// MemberJoined says that a process belongs to the group from here on in the log. The first ones, and those of a
	// snapshot, are told too.
	MemberJoined struct{ Member }
	// MemberDown says that a member's process is known to be gone (ErrGone) or has said goodbye (ErrLeft). It still
	// belongs to the group.
	MemberDown struct {
		Member
		Reason error
	}
	// MemberLeft says that a process belongs to the group no more: because another one took its place (ErrReplaced), or
	// because the group went on without it (ErrRemoved).
	MemberLeft struct {
		Member
		Reason error
	}
	// VotersChanged says who votes from here on in the log.
	VotersChanged struct{ Voters []Member }
	// SnapshotSent says that this leader has begun to send a snapshot, because the log no longer reaches back to where the
	// member is.
	SnapshotSent struct {
		To    Member
		Index uint64
	}
	// SnapshotReceived says that this member's state was replaced by the snapshot at that index.
	SnapshotReceived struct{ Index uint64 }
	// ViewChanged says that Group.View returns this from now on.
	ViewChanged struct{ View View }
	// LeaseEnded says that the term of Group.Lease is over, each once; only with Config.Leases.
	LeaseEnded struct{ Term lease.Term }
	// Renumbered says that this process has taken the number after that of a former one of its name, as Group.Member.
	Renumbered struct{ Self, Former Member }
	// Hibernating says that this member has nothing to do, and neither sends nor waits for anything.
	Hibernating struct{}
	// Awake says that this member hibernates no more.
	Awake struct{}
	// ProblemSeen says what keeps the group from working as it should, as in View.Problem; empty means that it is over.
	ProblemSeen struct{ Problem string }
)

func (Elected) happened()          {}
func (Surrendered) happened()      {}
func (LeaderLost) happened()       {}
func (MemberJoined) happened()     {}
func (MemberDown) happened()       {}
func (MemberLeft) happened()       {}
func (VotersChanged) happened()    {}
func (SnapshotSent) happened()     {}
func (SnapshotReceived) happened() {}
func (ViewChanged) happened()      {}
func (LeaseEnded) happened()       {}
func (Renumbered) happened()       {}
func (Hibernating) happened()      {}
func (Awake) happened()            {}
func (ProblemSeen) happened()      {}

func (e Elected) String() string     { return fmt.Sprintf("elected for term %d", e.Term) }
func (e Surrendered) String() string { return fmt.Sprintf("follows %v in term %d", e.Leader, e.Term) }

func (e LeaderLost) String() string {
	return fmt.Sprintf("lost leader %v of term %d: %v", e.Leader, e.Term, e.Reason)
}

func (e MemberJoined) String() string { return fmt.Sprintf("%v joined", e.Member) }
func (e MemberDown) String() string   { return fmt.Sprintf("%v is down: %v", e.Member, e.Reason) }
func (e MemberLeft) String() string   { return fmt.Sprintf("%v left: %v", e.Member, e.Reason) }

func (e VotersChanged) String() string {
	var b strings.Builder
	b.WriteString("voters:")
	for _, v := range e.Voters {
		b.WriteString(" " + v.String())
	}
	return b.String()
}

func (e SnapshotSent) String() string {
	return fmt.Sprintf("sends %v the snapshot at %d", e.To, e.Index)
}

func (e SnapshotReceived) String() string {
	return fmt.Sprintf("state replaced by the snapshot at %d", e.Index)
}

func (e ViewChanged) String() string { return "view: " + e.View.String() }
func (e LeaseEnded) String() string  { return fmt.Sprintf("lease %d ended", e.Term) }

func (e Renumbered) String() string {
	return fmt.Sprintf("is %v from now on: %v was later by its number, and is gone", e.Self, e.Former)
}

func (Hibernating) String() string { return "hibernates" }
func (Awake) String() string       { return "awake" }

func (e ProblemSeen) String() string {
	if e.Problem == "" {
		return "problem over"
	}
	return "problem: " + e.Problem
}

// A Loss is why a leader is one no more, as far as the member that tells knows.
type Loss int

const (
	Superseded       Loss = iota // a later term began
	ConnectionClosed             // the connection to it closed
	ProcessGone                  // its process is known to be gone
	SaidGoodbye                  // it left
	Silence                      // nothing was heard of it for Timing.Election
	QuorumLost                   // this member led, and a majority did not answer
	Transferred                  // it handed leadership over
)

func (l Loss) String() string {
	return [...]string{
		"a later term began", "connection closed", "process gone", "said goodbye", "silence", "quorum lost", "transferred",
	}[l]
}
