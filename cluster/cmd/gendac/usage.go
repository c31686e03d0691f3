package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/remoting"
	"github.com/gendac/gendac/cluster/spec"
)

// A usageError is the caller's mistake: exit status 2.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (u usageError) Unwrap() error { return u.error }

func isUsage(err error) bool {
	var badUse usageError
	var badSpec *spec.Error
	var badMember *member.Error
	var badNode *node.Error
	var badConfig *remoting.ConfigError
	return errors.As(err, &badUse) || errors.As(err, &badSpec) || errors.As(err, &badMember) ||
		errors.As(err, &badNode) || errors.As(err, &badConfig) || errors.Is(err, admin.ErrBadRequest)
}

// explained is what kept a command from starting, with the command and how it is used.
func explained(cmd *cobra.Command, err error) error {
	err = suggested(cmd, err)
	if cmd.HasSubCommands() {
		return usage("%w; see %s --help", err, cmd.CommandPath())
	}
	return usage("%s: %w; usage: %s", words(cmd), err, cmd.UseLine())
}

// words are how a command is called, without the program.
func words(cmd *cobra.Command) string {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	return path
}

// badFlag says what to do about an argument that was taken for flags.
func badFlag(cmd *cobra.Command, err error) error {
	takesArguments := cmd.Args != nil && cmd.Args(cmd, []string{"x"}) == nil
	if takesArguments && strings.HasPrefix(err.Error(), "unknown ") {
		return fmt.Errorf("%w: put -- before an argument that begins with -", err)
	}
	return err
}

// noArgs is for commands that take flags only.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case cmd.Flags().Lookup("file") != nil:
		return fmt.Errorf("takes no argument %q: put -f before the name of a file", args[0])
	default:
		return fmt.Errorf("takes no argument %q", args[0])
	}
}

// named wants a first argument that is not empty, if there is any.
func named(what string, count cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && args[0] == "" {
			return fmt.Errorf("%s is empty", what)
		}
		return count(cmd, args)
	}
}
