package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gendac/gendac/bench/history"
	"github.com/gendac/gendac/cluster/netnstest"
)

// ownersGo is how long keys may outlive their owner, at the most: until its lease is certainly over, and a leader has
// looked.
const ownersGo = 5 * time.Second

const patience = 60 * time.Second // for whatever has to happen some time; this machine may be busy

// A cluster is members as processes, each at its own place of a network that can be cut.
type cluster struct {
	network *netnstest.Network
	names   []string
	dir     string
	data    bool
	own     bool
	seed    uint64
	out     io.Writer
	began   time.Time

	running map[string]*process
	starts  int
	slowest time.Duration // from the last fault's end until all were well again

	settled int64            // whatever belonged to a process that had ended by then is gone in the end
	ends    map[string]int64 // when each process ended, or was told to

	mu       sync.Mutex
	records  []history.Record
	problems []string
}

// A process is one incarnation of a member.
type process struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	paused bool
	exited chan struct{}

	mu     sync.Mutex
	status history.Record // the latest
	did    chan string
}

func newCluster(o options, out io.Writer) (*cluster, error) {
	c := &cluster{dir: o.out, data: o.data, own: o.own, seed: o.seed, out: out, began: time.Now(), running: map[string]*process{}, ends: map[string]int64{}}
	for i := range o.members {
		c.names = append(c.names, fmt.Sprintf("%c1", 'a'+i))
	}
	var err error
	if c.network, err = netnstest.New(c.names...); err != nil {
		return nil, err
	}
	var text strings.Builder
	text.WriteString("cluster: torture\nmembers:\n")
	for _, name := range c.names {
		fmt.Fprintf(&text, "  %s: {addr: %q}\n", name, c.network.Addr(name))
	}
	if err := os.WriteFile(c.spec(), []byte(text.String()), 0o600); err != nil {
		return nil, errors.Join(err, c.end())
	}
	for _, name := range c.names {
		if err := c.start(name); err != nil {
			return nil, errors.Join(err, c.end())
		}
	}
	if err := c.await("begun", c.missing); err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

func (c *cluster) spec() string { return filepath.Join(c.dir, "cluster.yaml") }

func (c *cluster) dataOf(name string) string { return filepath.Join(c.dir, name) }

// say prints a line with the time since the beginning.
func (c *cluster) say(format string, args ...any) {
	fmt.Fprintf(c.out, "%8.3fs %s\n", time.Since(c.began).Seconds(), fmt.Sprintf(format, args...))
}

func (c *cluster) start(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c.starts++
	argv := c.network.Command(name, self, "member", "-name", name, "-spec", c.spec(), "-seed", fmt.Sprint(c.seed+uint64(c.starts)))
	if c.own {
		argv = append(argv, "-own")
	}
	if c.data {
		argv = append(argv, "-data", c.dataOf(name))
	}
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), exited: make(chan struct{}), did: make(chan string, 10)}
	log, err := os.OpenFile(filepath.Join(c.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	p.cmd.Stderr = log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	c.running[name] = p
	go c.read(p, out)
	return nil
}

// read keeps what a process writes until it ends.
func (c *cluster) read(p *process, out io.Reader) {
	defer close(p.exited)
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // what is left is half a line
		}
		r, err := history.ParseRecord(line)
		if err != nil {
			c.note(err.Error())
			continue
		}
		c.take(p, r)
	}
	_ = p.cmd.Wait() // killed, mostly
}

func (c *cluster) take(p *process, r history.Record) {
	switch r.Kind {
	case history.Status:
		if did, ok := strings.CutPrefix(r.Problem, "did "); ok {
			p.did <- did
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.status = r
	case history.Failed:
		c.note(fmt.Sprintf("%s ended by itself: %s", r.Process, r.Problem))
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		c.records = append(c.records, r)
	}
}

func (c *cluster) note(problem string) {
	c.say("!! %s", problem)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, problem)
}

func (c *cluster) says(name string) history.Record {
	p := c.running[name]
	if p == nil {
		return history.Record{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

// ending notes that a process may be gone from now on.
func (c *cluster) ending(name string) {
	c.ends[fmt.Sprintf("%s#%d", name, c.running[name].cmd.Process.Pid)] = int64(clock())
}

// kill ends processes at once, and returns when they are gone.
func (c *cluster) kill(names ...string) {
	for _, name := range names {
		c.ending(name)
		_ = c.running[name].cmd.Process.Kill() // fails only when it has ended
	}
	for _, name := range names {
		<-c.running[name].exited
		delete(c.running, name)
	}
}

// leave lets a process stop in order. One that does not is killed.
func (c *cluster) leave(name string) {
	c.ending(name)
	p := c.running[name]
	_ = p.stdin.Close()
	select {
	case <-p.exited:
	case <-time.After(patience):
		c.note(name + " did not stop")
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
	delete(c.running, name)
}

func (c *cluster) pause(name string)  { c.signal(name, syscall.SIGSTOP, true) }
func (c *cluster) resume(name string) { c.signal(name, syscall.SIGCONT, false) }

func (c *cluster) signal(name string, s syscall.Signal, paused bool) {
	if p := c.running[name]; p != nil {
		_ = p.cmd.Process.Signal(s) // fails only when it has ended
		p.paused = paused
	}
}

// missing says what keeps the members from being well: all run, one leads, and it takes all the others for up.
func (c *cluster) missing() string {
	leader := c.says(c.names[0]).Leader
	for _, name := range c.names {
		switch p := c.running[name]; {
		case p == nil || p.paused:
			return name + " running"
		case leader == "" || c.says(name).Leader != leader:
			return fmt.Sprintf("a leader of all: %s follows %q, %s %q", c.names[0], leader, name, c.says(name).Leader)
		}
	}
	says := c.says(leader)
	for _, name := range c.names {
		if is := says.Members[name]; is != standing(c.says(name).Rev, true) {
			return fmt.Sprintf("%s, which runs as %d, in the eyes of %s: %q", name, c.says(name).Rev, leader, is)
		}
	}
	return ""
}

func (c *cluster) await(what string, missing func() string) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		m := missing()
		if m == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not %s after %v: missing: %s; the members' logs are in %s", what, patience, m, c.dir)
		}
	}
}

// order gives every member a word and waits until all have done it.
func (c *cluster) order(word string) error {
	for _, name := range c.names {
		if _, err := fmt.Fprintln(c.running[name].stdin, word); err != nil {
			return err
		}
	}
	for _, name := range c.names {
		select {
		case <-c.running[name].did:
		case <-time.After(patience):
			return fmt.Errorf("%s did not do %q within %v; the members' logs are in %s", name, word, patience, c.dir)
		}
	}
	return nil
}

// rest lets the members come to themselves, and everybody read what there is in the end.
func (c *cluster) rest() error {
	if err := c.order(wordQuiet); err != nil {
		return err
	}
	if err := c.order(wordLast); err != nil {
		return err
	}
	time.Sleep(ownersGo) // and the watches show it
	c.settled = int64(clock() - ownersGo)
	for _, name := range c.names {
		c.leave(name)
	}
	return nil
}

func (c *cluster) end() error {
	for name := range c.running {
		c.kill(name)
	}
	return c.network.Close()
}

// history is what was written until now, in the order of its clock.
func (c *cluster) history() []history.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	slices.SortStableFunc(c.records, func(a, b history.Record) int { return cmp.Compare(a.At, b.At) })
	return c.records
}
