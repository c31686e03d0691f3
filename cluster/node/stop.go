package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
)

const (
	holdUp      = 30 * time.Second // for the others to catch up, if the caller of Stop sets no deadline
	leaveWithin = 5 * time.Second  // to say goodbye and to close everything, after the instances have stopped
)

// ErrHeld is a Stop that did not stop anything, because the others cannot do without this member's state yet.
var ErrHeld = admin.ErrHeld

type stopOptions struct{ force bool }

// A StopOption changes what Stop does.
type StopOption func(*stopOptions)

// Force has Stop not wait for the others. In memory it can lose the state: if this member is one that the others cannot do
// without, the dictionary and the epochs are lost with it.
func Force() StopOption { return func(o *stopOptions) { o.force = true } }

// StopTimeout is a deadline that leaves Stop enough time to wait for others and to stop this member's instances after that.
func (n *Node) StopTimeout() time.Duration { return holdUp + n.stopPatience() + leaveWithin }

// Stop stops this member's instances, lets the others know, hands leadership over and leaves. ctx bounds it; what could
// not be done in time is said in the error. Without a deadline it is StopTimeout. Called again it waits for the first, or with
// Force ends the first one's wait.
//
// A member that keeps its state in memory first waits until the others can do without it: in each of its groups a majority of
// the voters that remain must have everything. It waits for as long as ctx leaves time to stop the instances after that. If the
// others have not caught up by then it returns ErrHeld, which wraps a *genleader.HeldError with the reason: nothing has
// stopped, and the member goes on running. A member that is alone in its specification waits for nobody.
//
// If instances have not stopped, because ctx ends or because they exceed their timeouts (controller.ErrNotStopped), the
// member ends without a goodbye, as if it had died: the others do not take its groups over any sooner than that.
func (n *Node) Stop(ctx context.Context, options ...StopOption) error {
	var o stopOptions
	for _, option := range options {
		option(&o)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, n.StopTimeout())
		defer cancel()
	}
	if !o.force && !n.stopping.Load() {
		before, cancel := n.beforeStopping(ctx)
		defer cancel()
		if err := n.giveUpVotes(before); err != nil {
			return err
		}
	}
	var problems []error
	if n.stopping.CompareAndSwap(false, true) {
		n.tell(&n.localPID, controller.Stop{Patience: n.stopPatience()})
		if err := n.awaitStopped(ctx); err != nil {
			problems = append(problems, err)
		} else {
			problems = append(problems, n.leaveGroups(ctx), n.group.Leave(ctx))
		}
		go n.end(nil, endTimeout)
	}
	select {
	case <-n.ended:
	case <-ctx.Done():
		problems = append(problems, fmt.Errorf("node: not everything has ended: %w", context.Cause(ctx)))
	}
	return errors.Join(problems...)
}

// Shutdown begins what Stop does, and returns when nothing holds it up any more; the member then ends by itself. It is for
// those who ask through the admin API. ctx bounds the wait for the others. Errors: ErrHeld.
func (n *Node) Shutdown(ctx context.Context, force bool) error {
	if !force && !n.stopping.Load() {
		if err := n.giveUpVotes(ctx); err != nil {
			return err
		}
	}
	go func() {
		if err := n.Stop(context.Background(), Force()); err != nil {
			n.cfg.Logger.Error("stop failed", slog.Any("err", err))
		}
	}()
	return nil
}

// giveUpVotes returns nil once all groups can do without this member. If one of them cannot, the member keeps its vote in all.
func (n *Node) giveUpVotes(ctx context.Context) error {
	if len(n.cfg.Spec.Members) == 1 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	groups := n.openGroups()
	asked := make(chan error, len(groups))
	for name, group := range groups {
		go func() {
			err := group.GiveUpVote(ctx)
			switch {
			case err == nil, errors.Is(err, genleader.ErrStopped):
				asked <- nil
			default:
				asked <- fmt.Errorf("group %s: %w", name, err)
			}
		}()
	}
	var held error
	for range groups {
		if err := <-asked; err != nil && held == nil {
			held = err
			cancel() // the others need not be waited for
		}
	}
	if held == nil || n.stopping.Load() {
		return nil // or somebody has forced it meanwhile
	}
	for _, group := range groups {
		group.KeepVote()
	}
	n.cfg.Logger.Warn("stop held", slog.Any("err", held))
	return fmt.Errorf("%w: %w", ErrHeld, held)
}

// beforeStopping leaves time to stop the instances, or half of what there is.
func (n *Node) beforeStopping(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline()
	left := time.Until(deadline)
	return context.WithTimeout(ctx, left-min(left/2, n.stopPatience()+leaveWithin))
}

// openGroups are the groups that have not ended here: the cluster's own and the users'.
func (n *Node) openGroups() map[string]*genleader.Group {
	n.groupsMu.Lock()
	all := maps.Clone(n.groups)
	n.groupsMu.Unlock()
	all[clusterGroup] = n.group
	maps.DeleteFunc(all, func(_ string, group *genleader.Group) bool {
		select {
		case <-group.Done():
			return true
		default:
			return false
		}
	})
	return all
}

// awaitStopped returns nil once no instance runs any more. An error means that some may, and then the goodbye of the
// group must not be said: the leader takes it as a promise that nothing acts here.
func (n *Node) awaitStopped(ctx context.Context) error {
	select {
	case <-n.localDone:
	case <-ctx.Done():
		return fmt.Errorf("node: instances have not stopped, and their leases run out instead: %w", context.Cause(ctx))
	}
	if !errors.Is(n.localErr, process.ErrNormal) {
		return fmt.Errorf("node: instances may still run, and their leases run out instead: %w", n.localErr)
	}
	return nil
}

// stopPatience is how long instances may take to stop.
func (n *Node) stopPatience() time.Duration {
	var longest time.Duration
	for _, a := range n.cfg.Spec.Applications {
		longest = max(longest, time.Duration(a.StopTimeout))
	}
	return longest + stopMargin
}
