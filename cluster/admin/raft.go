package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/gendac/gendac/behaviours/genleader"
)

// A RaftBackend is a Backend whose member shows the groups that elect a leader. Its methods are called from many goroutines
// at once.
type RaftBackend interface {
	// RaftGroups describes the groups that are open on the member: the cluster's own first, then the others by name.
	RaftGroups(ctx context.Context) []RaftGroup
	// RaftGroup describes one of them, or returns ErrGroupNotOpen.
	RaftGroup(ctx context.Context, name string) (RaftGroup, error)
	// TransferLeadership makes a member lead a group and returns when a majority has confirmed that. Its errors are those of
	// genleader.Group's method of that name, or this package's sentinels.
	TransferLeadership(ctx context.Context, group, to string) (Transfer, error)
}

// A RaftGroup is what one member knows of one group that elects a leader and keeps one log: the cluster's own, or one that
// a program has opened. The groups of a Status are others: those of the spec, which say what runs where.
type RaftGroup struct {
	Name   string `json:"name"`
	Member string `json:"member"` // who answers
	Role   string `json:"role"`   // of the member that answers: leader, follower, leaderless, gathering, departed, failed
	Leader string `json:"leader"` // empty while the member that answers knows none
	Term   uint64 `json:"term"`   // of the election; it never decreases
	Busy   bool   `json:"busy"`   // it did not describe itself in time: the figures from Commit to LeaderHeard are missing

	Commit      uint64 `json:"commit"`      // latest entry of the log that a majority is known to have
	Applied     uint64 `json:"applied"`     // latest entry that the member that answers has applied
	Last        uint64 `json:"last"`        // latest entry of its log; what is later than Commit may still be replaced
	LogEntries  int    `json:"log_entries"` // that it holds in memory
	LogBytes    int    `json:"log_bytes"`   // of these
	Snapshot    uint64 `json:"snapshot"`    // a member that does not have the log up to here is sent a snapshot
	Hibernating bool   `json:"hibernating"` // nothing is sent or waited for, and nobody has been heard since
	Calls       int    `json:"calls"`       // of callers on the member that answers, under way
	Dropped     uint64 `json:"dropped"`     // frames and casts for which it had no room, since the start
	Kept        bool   `json:"kept"`        // the log is kept through restarts of the member that answers
	Leases      bool   `json:"leases"`      // the group grants leases
	Lease       int64  `json:"lease_ms"`    // what is left of that of the member that answers

	// LeaderHeard is how many milliseconds ago a leader was heard; absent on the leader, and if there was none.
	LeaderHeard *int64 `json:"leader_heard_ms,omitempty"`

	Members  []RaftMember `json:"members"`  // by name, the one that answers among them
	Problems []string     `json:"problems"` // one line each; empty is well
}

// A RaftMember is one member of a RaftGroup, as the one that answers sees it.
type RaftMember struct {
	Name        string `json:"name"`
	Incarnation uint64 `json:"incarnation"`
	Voter       bool   `json:"voter"`
	Learner     bool   `json:"learner"` // has the log, and no vote
	Witness     bool   `json:"witness"` // votes, and leads only while nobody else can
	Linked      bool   `json:"linked"`  // there is a link to it; false of the one that answers

	// Heard is how many milliseconds ago the member was heard; only a leader hears others than its leader.
	Heard *int64 `json:"heard_ms,omitempty"`
	// Log is how far it has the log. The leader knows that of everybody, others only of themselves.
	Log uint64 `json:"log,omitempty"`

	// What only the leader knows of others: elsewhere it is absent.
	State    string `json:"state,omitempty"`    // up, suspect, dead, left
	Sending  string `json:"sending,omitempty"`  // probe, replicate or snapshot
	Next     uint64 `json:"next,omitempty"`     // the entry that it is sent next
	Inflight int    `json:"inflight,omitempty"` // messages with entries that it has not answered
	Leased   bool   `json:"leased,omitempty"`   // it held a lease when it was heard last
}

// A Transfer is a change of leadership that was confirmed. If From leads already it is Leader too.
type Transfer struct {
	Group  string `json:"group"`
	From   string `json:"from"`   // who led before as far as the member that answers knew; empty for nobody
	Leader string `json:"leader"` // who leads now
	Term   uint64 `json:"term"`
}

// What a request about a group that elects a leader can be refused with, beside ErrNoLeader, ErrUncertain, ErrStopping and
// ErrBadRequest.
var (
	// ErrGroupNotOpen means that the member that was asked has no such group open.
	ErrGroupNotOpen = errors.New("admin: no group of this name is open on the member that was asked")
	// ErrUnknownMember means that the group has no member of that name. Nothing was changed.
	ErrUnknownMember = errors.New("admin: no member of the group has this name")
	// ErrNotVoter means that the member is a learner, which cannot lead. Nothing was changed.
	ErrNotVoter = errors.New("admin: the member does not vote, so it cannot lead")
	// ErrWitness means that the member is a witness, which leads only while nobody else can. Nothing was changed.
	ErrWitness = errors.New("admin: the member is a witness, so it leads only while nobody else can")
	// ErrMemberNotReady means that the member is behind, unreachable or without a lease. Nothing was changed.
	ErrMemberNotReady = errors.New("admin: the member is behind, unreachable or without a lease")
	// ErrNoRaft means that the member shows no groups that elect a leader.
	ErrNoRaft = errors.New("admin: the member shows no groups that elect a leader")
)

// refusedTransfers are those errors of a transfer after which nothing has changed.
var refusedTransfers = []struct{ is, answers error }{
	{genleader.ErrUnknownMember, ErrUnknownMember},
	{genleader.ErrNotVoter, ErrNotVoter},
	{genleader.ErrWitness, ErrWitness},
	{genleader.ErrNotReady, ErrMemberNotReady},
	{genleader.ErrNoLeader, ErrNoLeader},
	{genleader.ErrOverloaded, ErrOverloaded},
	{genleader.ErrNotAsked, ErrTimeout},
}

// transferError gives an error of a transfer the sentinel of this package. Whatever does not say that nothing was changed
// leaves the outcome open.
func transferError(err error) error {
	if err == nil {
		return nil
	}
	for _, e := range refusedTransfers {
		if errors.Is(err, e.is) {
			return worded{e.answers, err}
		}
	}
	if code, _ := codeOf(err); code != "internal" && code != "uncertain" || errors.Is(err, ErrUncertain) {
		return err
	}
	return fmt.Errorf("%w: %w; it may still be done: see who leads before you go on", ErrUncertain, err)
}
