package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gendac/gendac/cluster/admin"
)

// printGroups writes a line for each group, in columns that are separated by at least two spaces.
func printGroups(w io.Writer, groups []admin.RaftGroup) error {
	if len(groups) > 0 {
		fmt.Fprintf(w, "groups open on %s\n", shownOrDash(groups[0].Member))
	}
	for _, g := range groups {
		for _, problem := range g.Problems {
			fmt.Fprintf(w, "problem: %s: %s\n", shown(g.Name), shown(problem))
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nGROUP\tROLE\tLEADER\tTERM\tLOG\tVOTERS\tLEARNERS")
	for _, g := range groups {
		voters := membersWho(g, func(m admin.RaftMember) bool { return m.Voter })
		learners := membersWho(g, func(m admin.RaftMember) bool { return m.Learner })
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", shown(g.Name), shownOrDash(g.Role), shownOrDash(g.Leader), g.Term, applied(g), voters, learners)
	}
	return t.Flush()
}

func membersWho(g admin.RaftGroup, are func(admin.RaftMember) bool) string {
	var names []string
	for _, m := range g.Members {
		if are(m) {
			names = append(names, shown(m.Name))
		}
	}
	return orDash(strings.Join(names, ","))
}

// applied is how much of what is committed a member has applied, or a dash if it did not say.
func applied(g admin.RaftGroup) string {
	if g.Busy || g.Role == "failed" {
		return "-"
	}
	return fmt.Sprintf("%d of %d", g.Applied, g.Commit)
}

// printGroup writes all that is known of a group: a line, what is wrong, what the member asked says of itself, and a table of
// all members.
func printGroup(w io.Writer, g admin.RaftGroup) error {
	leader := fmt.Sprintf("leader %s, term %d", shown(g.Leader), g.Term)
	if g.Leader == "" {
		leader = fmt.Sprintf("no leader, term %d", g.Term)
	}
	fmt.Fprintf(w, "group %s as %s sees it: %s, log %s\n", shown(g.Name), shownOrDash(g.Member), leader, applied(g))
	for _, problem := range g.Problems {
		fmt.Fprintf(w, "problem: %s\n", shown(problem))
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nrole\t%s\n", shownOrDash(g.Role))
	if applied(g) != "-" {
		printFigures(t, g)
	}
	if len(g.Members) > 0 {
		fmt.Fprintln(t, "\nMEMBER\tPART\tSTATE\tLINK\tLOG\tNEXT\tSENDING\tINFLIGHT\tHEARD\tINCARNATION")
	}
	for _, m := range g.Members {
		printRaftMember(t, g, m)
	}
	return t.Flush()
}

// printFigures writes what a member says of its own part.
func printFigures(w io.Writer, g admin.RaftGroup) {
	kept, lease := "not kept", "none: the group grants none"
	if g.Kept {
		kept = "kept"
	}
	if g.Leases {
		lease = "none now"
	}
	if g.Lease > 0 {
		lease = fmt.Sprintf("%d ms", g.Lease)
	}
	hibernating := "no"
	if g.Hibernating {
		hibernating = "yes: nothing is sent, and nobody was heard since"
	}
	fmt.Fprintf(w, "log\tup to %d, %s through restarts\n", g.Last, kept)
	fmt.Fprintf(w, "in memory\t%d entries, %d bytes\n", g.LogEntries, g.LogBytes)
	fmt.Fprintf(w, "snapshot\tfor members that are not up to %d\n", g.Snapshot)
	fmt.Fprintf(w, "hibernating\t%s\n", hibernating)
	fmt.Fprintf(w, "lease\t%s\n", lease)
	if g.LeaderHeard != nil {
		fmt.Fprintf(w, "leader\theard %s\n", ago(g.LeaderHeard))
	}
	fmt.Fprintf(w, "calls\t%d under way here\n", g.Calls)
	fmt.Fprintf(w, "dropped\t%d messages for want of room\n", g.Dropped)
}

func printRaftMember(w io.Writer, g admin.RaftGroup, m admin.RaftMember) {
	link, next, inflight, log := "down", "-", "-", "-"
	switch {
	case m.Name == g.Member:
		link = "-"
	case m.Linked:
		link = "up"
	}
	if m.Sending != "" {
		next, inflight = fmt.Sprint(m.Next), fmt.Sprint(m.Inflight)
	}
	if m.Sending != "" || m.Name == g.Member && !g.Busy {
		log = fmt.Sprint(m.Log)
	}
	part := part(admin.Member{Name: m.Name, Voter: m.Voter, Learner: m.Learner, Witness: m.Witness}, g.Leader)
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", shown(m.Name), part, shownOrDash(m.State), link, log, next,
		shownOrDash(m.Sending), inflight, ago(m.Heard), incarnation(m.Incarnation))
}

// ago is how long ago something was, in milliseconds, as people say it.
func ago(ms *int64) string {
	if ms == nil {
		return "-"
	}
	was := time.Duration(*ms) * time.Millisecond
	switch {
	case was >= time.Minute:
		was = was.Round(time.Second)
	case was >= time.Second:
		was = was.Round(100 * time.Millisecond)
	}
	return was.String() + " ago"
}

// shownOrDash is one field of a line, which is never empty.
func shownOrDash(text string) string {
	if text == "" {
		return "-"
	}
	return shown(text)
}
