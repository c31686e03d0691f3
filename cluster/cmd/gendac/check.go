package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/gendac/gendac/cluster/spec"
)

func checkCommand() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check -f FILE",
		Short: "Say whether a specification is right",
		Long: `check reads a specification and reports the first mistake in it, with field, value and line. What is allowed but
probably not meant is reported as a warning and does not change the exit status.`,
		Example: "  gendac check -f cluster.yaml",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(file)
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return printJSON(out, checkedJSON{file, s.Cluster, len(s.Members), len(s.Groups), len(s.Applications), append([]string{}, s.Lint()...)})
			}
			for _, warning := range s.Lint() {
				fmt.Fprintf(out, "warning: %s\n", warning)
			}
			fmt.Fprintf(out, "%s: cluster %s is right: %s, %s, %s\n", file, s.Cluster,
				count(len(s.Members), "member"), count(len(s.Groups), "group"), count(len(s.Applications), "application"))
			return nil
		},
	}
	specFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// checkedJSON is a specification that is right.
type checkedJSON struct {
	File         string   `json:"file"`
	Cluster      string   `json:"cluster"`
	Members      int      `json:"members"`
	Groups       int      `json:"groups"`
	Applications int      `json:"applications"`
	Warnings     []string `json:"warnings"`
}

func specFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "file", "f", "", "the specification, YAML (required)")
	if err := cmd.MarkFlagRequired("file"); err != nil {
		panic(err) // the flag is defined one line above
	}
}

// load reads a specification; whatever is wrong with it is a matter of usage.
func load(file string) (*spec.Spec, error) {
	s, err := spec.Load(file)
	if err != nil {
		return nil, usageError{err}
	}
	return s, nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asJSON {
				return printJSON(cmd.OutOrStdout(), map[string]string{"version": version(), "go": runtime.Version()})
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), versionLine())
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func versionLine() string { return fmt.Sprintf("gendac %s %s\n", version(), runtime.Version()) }

// version is the module's, or the commit's when the program was built from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
