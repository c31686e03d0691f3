package gdict

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound says that a key has no entry in the local dictionary at the moment of reading.
	ErrNotFound = errors.New("gdict: no such key")
	// ErrConflict is what every *ConflictError wraps.
	ErrConflict = errors.New("gdict: the key has changed")
	// ErrNotAttached says that the dictionary has no group to write through or to ask: call Attach first. Nothing was sent.
	ErrNotAttached = errors.New("gdict: not attached to a group; call Attach first")
	// ErrBadReply says that the leader answered something that is no answer to the operation. The operation may have
	// been done; the error also wraps genleader.ErrUncertain.
	ErrBadReply = errors.New("gdict: the leader's reply cannot be understood")
	// ErrSessionExpired says that a write was repeated so late that nobody knows any more whether it was done: too many
	// others were kept since. It was not done now. It comes with genleader.ErrUncertain.
	ErrSessionExpired = errors.New("gdict: what became of this write is not kept any more")
	// ErrEnded says that a watch ended because the group's local instance did.
	ErrEnded = errors.New("gdict: the group's local instance has ended")
)

// A ConflictError says that a CompareAndStore found another revision than the caller wanted. Nothing was changed. Zero
// means "no entry" in both fields. It wraps ErrConflict.
type ConflictError struct {
	Key        string
	Want, Have uint64
}

func (e *ConflictError) Error() string {
	switch {
	case e.Want == 0:
		return fmt.Sprintf("gdict: key %s exists already, at revision %d", quoted(e.Key), e.Have)
	case e.Have == 0:
		return fmt.Sprintf("gdict: key %s does not exist, wanted at revision %d", quoted(e.Key), e.Want)
	default:
		return fmt.Sprintf("gdict: key %s is at revision %d, wanted %d", quoted(e.Key), e.Have, e.Want)
	}
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// A LimitError says that an operation would break a limit. Nothing was changed.
type LimitError struct {
	What string // "key", "value", "dictionary", "transaction", "number of operations", "number of owners" or
	// "name of the function"
	Key   string // at most the first 64 bytes of it when the key itself is too long; empty for the last four
	Size  uint64 // what the operation would have made it, in bytes or operations
	Limit uint64 // in bytes or operations
}

func (e *LimitError) Error() string {
	switch {
	case e.What == whatKey && e.Size == 0:
		return fmt.Sprintf("gdict: the key is empty; it must have 1 to %d bytes", e.Limit)
	case e.What == whatKey:
		return fmt.Sprintf("gdict: key %s... has %d bytes; it must have 1 to %d", quoted(e.Key), e.Size, e.Limit)
	case e.What == whatValue:
		return fmt.Sprintf("gdict: the value of key %s has %d bytes; the limit is %d", quoted(e.Key), e.Size, e.Limit)
	case e.What == whatOps && e.Size == 0:
		return fmt.Sprintf("gdict: the transaction is empty; it must have 1 to %d conditions and operations", e.Limit)
	case e.What == whatOps:
		return fmt.Sprintf("gdict: the transaction has %d conditions and operations; the limit is %d", e.Size, e.Limit)
	case e.What == whatOwners:
		return fmt.Sprintf("gdict: there would be %d actors that own keys; the limit is %d", e.Size, e.Limit)
	case e.What == whatFunction:
		return fmt.Sprintf("gdict: the name of the update function has %d bytes; the limit is %d", e.Size, e.Limit)
	case e.What == whatTxn:
		return fmt.Sprintf("gdict: the transaction has %d bytes of keys and values; the limit is %d", e.Size, e.Limit)
	default:
		return fmt.Sprintf("gdict: key %s would make the %s %d bytes; the limit is %d: erase something first",
			quoted(e.Key), e.What, e.Size, e.Limit)
	}
}

// A ValueError says that the value of a key does not allow the operation. Nothing was changed.
type ValueError struct {
	Key     string
	Problem string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("gdict: key %s: %s", quoted(e.Key), e.Problem)
}

// A RefusedError says that an operation could not be understood: malformed bytes, or a kind or version that the leader
// does not know. Nothing was changed.
type RefusedError struct{ Problem string }

func (e *RefusedError) Error() string { return "gdict: operation refused: " + e.Problem }

// ErrOwnerGone is what every *OwnerError wraps.
var ErrOwnerGone = errors.New("gdict: the owner has ended")

// An OwnerError says that a key was to be bound to an owner that has ended. Nothing was changed. It wraps ErrOwnerGone.
type OwnerError struct {
	Owner   Owner
	Problem string
}

func (e *OwnerError) Error() string { return fmt.Sprintf("gdict: owner %v: %s", e.Owner, e.Problem) }

// Unwrap returns ErrOwnerGone.
func (e *OwnerError) Unwrap() error { return ErrOwnerGone }

// An UpdateError says that an update function returned an error, or panicked. Nothing was changed.
type UpdateError struct {
	Key      string
	Function string
	Version  uint32
	Problem  string // at most its first 1024 bytes
}

func (e *UpdateError) Error() string {
	return fmt.Sprintf("gdict: key %s: update function %v: %s", quoted(e.Key), functionID{e.Function, e.Version}, e.Problem)
}

// A NoFunctionError says that the leader does not know an update function. Nothing was changed.
type NoFunctionError struct {
	Function string
	Version  uint32
}

func (e *NoFunctionError) Error() string {
	return fmt.Sprintf("gdict: the leader has no update function %v: give it by gdict.Functions to the options that the dictionary is"+
		" made with, those of New or of a node's OpenDict, on every member", functionID{e.Function, e.Version})
}

const shownKey = 64

// clipped keeps errors about a hostile key short, in memory and on the wire.
func clipped(key string) string { return key[:min(len(key), shownKey)] }

func quoted(key string) string { return fmt.Sprintf("%q", clipped(key)) }
