package planner

import (
	"time"

	"github.com/gendac/gendac/cluster/model"
)

// MemberFacts are what is known about a member incarnation.
type MemberFacts struct {
	Member model.Member
	State  model.MemberState
	// SafeAt is from when on nothing of this incarnation can act any more. It is not read for Up and Left; zero means unknown,
	// and then it is never safe.
	SafeAt time.Time
	// Lacks are the groups, and as group/application the applications, that its own specification does not have although
	// an activation names them. The process has said so itself, and its specification does not change: it never runs them.
	Lacks []string
}

// A View is everything that a plan is made from.
type View struct {
	Members       []MemberFacts  // each incarnation once
	Reports       []model.Report // the latest of each instance at each member
	Orders        []model.Order  // as the last Make returned them; none for a group that was never planned
	UnknownSafeAt time.Time      // SafeAt of every incarnation that is not in Members
	Leaving       []model.Member // have said that they are about to leave: what they hold moves, and they get nothing new
	EpochsAbove   uint64         // every new epoch is higher: nothing before the bootstrap of the cluster had one that is
	Stages        []Stage        // of the last plan of this very leader; none at its first
}

// A Stage is what a group waits for, and since when the leader has seen it wait for just that. It is the leader's own
// memory and not part of an Order: a new leader counts from its first plan.
type Stage struct {
	Group string
	What  string
	Since time.Time
}

// A Step is one change and its reason, for people.
type Step struct{ Group, What, Why string }

// String returns the step in one line.
func (s Step) String() string { return s.Group + ": " + s.What + ": " + s.Why }

// The names of alarms. Alarms are levels: one that is not in the latest plan is over.
const (
	RedundancyLost = "redundancy-lost" // a pair has an active and no standby
	NoCandidate    = "no-candidate"    // a group has no active that is in contact, and nobody who could be
	NotActive      = "not-active"      // a group should be active and is not: what it waits for, and until when
	Overdue        = "overdue"         // a member has not answered an order in time
	NotPreferred   = "not-preferred"   // a group is not where the specification wants it, because it failed there
)

// A Plan is the result of Make.
type Plan struct {
	Orders []model.Order // one for each group, in the specification's order
	Steps  []Step        // what differs from the view's orders, in the order it happened; empty when nothing does
	Wake   time.Time     // plan again then even if nothing happens; zero: no need. Later than the now it was planned at.
	Alarms []model.Alarm // in the specification's order
	Stages []Stage       // in the specification's order, for the next View
	// Withdraw are members that are to get no more leases while they are listed: they do not say that they have stopped, and
	// somebody else could act. They turn silent for the leader, and are succeeded when their lease is over for certain.
	Withdraw []model.Member
}
