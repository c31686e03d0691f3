package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/planner"
)

// SpecificationsDiffer is the alarm that members run by different specifications.
const SpecificationsDiffer = "specifications-differ"

// A kept stage is one of the planner's with its moment on the monotonic clock: between two looks the wall clock may be set.
type kept struct {
	stage planner.Stage
	since time.Time
}

// remembered are the stages of the last plan, told by the wall clock of this look.
func (l leader) remembered(now time.Time) []planner.Stage {
	var stages []planner.Stage
	for _, k := range l.stages {
		k.stage.Since = onWallClock(k.since, now)
		stages = append(stages, k.stage)
	}
	return stages
}

// remember keeps the stages of a plan. One that was there before keeps its moment.
func (l leader) remember(stages []planner.Stage, now time.Time) leader {
	was := map[planner.Stage]time.Time{}
	for _, k := range l.stages {
		was[planner.Stage{Group: k.stage.Group, What: k.stage.What}] = k.since
	}
	l.stages = nil
	for _, s := range stages {
		since, known := was[planner.Stage{Group: s.Group, What: s.What}]
		if !known {
			since = now
		}
		l.stages = append(l.stages, kept{s, since})
	}
	return l
}

// withhold tells the group who is to get no leases, when that has changed in this term. Nobody gets them again before the
// orders are stored that make it harmless.
func (l leader) withhold(term uint64, members []model.Member, stored bool) (leader, []leaderEffect) {
	if l.withheldIn != term {
		l.withheldIn, l.withheld = term, nil // a new term begins with nobody
	}
	if !stored {
		for _, member := range l.withheld {
			if !slices.Contains(members, member) {
				members = append(members, member)
			}
		}
	}
	if slices.Equal(l.withheld, members) {
		return l, nil
	}
	l.withheld = slices.Clone(members)
	return l, []leaderEffect{withhold{term: term, members: l.withheld}}
}

// unlike says which members run by which specification, if they do not all run by the leader's.
func (e looked) unlike(own string) []model.Alarm {
	names := map[string][]string{}
	for _, r := range e.said {
		i := slices.IndexFunc(e.view.Members, func(m planner.MemberFacts) bool { return m.Member == r.Member })
		if state := e.view.Members[i].State; state == model.Up || state == model.Suspect {
			names[r.Digest] = append(names[r.Digest], r.Member.Name)
		}
	}
	if _, agrees := names[own]; len(names) == 0 || (agrees && len(names) == 1) {
		return nil
	}
	texts := []string{fmt.Sprintf("the leader's is %s", own)}
	for _, digest := range slices.Sorted(maps.Keys(names)) {
		texts = append(texts, fmt.Sprintf("%s: %s", digest, strings.Join(slices.Sorted(slices.Values(names[digest])), ", ")))
	}
	return []model.Alarm{{Name: SpecificationsDiffer, Why: strings.Join(texts, "; ") + ". Start the members again with one specification"}}
}
