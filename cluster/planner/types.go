package planner

import (
	"fmt"
	"time"

	"github.com/gendac/gendac/actors/app"
)

// A Seat is one incarnation of a member: one run of its process. Orders are given to seats, so that a member which
// returns is never mistaken for the one that was lost. The zero Seat is nobody.
type Seat struct {
	Member      string `json:"member,omitempty"`
	Incarnation uint64 `json:"incarnation,omitempty"`
}

// String returns member/incarnation.
func (s Seat) String() string { return fmt.Sprintf("%s/%d", s.Member, s.Incarnation) }

// State is what is known about a seat.
type State uint8

const (
	// Up is in contact.
	Up State = iota
	// Suspect is silent: dead, paused or cut off.
	Suspect
	// Dead is a process that is known to be gone.
	Dead
	// Left stopped everything and said goodbye.
	Left
)

var states = [...]string{Up: "up", Suspect: "suspect", Dead: "dead", Left: "left"}

func (s State) String() string {
	if int(s) < len(states) {
		return states[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// A MemberState is one seat and what is known about it.
type MemberState struct {
	Seat
	State State
	// SafeAt is from when on nothing of this incarnation can act any more. It is not read for Up and Left; zero means unknown,
	// and then it is never safe.
	SafeAt time.Time
}

// Phase is where an instance is, in its controller's own words.
type Phase string

// The phases that an instance's controller reports.
const (
	Idle      Phase = "idle"      // nothing runs, or it ended although it should run
	Starting  Phase = "starting"  // entering its role
	Running   Phase = "running"   // in its role
	Quiescing Phase = "quiescing" // leaving the active role in an orderly way
	Quiesced  Phase = "quiesced"  // has left it and acts no more, its handover is in the report
	Stopping  Phase = "stopping"  // on its way to Idle
	Failed    Phase = "failed"    // could not start or stay up within its restart limit; acts no more
)

// A Report is the latest that one instance's controller said.
type Report struct {
	Seat
	Instance string // group/application
	Phase    Phase
	Role     app.Role
	Epoch    uint64 // of the latest goal that the controller has accepted; that is how an answer is told from the time before
	Handover []byte // when Quiesced
	Err      string // when Failed, or Idle without having been told so
}

// An Activation is the permission of one seat to be active.
type Activation struct {
	Seat
	Epoch    uint64            `json:"epoch"`
	Kind     app.Kind          `json:"kind"`
	From     string            `json:"from,omitempty"`     // the member it fails or takes over from
	Handover map[string][]byte `json:"handover,omitempty"` // by application
}

// A Failure keeps a seat from being chosen for a while after an application failed there.
type Failure struct {
	Seat
	Epoch uint64    `json:"epoch"` // at which it failed
	Until time.Time `json:"until"`
	Count int       `json:"count,omitempty"` // in a row; each doubles the time

	Instance string `json:"instance,omitempty"` // that failed
	Err      string `json:"err,omitempty"`      // why
}

// An Order is what one group has been told. Only Make and Switchover write one.
type Order struct {
	Group string `json:"group"`
	Epoch uint64 `json:"epoch"` // the highest ever given; it only rises
	// Active is who is active, or is to become so; nil when nobody is. It stays while its holder is lost and no other is given.
	Active *Activation `json:"active,omitempty"`
	// Previous, without an Active, must be known to have ended before anything is activated. With an Active it is who
	// quiesced for it and becomes its standby; a controller may keep it quiesced until then. It carries no handover.
	Previous *Activation `json:"previous,omitempty"`
	Quiesce  bool        `json:"quiesce,omitempty"` // Active is to quiesce for Target
	Target   Seat        `json:"target,omitzero"`
	Standby  []Seat      `json:"standby,omitempty"`
	Failures []Failure   `json:"failures,omitempty"`
	// LostAt is since when the holder is gone, or, before the first activation, since when a better candidate is waited for.
	LostAt time.Time `json:"lost_at,omitzero"`
}

// A View is everything that a plan is made from.
type View struct {
	Members       []MemberState // each seat once
	Reports       []Report      // the latest of each instance at each seat
	Orders        []Order       // as the last Make returned them; none for a group that was never planned
	UnknownSafeAt time.Time     // SafeAt of every seat that is not in Members
}

// A Step is one change and its reason, for people.
type Step struct{ Group, What, Why string }

// String returns the step in one line.
func (s Step) String() string { return s.Group + ": " + s.What + ": " + s.Why }

// The names of alarms. Alarms are levels: one that is not in the latest plan is over.
const (
	RedundancyLost = "redundancy-lost" // a pair has an active and no standby
	NoCandidate    = "no-candidate"    // a group has no active that is in contact, and nobody who could be
)

// An Alarm says that a group is worse off than the specification wants.
type Alarm struct{ Group, Name, Why string }

// A Plan is the result of Make.
type Plan struct {
	Orders []Order   // one for each group, in the specification's order
	Steps  []Step    // what differs from the view's orders, in the order it happened; empty when nothing does
	Wake   time.Time // plan again then even if nothing happens; zero: no need. Later than the now it was planned at.
	Alarms []Alarm   // in the specification's order
}
