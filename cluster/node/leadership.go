package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/spec"
)

// describeTimeout is how long groups may take to describe themselves to somebody who asks for them.
const describeTimeout = time.Second

// roleFailed is that of a group of which this member's part has ended by itself.
const roleFailed = "failed"

// RaftGroups describes the groups that are open on this member: the cluster's own first, then the users' by name. One that
// has failed is among them until its name is opened again, one that was left is not.
func (n *Node) RaftGroups(ctx context.Context) []admin.RaftGroup {
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	n.groupsMu.Lock()
	names := slices.Sorted(maps.Keys(n.groups))
	n.groupsMu.Unlock()
	described := make([]*admin.RaftGroup, 1+len(names))
	var all sync.WaitGroup
	for i, name := range append([]string{clusterGroup}, names...) {
		all.Go(func() {
			if group, open := n.openedGroup(name); open {
				d := n.describe(ctx, name, group)
				described[i] = &d
			}
		})
	}
	all.Wait()
	var open []admin.RaftGroup
	for _, d := range described {
		if d != nil {
			open = append(open, *d)
		}
	}
	return open
}

// RaftGroup describes one of them.
func (n *Node) RaftGroup(ctx context.Context, name string) (admin.RaftGroup, error) {
	group, open := n.openedGroup(name)
	if !open {
		return admin.RaftGroup{}, n.notOpen(name)
	}
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	return n.describe(ctx, name, group), nil
}

// TransferLeadership makes a member lead a group that is open here, and returns when a majority has confirmed that it does.
// Errors: admin.ErrGroupNotOpen, admin.ErrStopping and those of genleader.Group's method of that name; after any other it
// may have been done.
func (n *Node) TransferLeadership(ctx context.Context, name, to string) (admin.Transfer, error) {
	if n.stopping.Load() {
		return admin.Transfer{}, admin.ErrStopping
	}
	group, open := n.openedGroup(name)
	if !open {
		return admin.Transfer{}, n.notOpen(name)
	}
	if reason := ended(group); reason != nil {
		return admin.Transfer{}, fmt.Errorf("%w: %q has failed: %w", admin.ErrGroupNotOpen, name, reason)
	}
	from := group.View().Leader.Name
	if err := transfer(ctx, group, to); err != nil {
		return admin.Transfer{}, err
	}
	view := group.View()
	if view.Leader.Name != to {
		return admin.Transfer{}, fmt.Errorf("node: %q has led, and does not any more", to)
	}
	return admin.Transfer{Group: name, From: from, Leader: to, Term: view.Term}, nil
}

// transfer has a group make a member lead, and a majority confirm that: that this member follows it may be old news, if it
// is cut off.
func transfer(ctx context.Context, group *genleader.Group, to string) error {
	if err := group.TransferLeadership(ctx, to); err != nil {
		return refusedFor(group.View(), err)
	}
	if _, err := group.ReadIndex(ctx); err != nil { // not wrapped: it is of a read, and says that nothing was done
		return fmt.Errorf("node: %s follows %q, and no majority has confirmed that it leads", group.Member().Name, to)
	}
	return nil
}

// refusedFor adds whom else an operator may have meant.
func refusedFor(view genleader.View, err error) error {
	if !errors.Is(err, genleader.ErrUnknownMember) && !errors.Is(err, genleader.ErrNotVoter) {
		return err
	}
	var voters []string
	for _, m := range view.Voters {
		voters = append(voters, m.Name)
	}
	return fmt.Errorf("%w; voters are %s", err, strings.Join(voters, ", "))
}

// openedGroup finds a group by its name, unless it was left.
func (n *Node) openedGroup(name string) (*genleader.Group, bool) {
	if name == clusterGroup {
		return n.group, true
	}
	n.groupsMu.Lock()
	group := n.groups[name]
	n.groupsMu.Unlock()
	if group == nil {
		return nil, false
	}
	select {
	case <-group.Done():
		return group, group.Err() != nil
	default:
		return group, true
	}
}

// notOpen says so, and what else an operator may have meant.
func (n *Node) notOpen(name string) error {
	if slices.ContainsFunc(n.cfg.Spec.Groups, func(g spec.Group) bool { return g.Name == name }) {
		return fmt.Errorf("%w: %q is a group of the specification, which says what runs where and elects nobody", admin.ErrGroupNotOpen, name)
	}
	return fmt.Errorf("%w: %q", admin.ErrGroupNotOpen, name)
}

// ended is why a group has failed here.
func ended(group *genleader.Group) error {
	select {
	case <-group.Done():
		return group.Err()
	default:
		return nil
	}
}

// describe puts what a group says of itself into the words of the admin API. Of one that is too busy to say, it tells what
// can be known without asking.
func (n *Node) describe(ctx context.Context, name string, group *genleader.Group) admin.RaftGroup {
	d := admin.RaftGroup{Name: name, Member: n.cfg.Name, Kept: group.Config().Storage != nil, Leases: group.Config().Leases}
	if reason := ended(group); reason != nil {
		d.Role, d.Problems = roleFailed, []string{reason.Error()}
		return d
	}
	in, err := group.Inspect(ctx)
	if err != nil {
		in = genleader.Inspection{Self: group.Member(), View: group.View()}
		d.Busy = true
		d.Problems = append(d.Problems, "it does not describe itself in time: "+err.Error())
	}
	if in.Problem != "" {
		d.Problems = append(d.Problems, in.Problem)
	}
	d.Role, d.Leader, d.Term = roleOf(in.Phase), in.Leader.Name, in.Term
	d.Commit, d.Applied, d.Last, d.Snapshot = in.Commit, in.Applied, in.LastIndex, in.Snapshot
	d.LogEntries, d.LogBytes, d.Hibernating, d.Calls, d.Dropped = in.LogEntries, in.LogBytes, in.Hibernating, in.PendingCalls, in.Dropped
	d.Lease = max(0, time.Until(in.LeaseUntil).Milliseconds())
	d.LeaderHeard = since(in.LeaderHeard)
	d.Members = n.raftMembers(in, group.Config().Witness)
	return d
}

// raftMembers lists everybody whom an inspection knows.
func (n *Node) raftMembers(in genleader.Inspection, selfWitness bool) []admin.RaftMember {
	peers := map[genleader.Member]genleader.Peer{in.Self: {}}
	for _, m := range slices.Concat(in.Voters, in.Learners) {
		peers[m] = genleader.Peer{}
	}
	for _, p := range in.Peers {
		peers[p.Member] = p
	}
	var members []admin.RaftMember
	for who, p := range peers {
		m := admin.RaftMember{
			Name: who.Name, Incarnation: who.Incarnation, Linked: p.Linked, Heard: since(p.LastContact),
			Voter: slices.Contains(in.Voters, who), Learner: slices.Contains(in.Learners, who),
			Witness: n.cfg.Spec.Members[who.Name].Witness || who == in.Self && selfWitness,
		}
		switch {
		case who == in.Self:
			m.Log = in.LastIndex
		case p.Progress != genleader.Unknown: // this member leads
			m.State, m.Sending, m.Leased = p.State.String(), p.Progress.String(), p.Leased
			m.Log, m.Next, m.Inflight = p.Match, p.Next, p.Inflight
		}
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b admin.RaftMember) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Incarnation, b.Incarnation))
	})
	return members
}

// since is how many milliseconds ago something was; nil for never.
func since(at time.Time) *int64 {
	if at.IsZero() {
		return nil
	}
	ago := max(0, time.Since(at).Milliseconds())
	return &ago
}
