package genstatem

import (
	"fmt"
	"strings"

	"github.com/gendac/gendac/behaviours/process"
)

// A Result is what a callback wants to become of the machine. Context makes them; the zero value is Keep without
// actions.
type Result[S comparable] struct {
	move    move
	next    S
	reason  error
	actions []Action
}

type move int

const (
	keep move = iota
	next
	repeat
	stop
)

// String says it as an action list does, for transcripts and errors.
func (r Result[S]) String() string {
	var parts []string
	switch r.move {
	case keep:
		parts = append(parts, "keep")
	case next:
		parts = append(parts, fmt.Sprintf("next %v", r.next))
	case repeat:
		parts = append(parts, "repeat")
	case stop:
		parts = append(parts, fmt.Sprintf("stop %v", r.reason))
	}
	for _, a := range r.actions {
		parts = append(parts, a.String())
	}
	return strings.Join(parts, "; ")
}

// Next goes on in state. If that is the present state, nothing but the actions happens: Next is Keep then.
func (c *Context[S, D]) Next(state S, actions ...Action) Result[S] {
	return Result[S]{move: next, next: state, actions: actions}
}

// Keep goes on in the present state.
func (c *Context[S, D]) Keep(actions ...Action) Result[S] {
	return Result[S]{actions: actions}
}

// Repeat is Keep with the state enter call made again. It replays nothing that was postponed and leaves the state
// timeout running: the state does not change.
func (c *Context[S, D]) Repeat(actions ...Action) Result[S] {
	return Result[S]{move: repeat, actions: actions}
}

// Exit ends the machine with reason; nil means process.ErrNormal. Callers that wait get *process.ExitError. replies may
// hold only Reply and ReplyError; they are sent first.
func (c *Context[S, D]) Exit(reason error, replies ...Action) Result[S] {
	if reason == nil {
		reason = process.ErrNormal
	}
	return Result[S]{move: stop, reason: reason, actions: replies}
}

// A BadReturnError is the reason of a machine whose callback asked for what cannot be.
type BadReturnError struct {
	Where   string // the callback and its state
	Problem string
}

func (e *BadReturnError) Error() string { return fmt.Sprintf("genstatem: %s: %s", e.Where, e.Problem) }
