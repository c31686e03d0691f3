package node

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// A firstCrash remembers which of the actors that end together was first. The others say only that they were shut down.
type firstCrash struct{ reason atomic.Pointer[error] }

// notice hears everything that the supervisor of the actors reports.
func (f *firstCrash) notice(n supervisor.Notice) {
	if n.What != supervisor.Ended || process.EndingOf(n.Reason) != process.Abnormal {
		return
	}
	crash := fmt.Errorf("the actor %q has crashed: %w", n.Child, n.Reason)
	f.reason.CompareAndSwap(nil, &crash)
}

// cause is why an actor has ended, given what it says itself.
func (f *firstCrash) cause(reason error) error {
	if first := f.reason.Load(); first != nil && errors.Is(reason, process.ErrShutdown) {
		return *first
	}
	return reason
}
