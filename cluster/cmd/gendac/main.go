// Gendac runs a member of a cluster and talks to running ones.
//
//	gendac check -f cluster.yaml                 is this specification right?
//	gendac node -f cluster.yaml --name a1        run member a1; its applications are OS processes
//	gendac status                                members, groups and instances, as the local member sees them
//	gendac switchover pair                       have the standby of group pair take over
//	gendac version
//
// Exit status: 0 when all went well, 2 when the command line or the specification is wrong, 1 for everything else that
// went wrong. An error is one line on stderr that names the thing.
//
// Applications that are Go code are not run by this program but by one of your own; see package cluster/node.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/remoting"
	"github.com/gendac/gendac/cluster/spec"
)

const (
	exitOK    = 0
	exitRun   = 1
	exitUsage = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the default is restored, so that a second one ends a member that does not stop.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// A usageError is the caller's mistake: exit status 2.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (u usageError) Unwrap() error { return u.error }

// run is the whole program but for the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if status, ok := guard(args); ok {
		return status
	}
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := false // what fails before the command itself starts is a matter of usage
	for _, cmd := range root.Commands() {
		if inner := cmd.RunE; inner != nil {
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				started = true
				return inner(cmd, args)
			}
		}
	}
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "gendac: %s\n", strings.Join(strings.Fields(err.Error()), " "))
	if !started || isUsage(err) {
		return exitUsage
	}
	return exitRun
}

func isUsage(err error) bool {
	var badUse usageError
	var badSpec *spec.Error
	var badMember *member.Error
	var badNode *node.Error
	var badConfig *remoting.ConfigError
	return errors.As(err, &badUse) || errors.As(err, &badSpec) || errors.As(err, &badMember) ||
		errors.As(err, &badNode) || errors.As(err, &badConfig)
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "gendac",
		Short: "Active/standby pairs and singletons that fail over",
		Long: `gendac keeps applications running on a group of machines: every application is active on one member at a time,
stands by on another, and moves there when its member dies or when you say so.

Write a specification, check it, run one "gendac node" per machine, and look at it with "gendac status".`,
		SilenceUsage:       true,
		SilenceErrors:      true,
		DisableSuggestions: true, // an error is one line
		CompletionOptions:  cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(nodeCommand(), statusCommand(), switchoverCommand(), checkCommand(), versionCommand())
	return root
}
