package app

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/lease"
)

// ErrLeft is the cause (context.Cause) of a Context whose role was left.
var ErrLeft = errors.New("app: the role was left")

// An Entry is one entry into a role: what Enter needs to make its Context.
type Entry struct {
	Instance, Member string
	Role             Role
	Epoch            uint64
	Lease            *lease.Lease // the member's lease; nil is never Active
	Term             lease.Term   // the lease term under which an activation was ordered
	Logger           *slog.Logger // nil discards
	Self             *actor.PID
	System           *actor.ActorSystem
	StopTimeout      time.Duration // how long App.Stop may take; zero when nobody bounds it
	Fail             func(error)   // called by Context.Fail while the role is held; nil ignores; must not block
}

type parent = context.Context

// A Context is one entry into a role. It is a context.Context that is cancelled when the role is left, just before
// App.Stop is called. Its methods may be called from any goroutine, also after the role was left.
type Context struct {
	parent
	acting atomic.Bool // entered as Active and not left
	left   atomic.Bool
	entry  Entry
}

// Enter begins a role and returns its Context and the function that leaves it for good. Once leave has returned, Active
// is false in every goroutine and stays so. Leave may be called more than once and from any goroutine. Controllers call
// Enter, and so do tests of applications.
func Enter(e Entry) (ctx *Context, leave func()) {
	if e.Logger == nil {
		e.Logger = slog.New(slog.DiscardHandler)
	}
	below, cancel := context.WithCancelCause(context.Background())
	ctx = &Context{parent: below, entry: e}
	ctx.acting.Store(e.Role == Active && e.Lease != nil)
	return ctx, func() {
		ctx.acting.Store(false)
		ctx.left.Store(true)
		cancel(ErrLeft)
	}
}

// Active says whether the instance may act as the only active one at this instant: it was entered as Active, it was not
// left, and the member still holds the lease term it was activated under. It takes no lock, sends nothing and allocates
// nothing. Ask before every act; an answer is good for the act that follows at once, not for a loop.
func (c *Context) Active() bool {
	return c.acting.Load() && c.entry.Lease.Holds(c.entry.Term)
}

// ActiveUntil returns when Active ends as far as is known now, on the monotonic clock; a later call may return a later
// time because the lease is renewed while the leader is in touch. It is zero when Active is false.
func (c *Context) ActiveUntil() time.Time {
	if !c.acting.Load() {
		return time.Time{}
	}
	return c.HeldUntil()
}

// HeldUntil returns when the lease term of this entry ends as far as is known now, also after the role was left; zero
// when it has ended or there is none. It says nothing about Active. It serves what has to be fenced while it stops, such
// as an OS process.
func (c *Context) HeldUntil() time.Time {
	if c.entry.Lease == nil {
		return time.Time{}
	}
	term, until := c.entry.Lease.Current()
	if term == 0 || term != c.entry.Term || !c.entry.Lease.Holds(term) {
		return time.Time{}
	}
	return until
}

// NoticeSuspend ends the lease that this entry stands under if the machine has been suspended since it was granted. Active
// and HeldUntil make no system call and do not look; the member calls this itself a few times in each second. Whoever is
// about to do what cannot be undone calls it before Active.
func (c *Context) NoticeSuspend() {
	if c.entry.Lease != nil {
		c.entry.Lease.NoticeSuspend()
	}
}

// Fail declares the instance broken for a reason found outside a callback, for example by a goroutine that Start left
// running. The controller treats it as a crash: it ends this instance and starts another as its restart rules say.
// It does nothing once the role was left. Only the first failure counts.
func (c *Context) Fail(reason error) {
	if c.entry.Fail == nil || c.left.Load() {
		return
	}
	c.entry.Fail(reason)
}

// Epoch returns the fencing token of this entry.
func (c *Context) Epoch() uint64 { return c.entry.Epoch }

// Role returns the role that was entered. It does not change when the role is left; Active and Err do.
func (c *Context) Role() Role { return c.entry.Role }

// StopTimeout returns how long App.Stop may take before the instance is abandoned; zero when nobody bounds it.
func (c *Context) StopTimeout() time.Duration { return c.entry.StopTimeout }

// Instance returns the instance's name, group/application.
func (c *Context) Instance() string { return c.entry.Instance }

// Member returns the name of the member this instance runs on.
func (c *Context) Member() string { return c.entry.Member }

// Logger returns a logger that names the instance and the member.
func (c *Context) Logger() *slog.Logger { return c.entry.Logger }

// Self returns the PID whose messages reach App.Receive; nil in a test that gave none.
func (c *Context) Self() *actor.PID { return c.entry.Self }

// System returns the actor system of the member; nil in a test that gave none.
func (c *Context) System() *actor.ActorSystem { return c.entry.System }
