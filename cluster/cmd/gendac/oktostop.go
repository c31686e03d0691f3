package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/model"
)

func okToStopCommand() *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   "ok-to-stop MEMBER",
		Short: "Could the others do without a member?",
		Long: `ok-to-stop asks any member whether MEMBER could stop now without loss: a majority of the voters, which has the state, would
remain, and every group that acts on MEMBER has a standby that runs elsewhere. The exit status is 0 if so, and 1 if not, with
what would be lost. It changes nothing, and what it says may be over a moment later: "gendac stop" asks again by itself.`,
		Example: "  gendac ok-to-stop c1 && gendac stop --admin 127.0.0.1:7402",
		Args:    named("MEMBER", cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return askMember(cmd, f, func(ctx context.Context, c admin.Client) (string, error) {
				s, err := c.Status(ctx)
				if err != nil {
					return "", err
				}
				return args[0] + ": ok to stop", lossOf(s, args[0])
			}, func(w io.Writer, line string) error {
				_, err := fmt.Fprintln(w, line)
				return err
			})
		},
	}
	adminFlag(cmd, &f.addr)
	f.timeout = admin.RequestTimeout / 2
	return cmd
}

// lossOf says what would be lost if a member stopped now; nil if nothing.
func lossOf(s admin.Status, member string) error {
	known := slices.ContainsFunc(s.Members, func(m admin.Member) bool { return m.Name == member })
	switch {
	case !known:
		return fmt.Errorf("%w: %q", admin.ErrUnknownMember, member)
	case s.Leader == "":
		return errors.New("nobody can tell: there is no leader")
	case len(s.Members) == 1:
		return nil // it has nobody to do without it
	}
	if err := majorityWithout(s, member); err != nil {
		return err
	}
	for _, g := range s.Groups {
		if g.Active == member && !standsBy(s, g, member) {
			return fmt.Errorf("the last candidate of group %s: it is active on %s, and no standby is running elsewhere", g.Name, member)
		}
	}
	return nil
}

// majorityWithout wants a majority of all voters to remain that is up, which has the state then.
func majorityWithout(s admin.Status, member string) error {
	voters, up := 0, 0
	var away []string
	for _, m := range s.Members {
		switch {
		case m.Voter && m.Name == member:
			voters++
		case m.Voter && m.State == model.Up.String():
			voters, up = voters+1, up+1
		case m.Voter:
			voters++
			away = append(away, m.Name+" is "+m.State)
		case m.Learner && m.Name != member:
			away = append(away, m.Name+" does not vote yet")
		}
	}
	if 2*up > voters {
		return nil
	}
	return fmt.Errorf("the majority and its state: %d of %d voters would remain (%s)", up, voters, strings.Join(append(away, member+" would stop"), ", "))
}

func standsBy(s admin.Status, g admin.Group, member string) bool {
	return slices.ContainsFunc(g.Standby, func(name string) bool {
		return name != member && !slices.ContainsFunc(s.Instances, func(i admin.Instance) bool {
			return i.Member == name && strings.HasPrefix(i.Name, g.Name+"/") && i.Phase != model.Running.String()
		})
	})
}
