package genleader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process"
)

// A Group is this member's handle of a group. Its methods are safe for any goroutine.
type Group struct {
	cfg      Config
	member   atomic.Pointer[Member] // Self, or what it became: see Member
	hub      *Hub                   // nil: the group has its links to itself
	name     string                 // on the hub
	raftID   uint64
	kept     *Stored
	install  func() // puts the state of what was kept in place
	lease    *lease.Lease
	view     atomic.Pointer[View]
	system   *actor.ActorSystem
	spawned  atomic.Bool
	pid      atomic.Pointer[actor.PID]
	seq      atomic.Uint64
	inbox    inbox
	arrivals arrivals
	waiters  sync.Pool // at whose channels nobody sends any more

	questions atomic.Int64 // that the actor has not taken: see ask

	gone   chan struct{} // closed when the actor has ended and answers nobody any more
	ended  chan struct{} // closed when the storage is closed, too
	reason atomic.Pointer[error]

	progress progress
}

// New checks cfg and returns a group that starts when an actor is spawned from its Props.
func New(system *actor.ActorSystem, cfg Config) (*Group, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	held := lease.New(cfg.Suspended, cfg.Timing.Lease/suspendShare)
	g := &Group{cfg: cfg, lease: held, system: system, gone: make(chan struct{}), ended: make(chan struct{})}
	g.member.Store(&cfg.Self)
	g.view.Store(&View{})
	g.arrivals.letRun = runtime.Gosched
	if err := g.load(); err != nil {
		return nil, err
	}
	return g, nil
}

// Member is this process as the group knows it. It is Config.Self, unless that number was too low: a process that starts
// under a clock that is behind takes the number after that of its predecessor. That happens before the group has taken it
// up, so from the first leader on that grants it leases, or that it calls, this is final.
func (g *Group) Member() Member { return *g.member.Load() }

// load reads what an earlier process of this member kept.
func (g *Group) load() error {
	if g.cfg.SnapshotBytes <= 0 {
		g.cfg.SnapshotBytes = 64 << 20
	}
	if g.cfg.Storage == nil {
		return nil
	}
	kept, err := g.cfg.Storage.Load()
	if err == nil {
		err = kept.Settle()
	}
	if err == nil && kept.Snapshot != nil {
		g.install, err = restoreFrom(kept.OpenImage, g.cfg.Behaviour)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	if g.raftID = g.cfg.Storage.ID(); !kept.Empty() {
		g.kept = kept
	}
	return nil
}

func restoreFrom(open func() (io.ReadCloser, error), b Behaviour) (install func(), err error) {
	image, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, image.Close()) }()
	defer recoverInto(&err)
	return b.Restore(image)
}

// Props spawns the group's one actor. It must not be spawned twice: its state is this incarnation's, so a member whose
// group ends has to end as a whole. A second one, also one that a supervisor starts in the place of one that has failed, ends
// at once: it would speak for this incarnation and not know what that has promised.
func (g *Group) Props() *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[*core, input, effect] {
		if !g.spawned.CompareAndSwap(false, true) {
			process.Exit(ctx, ErrStopped)
			return process.Machine[*core, input, effect]{
				Step:    func(c *core, _ input) (*core, []effect) { return c, nil },
				Lift:    func(actor.Context) (in input, ok bool) { return in, false },
				Perform: func(actor.Context, effect) {},
			}
		}
		return newShell(g, ctx).machine()
	})
}

// View is what this member knows of the group now.
func (g *Group) View() View { return *g.view.Load() }

// Lease is this member's permission to act. It never holds in a group without Config.Leases.
func (g *Group) Lease() *lease.Lease { return g.lease }

// Config is a copy of what the group was made with, with its defaults.
func (g *Group) Config() Config { return g.cfg }

// Done is closed when the group has ended on this member; Err then says why.
func (g *Group) Done() <-chan struct{} { return g.ended }

