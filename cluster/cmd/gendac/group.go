package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
)

func groupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "group",
		Short: "See the groups that elect a leader, and move their leaders",
		Long: `group shows the groups of members that elect a leader and keep one log, and moves their leaders: the cluster's own group,
gendac.cluster, and the groups and dictionaries that programs open under names of their own.

The groups of the specification are others: they say what runs where. "gendac status" shows these, and "gendac switchover"
moves them.

Exit status: 0 done, 1 anything else, 2 usage, 3 no such group is open there or it has no such member, 4 the member cannot
lead now, 5 not known whether it was done, 6 no leader.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(groupList(), groupShow(), groupTransfer())
	return cmd
}

func groupList() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the groups that are open on a member",
		Long: `list prints the groups that are open on the member asked: what it is in each, who leads in which term, how much of the
committed log it has applied, and who votes or only learns. A group that has failed there is listed until its program opens
it again. A dash is what the member does not know.`,
		Example: "  gendac group list\n  gendac group list --admin 127.0.0.1:7401 --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askMember(cmd, f, func(ctx context.Context, c admin.Client) ([]admin.RaftGroup, error) {
				return c.RaftGroups(ctx)
			}, func(w io.Writer, groups []admin.RaftGroup) error {
				if !f.json {
					return printGroups(w, groups)
				}
				for _, g := range groups {
					if err := printJSON(w, g); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	f.register(cmd)
	return cmd
}

func groupShow() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   "show GROUP",
		Short: "Show what a member knows of a group",
		Long: `show prints what the member asked knows of a group: how far its log is and how large, whether the group hibernates, what is wrong
with it, and who belongs to it. How far each member has the log, what it is sent and when it was heard, only the leader knows:
ask that one, with --admin.`,
		Example: "  gendac group show orders\n  gendac group show gendac.cluster --json",
		Args:    named("GROUP", cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return askMember(cmd, f, func(ctx context.Context, c admin.Client) (admin.RaftGroup, error) {
				return c.RaftGroup(ctx, args[0])
			}, orJSON(f, printGroup))
		},
	}
	f.register(cmd)
	return cmd
}

func groupTransfer() *cobra.Command {
	var f askFlags
	var to string
	cmd := &cobra.Command{
		Use:   "transfer GROUP --to MEMBER",
		Short: "Make a member the leader of a group",
		Long: `transfer hands the leadership of a group over to a member, and waits until a majority has confirmed that it leads. Any member
that has the group open may be asked. Calls under way are not lost: they wait for the new leader. Leadership stays there until
it is moved again, or that member is lost.

Nothing changes if the member is a witness, does not vote, or is behind, unreachable or without a lease (exit status 4). If
it is not done in time it may still be done (5): see who leads before you go on.`,
		Example: "  gendac group transfer orders --to b1\n  gendac group transfer gendac.cluster --to a1 --timeout 10s",
		Args:    named("GROUP", cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usage("%s: --to \"\": want the name of a member", words(cmd))
			}
			return askMember(cmd, f, func(ctx context.Context, c admin.Client) (admin.Transfer, error) {
				return c.TransferLeadership(ctx, args[0], to)
			}, orJSON(f, printTransfer))
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&to, "to", "", "the member that shall lead (required)")
	if err := cmd.MarkFlagRequired("to"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return cmd
}

// printTransfer says what a transfer came to.
func printTransfer(w io.Writer, t admin.Transfer) error {
	said := fmt.Sprintf("%s: %s leads", shown(t.Group), shown(t.Leader))
	switch t.From {
	case t.Leader:
		said += " already"
	case "":
	default:
		said += ", taken over from " + shown(t.From)
	}
	_, err := fmt.Fprintf(w, "%s, term %d\n", said, t.Term)
	return err
}
