package genleader

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gendac/gendac/behaviours/process"
)

// An Inspection is what this member knows of its group at one instant, for operators and tests. Everything in it is this
// member's own knowledge: on one that is cut off it is old.
type Inspection struct {
	Self Member
	View // role, term, leader, voters, and on a leader the status of each member

	Commit       uint64 // latest entry that a majority is known to have
	Applied      uint64 // latest entry that this member has applied
	LastIndex    uint64 // latest entry of this member's log; what is later than Commit may still be replaced
	LogEntries   int    // held in memory
	LogBytes     int    // of these, counting 128 for each beside its own
	Snapshot     uint64 // index before the first of these: a member that is behind it needs a snapshot
	Hibernating  bool   // nothing is sent or waited for; then LeaderHeard and LastContact are from before
	PendingCalls int    // of this member's own callers
	Dropped      uint64 // frames and casts for which there was no room here, since the start
	Leases       bool   // this member holds a lease
	LeaseUntil   time.Time
	LeaderHeard  time.Time // when a leader was heard last; zero on a leader
	Peers        []Peer    // everybody else of the electorate, by raft id
}

// A Peer is one other member as seen from here. Match to SafeAt are a leader's knowledge and zero elsewhere.
type Peer struct {
	Member
	Linked      bool      // there is a link to it
	LastContact time.Time // when it was heard last; on others than the leader only the leader has one

	Match    uint64 // it is known to have the log up to here
	Next     uint64 // what it is sent next
	Inflight int    // messages with entries that it has not answered
	Progress Progress
	Leased   bool // it held a lease when it was heard last
	State    State
	SafeAt   time.Time // see MemberStatus
}

// Progress is how a leader sends its log to a member.
type Progress int

const (
	Unknown      Progress = iota // this member does not lead
	Probing                      // finds out where the member's log ends
	Replicating                  // sends entries as they come
	Snapshotting                 // waits for it to take a snapshot
)

func (p Progress) String() string {
	return [...]string{"unknown", "probe", "replicate", "snapshot"}[p]
}

// String is one line for a log.
func (i Inspection) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v commit=%d applied=%d last=%d held=%d (%d bytes) snapshot=%d calls=%d", i.Self, i.View, i.Commit,
		i.Applied, i.LastIndex, i.LogEntries, i.LogBytes, i.Snapshot, i.PendingCalls)
	for _, p := range i.Peers {
		fmt.Fprintf(&b, " [%v linked=%v match=%d next=%d %v]", p.Member, p.Linked, p.Match, p.Next, p.Progress)
	}
	return b.String()
}

type inspectMessage struct {
	ask    uint64
	answer chan Inspection
}

// Inspect describes the group as this member knows it. It waits for the group's turn, not for other members. ErrStopped,
// ErrOverloaded and process.ErrTimeout are its errors.
func (g *Group) Inspect(ctx context.Context) (Inspection, error) {
	ask := inspectMessage{ask: g.seq.Add(1), answer: make(chan Inspection, 1)}
	if err := g.ask(ask); err != nil {
		return Inspection{}, err
	}
	select {
	case in := <-ask.answer:
		return in, nil
	case <-g.gone:
		return Inspection{}, ErrStopped
	case <-ctx.Done():
		return Inspection{}, fmt.Errorf("%w: %w", process.ErrTimeout, context.Cause(ctx))
	}
}
