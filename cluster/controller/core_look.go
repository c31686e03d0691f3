package controller

import (
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

// lookAt makes a look of what the group's view and one snapshot of the dictionary say. Records that are not readable are
// left out and named in bad.
//
// The caller must have read now before it read the view. A member's SafeAt counts until the group grants that member
// another lease, and the group shows a later SafeAt before it grants. So if SafeAt had passed when now was read, the lease
// that it speaks of had ended, and what is granted later begins another term. With the two readings the other way round, a
// caller that is held up between them takes a lease for ended that was renewed meanwhile.
func lookAt(now time.Time, view genleader.View, entries []gdict.Entry) (ev looked, bad []string) {
	ev = looked{now: now, revisions: map[string]uint64{}}
	if view.Phase != genleader.Leading {
		return ev, nil
	}
	ev.term = view.Term
	if !view.Bootstrapped.IsZero() {
		ev.view.EpochsAbove = uint64(view.Bootstrapped.UnixMilli())
	}
	var orders, reports, leaving, members []gdict.Entry
	for _, e := range entries {
		ev.revisions[e.Key] = e.Rev
		switch {
		case strings.HasPrefix(e.Key, orderKeys):
			orders = append(orders, e)
		case strings.HasPrefix(e.Key, reportKeys):
			reports = append(reports, e)
		case strings.HasPrefix(e.Key, leavingKeys):
			leaving = append(leaving, e)
		case strings.HasPrefix(e.Key, memberKeys):
			members = append(members, e)
		case e.Key == membershipKey:
			ev.membership = string(e.Value)
		}
	}
	ev.view.Orders, bad = decodeAll[model.Order](orders)
	records, worse := decodeAll[model.Report](reports)
	leavers, worst := decodeAll[model.Member](leaving)
	ev.members(view, now)
	ev.saidBy(records, leavers)
	said, unread := decodeAll[MemberRecord](members)
	ev.selves(said)
	return ev, slices.Concat(bad, worse, worst, unread)
}

func (e *looked) members(view genleader.View, now time.Time) {
	e.view.UnknownSafeAt = onWallClock(view.ForeignSafeAt, now)
	for _, s := range view.Members {
		e.view.Members = append(e.view.Members, planner.MemberFacts{
			Member: model.Member{Name: s.Name, Incarnation: s.Incarnation}, State: StateOf(s.State),
			SafeAt: onWallClock(s.SafeAt, now),
		})
	}
}

// onWallClock tells a moment of the monotonic clock by the wall clock of now. Plans are made by the wall clock, because
// they are stored; if it was set forward since the group named the moment, the moment must not come the earlier for that.
func onWallClock(at, now time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return now.Round(0).Add(at.Sub(now))
}

// saidBy takes what the members have said: their reports, and that they are about to leave. It notes what was said by
// incarnations that are not listed any more and that no order speaks of.
func (e *looked) saidBy(reports []model.Report, leaving []model.Member) {
	counts := map[model.Member]bool{}
	for _, m := range e.view.Members {
		counts[m.Member] = true
	}
	for _, o := range e.view.Orders {
		for _, a := range []*model.Activation{o.Active, o.Previous} {
			if a != nil {
				counts[a.Member] = true
			}
		}
	}
	for _, r := range reports {
		e.view.Reports = append(e.view.Reports, r)
		if !counts[r.Member] {
			e.stale = append(e.stale, reportKey(r.Member, r.Instance))
		}
	}
	e.view.Leaving = leaving
	for _, member := range leaving {
		if !counts[member] {
			e.stale = append(e.stale, leavingKey(member))
		}
	}
}

// selves takes what members say of themselves, and notes the records of incarnations that are not listed any more.
func (e *looked) selves(records []MemberRecord) {
	for _, r := range records {
		i := slices.IndexFunc(e.view.Members, func(m planner.MemberFacts) bool { return m.Member == r.Member })
		if i < 0 {
			e.stale = append(e.stale, memberKey(r.Member))
			continue
		}
		e.view.Members[i].Lacks = r.Lacks
		e.said = append(e.said, r)
	}
}

// StateOf is what a group knows about a member, in the words of the cluster.
func StateOf(s genleader.State) model.MemberState {
	switch s {
	case genleader.Up:
		return model.Up
	case genleader.Dead:
		return model.Dead
	case genleader.Left:
		return model.Left
	case genleader.Suspect:
		return model.Suspect
	case genleader.StateUnknown:
	}
	return model.Unknown
}
