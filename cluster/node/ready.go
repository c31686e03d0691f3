package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
)

// readyTimeout bounds one look at whether a member is ready.
const readyTimeout = 2 * time.Second

// Ready returns nil if this member does its part: in each of its groups it has joined, has everything that was committed when
// this was called, and votes if it is one that should, and no change of the voters is under way. A rolling restart waits for it before it stops the next member. Else the
// error says what is missing. It asks the leaders, and takes at most two seconds.
func (n *Node) Ready(ctx context.Context) error {
	if n.stopping.Load() {
		return admin.ErrStopping
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	groups := n.openGroups()
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if err := n.readyIn(ctx, name, groups[name]); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) readyIn(ctx context.Context, name string, group *genleader.Group) error {
	if group.View().Phase == genleader.Gathering {
		return fmt.Errorf("%w: group %s has not begun here, or this member has not joined it", errNotReady, name)
	}
	if _, err := group.ReadIndex(ctx); err != nil {
		return fmt.Errorf("%w: group %s: this member does not have all of the state: %w", errNotReady, name, err)
	}
	view := group.View()
	votes := slices.ContainsFunc(view.Voters, func(m genleader.Member) bool { return m == group.Member() })
	if !votes && slices.Contains(group.Config().Candidates, n.cfg.Name) && len(view.Voters) < min(group.Config().MaxVoters, len(group.Config().Candidates)) {
		return fmt.Errorf("%w: group %s: this member does not vote yet", errNotReady, name)
	}
	if view.Changing {
		return fmt.Errorf("%w: group %s: the voters are being changed, so those from before are still needed", errNotReady, name)
	}
	return nil
}

var errNotReady = errors.New("node: the member is not ready")
