package genleader

import (
	"context"
	"errors"
)

type releaseMessage struct {
	seq    uint64
	answer chan outcome
}

// GiveUpVote prepares an orderly end of this member. It returns nil once the group can do without it: leadership is handed
// over, this member is a learner, and a majority of the voters that remain has everything. It then stays so until Leave, or
// until KeepVote.
//
// It returns nil at once for a member whose state is in Storage, which keeps its vote while it is away; for one that never
// votes or has not joined the group yet; and for one that is the only member and the only candidate of its group.
//
// Members that call it at the same time are released one after the other, and the last voter is not released. Until ctx
// ends it waits for the others to catch up. Then it returns a *HeldError that says who is missing, and the member keeps its
// vote. A context without a deadline gets one of five seconds. ErrNotAsked, ErrOverloaded and ErrStopped say that nothing
// was asked, or that the group has ended here.
func (g *Group) GiveUpVote(ctx context.Context) error {
	if err := notEnded(ctx); err != nil {
		return err
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	w := g.waiterFor(ctx)
	defer w.timer.Stop()
	msg := releaseMessage{seq: g.seq.Add(1), answer: w.answer}
	if err := g.ask(msg); err != nil {
		return err
	}
	out := g.await(ctx, msg.seq, w, outcome{err: &HeldError{"a callback of the group does not return"}})
	switch {
	case errors.Is(out.err, ErrStopped):
		return ErrStopped
	case out.err != nil && out.late:
		g.KeepVote() // it hears so when the callback returns
	}
	return out.err
}

// KeepVote takes GiveUpVote back. A member that has given up its vote gets it back from the leader when it has caught up.
func (g *Group) KeepVote() { g.tell(releaseWithdrawn{}) }
