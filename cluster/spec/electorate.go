package spec

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Candidates are the names of all members by rank for leadership: in their order.
func (s *Spec) Candidates() []string { return slices.Sorted(maps.Keys(s.Members)) }

// Voters is how many members vote when all are there.
func (s *Spec) Voters() int { return min(len(s.Members), s.Electorate.MaxVoters) }

func (s *Spec) checkElectorate() error {
	e := s.Electorate
	witnesses := 0
	for _, m := range s.Members {
		if m.Witness {
			witnesses++
		}
	}
	switch {
	case e.Expect < 1 || e.Expect > len(s.Members):
		return &Error{Field: "electorate.expect", Value: strconv.Itoa(e.Expect), Problem: fmt.Sprintf("must be from 1 to the number of members (%d)", len(s.Members))}
	case e.MaxVoters < 1:
		return &Error{Field: "electorate.max_voters", Value: strconv.Itoa(e.MaxVoters), Problem: "must be at least 1"}
	case witnesses > 0 && witnesses >= s.Voters():
		return &Error{Field: "electorate.max_voters", Value: strconv.Itoa(e.MaxVoters), Problem: fmt.Sprintf(
			"leaves no vote to anybody but the witnesses (%d), and somebody else has to lead", witnesses)}
	case e.ForgetAfter < 4*s.Timing.Election:
		return &Error{Field: "electorate.forget_after", Value: e.ForgetAfter.String(), Problem: fmt.Sprintf(
			"must be at least four times timing.election, so %s", 4*s.Timing.Election)}
	}
	return checkDuration("electorate.forget_after", e.ForgetAfter)
}

// lintElectorate says when a member less would bear as many losses.
func (s *Spec) lintElectorate() []string {
	switch n := s.Voters(); {
	case len(s.Members) == 1:
		return []string{"members: 1 member: when it is lost, everything is"}
	case n == 1:
		return []string{"electorate.max_voters: 1: when that voter is lost, everything is"}
	case n%2 == 1:
		return nil
	case n < len(s.Members):
		return []string{fmt.Sprintf("electorate.max_voters: %d: only %d of them may be lost at once, no more than with %d", n, (n-1)/2, n-1)}
	default:
		return []string{fmt.Sprintf("members: %d members, all of which vote: only %d may be lost, no more than with %d; add a witness", n, (n-1)/2, n-1)}
	}
}
