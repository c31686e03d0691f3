package supervisor

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// The defaults of a Spec and its children.
const (
	DefaultMaxRestarts = 3
	DefaultPeriod      = 5 * time.Second
	DefaultStart       = 30 * time.Second
	DefaultShutdown    = 5 * time.Second
)

// A Spec describes a supervisor.
type Spec struct {
	// MaxRestarts is how many restarts within Period are borne; one more ends the supervisor with *IntensityError. Zero
	// means DefaultMaxRestarts, a negative number none at all.
	MaxRestarts int
	// Period is the window in which restarts are counted. Zero means DefaultPeriod.
	Period time.Duration
	// Children are started in this order and stopped in reverse.
	Children []Child
	// Report may be nil. It hears of everything that happens, in the supervisor's turn, and must not block.
	Report func(Notice)
}

// A Child describes one child.
type Child struct {
	// ID names the child in reports and, below the supervisor's, as an actor. Unique, not empty.
	ID string
	// Props spawns each incarnation.
	Props *actor.Props
	// Restart says after which ends the child is started again. The zero value is Permanent.
	Restart Restart
	// Start is how long the child may take to start. Zero means DefaultStart.
	Start time.Duration
	// Shutdown is how long the child may take to stop before it is abandoned. Zero means DefaultShutdown. A child that is
	// a supervisor needs at least the sum over its own children.
	Shutdown time.Duration
}

// Restart says after which ends a child is started again.
type Restart int

// The restart types.
const (
	Permanent Restart = iota // after every end
	Transient                // after an abnormal end: neither process.ErrNormal nor process.ErrShutdown
	Temporary                // never
)

func (r Restart) String() string {
	switch r {
	case Permanent:
		return "permanent"
	case Transient:
		return "transient"
	case Temporary:
		return "temporary"
	}
	return fmt.Sprintf("Restart(%d)", int(r))
}

// A SpecError says what is wrong with a Spec.
type SpecError struct {
	Field   string // for example "children[1].ID"
	Value   any
	Problem string // what to do about it
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("supervisor: %s: %v: %s", e.Field, e.Value, e.Problem)
}

// Validate returns a *SpecError for the first field that cannot be. A supervisor with such a Spec ends with it at once.
func (s Spec) Validate() error {
	if s.Period < 0 {
		return &SpecError{"period", s.Period, "must not be negative"}
	}
	seen := make(map[string]bool)
	for i, c := range s.Children {
		if err := c.validate(fmt.Sprintf("children[%d]", i)); err != nil {
			return err
		}
		if seen[c.ID] {
			return &SpecError{fmt.Sprintf("children[%d].ID", i), c.ID, "duplicate; give each child its own"}
		}
		seen[c.ID] = true
	}
	return nil
}

func (c Child) validate(field string) error {
	switch {
	case c.ID == "":
		return &SpecError{field + ".ID", `""`, "must not be empty"}
	case c.Props == nil:
		return &SpecError{field + ".Props", nil, fmt.Sprintf("child %q needs Props to be spawned with", c.ID)}
	case c.Restart < Permanent || c.Restart > Temporary:
		return &SpecError{field + ".Restart", c.Restart, "must be Permanent, Transient or Temporary"}
	case c.Start < 0:
		return &SpecError{field + ".Start", c.Start, "must not be negative"}
	case c.Shutdown < 0:
		return &SpecError{field + ".Shutdown", c.Shutdown, "must not be negative; every wait has a deadline"}
	}
	return nil
}

// withDefaults fills zero fields in and leaves the caller's slice alone.
func (s Spec) withDefaults() Spec {
	switch {
	case s.MaxRestarts == 0:
		s.MaxRestarts = DefaultMaxRestarts
	case s.MaxRestarts < 0:
		s.MaxRestarts = 0
	}
	if s.Period == 0 {
		s.Period = DefaultPeriod
	}
	s.Children = append([]Child(nil), s.Children...)
	for i := range s.Children {
		c := &s.Children[i]
		if c.Start == 0 {
			c.Start = DefaultStart
		}
		if c.Shutdown == 0 {
			c.Shutdown = DefaultShutdown
		}
	}
	return s
}

// A StartError is the reason of a supervisor one of whose children did not start.
type StartError struct {
	ID     string
	Reason error
}

func (e *StartError) Error() string {
	return fmt.Sprintf("supervisor: child %q did not start: %v", e.ID, e.Reason)
}

// Unwrap returns Reason.
func (e *StartError) Unwrap() error { return e.Reason }

// Ending is Abnormal, whatever Reason is.
func (e *StartError) Ending() process.Ending { return process.Abnormal }

// An IntensityError is the reason of a supervisor whose children ended too often.
type IntensityError struct {
	ID          string // the child whose end was one too many
	MaxRestarts int
	Period      time.Duration
	Reason      error // the child's
}

func (e *IntensityError) Error() string {
	return fmt.Sprintf("supervisor: child %q ended (%v) and there were %d restarts within %v already", e.ID, e.Reason, e.MaxRestarts, e.Period)
}

// Unwrap returns Reason.
func (e *IntensityError) Unwrap() error { return e.Reason }

// Ending is Abnormal, whatever Reason is, so that the supervisor above acts on it.
func (e *IntensityError) Ending() process.Ending { return process.Abnormal }
