package model

import (
	"fmt"
	"strings"
	"time"

	"github.com/gendac/gendac/actors/app"
)

// An Instance is the name of one application of one group. Neither part contains a slash.
type Instance struct{ Group, App string }

// String returns group/application, and nothing for the zero Instance.
func (i Instance) String() string {
	if i == (Instance{}) {
		return ""
	}
	return i.Group + "/" + i.App
}

// Compare orders instances as their texts are ordered.
func (i Instance) Compare(other Instance) int { return strings.Compare(i.String(), other.String()) }

// MarshalText encodes the instance as String does.
func (i Instance) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText accepts exactly what MarshalText writes of names without a slash.
func (i *Instance) UnmarshalText(text []byte) error {
	group, application, _ := strings.Cut(string(text), "/")
	read := Instance{Group: group, App: application}
	if read.String() != string(text) || strings.Contains(application, "/") {
		return fmt.Errorf("model: %q is not group/application", text)
	}
	*i = read
	return nil
}

// A Phase is where an instance is, as its controller reports it.
type Phase uint8

// The phases of an instance.
const (
	Unreported Phase = iota // nothing is known
	Idle                    // nothing runs, or it ended although it should run
	Starting                // entering its role
	Running                 // in its role
	Quiescing               // leaving the active role in an orderly way
	Quiesced                // has left it and acts no more, its handover is in the report
	Stopping                // on its way to Idle
	Failed                  // could not start or stay up within its restart limit; acts no more
)

var phases = []string{
	Unreported: "unknown", Idle: "idle", Starting: "starting", Running: "running", Quiescing: "quiescing", Quiesced: "quiesced",
	Stopping: "stopping", Failed: "failed",
}

// String returns the phase in small letters.
func (p Phase) String() string { return nameOf(phases, p) }

// MarshalText encodes the phase as its name.
func (p Phase) MarshalText() ([]byte, error) { return encode(phases, p) }

// UnmarshalText accepts exactly the names that MarshalText writes.
func (p *Phase) UnmarshalText(text []byte) error { return decode(phases, text, p) }

// progress ranks the phases from one that will not come to act to the one that does.
var progress = map[Phase]int{Failed: 1, Idle: 2, Quiesced: 3, Stopping: 4, Quiescing: 5, Starting: 6, Running: 7}

// Progress orders phases from the one that is furthest from acting to the one that acts: Failed, Idle, Quiesced, Stopping,
// Quiescing, Starting, Running. What is not known is zero.
func (p Phase) Progress() int { return progress[p] }

// Over says that the instance acts no more under the epoch of its report: Idle, Quiesced or Failed.
func (p Phase) Over() bool { return p == Idle || p == Quiesced || p == Failed }

// A Report is the latest that the controller of one instance said.
type Report struct {
	Member   Member    `json:"member"`
	Instance Instance  `json:"instance"`
	Phase    Phase     `json:"phase"`
	Role     app.Role  `json:"role"`
	Epoch    uint64    `json:"epoch"`              // of the latest goal that the controller has accepted; that is how an answer is told from the time before
	Handover []byte    `json:"handover,omitempty"` // when Quiesced
	Err      string    `json:"err,omitempty"`      // when Failed, or Idle without having been told so
	Start    string    `json:"start,omitempty"`    // why the active one runs
	Since    time.Time `json:"since,omitzero"`     // when the active one came to run, by the clock of its member
}

// String is the report without its member and its handover bytes.
func (r Report) String() string {
	text := r.Phase.String()
	if r.Phase != Idle {
		text += " " + r.Role.String()
	}
	text += fmt.Sprintf(" e%d", r.Epoch)
	if len(r.Handover) > 0 {
		text += fmt.Sprintf(" handover=%d bytes", len(r.Handover))
	}
	if r.Err != "" {
		text += fmt.Sprintf(" err=%q", r.Err)
	}
	if r.Start != "" {
		text += " after " + r.Start
	}
	return text
}
