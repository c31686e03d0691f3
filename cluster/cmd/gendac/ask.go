package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
)

// defaultAdmin is where a member's admin API listens and where it is looked for, unless told otherwise.
const defaultAdmin = "127.0.0.1:7400"

// adminFlag adds the address of the member to ask; the environment may hold it for a whole shell session.
func adminFlag(cmd *cobra.Command, addr *string) {
	cmd.Flags().StringVar(addr, "admin", cmp.Or(os.Getenv("GENDAC_ADMIN"), defaultAdmin),
		"admin API of the member to ask, HOST:PORT or unix:PATH (also $GENDAC_ADMIN)")
}

// checkAdmin refuses what can be no address before anybody is asked for it.
func checkAdmin(cmd *cobra.Command, addr string) error {
	if path, isUnix := strings.CutPrefix(addr, admin.UnixPrefix); isUnix && path != "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return usage("%s: --admin %q: want HOST:PORT or unix:PATH", words(cmd), addr)
	}
	return nil
}

// askFlags are what commands have in common that ask a member and print what it says.
type askFlags struct {
	addr    string
	timeout time.Duration
	json    bool
}

// register adds the flags.
func (f *askFlags) register(cmd *cobra.Command) {
	adminFlag(cmd, &f.addr)
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long to wait for the member's answer, at most 10s")
	jsonFlag(cmd, &f.json)
}

func jsonFlag(cmd *cobra.Command, asked *bool) {
	cmd.Flags().BoolVar(asked, "json", false, "print JSON, one object per line")
}

// check refuses flags that cannot be meant.
func (f *askFlags) check(cmd *cobra.Command) error {
	if f.timeout <= 0 || f.timeout > admin.RequestTimeout {
		return usage("%s: --timeout %s: want more than 0s and at most %s", words(cmd), f.timeout, admin.RequestTimeout)
	}
	return checkAdmin(cmd, f.addr)
}

// bounded returns a context with the deadline of one request.
func (f *askFlags) bounded(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithTimeout(cmd.Context(), f.timeout)
}

// failed puts the command in front of an error.
func failed(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, admin.ErrUnreachable) {
		return fmt.Errorf("%s: %w (--admin or $GENDAC_ADMIN says which member is asked)", words(cmd), err)
	}
	return fmt.Errorf("%s: %w", words(cmd), err)
}

// askMember asks the member that the flags name, and prints its answer.
func askMember[T any](cmd *cobra.Command, f askFlags, ask func(context.Context, admin.Client) (T, error), show func(io.Writer, T) error) error {
	if err := f.check(cmd); err != nil {
		return err
	}
	ctx, cancel := f.bounded(cmd)
	defer cancel()
	answer, err := ask(ctx, admin.Client{Addr: f.addr})
	if err != nil {
		return failed(cmd, err)
	}
	return show(cmd.OutOrStdout(), answer)
}

// orJSON prints as JSON what show would print, if that was asked for.
func orJSON[T any](f askFlags, show func(io.Writer, T) error) func(io.Writer, T) error {
	if f.json {
		return func(w io.Writer, v T) error { return printJSON(w, v) }
	}
	return show
}
