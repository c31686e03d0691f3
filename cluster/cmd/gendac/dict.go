package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/gdict"
)

// maxValue is how much of stdin is read for a value; what a member takes is its own limit.
const maxValue = 16 << 20

// dictFlags are what all commands of the dictionary have in common.
type dictFlags struct {
	askFlags
	read string
}

func dictCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dict",
		Short: "Read and change the shared dictionary",
		Long: `dict reads and changes the dictionary that all members of the cluster share, through the admin API of one of them. The
dictionaries that programs open under names of their own it does not reach: "gendac group" shows who leads them.

Keys and values are bytes. What is printed as text is quoted where it would not be one line of text; --json gives one JSON
object per line, in which bytes that are no UTF-8 are in base64.

Exit status: 0 done, 1 anything else, 2 usage, 3 no such key, 4 the key has changed, 5 not known whether it was done, 6 no
leader, or the member asked is not in its group yet. After 5, look before you repeat; "cas" may simply be repeated, and
says 4 if it was done the first time.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(dictGet(), dictPut(), dictDel(), dictCas(), dictList(), dictWatch(), dictExport(), dictImport())
	return cmd
}

// readFlag adds the read level.
func (f *dictFlags) readFlag(cmd *cobra.Command, unlessTold gdict.Level) {
	cmd.Flags().StringVar(&f.read, "read", unlessTold.String(),
		"how fresh: local, linearizable, bounded=2s (no older), rev=17 (wait for it)")
}

// open checks the flags and returns the dictionary and the read level.
func (f *dictFlags) open(cmd *cobra.Command) (d admin.Dict, level gdict.Level, err error) {
	if f.read != "" {
		if level, err = gdict.ParseLevel(f.read); err != nil {
			return d, level, usage("dict %s: --read %q: want local, linearizable, bounded=DURATION or rev=REVISION", cmd.Name(), f.read)
		}
	}
	if err := f.check(cmd); err != nil {
		return d, level, err
	}
	return admin.Client{Addr: f.addr}.Dict().BeginWithin(f.timeout), level, nil
}

func dictGet() *cobra.Command {
	var f dictFlags
	cmd := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a key",
		Long: `get prints the value of a key, byte for byte and without anything after it; on a terminal a line end follows. With
--json it prints key, value and revision.`,
		Example: "  gendac dict get orders/pair\n  gendac dict get orders/pair --read linearizable --json",
		Args:    named("KEY", cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, level, err := f.open(cmd)
			if err != nil {
				return err
			}
			ctx, cancel := f.bounded(cmd)
			defer cancel()
			e, err := d.Get(ctx, args[0], level)
			if err != nil {
				return failed(cmd, err)
			}
			if f.json {
				return printJSON(cmd.OutOrStdout(), entryJSON(e))
			}
			return printValue(cmd.OutOrStdout(), e.Value)
		},
	}
	f.register(cmd)
	f.readFlag(cmd, gdict.Local)
	return cmd
}

func dictPut() *cobra.Command {
	var f dictFlags
	cmd := &cobra.Command{
		Use:   "put KEY [VALUE]",
		Short: "Set a key",
		Long: `put sets a key to a value and prints the revision of the change. Without VALUE it reads the value from stdin, byte for
byte to its end. A value that begins with - comes after --.`,
		Example: "  gendac dict put orders/pair open\n  gendac dict put certs/a1 < a1.pem\n  gendac dict put stock -- -5",
		Args:    named("KEY", cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.write(cmd, args, func(ctx context.Context, d admin.Dict, value []byte) (uint64, error) {
				return d.Store(ctx, args[0], value)
			})
		},
	}
	f.register(cmd)
	return cmd
}

func dictCas() *cobra.Command {
	var f dictFlags
	var rev uint64
	cmd := &cobra.Command{
		Use:   "cas KEY [VALUE] --rev N",
		Short: "Set a key if it has not changed",
		Long: `cas (compare and set) sets a key to a value if its revision is still N, and prints the revision of the change; 0 means
that the key must not exist. Otherwise nothing is changed and the exit status is 4. Without VALUE it reads stdin.`,
		Example: "  gendac dict cas lock a1 --rev 0\n  gendac dict cas orders/pair closed --rev 17",
		Args:    named("KEY", cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.write(cmd, args, func(ctx context.Context, d admin.Dict, value []byte) (uint64, error) {
				return d.CompareAndStore(ctx, args[0], rev, value)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().Uint64Var(&rev, "rev", 0, "the revision that the key must have; 0: it must not exist (required)")
	if err := cmd.MarkFlagRequired("rev"); err != nil {
		panic(err) // the flag is defined one line above
	}
	return cmd
}

// write takes the value from the arguments or from stdin, has it written and prints the revision.
func (f *dictFlags) write(cmd *cobra.Command, args []string, write func(context.Context, admin.Dict, []byte) (uint64, error)) error {
	var value []byte
	if len(args) > 1 {
		value = []byte(args[1])
	} else {
		var err error
		if value, err = io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxValue+1)); err != nil {
			return fmt.Errorf("dict %s: stdin: %w", cmd.Name(), err)
		}
		if len(value) > maxValue {
			return fmt.Errorf("dict %s: stdin: more than %d bytes", cmd.Name(), maxValue)
		}
	}
	d, _, err := f.open(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := f.bounded(cmd)
	defer cancel()
	rev, err := write(ctx, d, value)
	if err != nil {
		return failed(cmd, err)
	}
	return f.printDone(cmd, doneJSON{Rev: rev}, fmt.Sprint(rev))
}

func (f *dictFlags) printDone(cmd *cobra.Command, done doneJSON, text string) error {
	if f.json {
		return printJSON(cmd.OutOrStdout(), done)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}

func dictDel() *cobra.Command {
	var f dictFlags
	var rev uint64
	var prefix string
	cmd := &cobra.Command{
		Use:   "del KEY [--rev N] | del --prefix PREFIX",
		Short: "Erase a key, or all keys that begin with a prefix",
		Long: `del erases a key and prints the revision from which on it is gone; a missing key is no error. With --rev it is erased
only if its revision is still N; otherwise nothing is changed and the exit status is 4. With --prefix all keys that begin
with it are erased at once, and their number is printed.`,
		Example: "  gendac dict del orders/pair\n  gendac dict del orders/pair --rev 17\n  gendac dict del --prefix orders/",
		Args:    named("KEY", cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			byPrefix, compares := cmd.Flags().Changed("prefix"), cmd.Flags().Changed("rev")
			if byPrefix == (len(args) == 1) || byPrefix && compares || byPrefix && prefix == "" {
				return usage("dict del: want either KEY, with --rev or without, or --prefix PREFIX")
			}
			d, _, err := f.open(cmd)
			if err != nil {
				return err
			}
			ctx, cancel := f.bounded(cmd)
			defer cancel()
			if byPrefix {
				n, err := d.ErasePrefix(ctx, prefix)
				if err != nil {
					return failed(cmd, err)
				}
				return f.printDone(cmd, doneJSON{Erased: &n}, fmt.Sprint(n))
			}
			var at uint64
			if compares {
				at, err = d.CompareAndErase(ctx, args[0], rev)
			} else {
				at, err = d.Erase(ctx, args[0])
			}
			if err != nil {
				return failed(cmd, err)
			}
			return f.printDone(cmd, doneJSON{Rev: at}, fmt.Sprint(at))
		},
	}
	f.register(cmd)
	cmd.Flags().Uint64Var(&rev, "rev", 0, "erase only if the key has this revision")
	cmd.Flags().StringVar(&prefix, "prefix", "", "erase all keys that begin with this")
	return cmd
}
