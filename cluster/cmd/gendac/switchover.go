package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
)

const pollStatus = 50 * time.Millisecond

func switchoverCommand() *cobra.Command {
	var addr string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "switchover GROUP",
		Short: "Have the standby of a group take over",
		Long: `switchover orders a group's active member to hand over to its standby, and waits until that has happened. The active
one stops acting first; what it hands over reaches the other one. Nothing is ordered when there is no standby or the group
is on the move already.`,
		Example: "  gendac switchover pair\n  gendac switchover pair --wait 0s",
		Args:    named("GROUP", cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait < 0 {
				return usage("switchover: --wait %s: want 0s or more", wait)
			}
			said, err := switchover(cmd.Context(), admin.Client{Addr: addr}, args[0], wait)
			if err != nil {
				return fmt.Errorf("switchover: %w", err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), said)
			return nil
		},
	}
	adminFlag(cmd, &addr)
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "how long to wait for the other member to act; 0s: do not")
	return cmd
}

// switchover orders one and follows it for as long as wait. It returns what to tell the user.
func switchover(ctx context.Context, member admin.Client, group string, wait time.Duration) (string, error) {
	before, err := member.Status(ctx)
	if err != nil {
		return "", err
	}
	if err := member.Switchover(ctx, group); err != nil {
		return "", err
	}
	if wait == 0 {
		return group + ": ordered", nil
	}
	was, _ := before.Group(group)
	now := was
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		s, err := member.Status(ctx)
		if err == nil {
			now, _ = s.Group(group)
			if now.Epoch > was.Epoch && now.Active != "" && acting(s, now) {
				return fmt.Sprintf("%s: %s is active, %s, epoch %d", group, now.Active, now.Start, now.Epoch), nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("group %q: ordered, and not done within %s: active %s, epoch %d",
				group, wait, orDash(now.Active), now.Epoch)
		case <-time.After(pollStatus):
		}
	}
}

// acting says whether the instances on the group's active member that are known here run in this epoch. A member that does
// not lead may know none of them; then the group's own word has to do.
func acting(s admin.Status, g admin.Group) bool {
	for _, i := range s.Instances {
		if i.Member != g.Active || !strings.HasPrefix(i.Name, g.Name+"/") {
			continue
		}
		if i.Role != "active" || i.Phase != "running" || i.Epoch != g.Epoch {
			return false
		}
	}
	return true
}
