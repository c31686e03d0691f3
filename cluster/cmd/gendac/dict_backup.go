package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/gdict"
)

func dictExport() *cobra.Command {
	var f dictFlags
	var prefix string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write a backup",
		Long: `export writes the dictionary as of one revision into a file, which must not exist yet, and checks it. The keys of the
cluster itself are left out: they mean nothing elsewhere.

It has every write that was acknowledged before, which takes a leader with a majority. In an emergency "--read local" writes
what the member asked has, which may be old.`,
		Example: "  gendac dict export monday.gdict\n  gendac dict export orders.gdict --prefix orders/",
		Args:    named("FILE", cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, level, err := f.open(cmd)
			if err != nil {
				return err
			}
			b, err := exportTo(cmd.Context(), d, args[0], prefix, level)
			if err != nil {
				return failed(cmd, err)
			}
			if level == gdict.Local {
				fmt.Fprintf(cmd.ErrOrStderr(), "gendac: %s: --read local: what this member has may be old\n", words(cmd))
			}
			return f.printBackup(cmd, args[0], b)
		},
	}
	f.register(cmd)
	f.readFlag(cmd, gdict.Linearizable)
	cmd.Flags().StringVar(&prefix, "prefix", "", "only keys that begin with this")
	return cmd
}

// exportTo writes and checks a backup beside its place, and puts it there when it is whole.
func exportTo(ctx context.Context, d admin.Dict, name, prefix string, level gdict.Level) (b gdict.Backup, err error) {
	if _, err := os.Stat(name); err == nil {
		return b, usage("%s exists already; choose another name", name)
	}
	part, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part-*")
	if err != nil {
		return b, usage("%s: %w", name, withoutPath(err))
	}
	defer func() {
		_ = part.Close()           // closed already if all went well
		_ = os.Remove(part.Name()) // likewise renamed
	}()
	if err := d.Export(ctx, prefix, level, part); err != nil {
		return b, err
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return b, err
	}
	if b, err = gdict.CheckBackup(part); err != nil {
		return b, err
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return b, err
	}
	return b, os.Rename(part.Name(), name)
}

// withoutPath drops the name of the file beside the backup, of which nobody has heard.
func withoutPath(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

func (f *dictFlags) printBackup(cmd *cobra.Command, name string, b gdict.Backup) error {
	if f.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"file": name, "rev": b.Rev, "entries": b.Entries, "bytes": b.Bytes})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s as of revision %d\n", name, entries(b.Entries), b.Rev)
	return err
}

func dictImport() *cobra.Command {
	var f dictFlags
	var prefix, under, after string
	var check bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Store the entries of a backup",
		Long: `import stores the entries of a backup, overwriting keys that exist and leaving others alone. A damaged file is refused
before anything is stored. It is done in batches: if it fails in the middle, it says with which --after it goes on.`,
		Example: "  gendac dict import monday.gdict --check\n  gendac dict import monday.gdict --prefix orders/ --under old/",
		Args:    named("FILE", cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, _, err := f.open(cmd)
			if err != nil {
				return err
			}
			file, err := os.Open(args[0])
			if err != nil {
				return usage("dict import: %w", err)
			}
			defer func() { _ = file.Close() }() // it was only read
			if check {
				b, err := gdict.CheckBackup(file)
				if err != nil {
					return failed(cmd, err)
				}
				return f.printBackup(cmd, args[0], b)
			}
			done, err := gdict.Import(cmd.Context(), d, file, gdict.ImportOptions{
				Keep: func(e gdict.Entry) bool { return strings.HasPrefix(e.Key, prefix) }, Under: under, After: after,
			})
			if err != nil && done.Stored > 0 {
				err = fmt.Errorf("%w; stored are %s: go on with --after %q", err, entries(done.Stored), done.Last)
			}
			if err != nil {
				return failed(cmd, err)
			}
			return f.printImported(cmd, done)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&prefix, "prefix", "", "only keys of the backup that begin with this")
	cmd.Flags().StringVar(&under, "under", "", "put this in front of every key")
	cmd.Flags().StringVar(&after, "after", "", "only keys of the backup after this one")
	cmd.Flags().BoolVar(&check, "check", false, "only check the file and say what is in it")
	return cmd
}

func (f *dictFlags) printImported(cmd *cobra.Command, done gdict.Imported) error {
	if f.json {
		return printJSON(cmd.OutOrStdout(), map[string]any{"stored": done.Stored, "skipped": done.Skipped, "rev": done.Rev})
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s stored, %d left out\n", entries(done.Stored), done.Skipped)
	return err
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}
