package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// suggested adds to an error about a command or a flag that does not exist the one that was probably meant.
func suggested(cmd *cobra.Command, err error) error {
	var word string
	if n, _ := fmt.Sscanf(err.Error(), "unknown command %q", &word); n == 1 {
		var names []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		if meant := nearest(word, names); meant != "" {
			return fmt.Errorf("%w: did you mean %s?", err, meant)
		}
	}
	if n, _ := fmt.Sscanf(err.Error(), "unknown flag: --%s", &word); n == 1 {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if meant := nearest(strings.TrimRight(word, ":;"), names); meant != "" {
			return fmt.Errorf("%w: did you mean --%s?", err, meant)
		}
	}
	return err
}

// nearest returns the name that word becomes with the fewest changes, if these are few for its length, or "".
func nearest(word string, names []string) string {
	best, fewest := "", 1+max(1, min(len(word), 8)/3)
	for _, name := range names {
		if d := distance(word, name); d < fewest {
			best, fewest = name, d
		}
	}
	return best
}

// distance is how many letters must be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, corner+1)
		}
	}
	return row[len(b)]
}
