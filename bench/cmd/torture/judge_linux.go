package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gendac/gendac/bench/history"
)

const provedWithin = 2 * time.Minute // for each group of keys

// judge says what happened and what was wrong with it, and keeps the evidence.
func judge(c *cluster, f *faults, tortured time.Duration, out io.Writer) error {
	records := c.history()
	checked, problems := history.Linear(records, provedWithin, c.dir)
	union, more := history.Watched(records)
	problems = append(problems, more...)
	problems = append(problems, union.Acknowledged(records)...)
	locals, more := union.Locals(records)
	problems = append(problems, more...)
	erased, more := union.Owned(records, root+owned, c.ends, c.settled)
	problems = append(problems, more...)
	problems = append(problems, c.problems...)

	outcomes := map[history.Outcome]int{}
	watches := 0
	for _, r := range records {
		switch r.Kind {
		case history.Return:
			outcomes[r.Result.Outcome]++
		case history.Opened:
			watches++
		default:
		}
	}
	fmt.Fprintf(out, "tortured for %v: %d faults (", tortured.Round(time.Second), total(f.done))
	for _, name := range slices.Sorted(maps.Keys(f.done)) {
		fmt.Fprintf(out, " %s: %d", name, f.done[name])
	}
	fmt.Fprintf(out, " ), %d processes, slowest recovery %v\n", c.starts, c.slowest.Round(time.Millisecond))
	fmt.Fprintf(out, "%d operations judged (%d done, %d unknown or read without an answer, %d refused), %d changes in %d watches, %d local reads, %d keys erased with their owners\n",
		checked, outcomes[history.Done], outcomes[history.Unknown], outcomes[history.Refused], union.Changes(), watches, locals, erased)
	if len(problems) == 0 {
		fmt.Fprintln(out, "all of it fits one order of operations")
		return nil
	}
	for i, p := range problems {
		if i == 20 {
			fmt.Fprintf(out, "and %d more\n", len(problems)-i)
			break
		}
		fmt.Fprintln(out, "!!", p)
	}
	file := filepath.Join(c.dir, "history.jsonl")
	if err := keep(file, records); err != nil {
		return err
	}
	return fmt.Errorf("-seed %d: %d problems; the history is in %s", c.seed, len(problems), file)
}

func total(counts map[string]int) int {
	sum := 0
	for _, n := range counts {
		sum += n
	}
	return sum
}

func keep(file string, records []history.Record) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	for _, r := range records {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return f.Close()
}
