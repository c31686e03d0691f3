package genstatem

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// A Spec is a machine with states S and data D. Its functions run one at a time and must not block.
//
// With a function for each state in States it is OTP's callback mode state_functions; with Any alone it is
// handle_event_function, for states that are more than a name. The two may be mixed.
type Spec[S comparable, D any] struct {
	// Init says how the machine begins: it sets ctx.Data and returns Next with the first state (Keep means the zero
	// value), or Exit with the error that StartWait is to return. Nil means zero state and data.
	Init func(ctx *Context[S, D]) Result[S]
	// States holds what each state does.
	States map[S]State[S, D]
	// Any does what a state leaves out, or all of it for a state that is not in States.
	Any State[S, D]
	// Terminate may be nil. It runs last if Init succeeded, also after a panic in another callback; Context then holds
	// the state and data from before that. Sending still works; what it would return has no use.
	Terminate func(ctx *Context[S, D], reason error)
	// Status may be nil. It says what process.Inspect shows of the data, which is its text otherwise. What it returns is
	// read by others while the machine goes on: return a copy.
	Status func(state S, data D) any
}

// A State is what a machine does while it is in one state.
type State[S comparable, D any] struct {
	// On handles an event. A state without, also in Any, ends the machine with *SpecError at its first event.
	On func(ctx *Context[S, D], event Event) Result[S]
	// Enter may be nil. It is the state enter call: it runs when the state is entered from old, before any event of the
	// state. For the first state, and for Repeat, old is the state itself. It cannot change the state, postpone or insert
	// events.
	Enter func(ctx *Context[S, D], old S) Result[S]
}

// A Context is the machine's actor context with its state and data.
type Context[S comparable, D any] struct {
	actor.Context
	// State is the present state. Setting it has no effect: return Next.
	State S
	// Data is the machine's data. What a callback leaves here is what the next one finds; after a panic it is what was
	// here before, but for what pointers, slices and maps in it lead to.
	Data D
}

// A SpecError is the reason of a machine whose Spec lacks a function.
type SpecError struct {
	State   string // empty: the whole Spec
	Problem string
}

func (e *SpecError) Error() string {
	if e.State == "" {
		return "genstatem: spec: " + e.Problem
	}
	return fmt.Sprintf("genstatem: spec: state %s: %s", e.State, e.Problem)
}

func (s *Spec[S, D]) validate() error {
	if s.Any.On != nil {
		return nil
	}
	for _, state := range s.States {
		if state.On != nil {
			return nil
		}
	}
	return &SpecError{Problem: "no state has a function On; give at least one in States, or Any"}
}

func (s *Spec[S, D]) on(state S) func(*Context[S, D], Event) Result[S] {
	if on := s.States[state].On; on != nil {
		return on
	}
	return s.Any.On
}

func (s *Spec[S, D]) enter(state S) func(*Context[S, D], S) Result[S] {
	if enter := s.States[state].Enter; enter != nil {
		return enter
	}
	return s.Any.Enter
}

// enters says whether there are state enter calls at all.
func (s *Spec[S, D]) enters() bool {
	if s.Any.Enter != nil {
		return true
	}
	for _, state := range s.States {
		if state.Enter != nil {
			return true
		}
	}
	return false
}