// Err is nil while the group runs and after an orderly Leave.
func (g *Group) Err() error {
	if reason := g.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

// Bounds narrow a leader call. The zero Bounds leave it as it is.
type Bounds struct {
	// Until is how long the call may take. Zero: until the context's deadline, or five seconds if it has none.
	Until time.Time
	// Term, if it is not zero, is one in which this member leads. The call is done while it does, or not at all, and then
	// fails with ErrNoLeader. Whoever decides on what only a leader can know needs it, so that a decision of a leader that
	// has been replaced is not carried out by its successor.
	Term uint64
}

type outcome struct {
	reply   []byte
	index   uint64 // of a read
	answers Answers
	err     error
	late    bool // nobody has answered
}

// LeaderCall asks the leader and waits for its answer, which is this member's FromLeader's if the leader broadcast. A
// context without a deadline gets one of five seconds. Calls of one goroutine are handled in their order. The request must
// not be modified any more: it may be sent after an early return.
//
// ErrUncertain means that it is not known whether the call was done, also if ErrStopped is wrapped beside it, or if a
// callback here kept the group from saying so at the deadline. Without it ErrNotAsked, ErrNoLeader, which is also that
// such a callback kept the call from having its turn, ErrOverloaded and ErrStopped mean that nothing was done. What ended
// ctx is wrapped too.
func (g *Group) LeaderCall(ctx context.Context, request []byte) ([]byte, error) {
	return g.LeaderCallWithin(ctx, Bounds{}, request)
}

// LeaderCallWithin is LeaderCall within bounds.
func (g *Group) LeaderCallWithin(ctx context.Context, bounds Bounds, request []byte) ([]byte, error) {
	if err := notEnded(ctx); err != nil {
		return nil, err
	}
	deadline := bounds.deadline(ctx)
	w := g.waiter(deadline)
	call := called{seq: g.seq.Add(1), only: bounds.Term, request: request, deadline: deadline}
	if !g.arrive(arrival{call, w.answer}) {
		w.timer.Stop()
		return nil, ErrStopped
	}
	out := g.await(ctx, call.seq, w, outcome{err: ErrUncertain})
	w.timer.Stop()
	if !out.late {
		g.waiters.Put(w) // it gets one answer, which has come
	}
	switch {
	case out.err == nil:
		return out.reply, nil
	case out.late && errors.Is(out.err, ErrStopped):
		return nil, fmt.Errorf("%w: %w", ErrUncertain, out.err)
	default:
		return nil, withCause(ctx, deadline, out.err)
	}
}

func (b Bounds) deadline(ctx context.Context) time.Time {
	if !b.Until.IsZero() {
		return b.Until
	}
	if deadline, bounded := ctx.Deadline(); bounded {
		return deadline
	}
	return time.Now().Add(patience)
}

// waiting is where a caller waits. The timer rings when nobody has answered although the deadline is over, so that it
// matters neither whether the context ends by itself nor whether the group has its turn.
type waiting struct {
	answer chan outcome
	timer  *time.Timer
}

// waiterFor is for a context with a deadline.
func (g *Group) waiterFor(ctx context.Context) *waiting {
	deadline, _ := ctx.Deadline()
	return g.waiter(deadline)
}

// waiter is for a deadline, which may lie further ahead than any duration is long.
func (g *Group) waiter(deadline time.Time) *waiting {
	most := min(time.Until(deadline), math.MaxInt64-overtime) + overtime
	if used, ok := g.waiters.Get().(*waiting); ok {
		used.timer.Reset(most)
		return used
	}
	return &waiting{make(chan outcome, 1), time.NewTimer(most)}
}

// notEnded fails with ErrNotAsked if ctx has ended.
func notEnded(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w (%w)", ErrNotAsked, cause)
	}
	return nil
}

// withCause adds what ended the wait. The group keeps the deadline too, and may be quicker than the context.
func withCause(ctx context.Context, deadline time.Time, err error) error {
	cause := context.Cause(ctx)
	if cause == nil && !time.Now().Before(deadline) {
		cause = context.DeadlineExceeded
	}
	if cause == nil {
		return err
	}
	return fmt.Errorf("%w (%w)", err, cause)
}

// LeaderCast sends the leader a request that nobody answers. It is lost without a leader, and while too many wait.
func (g *Group) LeaderCast(request []byte) {
	if g.inbox.take(len(request)) && !g.arrive(arrival{called: called{cast: true, request: request}}) {
		g.inbox.give(len(request))
	}
}

// Call asks the local instance. It waits until ctx ends.
func (g *Group) Call(ctx context.Context, request any) (any, error) {
	call := localCall{request: request, answer: make(chan localAnswer, 1)}
	if !g.tell(call) {
		return nil, ErrStopped
	}
	select {
	case out := <-call.answer:
		return out.reply, out.err
	case <-g.gone:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", process.ErrTimeout, context.Cause(ctx))
	}
}

// Cast sends the local instance a message.
func (g *Group) Cast(msg any) { g.tell(localCast{msg}) }

// Deliver takes a frame that a peer's Send sent. Frames of one peer must come in order. It drops the frame while 64 MiB
// wait for the group's turn.
func (g *Group) Deliver(from Member, frame []byte) {
	if g.inbox.take(len(frame)) && !g.tell(frameMessage{from: from, frame: frame}) {
		g.inbox.give(len(frame))
	}
}

// LinkUp and LinkDown are the transport's word on a peer; refused says that its process is known to be gone.
func (g *Group) LinkUp(who Member) { g.tell(linkUp{who}) }

// LinkDown is described at LinkUp.
func (g *Group) LinkDown(who Member, refused bool) { g.tell(linkDown{who, refused}) }

// Leave hands leadership over, says goodbye and ends the group on this member.
func (g *Group) Leave(ctx context.Context) error {
	g.tell(arrivalsWait{}) // what the caller has cast before goes first
	leaves := g.tell(leaving{})
	if !leaves && g.pid.Load() == nil {
		return nil
	}
	select {
	case <-g.ended:
		if !leaves {
			return nil // it had ended before
		}
		return g.Err()
	case <-ctx.Done():
		return fmt.Errorf("genleader: leaving: %w", context.Cause(ctx))
	}
}

// mayHibernate says whether this member may hibernate: somebody else watches its links, and nobody needs leases.
func (g *Group) mayHibernate() bool { return g.hub != nil && !g.cfg.Leases }

// arrive brings a leader call or cast to the group's turn, behind those of the same caller before.
func (g *Group) arrive(one arrival) bool {
	if g.pid.Load() == nil || g.hasGone() {
		return false
	}
	return !g.arrivals.add(one) || g.tell(arrivalsWait{}) // whoever was first tells; if the group ends now, await hears of it
}

func (g *Group) hasGone() bool {
	select {
	case <-g.gone:
		return true
	default:
		return false
	}
}

func (g *Group) tell(msg any) bool {
	pid := g.pid.Load()
	if pid == nil || g.hasGone() {
		return false
	}
	g.system.Root.Send(pid, msg)
	return true
}
