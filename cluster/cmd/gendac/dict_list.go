package main

import (
	"bufio"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/gdict"
)

func dictList() *cobra.Command {
	var f dictFlags
	var r gdict.Range
	var keys, all bool
	cmd := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "List keys, revisions and values",
		Long: `list prints the keys that begin with PREFIX in their order, one per line: key, revision and value, separated by tabs.
All are of one revision. Without PREFIX those of the cluster itself, gendac/..., are left out, unless you say --all.`,
		Example: "  gendac dict list orders/\n  gendac dict list --from m --to n --limit 10 --json\n  gendac dict list --keys --reverse",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if r.Prefix != "" {
					return usage("dict list: want either PREFIX or --prefix, not both")
				}
				r.Prefix = args[0]
			}
			if r.Limit < 0 {
				return usage("dict list: --limit %d: want 0 or more", r.Limit)
			}
			d, level, err := f.open(cmd)
			if err != nil {
				return err
			}
			if r.Prefix == "" && !all {
				d = d.WithoutOwn()
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			_, err = d.List(cmd.Context(), r, level, keys, func(e gdict.Entry) error {
				if f.json {
					item := entryJSON(e)
					if keys {
						item.Value, item.ValueBase64 = nil, nil
					}
					return printJSON(out, item)
				}
				line := shown(e.Key)
				if !keys {
					line = fmt.Sprintf("%s\t%d\t%s", line, e.Rev, shown(string(e.Value)))
				}
				_, err := fmt.Fprintln(out, line)
				return err
			})
			if flushed := out.Flush(); err == nil {
				err = flushed
			}
			return failed(cmd, err)
		},
	}
	f.register(cmd)
	f.readFlag(cmd, gdict.Local)
	cmd.Flags().StringVar(&r.Prefix, "prefix", "", "as the argument")
	cmd.Flags().StringVar(&r.From, "from", "", "begin with this key")
	cmd.Flags().StringVar(&r.To, "to", "", "end before this key")
	cmd.Flags().IntVar(&r.Limit, "limit", 0, "how many at most; 0: all")
	cmd.Flags().BoolVar(&r.Reverse, "reverse", false, "in descending order")
	allFlag(cmd, &all)
	cmd.Flags().BoolVar(&keys, "keys", false, "only the keys")
	return cmd
}

// allFlag adds the wish for keys that are of no use to most.
func allFlag(cmd *cobra.Command, all *bool) {
	cmd.Flags().BoolVar(all, "all", false, "without PREFIX: the keys of the cluster itself, too")
}

func dictWatch() *cobra.Command {
	var f dictFlags
	var rev uint64
	var prefix string
	var every, all bool
	cmd := &cobra.Command{
		Use:   "watch [PREFIX]",
		Short: "Follow the changes of keys",
		Long: `watch prints the keys that begin with PREFIX, then "synced", then every change as it happens, until it is interrupted: put,
del or synced, then key, revision and value, separated by tabs. Without PREFIX the keys of the cluster itself, gendac/...,
are left out, unless you say --all.

With --json each event that completes a step has "through": "watch --rev N" goes on after the last one, at any member,
without gap or repeat; if the member is lost, the error says N. It fails if the member does not know every change since
then any more: begin a whole watch then.
If this program is too slow, changes of a key that a later one has replaced are left out; with --every it ends instead.`,
		Example: "  gendac dict watch orders/\n  gendac dict watch --json --rev 17",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				if prefix != "" {
					return usage("dict watch: want either PREFIX or --prefix, not both")
				}
				prefix = args[0]
			}
			d, _, err := f.open(cmd)
			if err != nil {
				return err
			}
			if prefix == "" && !all {
				d = d.WithoutOwn()
			}
			var from *uint64
			if cmd.Flags().Changed("rev") {
				from = &rev
			}
			var through uint64
			err = d.Watch(cmd.Context(), prefix, from, every, func(e gdict.Event) error {
				err := printEvent(cmd, f.json, e)
				if err == nil && e.Through > 0 {
					through = e.Through
				}
				return err
			})
			if err != nil && through > 0 {
				err = fmt.Errorf("%w; go on with --rev %d", err, through)
			}
			return failed(cmd, err)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&prefix, "prefix", "", "as the argument")
	cmd.Flags().Uint64Var(&rev, "rev", 0, `go on after this revision, the last "through" of an earlier watch`)
	allFlag(cmd, &all)
	cmd.Flags().BoolVar(&every, "every", false, "end with an error rather than leave a change out")
	return cmd
}

func printEvent(cmd *cobra.Command, asJSON bool, e gdict.Event) error {
	item := entryJSON(e.Entry)
	item.Through = e.Through
	line := ""
	switch {
	case e.Synced:
		item = itemJSON{Event: "synced", Rev: e.Rev, Through: e.Through}
		line = fmt.Sprintf("synced\t\t%d", e.Rev)
	case e.Erased:
		item.Event, item.Value = "del", nil
		line = fmt.Sprintf("del\t%s\t%d", shown(e.Key), e.Rev)
	default:
		item.Event = "put"
		line = fmt.Sprintf("put\t%s\t%d\t%s", shown(e.Key), e.Rev, shown(string(e.Value)))
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), item)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), line)
	return err
}
