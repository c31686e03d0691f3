package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

// A watchman keeps, for each group of a member, when it followed or led last.
type watchman struct {
	mu     sync.Mutex
	leader map[string]string // by group
	since  map[string]time.Time
}

// saw takes an event of one group.
func (w *watchman) saw(group, self string, e genleader.Event) {
	leader := ""
	switch e := e.(type) {
	case genleader.Elected:
		leader = self
	case genleader.Surrendered:
		leader = e.Leader.Name
	default:
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leader[group], w.since[group] = leader, time.Now()
}

// without says, for each group that has another leader than name, how long after at that was.
func (w *watchman) without(name string, at time.Time) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var took []time.Duration
	for group, leader := range w.leader {
		if leader != name {
			took = append(took, max(0, w.since[group].Sub(at)))
		}
	}
	slices.Sort(took)
	return took
}

// runMember is one process. It reads commands and answers each with a line: ready, cpu, leader, rest, outage NAME NANOS.
func runMember(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("member", flag.ContinueOnError)
	name := flags.String("name", "", "this member")
	file := flags.String("spec", "", "the cluster's specification")
	groups := flags.Int("groups", 0, "how many groups beside the cluster's own")
	leases := flags.Bool("leases", false, "the groups have leases, and so never rest")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := spec.Load(*file)
	if err != nil {
		return err
	}
	n, err := node.Start(node.Config{Name: *name, Spec: s, InMemory: true})
	if err != nil {
		return err
	}
	w := &watchman{leader: map[string]string{}, since: map[string]time.Time{}}
	var open []*genleader.Group
	for i := range *groups {
		group := fmt.Sprintf("group %d", i)
		g, err := n.Group(group, genleader.Config{
			Behaviour: gdict.New().Behaviour(), Leases: *leases,
			Event: func(e genleader.Event) { w.saw(group, *name, e) },
		})
		if err != nil {
			return err
		}
		open = append(open, g)
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		answer, err := obey(ctx, strings.Fields(lines.Text()), n, w, open)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, answer)
	}
	return nil // the parent is gone or has closed the pipe: no goodbye, this is a measurement
}

func obey(ctx context.Context, words []string, n *node.Node, w *watchman, open []*genleader.Group) (string, error) {
	switch words[0] {
	case "led": // how many groups have a leader
		led := 0
		for _, g := range open {
			if g.View().Leader.Name != "" {
				led++
			}
		}
		return fmt.Sprint(led), nil
	case "hibernating": // how many groups rest
		hibernating := 0
		for _, g := range open {
			if in, err := g.Inspect(ctx); err == nil && in.Hibernating {
				hibernating++
			}
		}
		return fmt.Sprint(hibernating), nil
	case "leader": // of the cluster's group
		return "leader " + n.Status().Leader, nil
	case "cpu":
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			return "", err
		}
		return fmt.Sprint(used.Utime.Nano() + used.Stime.Nano()), nil
	case "outage": // of groups that another than this member leads now, since that instant
		var at int64
		if _, err := fmt.Sscan(words[2], &at); err != nil {
			return "", err
		}
		took := w.without(words[1], time.Unix(0, at))
		if len(took) == 0 {
			return "0 0 0", nil
		}
		return fmt.Sprint(len(took), int64(took[len(took)/2]), int64(took[len(took)-1])), nil
	default:
		return "", errors.New("idle: no command " + words[0])
	}
}
