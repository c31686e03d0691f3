package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"
)

// Options of a run.
type options struct {
	seed    uint64
	members int
	steps   int
	minutes float64
	data    bool
	own     bool
	out     string
}

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == "member" {
		err = runMember(os.Args[2:], os.Stdin, os.Stdout)
	} else {
		err = runAll(os.Args[1:], os.Stdout)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "torture:", err)
		os.Exit(1)
	}
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Uint64Var(&o.seed, "seed", 0, "chooses the faults and the operations; 0 chooses a seed")
	flags.IntVar(&o.members, "members", 3, "how many members, from 3 to 9")
	flags.IntVar(&o.steps, "steps", 0, "how many times something is done to the members; 0 for no limit")
	flags.Float64Var(&o.minutes, "minutes", 3, "how long it is done to them; 0 for no limit")
	flags.BoolVar(&o.data, "data", false, "members keep what they have on disk, and may all die at once")
	flags.BoolVar(&o.own, "own", false, "the dictionary is one of the users' own, whose leadership is also moved by command, not the cluster's")
	flags.StringVar(&o.out, "out", "", "an existing directory for the history, logs and pictures; default: a new one below the system's for temporary files")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case o.members < 3 || o.members > 9:
		return o, fmt.Errorf("-members: %d: want 3 to 9", o.members)
	case o.steps < 0 || o.minutes < 0 || o.steps == 0 && o.minutes == 0:
		return o, fmt.Errorf("-steps %d, -minutes %v: give one that is positive", o.steps, o.minutes)
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	return o, nil
}

// runAll is the whole run: a cluster, faults, rest, judgement.
func runAll(args []string, out io.Writer) (err error) {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	if o.out == "" {
		if o.out, err = os.MkdirTemp("", "torture-"); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "torture: -seed %d -members %d -data=%t -own=%t, results in %s\n", o.seed, o.members, o.data, o.own, o.out)
	c, err := newCluster(o, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	began := time.Now()
	f := newFaults(c, o)
	if err := f.run(o); err != nil {
		return err
	}
	if err := c.rest(); err != nil {
		return err
	}
	tortured := time.Since(began)
	return judge(c, f, tortured, out)
}
