package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
)

func readyCommand() *cobra.Command {
	var addr string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Wait until a member does its part",
		Long: `ready asks whether the member has joined the cluster, has all of the state, and votes if it should. The exit status is 0 if
so. With --wait it asks again until it is so, also while nobody answers; then the exit status is 1, and the reason is said.`,
		Example: "  gendac ready\n  gendac ready --wait 30s --admin 127.0.0.1:7402",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wait < 0 {
				return usage("ready: --wait %s: want 0s or more", wait)
			}
			if err := checkAdmin(cmd, addr); err != nil {
				return err
			}
			name, err := awaitReady(cmd.Context(), admin.Client{Addr: addr}, wait)
			if err != nil {
				return failed(cmd, err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: ready\n", name)
			return err
		},
	}
	adminFlag(cmd, &addr)
	cmd.Flags().DurationVar(&wait, "wait", 0, "how long to wait for it; 0s: do not")
	return cmd
}

// awaitReady asks a member until it is ready, and returns its name.
func awaitReady(ctx context.Context, c admin.Client, wait time.Duration) (string, error) {
	for deadline := time.Now().Add(wait); ; {
		each, cancel := context.WithTimeout(ctx, admin.RequestTimeout/2)
		r, err := c.Ready(each)
		cancel()
		switch {
		case err == nil && r.Ready:
			return r.Member, nil
		case err == nil:
			err = errors.New(r.Reason)
		}
		if !time.Now().Before(deadline) {
			return "", err
		}
		if err := pause(ctx, askAgain); err != nil {
			return "", err
		}
	}
}
