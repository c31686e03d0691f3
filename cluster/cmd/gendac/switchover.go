package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/model"
)

const pollStatus = 50 * time.Millisecond

func switchoverCommand() *cobra.Command {
	var addr string
	var wait time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "switchover GROUP",
		Short: "Have the standby of a group take over",
		Long: `switchover orders a group's active member to hand over to its standby, and waits until the standby is active and runs. The
active one stops acting first; what it hands over reaches the other one. Nothing is ordered when there is no standby or the
group is on the move already. If another member than the standby comes to act, or the standby is lost, the command fails and
says what happened.`,
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
	now := before
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		s, err := member.Status(ctx)
		if err == nil {
			now = s
			if done, over, err := judge(was, now); over {
				return done, err
			}
		}
		select {
		case <-ctx.Done():
			at, _ := now.Group(group)
			return switchedJSON{}, fmt.Errorf("group %q: ordered, and not done within %s: active %s, epoch %d%s",
				group, wait, orDash(at.Active), at.Epoch, alarmsOf(group, now))
		case <-time.After(pollStatus):
		}
	}
}

// judge says whether a switchover is over, and how it ended. It succeeded if the member that stood by runs the group under a
// later epoch than before. Any other member that comes to act, and the loss of the one that took over, are failures.
func judge(was admin.Group, s admin.Status) (done switchedJSON, over bool, err error) {
	now, _ := s.Group(was.Name)
	target := ""
	if len(was.Standby) > 0 {
		target = was.Standby[0]
	}
	switch {
	case now.Epoch <= was.Epoch || target == "":
		return switchedJSON{}, false, nil
	case now.Active == target && now.Phase == model.Running.String():
		return switchedJSON{Group: now.Name, Done: true, Active: now.Active, Start: now.Start, Epoch: now.Epoch}, true, nil
	case now.Active == target:
		return switchedJSON{}, false, nil
	case now.Active == "" && now.Lost == target:
		return switchedJSON{}, true, fmt.Errorf("group %q: %s took over and is lost, epoch %d%s", was.Name, target, now.Epoch, whyNot(target, s))
	case now.Active == "":
		return switchedJSON{}, false, nil
	default:
		return switchedJSON{}, true, fmt.Errorf("group %q: %s did not take over: %s is active, epoch %d%s",
			was.Name, target, now.Active, now.Epoch, whyNot(target, s, now))
	}
}

// whyNot says what is known of a member that did not take over: its state, if that is not up, else what failed there.
func whyNot(target string, s admin.Status, groups ...admin.Group) string {
	for _, m := range s.Members {
		if m.Name == target && m.State != model.Up.String() {
			return fmt.Sprintf(": %s is %s", target, was(m.State, m.Last))
		}
	}
	for _, g := range groups {
		if text := alarmsOf(g.Name, s); text != "" {
			return text
		}
		for _, i := range s.Instances {
			if i.Member == target && i.Err != "" && strings.HasPrefix(i.Name, g.Name+"/") {
				return fmt.Sprintf(": %s: %s", i.Name, i.Err)
			}
		}
	}
	return ""
}

// alarmsOf are the alarms of one group. They name the reason, and until when something is waited for.
func alarmsOf(group string, s admin.Status) string {
	var text strings.Builder
	for _, alarm := range s.Alarms {
		if what, of := strings.CutPrefix(alarm, group+": "); of {
			text.WriteString(": " + what)
		}
	}
	return text.String()
}
