package disk

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked says that another process has the directory open.
	ErrLocked = errors.New("disk: in use by another process")
	// ErrForeign says that the directory belongs to another member, group or cluster, or to something else altogether.
	ErrForeign = errors.New("disk: not this member's data")
	// ErrCorrupt says that what was written is not there any more as it was written. See CorruptError.
	ErrCorrupt = errors.New("disk: damaged data")
	// ErrClosed says that the store has been closed.
	ErrClosed = errors.New("disk: closed")
)

// A CorruptError says where the damage is. It wraps ErrCorrupt. The member must not go on with this directory: it would
// break what it has promised to the others. They can replace it, if it is removed from the group or starts with an empty
// directory, which makes it a new voter.
type CorruptError struct {
	File   string
	Offset int64
	Why    string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: %s at byte %d: %s; restore the file, or move the directory away to begin as a new voter", ErrCorrupt, e.File, e.Offset, e.Why)
}

func (e *CorruptError) Unwrap() error { return ErrCorrupt }
