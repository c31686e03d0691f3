package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/bench/history"
	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

const (
	clients     = 3 // on each member
	statusEvery = 50 * time.Millisecond
)

// The words on a member's stdin. Its end is an order to leave.
const (
	wordQuiet = "quiet" // no more operations
	wordLast  = "last"  // every client reads every key of late, linearizably
	wordLead  = "lead"  // this member wants to lead
)

// A tortured is one process under torture. Whatever it does it writes down on stdout, one record a line.
type tortured struct {
	node    *node.Node
	dict    *gdict.Dict
	group   *genleader.Group // of the dictionary, if it is not the cluster's own
	process string
	seed    uint64

	mu  sync.Mutex
	out io.Writer
	ids int
}

// clock is the machine's, the same for all processes and in all network namespaces.
func clock() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every Linux has it
	}
	return time.Duration(t.Nano())
}

// runMember lives as long as its stdin, or until the member ends by itself.
func runMember(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("member", flag.ContinueOnError)
	name := flags.String("name", "", "")
	file := flags.String("spec", "", "")
	data := flags.String("data", "", "")
	own := flags.Bool("own", false, "")
	seed := flags.Uint64("seed", 0, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	text, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	what, err := spec.Parse(text)
	if err != nil {
		return err
	}
	cfg := configOf(*name, what, *data)
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	n, err := node.Start(cfg)
	if err != nil {
		return err
	}
	m := &tortured{node: n, dict: n.Dict(), process: fmt.Sprintf("%s#%d", *name, os.Getpid()), seed: *seed, out: out}
	if *own {
		if m.dict, m.group, err = n.OpenDict("torture"); err != nil {
			return err
		}
	}
	return m.live(in)
}

func (m *tortured) live(in io.Reader) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	working, quiet := context.WithCancel(ctx)
	defer quiet()
	var busy sync.WaitGroup
	var all []*client
	for i := range clients {
		c := &client{tortured: m, number: i + 1, dice: rand.New(rand.NewPCG(m.seed, uint64(i)))}
		all = append(all, c)
		busy.Go(func() {
			if c.number == 1 {
				c.own(working)
			}
			c.work(working)
		})
	}
	go m.watch(ctx)
	go m.tellStatus(ctx)
	words := make(chan string)
	go func() {
		defer close(words)
		for lines := bufio.NewScanner(in); lines.Scan(); {
			words <- lines.Text()
		}
	}()
	for {
		select {
		case <-m.node.Done():
			m.write(history.Record{Kind: history.Failed, Problem: fmt.Sprint(m.node.Err())})
			return m.node.Err()
		case word, more := <-words:
			if word == wordLead && m.group != nil {
				go m.lead(ctx)
				continue
			}
			quiet()
			busy.Wait()
			if !more {
				stopping, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				return m.node.Stop(stopping, node.Force())
			}
			if word == wordLast {
				all[0].readAll()
			}
			m.write(history.Record{Kind: history.Status, Problem: "did " + word})
		}
	}
}

// write puts a record on stdout in one piece, so that a process that dies leaves whole ones.
func (m *tortured) write(r history.Record) {
	r.Process = m.process
	if r.At == 0 {
		r.At = int64(clock())
	}
	line, err := json.Marshal(r)
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.out.Write(append(line, '\n')); err != nil {
		os.Exit(1) // whoever started this is gone
	}
}

func (m *tortured) nextID() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ids++
	return m.ids
}

func (m *tortured) tellStatus(ctx context.Context) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for ; ctx.Err() == nil; <-tick.C {
		if m.group != nil {
			m.write(statusOf(m.group))
			continue
		}
		s := m.node.Status()
		r := history.Record{Kind: history.Status, Leader: s.Leader, Rev: s.Incarnation, Members: map[string]string{}}
		for _, other := range s.Members {
			r.Members[other.Name] = standing(other.Incarnation, other.State == "up" && other.Voter)
		}
		m.write(r)
	}
}

func statusOf(group *genleader.Group) history.Record {
	view := group.View()
	r := history.Record{Kind: history.Status, Leader: view.Leader.Name, Rev: group.Member().Incarnation, Members: map[string]string{}}
	for _, s := range view.Members {
		r.Members[s.Name] = standing(s.Incarnation, s.State == genleader.Up && slices.Contains(view.Voters, s.Member))
	}
	return r
}

// lead asks for the leadership. Whether it comes to that is not for this member to say.
func (m *tortured) lead(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = m.group.TransferLeadership(ctx, m.node.Name())
}

// standing is how the leader sees a process, in one word that others can be held against.
func standing(incarnation uint64, well bool) string { return fmt.Sprint(incarnation, " ", well) }
