package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/node"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

// An order is one line on a member's stdin; a result is the line it answers with.
type order struct {
	Do      string        `json:"do"` // role, write, read, probe, probed, fill, count, heap
	Callers int           `json:"callers,omitempty"`
	Span    time.Duration `json:"span,omitempty"`
	Keys    int           `json:"keys,omitempty"`
	Profile string        `json:"profile,omitempty"` // file for the profile of a write
}

type result struct {
	Leader string    `json:"leader,omitempty"`
	Load   load      `json:"load,omitzero"`
	Read   readCost  `json:"read,omitzero"`
	Gap    gap       `json:"gap,omitzero"`
	Heap   heap      `json:"heap,omitzero"`
	At     time.Time `json:"at,omitzero"`
	Err    string    `json:"err,omitempty"`
}

// heap is a member's memory after a collection.
type heap struct {
	Bytes   uint64 `json:"bytes"`
	Entries int    `json:"entries"`
}

// runMember is one member. It lives as long as its stdin.
func runMember(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("member", flag.ContinueOnError)
	name := flags.String("name", "", "")
	file := flags.String("spec", "", "")
	data := flags.String("data", "", "")
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
	n, err := node.Start(configOf(*name, what, *data))
	if err != nil {
		return err
	}
	m := &measured{node: n}
	answers := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		if err := answers.Encode(m.obey(ctx, o)); err != nil {
			return err
		}
	}
	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return n.Stop(stopping, node.Force())
}

// measured is a member under measurement.
type measured struct {
	node  *node.Node
	probe *probe
}

func (m *measured) obey(ctx context.Context, o order) result {
	dict := m.node.Dict()
	r := result{}
	var err error
	switch o.Do {
	case "role":
		r.Leader = m.node.Status().Leader
	case "write":
		r.Load, err = profiled(o.Profile, func() load { return writeAll(ctx, dict, m.node.Name(), o.Callers, o.Span) })
	case "read":
		r.Read, err = readMany(dict, o.Keys)
	case "probe":
		m.probe = startProbe(dict, m.node.Name())
	case "probed":
		r.Gap = m.probe.stop()
	case "fill":
		err = fill(ctx, dict, o.Keys)
	case "count":
		r.Heap.Entries = countOf(dict)
	case "heap":
		r.Heap.Entries = countOf(dict)
		runtime.GC()
		stats := runtime.MemStats{}
		runtime.ReadMemStats(&stats)
		r.Heap.Bytes = stats.HeapAlloc
	default:
		err = fmt.Errorf("no such order: %q", o.Do)
	}
	if err != nil {
		r.Err = err.Error()
	}
	r.At = time.Now()
	return r
}

// profiled writes a CPU profile of what it does, if it has a file for it.
func profiled(file string, do func() load) (load, error) {
	if file == "" {
		return do(), nil
	}
	f, err := os.Create(file)
	if err != nil {
		return load{}, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return load{}, err
	}
	l := do()
	pprof.StopCPUProfile()
	return l, f.Close()
}

func countOf(dict *gdict.Dict) int {
	entries, _ := dict.ToList("")
	return len(entries)
}

// problem is what a member's answer says went wrong.
func (r result) problem() error {
	if r.Err == "" {
		return nil
	}
	return errors.New(strings.TrimSpace(r.Err))
}
