package gdict

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

var (
	// ErrStale is what every *StaleError wraps.
	ErrStale = errors.New("gdict: this member's dictionary is too old")
	// ErrNoReadLevels says that the dictionary is attached to something that can only be written through: a *genleader.Group
	// has read levels.
	ErrNoReadLevels = errors.New("gdict: what the dictionary is attached to has no read levels, only Local")
	// ErrBadLevel says that a text names no read level.
	ErrBadLevel = errors.New("gdict: no read level")
)

// A Reader is what the read levels need of a group; *genleader.Group is one.
type Reader interface {
	// ReadIndex returns a log index such that a member that has applied it reads linearizably as of the call.
	ReadIndex(ctx context.Context) (uint64, error)
	// WaitApplied returns once this member has applied index, of whatever kind the entry is.
	WaitApplied(ctx context.Context, index uint64) error
	// FreshAsOf is the instant before which everything acknowledged is applied here; zero if that is unknown.
	FreshAsOf() time.Time
}

// A Level says how fresh a read has to be. The zero Level is Local.
type Level struct {
	kind  levelKind
	bound time.Duration
	rev   uint64
}

type levelKind int

const (
	local levelKind = iota
	bounded
	atLeast
	linearizable
)

var (
	// Local reads what this member has. It never waits and never fails, and may be old.
	Local = Level{kind: local}
	// Linearizable sees every write that was acknowledged anywhere before the read began. It asks the leader, so it needs a
	// majority, and waits until this member has applied what the leader said.
	Linearizable = Level{kind: linearizable}
)

// Bounded sees every write that was acknowledged anywhere more than d ago. It is local, without waiting, while this member
// hears from the leader often enough; otherwise it becomes one Linearizable read, and fails with a *StaleError if that
// fails. d is measured by this member's clock alone.
func Bounded(d time.Duration) Level { return Level{kind: bounded, bound: d} }

// AtLeast waits until this member has applied revision rev: whoever was given rev by a write sees that write.
func AtLeast(rev uint64) Level { return Level{kind: atLeast, rev: rev} }

func (l Level) String() string {
	switch l.kind {
	case bounded:
		return "bounded=" + l.bound.String()
	case atLeast:
		return "rev=" + strconv.FormatUint(l.rev, 10)
	case linearizable:
		return "linearizable"
	default:
		return "local"
	}
}

// ParseLevel is the opposite of Level.String: local, linearizable, bounded=2s, rev=17. Its error wraps ErrBadLevel.
func ParseLevel(text string) (Level, error) {
	name, value, has := strings.Cut(text, "=")
	switch {
	case name == "local" && !has:
		return Local, nil
	case name == "linearizable" && !has:
		return Linearizable, nil
	case name == "bounded" && has:
		if d, err := time.ParseDuration(value); err == nil && d >= 0 {
			return Bounded(d), nil
		}
	case name == "rev" && has:
		if rev, err := strconv.ParseUint(value, 10, 64); err == nil {
			return AtLeast(rev), nil
		}
	}
	return Level{}, fmt.Errorf("%w: %q: want local, linearizable, bounded=DURATION or rev=REVISION", ErrBadLevel, text)
}

// A StaleError says that a Bounded read could not be had: this member has not heard from the leader for longer than the
// bound, and asking it failed with Err. It wraps ErrStale and Err.
type StaleError struct {
	Bound time.Duration
	Age   time.Duration // how long ago this member was last known to have everything; negative: never since it started
	Err   error
}

func (e *StaleError) Error() string {
	age := fmt.Sprintf("is %s old", e.Age)
	if e.Age < 0 {
		age = "has not been fresh since it started"
	}
	return fmt.Sprintf("gdict: read %s: this member's dictionary %s, and the leader does not help: %v", Bounded(e.Bound), age, e.Err)
}

// Unwrap returns ErrStale and what asking the leader failed with.
func (e *StaleError) Unwrap() []error { return []error{ErrStale, e.Err} }

// Read returns a view that is as fresh as level says. Only Local never waits; for the others a context without a deadline
// gets one of DefaultTimeout.
//
// Its errors: ErrNotAttached and ErrNoReadLevels; *StaleError for Bounded; what the group returned, wrapped, such as
// genleader.ErrNoLeader, or genleader.ErrBehind with the revision that this member is at; and the context's error, alone if it had ended already: then nobody was asked. Reading changes
// nothing, so every read may be repeated.
func (d *Dict) Read(ctx context.Context, level Level) (View, error) {
	v := d.View()
	if level.kind == local || level.kind == atLeast && v.Rev() >= level.rev {
		return v, nil
	}
	group, err := d.reader()
	if err != nil {
		return View{}, fmt.Errorf("gdict: read %v: %w", level, err)
	}
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	switch level.kind {
	case bounded:
		return d.readBounded(ctx, group, level.bound)
	case atLeast:
		err = d.waitApplied(ctx, group, level.rev)
	default:
		err = d.waitForLeader(ctx, group)
	}
	if err != nil {
		return View{}, fmt.Errorf("gdict: read %v: %w", level, err)
	}
	return d.View(), nil
}

func (d *Dict) reader() (Reader, error) {
	caller := d.caller.Load()
	if caller == nil {
		return nil, ErrNotAttached
	}
	group, can := (*caller).(Reader)
	if !can {
		return nil, ErrNoReadLevels
	}
	return group, nil
}

// waitApplied waits until this member has applied the log up to index.
func (d *Dict) waitApplied(ctx context.Context, group Reader, index uint64) error {
	if err := inTime(ctx, deadline(ctx)); err != nil {
		return err
	}
	err := group.WaitApplied(ctx, index)
	if errors.Is(err, genleader.ErrBehind) {
		return &behindError{have: d.View().Rev(), ended: endedBy(ctx, deadline(ctx)), err: err}
	}
	return err
}

// A behindError is the group's ErrBehind in terms of the dictionary.
type behindError struct {
	have  uint64
	ended error // what ended the wait
	err   error
}

func (e *behindError) Error() string {
	return fmt.Sprintf("this member is at revision %d only: %v", e.have, cmp.Or(e.ended, e.err))
}

func (e *behindError) Unwrap() error { return e.err }

// waitForLeader waits until this member has what the leader had at some moment after the call.
func (d *Dict) waitForLeader(ctx context.Context, group Reader) error {
	if err := inTime(ctx, deadline(ctx)); err != nil {
		return err
	}
	index, err := group.ReadIndex(ctx)
	if err != nil {
		return err
	}
	return d.waitApplied(ctx, group, index)
}

func (d *Dict) readBounded(ctx context.Context, group Reader, bound time.Duration) (View, error) {
	fresh := group.FreshAsOf() // before the view: what is applied later only makes it fresher
	v := d.View()
	if !fresh.IsZero() && time.Since(fresh) <= bound {
		return v, nil
	}
	err := d.waitForLeader(ctx, group)
	if err == nil {
		return d.View(), nil
	}
	stale := &StaleError{Bound: bound, Age: -1, Err: err}
	if !fresh.IsZero() {
		stale.Age = time.Since(fresh)
	}
	return View{}, stale
}
