package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

const logLines = 8 // of each member in the message of a failure

// drive starts the processes, plays the script and reports. Whatever happens, no child survives it.
func drive(ctx context.Context, o options, stdout, stderr io.Writer) int {
	out := &timeline{w: stdout, verbose: o.verbose}
	if o.json {
		out.w = stderr
	}
	watching, done := context.WithCancel(ctx)
	defer done()
	idle := watchStalls(watching)
	r := Results{Failover: o.failover, Discovery: o.discovery, Rounds: o.rounds, Events: []Event{}}
	s, dir, err := playIn(ctx, o, out, &r)
	r.OK = err == nil
	if s != nil {
		r.Events = append(r.Events, s.events...)
	}
	r.Outages = spread(r.Events)
	longest, at := idle.worst()
	r.Stall = float64(longest) / float64(time.Millisecond)
	if s != nil && r.Failure != nil && longest > s.cluster.spec.Timing.Election.Std()/2 {
		r.Failure.Stall = fmt.Sprintf("this machine stood still for %d ms, until %d ms: that alone may be the reason",
			longest.Milliseconds(), at.Sub(out.zero).Milliseconds())
	}
	switch {
	case o.json:
		if err := r.json(stdout); err != nil {
			fmt.Fprintf(stderr, "pair: %v\n", err)
			return exitRun
		}
	case len(r.Events) > 0:
		r.table(stdout)
	}
	if err != nil {
		r.Failure.print(stderr)
		return exitRun
	}
	if o.verbose {
		fmt.Fprintf(out.w, "logs are in %s\n", dir)
		return exitOK
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintf(stderr, "pair: %v\n", err)
	}
	return exitOK
}

// playIn makes a directory and the processes, plays, and kills what is left. On failure it fills in r.Failure while the
// members can still be asked.
func playIn(ctx context.Context, o options, out *timeline, r *Results) (s *script, dir string, err error) {
	defer func() {
		if err == nil {
			return
		}
		r.Failure = failureOf(err)
		if s != nil {
			defer s.cluster.kill()
		}
		if s == nil || ctx.Err() != nil {
			_ = os.RemoveAll(dir) // nothing went wrong in the cluster, so nothing in it is of interest
			return
		}
		r.Failure.Members, r.Failure.Logs, r.Failure.Dir = s.cluster.describe(), s.cluster.tails(), dir
	}()
	if o.discovery == "consul" {
		if err := consulAnswers(ctx, o.consul); err != nil {
			return nil, "", err
		}
	}
	if dir, err = os.MkdirTemp("", "gendac-pair-"); err != nil {
		return nil, "", err
	}
	j, err := startJudge(dir)
	if j != nil {
		defer j.kill()
	}
	if err != nil {
		return nil, dir, err
	}
	c, err := newCluster(o, dir, j.hello.Addr)
	if err != nil {
		return nil, dir, err
	}
	out.zero = j.hello.Zero
	s = &script{opt: o, cluster: c, judge: j, out: out}
	return s, dir, s.play(ctx)
}

func (c *cluster) tails() map[string][]string {
	logs := map[string][]string{}
	for _, name := range names {
		logs[name] = tail(c.logFile(name), logLines)
	}
	return logs
}

// consulAnswers spares the reader three members' complaints about one missing agent.
func consulAnswers(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return fmt.Errorf("no Consul agent at %s: %w; start one with: consul agent -dev", addr, err)
	}
	return conn.Close()
}
