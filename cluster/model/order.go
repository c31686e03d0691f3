package model

import (
	"fmt"
	"strings"
	"time"

	"github.com/gendac/gendac/actors/app"
)

// An Order is what one group has been told.
type Order struct {
	Group string `json:"group"`
	Epoch uint64 `json:"epoch"` // the highest ever given; it only rises
	// Active is who is active, or is to become so; nil when nobody is. It stays while its holder is lost and no other is given.
	Active *Activation `json:"active,omitempty"`
	// Previous, without an Active, must be known to have ended before anything is activated. With an Active it is who
	// quiesced for it and becomes its standby; a controller may keep it quiesced until then. It carries no handover.
	Previous *Activation `json:"previous,omitempty"`
	Quiesce  bool        `json:"quiesce,omitempty"` // Active is to quiesce for Target
	Target   Member      `json:"target,omitzero"`
	Standby  []Member    `json:"standby,omitempty"`
	Failures []Failure   `json:"failures,omitempty"`
	// LostAt is since when the holder is gone, or, before the first activation, since when a better candidate is waited for.
	LostAt time.Time `json:"lost_at,omitzero"`
}

// An Activation is the permission of one member to be active.
type Activation struct {
	Member   Member            `json:"member"`
	Epoch    uint64            `json:"epoch"`
	Kind     app.Kind          `json:"kind"`
	From     string            `json:"from,omitempty"`     // the member it fails or takes over from
	Handover map[string][]byte `json:"handover,omitempty"` // by application
	Apps     []string          `json:"apps,omitempty"`     // what it activates; a member that lacks one of them says so
}

// String returns member, epoch and kind: "b1/1 epoch 2 failover(a1)".
func (a *Activation) String() string {
	start := app.Start{Kind: a.Kind, From: a.From}
	return fmt.Sprintf("%v epoch %d %v", a.Member, a.Epoch, start)
}

// A Failure keeps a member from being chosen for a while after an application failed there. For longer, and for every later
// process of the same member, it keeps an active that is well from being moved there.
type Failure struct {
	Member Member    `json:"member"`
	Epoch  uint64    `json:"epoch"` // at which it failed
	Until  time.Time `json:"until"`
	Count  int       `json:"count,omitempty"` // in a row; each doubles the time

	Instance Instance `json:"instance,omitzero"` // that failed
	Err      string   `json:"err,omitempty"`     // why
	Active   bool     `json:"active,omitempty"`  // it failed as active, this time or earlier in the row
	Lost     bool     `json:"lost,omitempty"`    // its process was lost while it was active; a later process may be chosen at once
}

// String returns what failed where and why, in one line: "a1/1 has failed lately (pair/switch: no disk)".
func (f Failure) String() string {
	text := f.Member.String() + " has failed lately"
	if what := strings.Trim(f.Instance.String()+": "+OneLine(f.Err), ": "); what != "" {
		text += " (" + what + ")"
	}
	return text
}

// maxReason is how many bytes of an error are told in a reason.
const maxReason = 200

// OneLine is an error as it is told in a reason: in one line, and at most 200 bytes of it.
func OneLine(err string) string {
	why := strings.Join(strings.Fields(err), " ")
	if len(why) > maxReason {
		why = strings.ToValidUTF8(why[:maxReason], "") + "..."
	}
	return why
}

// An Alarm says that a group, or the cluster, is worse off than the specification wants. Group is empty for the cluster.
type Alarm struct {
	Group string `json:"group,omitempty"`
	Name  string `json:"name"`
	Why   string `json:"why"`
}
