package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// options are what the command line asks for.
type options struct {
	failover  string // fast or safe
	discovery string // static or consul
	consul    string // host:port of a Consul agent
	rounds    int
	hold      time.Duration // how long nothing may move after the first round
	p50, p99  time.Duration // bounds of the outage after a kill; 0 is none
	json      bool
	verbose   bool
}

const usageText = `pair runs an A/B pair and its witness as three processes on this machine, breaks it in every round, and
lets a fourth process judge:

  1. start        a1 acts, b1 stands by
  2. kill         kill -9 of the active; the other one fails over
  3. restart      the killed one comes back as standby; nothing else moves
  4. switchover   ordered; the counter is handed over
  5. pause        SIGSTOP of the active beyond its lease, then SIGCONT; it must not act again
  6. shutdown     everybody stops in order

usage: pair [flags]

`

// parseOptions reads the command line. Any error is one of usage, and is one line.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("pair", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the caller prints the error, once
	flags.StringVar(&o.failover, "failover", "fast", "`how` a dead active is replaced: fast (a closed connection is death) or safe (waits for the lease)")
	flags.StringVar(&o.discovery, "discovery", "static", "`how` the members find each other: static or consul")
	flags.StringVar(&o.consul, "consul", "127.0.0.1:8500", "`address` of the Consul agent, with -discovery consul")
	flags.IntVar(&o.rounds, "rounds", 1, "how many times `N` to go through steps 2 to 5; above 3, percentiles are printed")
	flags.DurationVar(&o.hold, "hold", 0, "after the first round, nothing may move for this `long` (stop and start Consul meanwhile)")
	flags.DurationVar(&o.p50, "p50", 0, "fail when the median outage after a kill is above this `bound`")
	flags.DurationVar(&o.p99, "p99", 0, "fail when the 99th percentile of the outage after a kill is above this `bound`")
	flags.BoolVar(&o.json, "json", false, "print the results as JSON on stdout, and the timeline on stderr")
	flags.BoolVar(&o.verbose, "v", false, "print what the driver waits for, let members log more, keep the logs")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = io.WriteString(stderr, usageText)
		flags.SetOutput(stderr)
		flags.PrintDefaults()
		return o, err
	case err != nil:
		return o, err
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, o.validate()
}

func (o options) validate() error {
	switch {
	case o.failover != "fast" && o.failover != "safe":
		return fmt.Errorf("-failover %q: want fast or safe", o.failover)
	case o.discovery != "static" && o.discovery != "consul":
		return fmt.Errorf("-discovery %q: want static or consul", o.discovery)
	case o.discovery == "consul" && !strings.Contains(o.consul, ":"):
		return fmt.Errorf("-consul %q: want host:port", o.consul)
	case o.rounds < 1:
		return fmt.Errorf("-rounds %d: want 1 or more", o.rounds)
	case o.hold < 0 || o.p50 < 0 || o.p99 < 0:
		return errors.New("-hold, -p50 and -p99 take no negative durations")
	}
	return nil
}
