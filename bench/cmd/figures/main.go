package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options is what a run measures.
type options struct {
	callers   []int
	span      time.Duration
	elections int
	keys      int
	disk      string
	etcd      string
	load      string
	profile   string
}

// profileOf is the file for the profile of a round.
func (o options) profileOf(callers int) string {
	if o.profile == "" {
		return ""
	}
	return fmt.Sprintf("%s-%d.pprof", o.profile, callers)
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	var err error
	if len(os.Args) > 1 && os.Args[1] == "member" {
		err = runMember(ctx, os.Args[2:], os.Stdin, os.Stdout)
	} else {
		err = runAll(ctx, os.Args[1:], os.Stdout)
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "figures:", err)
		os.Exit(1)
	}
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	flags.SetOutput(out)
	callers := flags.String("callers", "1,16,64,256", "how many write at once, one round for each")
	flags.DurationVar(&o.span, "for", 3*time.Second, "how long each round of writes lasts")
	flags.IntVar(&o.elections, "elections", 10, "how many leaders are killed, and how many paused; 0 for none")
	flags.IntVar(&o.keys, "keys", 0, "fill the dictionary with so many small keys and measure memory and a member's start; 0 for no")
	flags.StringVar(&o.disk, "disk", "", "an existing directory: members and etcd keep their data below it; none keeps gendac in memory and etcd on tmpfs")
	flags.StringVar(&o.etcd, "etcd", "etcd", "the etcd to measure beside; Debian has it as etcd-server; empty for none")
	flags.StringVar(&o.load, "etcdload", "", "a built bench/tools/etcdload; default: it is built now")
	flags.StringVar(&o.profile, "profile", "", "write CPU profiles of the leader under each round of writes to files that begin like this")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, text := range strings.Split(*callers, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-callers: %q: numbers from 1 on, with commas between them", *callers)
		}
		o.callers = append(o.callers, n)
	}
	if o.disk != "" {
		if info, err := os.Stat(o.disk); err != nil || !info.IsDir() {
			return o, fmt.Errorf("-disk: %q: not a directory", o.disk)
		}
	}
	return o, nil
}

func runAll(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.disk, "gendac-figures-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c, err := startCluster(ctx, dir, o.disk != "")
	if err != nil {
		return err
	}
	defer c.stop()
	e, err := startEtcd(ctx, o, dir, out)
	if err != nil {
		return err
	}
	defer e.stop()
	fmt.Fprintf(out, "three processes on loopback, 100-byte values, %v a round; gendac %s, load %s\n\n", o.span, c.kept(), loadAverage())
	if err := writes(ctx, o, c, e, out); err != nil {
		return err
	}
	e.stop() // nothing beside what follows
	if err := reads(ctx, o, c, out); err != nil {
		return err
	}
	if err := elections(ctx, o, c, out); err != nil {
		return err
	}
	return many(ctx, o, c, out)
}

// loadAverage is what the machine does beside this, where it tells.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:1], "")
}
