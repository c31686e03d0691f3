package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/gdict"
)

// What a request about the dictionary can be refused with, beside ErrNoLeader, ErrUncertain and ErrBadRequest.
var (
	// ErrKeyNotFound means that the key has no entry.
	ErrKeyNotFound = errors.New("admin: no such key")
	// ErrConflict means that the key has another revision than the caller wants. Nothing was changed.
	ErrConflict = errors.New("admin: the key has changed")
	// ErrTooBig means that a key, a value or the dictionary would exceed a limit. Nothing was changed.
	ErrTooBig = errors.New("admin: a limit is exceeded")
	// ErrReserved means that the keys are the cluster's own and are not written through this API. Nothing was changed.
	ErrReserved = errors.New("admin: the key is reserved for the cluster itself")
	// ErrStale means that the member's dictionary is older than the caller accepts.
	ErrStale = errors.New("admin: the dictionary is too old")
	// ErrCompacted means that a watch cannot go on after that revision: begin a whole one.
	ErrCompacted = errors.New("admin: the changes after that revision are not kept any more")
	// ErrOverrun means that a watch was read too slowly to show every change.
	ErrOverrun = errors.New("admin: the watch was read too slowly")
	// ErrTimeout means that a question was not answered in time. It changed nothing.
	ErrTimeout = errors.New("admin: timed out")
	// ErrOverloaded means that the member has too much to do; nothing was done.
	ErrOverloaded = errors.New("admin: the member has too much to do")
	// ErrNotJoined means that the member is not in its group yet, so that it has no dictionary: not even an empty one.
	ErrNotJoined = errors.New("admin: the member is not in its group yet, and has no dictionary")
	// ErrNoDict means that the member shows no dictionary.
	ErrNoDict = errors.New("admin: the member shows no dictionary")
)

// A worded error matches what programs look for and keeps the words of the error that people read.
type worded struct {
	sentinel error
	words    error
}

func (w worded) Error() string   { return w.words.Error() }
func (w worded) Unwrap() []error { return []error{w.sentinel, w.words} }

// dictErrors are the sentinels of the dictionary and the group, in the order in which they are looked for.
var dictErrors = []struct{ is, answers error }{
	{genleader.ErrUncertain, ErrUncertain},
	{gdict.ErrNotFound, ErrKeyNotFound},
	{gdict.ErrConflict, ErrConflict},
	{gdict.ErrStale, ErrStale},
	{gdict.ErrCompacted, ErrCompacted},
	{gdict.ErrOverrun, ErrOverrun},
	{gdict.ErrBadLevel, ErrBadRequest},
	{gdict.ErrEnded, ErrStopping},
	{gdict.ErrNotAttached, ErrStopping},
	{genleader.ErrStopped, ErrStopping},
	{genleader.ErrNoLeader, ErrNoLeader},
	{genleader.ErrOverloaded, ErrOverloaded},
}

// dictError gives an error of the dictionary the sentinel of this package. What ended the wait of a question changed
// nothing; a write says itself when its outcome is open.
func dictError(err error) error {
	for _, e := range dictErrors {
		if errors.Is(err, e.is) {
			return worded{e.answers, err}
		}
	}
	var limit *gdict.LimitError
	var value *gdict.ValueError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limit):
		return worded{ErrTooBig, err}
	case errors.As(err, &value):
		return worded{ErrConflict, err}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return worded{ErrTimeout, err}
	default:
		return fmt.Errorf("%w: %w", ErrInternal, err)
	}
}
