package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
)

func statusCommand() *cobra.Command {
	var f askFlags
	var format string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show members, leader, groups and instances",
		Long: `status asks a running member what it knows: who is in the cluster and votes, who leads, where every group is active
and stands by, under which epoch and why, and what every instance is doing.

It exits with 6 if that member knows no leader, and prints what it knows all the same.`,
		Example: "  gendac status\n  gendac status --admin 127.0.0.1:7401 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return usage("status: --output %q: want table or json", format)
			}
			if f.json && format != "json" && cmd.Flags().Changed("output") {
				return usage("status: want either --json or --output %s, not both", format)
			}
			show := printStatus
			if format == "json" {
				show = indented
			}
			return askMember(cmd, f, func(ctx context.Context, c admin.Client) (admin.Status, error) {
				return c.Status(ctx)
			}, thenLed(cmd, orJSON(f, show)))
		},
	}
	f.register(cmd)
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, or json: as --json, in many lines")
	return cmd
}

// thenLed shows a status, and fails after that if the member knows no leader: a script that looks at the exit status must not
// take a cluster that cannot decide for one that is well.
func thenLed(cmd *cobra.Command, show func(io.Writer, admin.Status) error) func(io.Writer, admin.Status) error {
	return func(w io.Writer, s admin.Status) error {
		if err := show(w, s); err != nil || s.Leader != "" {
			return err
		}
		return failed(cmd, fmt.Errorf("%s is %s: %w", s.Member, cmp.Or(s.Role, "without a group"), errWithoutLeader))
	}
}

// errWithoutLeader is that of a status which was printed.
var errWithoutLeader = errors.New("it knows no leader; the alarms say what is known of the cause")

func indented(w io.Writer, s admin.Status) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

// printStatus writes a status as tables whose columns are separated by at least two spaces.
func printStatus(w io.Writer, s admin.Status) error {
	leader := fmt.Sprintf("leader %s, term %d", s.Leader, s.Term)
	if s.Leader == "" {
		leader = fmt.Sprintf("no leader, term %d", s.Term)
	}
	discovery := s.Discovery.Kind + " " + s.Discovery.Source
	if s.Discovery.Err != "" {
		discovery += " (" + s.Discovery.Err + ")"
	}
	lease := fmt.Sprintf("lease %d ms", s.Lease)
	if s.Lease <= 0 {
		lease = "no lease"
	}
	log := fmt.Sprintf("log %d of %d", s.Applied, s.Commit)
	fmt.Fprintf(w, "cluster %s as %s sees it: %s, %s, %s, discovery %s\n", s.Cluster, s.Member, leader, log, lease, discovery)
	if s.Leader == "" {
		fmt.Fprintln(w, asOf(s))
	}
	for _, alarm := range s.Alarms {
		fmt.Fprintf(w, "alarm: %s\n", alarm)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nMEMBER\tADDRESS\tSTATE\tPART\tLOG\tINCARNATION")
	for _, m := range s.Members {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", m.Name, orDash(m.Addr), was(m.State, m.Last), part(m, s.Leader), progress(m), incarnation(m.Incarnation))
	}
	fmt.Fprintln(t, "\nGROUP\tACTIVE\tSTANDBY\tEPOCH\tSTART\tPHASE")
	for _, g := range s.Groups {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n",
			g.Name, was(orDash(g.Active), g.Lost), orDash(strings.Join(g.Standby, ",")), g.Epoch, orDash(g.Start), orDash(g.Phase))
	}
	fmt.Fprintln(t, "\nINSTANCE\tMEMBER\tROLE\tPHASE\tEPOCH\tSTART\tERROR")
	for _, i := range s.Instances {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n",
			i.Name, i.Member, orDash(i.Role), was(i.Phase, i.Last), i.Epoch, orDash(i.Start), orDash(i.Err))
	}
	return t.Flush()
}

// asOf says what a member without a leader can know.
func asOf(s admin.Status) string {
	if s.AsOf.IsZero() {
		return "without a leader nothing is known of other members yet"
	}
	return fmt.Sprintf("without a leader only %s's own instances are known; the rest is as of %s", s.Member, s.AsOf.Format(time.RFC3339))
}

// was adds what was known last to what is not known now.
func was(now, last string) string {
	if last == "" {
		return now
	}
	return fmt.Sprintf("%s (was %s)", now, last)
}

// part is what a member does in elections.
func part(m admin.Member, leader string) string {
	var parts []string
	if m.Name == leader {
		parts = append(parts, "leader")
	} else if m.Voter {
		parts = append(parts, "voter")
	} else if m.Learner {
		parts = append(parts, "learner")
	}
	if m.Witness {
		parts = append(parts, "witness")
	}
	if m.Unlisted {
		parts = append(parts, "unlisted")
	}
	return orDash(strings.Join(parts, ","))
}

// progress is how far a member has the log, if the one that answers leads.
func progress(m admin.Member) string {
	switch m.Sending {
	case "":
		return "-"
	case "replicate":
		return fmt.Sprint(m.Log)
	default:
		return fmt.Sprintf("%d (%s)", m.Log, m.Sending)
	}
}

func incarnation(n uint64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// orDash keeps a column visible and puts what came from elsewhere on one line.
func orDash(text string) string {
	return cmp.Or(strings.Join(strings.Fields(text), " "), "-")
}
