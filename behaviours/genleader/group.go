package genleader

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process"
)

// Config describes this member's instance of a group.
type Config struct {
	Self   Member // this process
	Timing Timing // zero fields take their defaults

	// Candidates are the names of those that may vote and lead, in the order of their rank. Any other member is a worker:
	// it has the log, leases, reads and calls, and never votes. The lists need not be equal everywhere. The first candidate
	// begins the group, so the lists must begin alike until it has; whom the leader lists may be promoted. Members that
	// each list another before themselves hand leadership on once each, until there is an election.
	Candidates []string
	// Expect is how many candidates must be present and without state for the first of them to begin the group; default
	// all. With fewer, a part of them that has lost its memory can begin a second group while others still hold the first.
	Expect int
	// MaxVoters is up to how many members vote; default 5. The other candidates are learners, and take over lost seats.
	MaxVoters int
	// ForgetAfter is how long a member may be away before it loses its seat; zero: for ever. See the package about when.
	ForgetAfter time.Duration
	// PreferAfter is how long a candidate of a higher rank than the leader's must have been well, without a break, before
	// leadership is handed to it; default 20 election times (10 s). Negative: leadership stays where it is.
	PreferAfter time.Duration
	// Witness members vote, and lead only while nobody else can.
	Witness bool
	// Cluster keeps groups apart: only members that give the same name here speak with each other.
	Cluster string

	// Leases lets the leader grant every member a lease for as long as it is heard: see Group.Lease. A group without leases
	// that is one of a Hub rests when it has nothing to do: then nobody of it sends anything or keeps a timer.
	Leases bool

	Behaviour Behaviour
	// Send hands a frame to the transport. It must not block and may lose frames, but must keep their order per peer. An
	// error says that this one is lost for certain: there is no link, or the peer takes its frames too slowly.
	Send func(to string, frame []byte) error
	// ViewChanged and LeaseEnded are told of changes, in the group's own turn; they must not block. Either may be nil.
	ViewChanged func(View)
	LeaseEnded  func(lease.Term)
	// Event is told what happens to the group, in the group's own turn; it must not block. It may be nil.
	Event func(Event)

	// LogBytes and LogEntries bound what is kept of the log for members that are a little behind; defaults 32 MiB, counting
	// 128 bytes for each entry beside its own, and 100,000. For members that are catching up it may grow to four times that.
	// One that is further behind gets a snapshot.
	LogBytes, LogEntries int

	Seed   uint64 // of the election timers; default: the incarnation
	Logger *slog.Logger

	// Storage keeps what must survive the end of this process; nil keeps everything in memory, and a process that starts
	// again then is a new voter. The group closes it.
	Storage Storage
	// SnapshotBytes is how much log the storage keeps behind a snapshot before another one is stored there; default 64 MiB.
	// It is no less than the size of a snapshot.
	SnapshotBytes int
}

// A Group is this member's handle of a group. Its methods are safe for any goroutine.
type Group struct {
	Config
	self     Member
	hub      *Hub   // nil: the group has its links to itself
	name     string // on the hub
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
	g := &Group{Config: cfg, raftID: cfg.Self.Incarnation, self: cfg.Self, lease: &lease.Lease{}, system: system, gone: make(chan struct{}), ended: make(chan struct{})}
	g.view.Store(&View{})
	g.arrivals.letRun = runtime.Gosched
	if err := g.load(); err != nil {
		return nil, err
	}
	return g, nil
}

// complete refuses what cannot be, and fills in what was left out.
func (cfg *Config) complete() error {
	cfg.Timing.setDefaults()
	if err := cfg.Timing.validate(); err != nil {
		return err
	}
	if err := cfg.electorateDefaults(); err != nil {
		return err
	}
	for _, field := range []struct {
		name  string
		given bool
	}{{"Self.Incarnation", cfg.Self.Incarnation != 0}, {"Behaviour", cfg.Behaviour != nil}, {"Send", cfg.Send != nil}} {
		if !field.given {
			return fmt.Errorf("genleader: %s must be given", field.name)
		}
	}
	if cfg.LeaseEnded != nil && !cfg.Leases {
		return errors.New("genleader: LeaseEnded: is given, and without Leases there are none; set Leases")
	}
	if cfg.LogBytes <= 0 {
		cfg.LogBytes = 32 << 20
	}
	if cfg.LogEntries <= 0 {
		cfg.LogEntries = 100_000
	}
	if cfg.Seed == 0 {
		cfg.Seed = cfg.Self.Incarnation
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// load reads what an earlier process of this member kept.
func (g *Group) load() error {
	if g.SnapshotBytes <= 0 {
		g.SnapshotBytes = 64 << 20
	}
	if g.Storage == nil {
		return nil
	}
	kept, err := g.Storage.Load()
	if err == nil {
		err = kept.Settle()
	}
	if err == nil && kept.Snapshot != nil {
		g.install, err = restoreFrom(kept.OpenImage, g.Behaviour)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStorage, err)
	}
	if g.raftID = g.Storage.ID(); !kept.Empty() {
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

// Done is closed when the group has ended on this member; Err then says why.
func (g *Group) Done() <-chan struct{} { return g.ended }

// Err is nil while the group runs and after an orderly Leave.
func (g *Group) Err() error {
	if reason := g.reason.Load(); reason != nil {
		return *reason
	}
	return nil
}

type termKey struct{}

// InTerm makes a leader call one for that term of this member only: it is done while this member leads in that term, or
// not at all, and then fails with ErrNoLeader. Whoever decides on what only a leader can know needs it, so that a
// decision of a leader that has been replaced is not carried out by its successor.
func InTerm(ctx context.Context, term uint64) context.Context {
	return context.WithValue(ctx, termKey{}, term)
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
	if err := notEnded(ctx); err != nil {
		return nil, err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(patience)
	}
	only, _ := ctx.Value(termKey{}).(uint64)
	w := g.waiter(deadline)
	call := called{seq: g.seq.Add(1), only: only, request: request, deadline: deadline}
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

// rests says whether this member may rest: somebody else watches its links, and nobody needs leases.
func (g *Group) rests() bool { return g.hub != nil && !g.Leases }

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
