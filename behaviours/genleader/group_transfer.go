package genleader

import (
	"context"
	"errors"
	"fmt"
)

type transferMessage struct {
	seq    uint64
	name   string
	answer chan outcome
}

// TransferLeadership makes a member lead, and returns once this member follows it. Any member may ask. Calls that are
// under way are not lost: whatever the former leader did not do is asked of the next. A leader that came to lead by this
// command does not hand over by rank.
//
// It fails with ErrUnknownMember, ErrNotVoter, ErrWitness or ErrNotReady (behind, unreachable or without a lease) when
// the leader refuses, with ErrNoLeader when no leader was found, and with ErrNotTransferred when it was not done before
// the deadline, or before this group ended; then it may still be done. ErrNotAsked, ErrOverloaded, and ErrStopped alone, say
// that nothing was asked. A context without a deadline gets one of five seconds.
func (g *Group) TransferLeadership(ctx context.Context, name string) error {
	if err := notEnded(ctx); err != nil {
		return err
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	w := g.waiterFor(ctx)
	defer w.timer.Stop()
	msg := transferMessage{seq: g.seq.Add(1), name: name, answer: w.answer}
	if err := g.ask(msg); err != nil {
		return err
	}
	out := g.await(ctx, msg.seq, w, outcome{err: ErrNotTransferred})
	switch {
	case errors.Is(out.err, ErrStopped) && (out.late || errors.Is(out.err, ErrUncertain)):
		return fmt.Errorf("%w: %q (%w)", ErrNotTransferred, name, ErrStopped)
	case errors.Is(out.err, ErrStopped):
		return ErrStopped
	case out.err == nil:
		return nil
	default:
		deadline, _ := ctx.Deadline()
		return withCause(ctx, deadline, fmt.Errorf("%w: %q", out.err, name))
	}
}
