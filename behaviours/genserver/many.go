package genserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/internal/gen"
	"github.com/gendac/gendac/behaviours/process"
)

// A MultiReply is what one server made of a MultiCall.
type MultiReply[R any] struct {
	Who   *actor.PID
	Reply R     // if Err is nil
	Err   error // as from Call
}

// MultiCall sends req to many servers at once and waits for all replies, at most until the deadline of ctx, or
// process.DefaultTimeout if it has none, which is for all of them together. The replies come in the order of to; those
// that failed say why. req is shared by all: they must not change it. Do not call from a callback.
func MultiCall[R any](ctx context.Context, system *actor.ActorSystem, to []*actor.PID, req any) []MultiReply[R] {
	ctx, cancel := gen.WithDeadline(ctx)
	defer cancel()
	replies := make([]MultiReply[R], len(to))
	var all sync.WaitGroup
	for i, pid := range to {
		all.Go(func() {
			reply, err := Call[R](ctx, system, pid, req)
			replies[i] = MultiReply[R]{Who: pid, Reply: reply, Err: err}
		})
	}
	all.Wait()
	return replies
}

// Abcast is Cast to many servers. msg is shared by all: they must not change it.
func Abcast[M any](from actor.SenderContext, to []*actor.PID, msg M) {
	var cast any = gen.Cast[M]{Msg: msg} // one for all
	for _, pid := range to {
		from.Send(pid, cast)
	}
}

// A Response is what came of a SendRequest. It arrives at HandleInfo.
type Response[R any] struct {
	Tag   any
	Reply R     // if Err is nil
	Err   error // as from Call
}

// SendRequest is Call for callbacks: it does not wait. The request keeps its place among everything else that the server
// sends to the same process, and the reply its place among everything that comes from there. The reply, or the error,
// arrives at HandleInfo as a Response[R] with tag, no later than timeout from now, or never if the server has ended by
// then; a later incarnation does not see it. Use one tag for each request that is to be told from others.
func SendRequest[R any](ctx actor.Context, to *actor.PID, req any, timeout time.Duration, tag any) {
	process.Ask(ctx, to, req, timeout, func(reply R, err error) any {
		return Response[R]{Tag: tag, Reply: reply, Err: err}
	})
}

// IgnoreDeadLetterLogging keeps protoactor quiet when the server has ended meanwhile.
func (Response[R]) IgnoreDeadLetterLogging() {}

// StopWait ends a server, or a genstatem, with reason (nil means process.ErrNormal) after what is queued, and waits until
// it is gone and its names are free, at most until the deadline of ctx, or process.DefaultTimeout. The error is
// process.ErrNoProc if it was not there, wraps the reason if it ended for another one, is process.ErrTimeout at the
// deadline (the server still ends then), and process.ErrUnsupported for one on another member. Do not call from a
// callback.
func StopWait(ctx context.Context, system *actor.ActorSystem, server *actor.PID, reason error) error {
	if err := gen.StopWait(ctx, system, server, reason); err != nil {
		return fmt.Errorf("genserver: %w", err)
	}
	return nil
}
