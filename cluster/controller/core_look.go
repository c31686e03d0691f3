package controller

import (
	"strings"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

// lookAt makes a look of what the group's view and one snapshot of the dictionary say. Records that are not readable are
// left out and named in bad.
func lookAt(view genleader.View, entries []gdict.Entry, now time.Time) (ev looked, bad []string) {
	ev = looked{now: now, revisions: map[string]uint64{}}
	if view.Phase != genleader.Leading {
		return ev, nil
	}
	ev.term = view.Term
	var orders, reports []gdict.Entry
	for _, e := range entries {
		ev.revisions[e.Key] = e.Rev
		switch {
		case strings.HasPrefix(e.Key, orderKeys):
			orders = append(orders, e)
		case strings.HasPrefix(e.Key, reportKeys):
			reports = append(reports, e)
		case e.Key == societyKey:
			ev.society = string(e.Value)
		}
	}
	ev.view.Orders, bad = decodeAll[planner.Order](orders)
	records, worse := decodeAll[reportRecord](reports)
	ev.members(view, now)
	ev.reports(records)
	return ev, append(bad, worse...)
}

func (e *looked) members(view genleader.View, now time.Time) {
	e.view.UnknownSafeAt = onWallClock(view.ForeignSafeAt, now)
	for _, s := range view.Standings {
		e.view.Members = append(e.view.Members, planner.MemberState{
			Seat: planner.Seat{Member: s.Name, Incarnation: s.Incarnation}, State: stateOf(s.State),
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

// reports takes the reports, and notes those of incarnations that are not listed any more and that no order speaks of.
func (e *looked) reports(records []reportRecord) {
	counts := map[planner.Seat]bool{}
	for _, m := range e.view.Members {
		counts[m.Seat] = true
	}
	for _, o := range e.view.Orders {
		for _, a := range []*planner.Activation{o.Active, o.Previous} {
			if a != nil {
				counts[a.Seat] = true
			}
		}
	}
	for _, r := range records {
		e.view.Reports = append(e.view.Reports, r.planned())
		if !counts[r.Seat] {
			e.stale = append(e.stale, reportKey(r.Seat, r.Instance))
		}
	}
}

func stateOf(s genleader.State) planner.State {
	switch s {
	case genleader.Up:
		return planner.Up
	case genleader.Dead:
		return planner.Dead
	case genleader.Left:
		return planner.Left
	default:
		return planner.Suspect
	}
}
