package node

import (
	"context"
	"fmt"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/member"
)

// inspectTimeout is how long the group may take to describe itself.
const inspectTimeout = 200 * time.Millisecond

// Status is what this member knows now. It asks nobody, so on a member that is cut off what it says of others is old: Leader
// is empty then, and AsOf says how old.
func (n *Node) Status() admin.Status {
	status := n.knowledge().status()
	status.Lease = n.leaseLeft()
	addDiscovery(&status, n.cfg.Discovery.String(), *n.found.Load())
	if problem := n.remoting.Problem(); problem != "" {
		status.Alarms = append(status.Alarms, n.cfg.Name+": "+problem)
	}
	n.addProgress(&status)
	return status
}

// Joined returns nil once this member is in the cluster: its dictionary is the cluster's then, however old. Before that it
// is empty and says nothing, and the error matches admin.ErrNotJoined.
func (n *Node) Joined() error {
	if n.group.Applied() > 0 {
		return nil
	}
	return notJoined(n.cfg.Name, n.group.View())
}

// notJoined says what a member outside its group does, and what it lacks if that is known.
func notJoined(name string, view genleader.View) error {
	doing := view.Phase.String()
	if view.Problem != "" {
		doing += ": " + view.Problem
	}
	return fmt.Errorf("%w: %q is %s", admin.ErrNotJoined, name, doing)
}

// knowledge looks first how old what is written may be, so that it is never older than that.
func (n *Node) knowledge() knowledge {
	k := knowledge{now: n.cfg.now(), spec: n.cfg.Spec, self: n.member(), asOf: n.group.FreshAsOf()}
	k.membership, k.orders = controller.LeaderSays(n.dict), controller.Orders(n.dict)
	k.told, k.here = controller.Instances(n.dict), n.here.Instances()
	k.said, k.digest = controller.Members(n.dict), n.digest()
	k.view, k.leased = n.group.View(), n.leaseLeft() > 0
	return k
}

// addProgress tells how far the log is, here and, on the leader, on every other member. A group that is too busy to say is
// left out.
func (n *Node) addProgress(status *admin.Status) {
	ctx, cancel := context.WithTimeout(context.Background(), inspectTimeout)
	defer cancel()
	in, err := n.group.Inspect(ctx)
	if err != nil {
		return
	}
	status.Commit, status.Applied = in.Commit, in.Applied
	for i := range status.Members {
		m := &status.Members[i]
		if m.Name == n.cfg.Name && in.Phase == genleader.Leading {
			m.Log, m.Sending = in.LastIndex, genleader.Replicating.String()
		}
		for _, p := range in.Peers {
			if p.Name == m.Name && p.Incarnation == m.Incarnation && p.Progress != genleader.Unknown {
				m.Log, m.Sending, m.Heard = p.Match, p.Progress.String(), max(0, time.Since(p.LastContact).Milliseconds())
			}
		}
	}
}

// roleLeader is that of a member that leads, or is about to.
const roleLeader = "leader"

// roleOf gives the group's phase the usual word of elections.
func roleOf(p genleader.Phase) string {
	switch p {
	case genleader.Leading, genleader.Electing:
		return roleLeader
	case genleader.Following:
		return "follower"
	default:
		return p.String()
	}
}

func (n *Node) leaseLeft() int64 {
	_, until := n.group.Lease().Current()
	return max(0, time.Until(until).Milliseconds())
}

// addDiscovery tells what discovery knows. That it fails is an alarm: a member that moves to another address is not found then.
func addDiscovery(status *admin.Status, kind string, found member.View) {
	status.Discovery = admin.Discovery{Kind: kind, Source: found.Source.String()}
	if found.Err != nil {
		status.Discovery.Err = found.Err.Error()
		status.Alarms = append(status.Alarms, "discovery: "+found.Err.Error())
	}
	for i := range status.Members {
		if m, ok := found.Find(status.Members[i].Name); ok {
			status.Members[i].Addr = m.Addr
		}
	}
}
