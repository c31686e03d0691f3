package genserver

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/internal/gen"
)

// An Option sets how a server is run.
type Option func(*options)

type options struct {
	name           string
	props          []actor.PropsOption
	receiveTimeout time.Duration
	slow           struct {
		bound  time.Duration
		report func(Slow)
	}
}

func newOptions(opts []Option) *options {
	o := &options{}
	for _, opt := range opts {
		opt(o)
	}
	return o
}

// WithName registers the server under a name before Init; see process.Register. If the name is taken, the server ends at
// once with process.ErrNameTaken, and StartWait says so.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithProps passes options on to protoactor.
func WithProps(opts ...actor.PropsOption) Option {
	return func(o *options) { o.props = append(o.props, opts...) }
}

// WithReceiveTimeout has HandleInfo called with Timeout whenever no message has come for d, again and again. A callback
// that calls Context.Timeout overrides it until the next message. It costs a timer for each message.
func WithReceiveTimeout(d time.Duration) Option {
	return func(o *options) { o.receiveTimeout = d }
}

// A Slow is a callback that runs for longer than it should.
type Slow struct {
	PID      *actor.PID
	Callback string // HandleCall and so on
	Message  string // type of what it was given; empty for Init and Terminate
	Bound    time.Duration
}

// WithSlow has report told, once, of each callback that runs for longer than bound, while it still runs: one that never
// returns is told of too. report runs in a goroutine of its own. It costs a timer for each message.
func WithSlow(bound time.Duration, report func(Slow)) Option {
	return func(o *options) { o.slow.bound, o.slow.report = bound, report }
}

// WithQueue lets at most limit calls and casts wait for the server, beside the one that it handles. A call that comes
// then gets process.ErrOverload at once and was not handled. A cast is dropped: its sender does not wait and cannot be
// told, so it becomes a dead letter of protoactor, which can be subscribed to. Everything else (infos, timers,
// *process.Down, StopWait) is taken always: the server itself has asked for it. A limit less than 1 is 1. A mailbox or a
// spawn function given with WithProps has no place beside it.
func WithQueue(limit int) Option {
	return func(o *options) {
		o.props = append(o.props, gen.Bounded("genserver", limit))
	}
}
