// Gendac runs a member of a cluster and talks to running ones.
//
//	gendac check -f cluster.yaml                 is this specification right?
//	gendac node -f cluster.yaml --name a1        run member a1; its applications are OS processes
//	gendac status                                members, groups and instances, as the local member sees them
//	gendac ready --wait 30s                      wait until the local member does its part
//	gendac ok-to-stop a1                         could the others do without a1?
//	gendac stop                                  stop the local member, in order
//	gendac switchover pair                       have the standby of group pair take over
//	gendac group list                            groups that elect a leader, as the local member sees them: list, show, transfer
//	gendac dict get orders/pair                  the shared dictionary: get, put, del, cas, list, watch, export, import
//	gendac version
//
// Exit status: 0 when all went well, 2 when the command line or the specification is wrong, 1 for everything else that
// went wrong; gendac dict and gendac group also 3 when there is no such thing, 4 when it is not as the change needs it, 5 when
// it is not known whether the change was made, 6 when there is no leader or the member is not in its group yet. An error is one line on stderr that names the thing.
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
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
)

const (
	exitOK    = 0
	exitRun   = 1
	exitUsage = 2

	exitNotFound  = 3 // of gendac dict and gendac group
	exitConflict  = 4
	exitUncertain = 5
	exitNoLeader  = 6 // and of gendac status
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		<-signals
		stop()
		endAtOnce(<-signals)
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// endAtOnce is what a second signal does. Nothing is stopped in order: for the others this process has died.
func endAtOnce(again os.Signal) {
	fmt.Fprintf(os.Stderr, "gendac: a second signal (%v): ended at once, nothing was stopped in order\n", again)
	os.Exit(exitRun)
}

// run is the whole program but for the process around it. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if status, ok := guard(args); ok {
		return status
	}
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	started := false // what fails before the command itself starts is a matter of usage
	onStart(root, func() { started = true })
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !started {
		err = explained(cmd, err)
	}
	status := exitStatus(err)
	if isUsage(err) {
		status = exitUsage
	}
	tell(stderr, err, status, wantsJSON(cmd, args))
	return status
}

// tell prints an error on one line.
func tell(stderr io.Writer, err error, status int, asJSON bool) {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if asJSON {
		_ = printJSON(stderr, errorJSON{text, status})
		return
	}
	fmt.Fprintf(stderr, "gendac: %s\n", text)
}

// errorJSON is an error where JSON was asked for.
type errorJSON struct {
	Error  string `json:"error"`
	Status int    `json:"status"` // of the exit
}

// wantsJSON also holds where the command line could not be read to its end.
func wantsJSON(cmd *cobra.Command, args []string) bool {
	flags := cmd.Flags()
	for name, value := range map[string]string{"json": "true", "output": "json"} {
		if f := flags.Lookup(name); f != nil && f.Value.String() == value {
			return true
		}
	}
	return slices.Contains(args, "--json") && !slices.Contains(args, "--")
}

// exitStatus is that of a command which could not do its work.
func exitStatus(err error) int {
	is := func(reasons ...error) bool {
		return slices.ContainsFunc(reasons, func(reason error) bool { return errors.Is(err, reason) })
	}
	switch {
	case is(admin.ErrUncertain):
		return exitUncertain
	case is(admin.ErrKeyNotFound, admin.ErrGroupNotOpen, admin.ErrUnknownMember):
		return exitNotFound
	case is(admin.ErrConflict, admin.ErrHeld, admin.ErrNotVoter, admin.ErrWitness, admin.ErrMemberNotReady):
		return exitConflict
	case is(admin.ErrNoLeader, admin.ErrNotJoined, errWithoutLeader):
		return exitNoLeader
	default:
		return exitRun
	}
}

// onStart has f called when a command under cmd starts.
func onStart(cmd *cobra.Command, f func()) {
	for _, sub := range cmd.Commands() {
		onStart(sub, f)
		if inner := sub.RunE; inner != nil {
			sub.RunE = func(cmd *cobra.Command, args []string) error {
				f()
				return inner(cmd, args)
			}
		}
	}
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
		Version:            version(),
	}
	root.SetVersionTemplate(versionLine())
	root.SetFlagErrorFunc(badFlag)
	root.AddCommand(nodeCommand(), statusCommand(), switchoverCommand(), stopCommand(), okToStopCommand(), readyCommand(), groupCommand(), dictCommand(), checkCommand(), versionCommand())
	return root
}
