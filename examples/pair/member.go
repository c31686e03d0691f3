package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/member/consul"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
)

const stopWithin = 10 * time.Second

// memberFlags are what the driver tells a member. With Consul, Bind is all a member knows of addresses.
type memberFlags struct {
	name, spec, bind, admin, consul, judge string
	verbose                                bool
}

func (f memberFlags) args() []string {
	return []string{
		"member", "-name", f.name, "-spec", f.spec, "-bind", f.bind, "-admin", f.admin, "-consul", f.consul,
		"-judge", f.judge, "-v=" + strconv.FormatBool(f.verbose),
	}
}

func parseMember(args []string) (memberFlags, error) {
	var f memberFlags
	flags := flag.NewFlagSet("member", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&f.name, "name", "", "")
	flags.StringVar(&f.spec, "spec", "", "")
	flags.StringVar(&f.bind, "bind", "", "")
	flags.StringVar(&f.admin, "admin", "", "")
	flags.StringVar(&f.consul, "consul", "", "")
	flags.StringVar(&f.judge, "judge", "", "")
	flags.BoolVar(&f.verbose, "v", false, "")
	err := flags.Parse(args)
	return f, err
}

// runMember is one member of the cluster. It stops in order on a signal, and when its stdin ends: the driver is gone then.
func runMember(ctx context.Context, args []string, stdin io.Reader, stderr io.Writer) int {
	f, err := parseMember(args)
	if err != nil {
		fmt.Fprintf(stderr, "pair: member: %v\n", err)
		return exitUsage
	}
	n, err := startNode(f, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "pair: member %s: %v\n", f.name, err)
		return exitRun
	}
	orphaned := make(chan struct{})
	go func() {
		defer close(orphaned)
		_, _ = io.Copy(io.Discard, stdin)
	}()
	select {
	case <-ctx.Done():
	case <-orphaned:
	case <-n.Done():
		fmt.Fprintf(stderr, "pair: member %s: %v\n", f.name, n.Err())
		return exitRun
	}
	bounded, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := n.Stop(bounded, node.Force()); err != nil {
		fmt.Fprintf(stderr, "pair: member %s: stop: %v\n", f.name, err)
		return exitRun
	}
	return exitOK
}

func startNode(f memberFlags, stderr io.Writer) (*node.Node, error) {
	s, err := spec.Load(f.spec)
	if err != nil {
		return nil, err
	}
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
	cfg := node.Config{
		Name:     f.name,
		Bind:     f.bind,
		Spec:     s,
		Apps:     app.Registry{"switch": func() app.App { return &telSwitch{judge: f.judge} }},
		Admin:    f.admin,
		Logger:   logger,
		InMemory: true, // the judge wants a cluster that begins anew with each run
	}
	if f.consul != "" {
		cfg.Discovery = consul.Discovery(f.consul, consul.WithCluster(s.Cluster), consul.WithLogger(logger))
	}
	return node.Start(cfg)
}
