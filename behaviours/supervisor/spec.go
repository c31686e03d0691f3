package supervisor

import (
	"fmt"
	"math"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// The defaults of a Spec and its children. Those of restarts and of shutdown are OTP's.
const (
	DefaultMaxRestarts = 1
	DefaultPeriod      = 5 * time.Second
	DefaultStart       = 30 * time.Second // of a Worker; a Supervisor has Infinity
	DefaultShutdown    = 5 * time.Second  // of a Worker; a Supervisor has Infinity
)

const (
	// BrutalKill as a Child's Shutdown does not wait for the child: it is told to stop and abandoned at once.
	BrutalKill time.Duration = -1
	// Infinity as a Child's Start or Shutdown waits as long as it takes. It is for supervisors, whose own children have
	// deadlines; for a worker it means that one that hangs holds everything up.
	Infinity time.Duration = math.MaxInt64
)

// A Spec describes a supervisor.
type Spec struct {
	// Strategy says who else is restarted when a child is. The zero value is OneForOne.
	Strategy Strategy
	// MaxRestarts is how many restarts within Period are borne, of all children together; one more ends the supervisor
	// with *IntensityError. Zero means DefaultMaxRestarts, a negative number none at all.
	MaxRestarts int
	// Period is the window in which restarts are counted. Zero means DefaultPeriod.
	Period time.Duration
	// AutoShutdown says whether the end of significant children ends the supervisor. The zero value is Never.
	AutoShutdown AutoShutdown
	// Backoff delays restarts. The zero value restarts at once, as OTP does.
	Backoff Backoff
	// Children are started in this order and stopped in reverse, one after another. For SimpleOneForOne it is exactly one,
	// the template of all that StartOne and StartMany will start; none is started before.
	Children []Child
	// Report may be nil. It hears of everything that happens, in the supervisor's turn, and must not block. Subscribe is
	// the same from outside.
	Report func(Notice)
}

// A Strategy says who else is restarted when a child is.
type Strategy int

// The strategies.
const (
	OneForOne       Strategy = iota // nobody
	OneForAll                       // all children
	RestForOne                      // those after it in the start order
	SimpleOneForOne                 // nobody; children are any number of instances of one template, started at run time
)

func (s Strategy) String() string {
	switch s {
	case OneForOne:
		return "one_for_one"
	case OneForAll:
		return "one_for_all"
	case RestForOne:
		return "rest_for_one"
	case SimpleOneForOne:
		return "simple_one_for_one"
	}
	return fmt.Sprintf("Strategy(%d)", int(s))
}

// AutoShutdown says whether a supervisor ends with its significant children: with *SignificantError, which is an orderly
// shutdown. Only a child that ends by itself and is not restarted counts, not one that the supervisor stops.
type AutoShutdown int

// The kinds of automatic shutdown.
const (
	Never          AutoShutdown = iota
	AnySignificant              // when one of them has ended
	AllSignificant              // when the last of them has ended
)

func (a AutoShutdown) String() string {
	switch a {
	case Never:
		return "never"
	case AnySignificant:
		return "any_significant"
	case AllSignificant:
		return "all_significant"
	}
	return fmt.Sprintf("AutoShutdown(%d)", int(a))
}

// A Backoff is how long a supervisor waits before a restart: Min, and twice as long for each further restart within
// Period, up to Max. Zero Min means no waiting; zero Max means no limit.
type Backoff struct{ Min, Max time.Duration }

// A Child describes one child.
type Child struct {
	// ID names the child in reports and, below the supervisor's, as an actor. Unique, not empty.
	ID string
	// Props spawns each incarnation.
	Props *actor.Props
	// Make is instead of Props in the template of a SimpleOneForOne: it makes the Props of one instance from the argument
	// of its start. It runs in the supervisor's turn, again for each restart; its panic is a failed start.
	Make func(arg any) *actor.Props
	// Restart says after which ends the child is started again. The zero value is Permanent.
	Restart Restart
	// Significant children can end the supervisor, see AutoShutdown. They cannot be Permanent.
	Significant bool
	// Type is for people, for CountChildren and for the defaults of Start and Shutdown. The zero value is Worker.
	Type Type
	// Start is how long the child may take to start. Zero means the default of its Type.
	Start time.Duration
	// Shutdown is how long the child may take to stop before it is abandoned, or BrutalKill, or Infinity. Zero means the
	// default of its Type.
	Shutdown time.Duration
}

// A Type says what a child is.
type Type int

// The types of children.
const (
	Worker     Type = iota
	Supervisor      // has children of its own
)

func (t Type) String() string {
	switch t {
	case Worker:
		return "worker"
	case Supervisor:
		return "supervisor"
	}
	return fmt.Sprintf("Type(%d)", int(t))
}

// Restart says after which ends a child is started again.
type Restart int

// The restart types.
const (
	Permanent Restart = iota // after every end
	Transient                // after an abnormal end: neither process.ErrNormal nor process.ErrShutdown
	Temporary                // never; when it has ended the supervisor forgets it
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

// A SpecError says what is wrong with a Spec or a Child.
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
	switch {
	case s.Strategy < OneForOne || s.Strategy > SimpleOneForOne:
		return &SpecError{"strategy", s.Strategy, "must be OneForOne, OneForAll, RestForOne or SimpleOneForOne"}
	case s.Period < 0:
		return &SpecError{"period", s.Period, "must not be negative"}
	case s.AutoShutdown < Never || s.AutoShutdown > AllSignificant:
		return &SpecError{"autoShutdown", s.AutoShutdown, "must be Never, AnySignificant or AllSignificant"}
	case s.Backoff.Min < 0 || s.Backoff.Max < 0:
		return &SpecError{"backoff", s.Backoff, "must not be negative"}
	case s.Strategy == SimpleOneForOne && len(s.Children) != 1:
		return &SpecError{"children", len(s.Children), "a simple_one_for_one has exactly one, its template"}
	}
	seen := make(map[string]bool)
	for i, c := range s.Children {
		field := fmt.Sprintf("children[%d]", i)
		if err := s.validateChild(field, c); err != nil {
			return err
		}
		if seen[c.ID] {
			return &SpecError{field + ".ID", c.ID, "duplicate; give each child its own"}
		}
		seen[c.ID] = true
	}
	return nil
}

func (s Spec) validateChild(field string, c Child) error {
	simple := s.Strategy == SimpleOneForOne
	switch {
	case c.ID == "":
		return &SpecError{field + ".ID", `""`, "must not be empty"}
	case c.Make != nil && !simple:
		return &SpecError{field + ".Make", c.ID, "is only for the template of a simple_one_for_one; use Props"}
	case c.Make != nil && c.Props != nil:
		return &SpecError{field + ".Make", c.ID, "use either Make or Props"}
	case c.Props == nil && c.Make == nil:
		return &SpecError{field + ".Props", nil, fmt.Sprintf("child %q needs Props to be spawned with", c.ID)}
	case c.Restart < Permanent || c.Restart > Temporary:
		return &SpecError{field + ".Restart", c.Restart, "must be Permanent, Transient or Temporary"}
	case c.Type < Worker || c.Type > Supervisor:
		return &SpecError{field + ".Type", c.Type, "must be Worker or Supervisor"}
	case c.Significant && c.Restart == Permanent:
		return &SpecError{field + ".Significant", c.ID, "cannot be Permanent as well: it would never end for good"}
	case c.Significant && s.AutoShutdown == Never:
		return &SpecError{field + ".Significant", c.ID, "has no meaning while AutoShutdown is Never"}
	case c.Start < 0:
		return &SpecError{field + ".Start", c.Start, "must not be negative"}
	case c.Shutdown < 0 && c.Shutdown != BrutalKill:
		return &SpecError{field + ".Shutdown", c.Shutdown, "must be a duration, BrutalKill or Infinity"}
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
	children := make([]Child, len(s.Children))
	for i, c := range s.Children {
		children[i] = c.withDefaults()
	}
	s.Children = children
	return s
}

func (c Child) withDefaults() Child {
	if c.Start == 0 {
		c.Start = DefaultStart
		if c.Type == Supervisor {
			c.Start = Infinity
		}
	}
	if c.Shutdown == 0 {
		c.Shutdown = DefaultShutdown
		if c.Type == Supervisor {
			c.Shutdown = Infinity
		}
	}
	return c
}

// before returns the wait before the nth restart of a window, n from 1.
func (b Backoff) before(n int) time.Duration {
	d := b.Min
	for range n - 1 {
		if d > math.MaxInt64/2 || b.Max > 0 && d >= b.Max {
			break
		}
		d *= 2
	}
	if b.Max > 0 {
		d = min(d, b.Max)
	}
	return d
}

// again says whether a child of this type is to be started again after this end.
func (r Restart) again(e process.Ending) bool {
	switch r {
	case Permanent:
		return true
	case Transient:
		return e == process.Abnormal
	default:
		return false
	}
}
