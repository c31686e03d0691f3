package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/planner"
)

// inspectTimeout is how long the group may take to describe itself.
const inspectTimeout = 200 * time.Millisecond

// Status is what this member knows now. It asks nobody, so on a member that is cut off it is old; Leader is empty then.
func (n *Node) Status() admin.Status {
	view := n.group.View()
	society := controller.LeaderSays(n.dict)
	status := admin.Status{
		Cluster: n.cfg.Spec.Cluster, Member: n.self.Member, Incarnation: n.self.Incarnation,
		Leader: view.Leader.Name, Term: view.Term, Role: roleOf(view.Phase), Lease: n.leaseLeft(),
		Discovery: n.discovery(),
		Members:   n.members(view, society),
		Alarms:    []string{},
	}
	n.addProgress(&status)
	for _, a := range society.Alarms {
		status.Alarms = append(status.Alarms, a.Group+": "+a.Name+": "+a.Why)
	}
	if view.Problem != "" {
		status.Alarms = append(status.Alarms, view.Problem)
	}
	instances := controller.Instances(n.dict)
	instances = slices.DeleteFunc(instances, func(i controller.Instance) bool { return gone(i.Seat, society) })
	for _, i := range instances {
		status.Instances = append(status.Instances, admin.Instance{
			Name: i.Instance, Member: i.Member, Role: i.Role.String(), Phase: i.Phase.String(),
			Epoch: i.Epoch, Start: i.Start, Err: i.Err,
		})
	}
	orders := controller.Orders(n.dict)
	for _, g := range n.cfg.Spec.Groups {
		status.Groups = append(status.Groups, groupStatus(g.Name, orders[g.Name], instances))
	}
	return status
}

// Joined returns nil once this member is in the cluster: its dictionary is the cluster's then, however old. Before that it
// is empty and says nothing, and the error matches admin.ErrNotJoined.
func (n *Node) Joined() error {
	if n.group.Applied() > 0 {
		return nil
	}
	return fmt.Errorf("%w: %q is %s", admin.ErrNotJoined, n.cfg.Name, n.group.View().Phase)
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
		if m.Name == n.self.Member && in.Phase == genleader.Leading {
			m.Log, m.Sending = in.LastIndex, genleader.Replicating.String()
		}
		for _, p := range in.Peers {
			if p.Name == m.Name && p.Incarnation == m.Incarnation && p.Progress != genleader.Unknown {
				m.Log, m.Sending, m.Heard = p.Match, p.Progress.String(), max(0, time.Since(p.LastContact).Milliseconds())
			}
		}
	}
}

// gone says whether what a seat reported last is history: it is dead or has left, or is no longer spoken of.
func gone(seat planner.Seat, society controller.Society) bool {
	i := slices.IndexFunc(society.Members, func(m controller.SocietyMember) bool { return m.Seat == seat })
	return len(society.Members) > 0 && (i < 0 || society.Members[i].State == planner.Dead.String() || society.Members[i].State == planner.Left.String())
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

func (n *Node) discovery() admin.Discovery {
	found := n.found.Load()
	d := admin.Discovery{Kind: n.cfg.Discovery.String(), Source: found.Source.String()}
	if found.Err != nil {
		d.Err = found.Err.Error()
	}
	return d
}

// members lists every member of the spec once, by name: its latest incarnation as the leader sees it.
func (n *Node) members(view genleader.View, society controller.Society) []admin.Member {
	latest := map[string]controller.SocietyMember{}
	for _, m := range society.Members {
		if m.Incarnation >= latest[m.Member].Incarnation {
			latest[m.Member] = m
		}
	}
	var members []admin.Member
	for _, name := range slices.Sorted(maps.Keys(n.cfg.Spec.Members)) {
		known := latest[name]
		m := admin.Member{
			Name: name, Incarnation: known.Incarnation, State: known.State, Witness: n.cfg.Spec.Members[name].Witness,
			Voter:   slices.Contains(view.Voters, genleader.Member{Name: name, Incarnation: known.Incarnation}),
			Learner: slices.Contains(view.Learners, genleader.Member{Name: name, Incarnation: known.Incarnation}),
		}
		if found, ok := n.found.Load().Find(name); ok {
			m.Addr = found.Addr
		}
		if m.State == "" {
			m.State = "unknown"
		}
		members = append(members, m)
	}
	return members
}

// groupStatus says where a group is meant to be and how far its active has come.
func groupStatus(name string, o planner.Order, instances []controller.Instance) admin.Group {
	g := admin.Group{Name: name, Epoch: o.Epoch, Standby: []string{}, Phase: "idle"}
	for _, s := range o.Standby {
		g.Standby = append(g.Standby, s.Member)
	}
	if o.Active == nil {
		return g
	}
	g.Active = o.Active.Member
	g.Start = app.Start{Kind: o.Active.Kind, From: o.Active.From}.String()
	g.Phase = "starting"
	for _, i := range instances {
		if i.Seat == o.Active.Seat && i.Epoch == o.Active.Epoch && i.Role == app.Active {
			g.Phase = i.Phase.String()
		}
	}
	return g
}
