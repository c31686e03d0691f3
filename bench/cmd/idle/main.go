package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

var names = []string{"a1", "b1", "c1"}

const within = time.Minute // for all groups to have a leader, and to hibernate

type options struct {
	groups int
	span   time.Duration
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
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("idle", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.IntVar(&o.groups, "groups", 100, "how many groups each member has beside the cluster's own")
	flags.DurationVar(&o.span, "for", 10*time.Second, "how long each row is measured")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.groups < 1 || o.span <= 0 {
		return o, fmt.Errorf("-groups %d -for %v: at least one group, and some time", o.groups, o.span)
	}
	return o, nil
}

// runAll prints one row for each kind of load, and what the failures cost.
func runAll(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GROUPS BESIDE THE CLUSTER'S OWN\tHIBERNATING\tCPU PER PROCESS, % OF A CORE")
	for _, row := range []struct {
		what   string
		groups int
		leases bool
	}{
		{"none", 0, false},
		{"1, which hibernates", 1, false},
		{fmt.Sprintf("%d, which rest", o.groups), o.groups, false},
		{"1 with leases", 1, true},
		{fmt.Sprintf("%d with leases", o.groups), o.groups, true},
	} {
		c, err := startCluster(ctx, row.groups, row.leases)
		if err != nil {
			return err
		}
		cpu, err := c.cpu(ctx, o.span)
		hibernating := c.count("hibernating")
		c.stop()
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%d\t%s\n", row.what, hibernating, cpu)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, leases := range []bool{false, true} {
		if err := failures(ctx, o.groups, leases, out); err != nil {
			return err
		}
	}
	return nil
}

// failures ends the process that leads every group, and then pauses the next one that does.
func failures(ctx context.Context, groups int, leases bool, out io.Writer) error {
	for _, f := range []struct {
		what   string
		signal syscall.Signal
	}{{"kill -9", syscall.SIGKILL}, {"SIGSTOP", syscall.SIGSTOP}} {
		c, err := startCluster(ctx, groups, leases)
		if err != nil {
			return err
		}
		victim := names[0] // the first candidate begins every group, and leads it
		at := time.Now()
		err = c.members[victim].cmd.Process.Signal(f.signal)
		if err == nil {
			time.Sleep(3 * time.Second)
			var all, middle, longest int64
			answer := c.ask(names[1], fmt.Sprintf("outage %s %d", victim, at.UnixNano()))
			_, err = fmt.Sscan(answer, &all, &middle, &longest)
			kind := "hibernating"
			if leases {
				kind = "with leases"
			}
			fmt.Fprintf(out, "%s of the leader of %d groups %s: %d have another, the middle one after %v, the last after %v\n",
				f.what, groups, kind, all, time.Duration(middle).Round(100*time.Microsecond), time.Duration(longest).Round(100*time.Microsecond))
		}
		c.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// A cluster is the three members as processes of this very binary.
type cluster struct {
	dir     string
	members map[string]*process
}

type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

// startCluster returns once every group has a leader, and hibernates if it may.
func startCluster(ctx context.Context, groups int, leases bool) (*cluster, error) {
	dir, err := os.MkdirTemp("", "idle")
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, members: map[string]*process{}}
	if err := c.startAll(groups, leases); err != nil {
		c.stop()
		return nil, err
	}
	ready := func() bool {
		hibernating := 0
		if !leases {
			hibernating = len(names) * groups
		}
		return c.count("led") == len(names)*groups && c.count("hibernating") == hibernating && c.ask(names[0], "leader") != "leader"
	}
	for deadline := time.Now().Add(within); !ready(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			led, hibernating := c.count("led"), c.count("hibernating")
			c.stop()
			return nil, fmt.Errorf("after %v %d of %d parts have a leader, and %d hibernate", within, led, len(names)*groups, hibernating)
		}
	}
	return c, nil
}

func (c *cluster) startAll(groups int, leases bool) error {
	var text strings.Builder
	text.WriteString("cluster: idle\nmembers:\n")
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		fmt.Fprintf(&text, "  %s: {addr: %q}\n", name, l.Addr())
	}
	file := filepath.Join(c.dir, "cluster.yaml")
	return errors.Join(os.WriteFile(file, []byte(text.String()), 0o600), c.spawn(file, groups, leases))
}

func (c *cluster) spawn(file string, groups int, leases bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, name := range names {
		cmd := exec.Command(self, "member", "-name", name, "-spec", file, "-groups", fmt.Sprint(groups), "-leases="+fmt.Sprint(leases))
		cmd.Stderr = os.Stderr
		in, errIn := cmd.StdinPipe()
		out, errOut := cmd.StdoutPipe()
		if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
			return err
		}
		c.members[name] = &process{cmd: cmd, in: in, lines: bufio.NewScanner(out)}
	}
	return nil
}

// ask returns a member's answer, or nothing if it does not give one any more.
func (c *cluster) ask(name, command string) string {
	m := c.members[name]
	if _, err := fmt.Fprintln(m.in, command); err != nil || !m.lines.Scan() {
		return ""
	}
	return m.lines.Text()
}

// count adds up what all members answer.
func (c *cluster) count(command string) int {
	sum := 0
	for _, name := range names {
		n := 0
		_, _ = fmt.Sscan(c.ask(name, command), &n) // one that does not answer counts nothing
		sum += n
	}
	return sum
}

// cpu is what each member uses, in percent of one core, in the order of their names.
func (c *cluster) cpu(ctx context.Context, span time.Duration) (string, error) {
	used := func() (all []int64, err error) {
		for _, name := range names {
			var nanos int64
			if _, err := fmt.Sscan(c.ask(name, "cpu"), &nanos); err != nil {
				return nil, fmt.Errorf("%s does not answer: %w", name, err)
			}
			all = append(all, nanos)
		}
		return all, nil
	}
	before, err := used()
	if err != nil {
		return "", err
	}
	began := time.Now()
	select {
	case <-time.After(span):
	case <-ctx.Done():
		return "", ctx.Err()
	}
	after, err := used()
	if err != nil {
		return "", err
	}
	var text []string
	for i := range names {
		text = append(text, fmt.Sprintf("%.2f", 100*float64(after[i]-before[i])/float64(time.Since(began))))
	}
	return strings.Join(text, " "), nil
}

func (c *cluster) stop() {
	for _, m := range c.members {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
	}
	_ = os.RemoveAll(c.dir)
}
