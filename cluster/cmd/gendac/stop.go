package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
)

const (
	askAgain  = 200 * time.Millisecond // between two questions of a command that waits
	eachStop  = 5 * time.Second        // for one request to stop
	endWithin = 30 * time.Second       // for the member to end, once nothing holds it up
)

func stopCommand() *cobra.Command {
	var addr string
	var wait time.Duration
	var force bool
	cmd := &cobra.Command{
		Use:   "stop [MEMBER]",
		Short: "Stop the member that is asked, in order",
		Long: `stop ends the member whose admin API is asked, and waits until it has ended. With MEMBER it stops nothing if another
member answers there. A member that keeps its state in memory is held until the others have everything; if they have not within
--wait, nothing has stopped, the member goes on running, and the exit status is 4. --force ends it all the same, and what only it
has is lost.`,
		Example: "  gendac stop\n  gendac stop c1 --admin 127.0.0.1:7402 --wait 1m\n  gendac stop --force",
		Args:    named("MEMBER", cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if wait <= 0 {
				return usage("stop: --wait %s: want more than 0s", wait)
			}
			if err := checkAdmin(cmd, addr); err != nil {
				return err
			}
			c := admin.Client{Addr: addr}
			if err := isMember(cmd.Context(), c, args); err != nil {
				return failed(cmd, err)
			}
			name, err := stopMember(cmd.Context(), c, wait, force)
			if err != nil {
				return failed(cmd, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: stopped\n", name)
			return err
		},
	}
	adminFlag(cmd, &addr)
	cmd.Flags().DurationVar(&wait, "wait", 30*time.Second, "how long to wait for the others to have everything")
	cmd.Flags().BoolVar(&force, "force", false, "stop it although the others cannot do without it: what only it has is lost")
	return cmd
}

// isMember refuses to go on if another member than the one that is meant answers.
func isMember(ctx context.Context, c admin.Client, args []string) error {
	if len(args) == 0 {
		return nil
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if s.Member != args[0] {
		return fmt.Errorf("member %q answers at %s, not %q; nothing was done", s.Member, c.Addr, args[0])
	}
	return nil
}

// stopMember asks until the member stops, and waits until it has.
func stopMember(ctx context.Context, c admin.Client, wait time.Duration, force bool) (string, error) {
	deadline := time.Now().Add(wait)
	for {
		each, cancel := context.WithTimeout(ctx, max(askAgain, min(eachStop, time.Until(deadline))))
		name, err := c.Stop(each, force)
		cancel()
		switch {
		case err == nil:
			return name, awaitEnd(ctx, c, name)
		case !errors.Is(err, admin.ErrHeld) || !time.Now().Before(deadline):
			return "", err
		}
		if err := pause(ctx, askAgain); err != nil {
			return "", err
		}
	}
}

// awaitEnd waits until nobody answers at a member's admin address any more.
func awaitEnd(ctx context.Context, c admin.Client, name string) error {
	ctx, cancel := context.WithTimeout(ctx, endWithin)
	defer cancel()
	for {
		if _, err := c.Status(ctx); errors.Is(err, admin.ErrUnreachable) && ctx.Err() == nil {
			return nil
		}
		if pause(ctx, pollStatus) != nil {
			return fmt.Errorf("%s: it stops, and has not ended within %s", name, endWithin)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
