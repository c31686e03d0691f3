package supervisor

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// What a command can fail with.
var (
	// ErrNotFound says that the supervisor has no such child.
	ErrNotFound = errors.New("supervisor: no such child")
	// ErrRunning says that the child runs, or is about to stop.
	ErrRunning = errors.New("supervisor: child is running")
	// ErrRestarting says that the child is being restarted.
	ErrRestarting = errors.New("supervisor: child is being restarted")
	// ErrAlreadyPresent says that there is a child with this ID, which does not run: use RestartChild.
	ErrAlreadyPresent = errors.New("supervisor: child is already present")
	// ErrAlreadyStarted says that there is a child with this ID, which runs or is about to.
	ErrAlreadyStarted = errors.New("supervisor: child is already started")
	// ErrSimple says that the command is not for the strategy: instances of a simple_one_for_one have no IDs, and the
	// other strategies have no template.
	ErrSimple = errors.New("supervisor: not for this strategy")
)

// ErrIgnore is for a child that has nothing to do: one that ends with it before it has started (an error of Init that is
// ErrIgnore) did not fail to start. The supervisor keeps its spec, unless it is Temporary, and goes on without it.
var ErrIgnore = errors.New("supervisor: ignore")

// A CommandError is an error of a command about a child. It is Err to errors.Is.
type CommandError struct {
	ID  string
	PID *actor.PID // the child's, for ErrAlreadyStarted and while it has one
	Err error
}

func (e *CommandError) Error() string { return fmt.Sprintf("%v: %q", e.Err, e.ID) }

// Unwrap returns Err.
func (e *CommandError) Unwrap() error { return e.Err }

// A StartError says that a child did not start. It is the reason of a supervisor that could not start its children, and
// the error of StartChild and its like.
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

// A SignificantError is the reason of a supervisor that ended with its significant children (AutoShutdown). It is
// process.ErrShutdown to errors.Is.
type SignificantError struct {
	ID     string // the child whose end it was
	Reason error  // the child's
}

func (e *SignificantError) Error() string {
	return fmt.Sprintf("supervisor: shut down because significant child %q ended: %v", e.ID, e.Reason)
}

// Unwrap returns Reason.
func (e *SignificantError) Unwrap() error { return e.Reason }

// Is reports whether target is process.ErrShutdown.
func (e *SignificantError) Is(target error) bool { return target == process.ErrShutdown }

// Ending is Shutdown, whatever Reason is.
func (e *SignificantError) Ending() process.Ending { return process.Shutdown }
