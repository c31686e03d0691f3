package admin

import "time"

// A Status is what one member knows at one instant. Members, groups and instances are in a stable order: members and
// instances by name, groups as the spec lists them. On a member that does not lead, instances of other members may be
// missing or late. On one that knows no leader all but its own instances is what it heard last: states and phases are
// unknown then, beside what was last.
type Status struct {
	Cluster     string `json:"cluster"`
	Spec        string `json:"spec,omitempty"` // digest of the specification of the member that answers
	Member      string `json:"member"`         // who answers
	Incarnation uint64 `json:"incarnation"`    // of the member that answers; every process start has its own

	Leader string `json:"leader"` // empty while nobody leads
	Term   uint64 `json:"term"`   // of the election; it never decreases
	Role   string `json:"role"`   // of the member that answers, in the election: leader, follower, candidate
	Lease  int64  `json:"lease_ms"`
	// AsOf is how fresh Members, Groups and the instances of others are: what was written before is among them. It stands
	// still while there is no leader, and is absent until the member that answers has known one.
	AsOf time.Time `json:"as_of,omitzero"`

	Commit  uint64 `json:"commit"`  // latest entry of the log that a majority is known to have
	Applied uint64 `json:"applied"` // latest entry that the member that answers has applied

	Discovery Discovery  `json:"discovery"`
	Members   []Member   `json:"members"`
	Groups    []Group    `json:"groups"`
	Instances []Instance `json:"instances"`
	Alarms    []string   `json:"alarms"` // one line each; empty is well
}

// A Discovery says where the member's list of addresses comes from and whether it is up to date.
type Discovery struct {
	Kind   string `json:"kind"`   // static, memory, "consul ADDR"
	Source string `json:"source"` // connected or unreachable; unreachable keeps the last list
	Err    string `json:"err,omitempty"`
}

// A Member is one line of the membership.
type Member struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	Incarnation uint64 `json:"incarnation"`    // zero until first seen
	State       string `json:"state"`          // up, suspect, dead, left, unknown
	Last        string `json:"last,omitempty"` // the last State that a leader told, while it is unknown
	Voter       bool   `json:"voter"`
	Learner     bool   `json:"learner,omitempty"` // has the log and a lease, and no vote
	Witness     bool   `json:"witness"`           // votes and runs nothing
	// Unlisted says that the specification of the member that answers does not name it, and that it votes or has the log.
	Unlisted bool   `json:"unlisted,omitempty"`
	Spec     string `json:"spec,omitempty"` // digest of its own specification, as it said

	// What only the leader knows of others: Log is how far the member has the log, Sending is probe, replicate or snapshot,
	// Heard is how many milliseconds ago it was heard. Elsewhere they are absent.
	Log     uint64 `json:"log,omitempty"`
	Sending string `json:"sending,omitempty"`
	Heard   int64  `json:"heard_ms,omitempty"`
}

// A Group is where one group of the spec is meant to run.
type Group struct {
	Name        string    `json:"name"`
	Active      string    `json:"active"`                // member; empty while nobody is meant to act, as the last leader wanted it
	Lost        string    `json:"lost,omitempty"`        // member that was active and is gone, until another is
	ActiveSince time.Time `json:"active_since,omitzero"` // when it came to run as active, by its own clock
	Epoch       uint64    `json:"epoch"`                 // highest ever given; it only rises
	Start       string    `json:"start"`                 // why the active started: normal, failover(a1), takeover(a1), restart
	Standby     []string  `json:"standby"`
	Phase       string    `json:"phase"` // of that instance on the active which has come least far
}

// An Instance is one copy of an application on one member, as that member reported it.
type Instance struct {
	Name   string `json:"name"` // group/app
	Member string `json:"member"`
	Role   string `json:"role"`           // active, standby
	Phase  string `json:"phase"`          // idle, starting, running, quiescing, quiesced, stopping, failed, unknown
	Last   string `json:"last,omitempty"` // the last Phase that its member told, while it is unknown
	Epoch  uint64 `json:"epoch"`
	Start  string `json:"start"`
	Err    string `json:"err,omitempty"`
}

// Group finds a group by its name.
func (s Status) Group(name string) (Group, bool) {
	for _, g := range s.Groups {
		if g.Name == name {
			return g, true
		}
	}
	return Group{}, false
}

// Instance finds the copy of an instance that a member reported.
func (s Status) Instance(name, member string) (Instance, bool) {
	for _, i := range s.Instances {
		if i.Name == name && i.Member == member {
			return i, true
		}
	}
	return Instance{}, false
}
