package process

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// Exit reasons: why an actor ended. Every other error is an abnormal end.
var (
	// ErrNormal is the reason of an actor that finished its work.
	ErrNormal = errors.New("process: normal exit")
	// ErrShutdown is the reason of an actor that was told to stop. ShutdownError is ErrShutdown with a why.
	ErrShutdown = errors.New("process: shutdown")
	// ErrKilled is the reason given for an actor that did not stop within its deadline and was abandoned.
	ErrKilled = errors.New("process: killed")
	// ErrUnknown is the reason of a plain protoactor actor, which has none to give.
	ErrUnknown = errors.New("process: ended without giving a reason")
)

// Errors of callers.
var (
	// ErrNoProc says that there is no such actor. A call that fails with it was not handled and may be repeated.
	ErrNoProc = errors.New("process: no such process")
	// ErrNodeDown says that the connection to the target's member was lost; a call may or may not have been handled.
	ErrNodeDown = errors.New("process: connection to the node lost")
	// ErrTimeout says that no reply came in time; a call may have been handled or may yet be.
	ErrTimeout = errors.New("process: no reply in time")
	// ErrBadReply says that the reply is not of the type the caller asked for.
	ErrBadReply = errors.New("process: reply of the wrong type")
	// ErrUnsupported says that the target does not know the request, or that the operation cannot reach it.
	ErrUnsupported = errors.New("process: unsupported")
	// ErrOverload says that the target refused work because it has too much.
	ErrOverload = errors.New("process: overloaded")
)

// A ShutdownError is an orderly end with a cause: OTP's {shutdown, Why}. It is ErrShutdown to errors.Is.
type ShutdownError struct{ Why error }

func (e *ShutdownError) Error() string { return fmt.Sprintf("%v: %v", ErrShutdown, e.Why) }

// Unwrap returns Why.
func (e *ShutdownError) Unwrap() error { return e.Why }

// Is reports whether target is ErrShutdown.
func (e *ShutdownError) Is(target error) bool { return target == ErrShutdown }

// A PanicError is the end of an actor whose code panicked.
type PanicError struct {
	Value any   // what was passed to panic
	Stack Stack // the panicking goroutine's; nil if it was not ours to catch
}

// A Stack is where a goroutine was. It is taken in a microsecond, and costs more only when it is printed.
type Stack []uintptr

// TakeStack returns the caller's stack, without TakeStack itself.
func TakeStack() Stack {
	var frames [64]uintptr
	return append(Stack(nil), frames[:runtime.Callers(2, frames[:])]...)
}

// String is the stack as Go prints it, innermost function first.
func (s Stack) String() string {
	var b strings.Builder
	frames := runtime.CallersFrames(s)
	for more := len(s) > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

func (e *PanicError) Error() string { return fmt.Sprintf("process: panic: %v", e.Value) }

// Ending is Abnormal, whatever Value is.
func (e *PanicError) Ending() Ending { return Abnormal }

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// An ExitError is what a caller gets whose target ended before it answered. It is Reason to errors.Is and errors.As.
type ExitError struct {
	Who    *actor.PID
	Reason error
	// Taken says that the target had begun to handle the request. If false, the request was not handled, and the error
	// is ErrNoProc as well.
	Taken bool
}

func (e *ExitError) Error() string {
	return fmt.Sprintf("process: %s ended before it answered: %v", e.Who.GetId(), e.Reason)
}

// Unwrap returns Reason.
func (e *ExitError) Unwrap() error { return e.Reason }

// Is reports whether target is ErrNoProc and the request was never handled.
func (e *ExitError) Is(target error) bool { return !e.Taken && target == ErrNoProc }

// An Ending is how supervisors see a reason.
type Ending int

// The endings.
const (
	Normal   Ending = iota + 1 // finished its work
	Shutdown                   // told to stop
	Abnormal                   // anything else
)

func (e Ending) String() string {
	switch e {
	case Normal:
		return "normal"
	case Shutdown:
		return "shutdown"
	case Abnormal:
		return "abnormal"
	}
	return fmt.Sprintf("Ending(%d)", int(e))
}

// EndingOf sorts a reason. A nil reason is Normal. An error type with a method Ending() Ending says itself what it is,
// whatever it wraps; a *PanicError is Abnormal.
func EndingOf(reason error) Ending {
	var self interface{ Ending() Ending }
	switch {
	case errors.As(reason, &self):
		return self.Ending()
	case reason == nil, errors.Is(reason, ErrNormal):
		return Normal
	case errors.Is(reason, ErrShutdown):
		return Shutdown
	default:
		return Abnormal
	}
}

// reasonOf makes an error of whatever a panic or a foreign supervisor hands over.
func reasonOf(v any) error {
	switch v := v.(type) {
	case *PanicError:
		return v
	default:
		return &PanicError{Value: v}
	}
}
