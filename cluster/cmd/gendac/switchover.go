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
	var asJSON bool
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
			if err := checkAdmin(cmd, addr); err != nil {
				return err
			}
			now, err := switchover(cmd.Context(), admin.Client{Addr: addr}, args[0], wait)
			switch {
			case err != nil:
				return failed(cmd, err)
			case asJSON:
				return printJSON(cmd.OutOrStdout(), now)
			default:
				_, err := fmt.Fprintln(cmd.OutOrStdout(), now)
				return err
			}
		},
	}
	adminFlag(cmd, &addr)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().DurationVar(&wait, "wait", 10*time.Second, "how long to wait for the other member to act; 0s: do not")
	return cmd
}

// switchedJSON is what a switchover came to. Without waiting there is no more than its order.
type switchedJSON struct {
	Group  string `json:"group"`
	Done   bool   `json:"done"`
	Active string `json:"active,omitempty"`
	Start  string `json:"start,omitempty"`
	Epoch  uint64 `json:"epoch,omitempty"`
}

func (s switchedJSON) String() string {
	if !s.Done {
		return s.Group + ": ordered"
	}
	return fmt.Sprintf("%s: %s is active, %s, epoch %d", s.Group, s.Active, s.Start, s.Epoch)
}

// switchover orders one and follows it for as long as wait.
func switchover(ctx context.Context, member admin.Client, group string, wait time.Duration) (switchedJSON, error) {
	before, err := member.Status(ctx)
	if err != nil {
		return switchedJSON{}, err
	}
	if err := member.Switchover(ctx, group); err != nil {
		return switchedJSON{}, err
	}
	if wait == 0 {
		return switchedJSON{Group: group}, nil
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
				return switchedJSON{Group: group, Done: true, Active: now.Active, Start: now.Start, Epoch: now.Epoch}, nil
			}
		}
		select {
		case <-ctx.Done():
			return switchedJSON{}, fmt.Errorf("group %q: ordered, and not done within %s: active %s, epoch %d",
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
