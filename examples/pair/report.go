package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/gendac/gendac/examples/pair/observer"
)

// An Event is one thing that was done to the pair and what the judge saw of it. Times are in milliseconds.
type Event struct {
	Round   int     `json:"round"` // from 1; 0 is the start and the shutdown
	Event   string  `json:"event"`
	From    string  `json:"from,omitempty"`
	To      string  `json:"to,omitempty"`
	Start   string  `json:"start,omitempty"`
	Epoch   uint64  `json:"epoch,omitempty"`
	Leader  string  `json:"leader,omitempty"` // who led when it was done
	At      float64 `json:"at_ms,omitempty"`  // first act of the new active, since the observer began
	Outage  float64 `json:"outage_ms"`
	Margin  float64 `json:"margin_ms"` // first act of the new active, counted from the safe moment; negative is earlier
	Overlap uint64  `json:"overlap"`
	Fenced  uint64  `json:"fenced"`
}

func (e Event) moved() bool { return e.To != "" && e.From != "" && e.To != e.From }

// An Outages is the spread of the outages of one kind of event, in milliseconds.
type Outages struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// spread summarizes the outages by event, by the nearest-rank method: every figure is one that was measured.
func spread(events []Event) map[string]Outages {
	byEvent := map[string][]float64{}
	for _, e := range events {
		if e.moved() {
			byEvent[e.Event] = append(byEvent[e.Event], e.Outage)
		}
	}
	all := map[string]Outages{}
	for event, outages := range byEvent {
		slices.Sort(outages)
		rank := func(p float64) float64 { return outages[max(0, int(math.Ceil(p*float64(len(outages))))-1)] }
		all[event] = Outages{Count: len(outages), P50: rank(0.50), P99: rank(0.99), Max: outages[len(outages)-1]}
	}
	return all
}

// checkBounds compares the outages after a kill with what the command line allows.
func checkBounds(o options, events []Event) error {
	kills := spread(events)["kill"]
	for _, c := range []struct {
		name  string
		bound time.Duration
		got   float64
	}{{"p50", o.p50, kills.P50}, {"p99", o.p99, kills.P99}} {
		if limit := float64(c.bound) / float64(time.Millisecond); c.bound > 0 && c.got > limit {
			return &unmet{"kill", fmt.Sprintf("an outage %s of at most %s", c.name, c.bound), fmt.Sprintf("%.1f ms", c.got)}
		}
	}
	return nil
}

// A timeline prints what happens while it happens, with milliseconds since the observer began.
type timeline struct {
	w       io.Writer
	zero    time.Time
	verbose bool
}

func (t *timeline) line(at float64, text string) {
	fmt.Fprintf(t.w, "%10.1f ms  %s\n", at, text)
}

func (t *timeline) note(format string, args ...any) {
	t.line(float64(time.Since(t.zero))/float64(time.Millisecond), fmt.Sprintf(format, args...))
}

func (t *timeline) detail(format string, args ...any) {
	if t.verbose {
		t.note("  "+format, args...)
	}
}

// move prints that somebody else acts now, as soon as it is known.
func (t *timeline) move(to observer.Spell, led string) {
	t.line(to.First.Millis(), fmt.Sprintf("%s acts: %s, epoch %d, outage %.1f ms, %.1f ms %s the safe moment, %s led",
		to.Member, to.Start, to.Epoch, to.Outage.Millis(), math.Abs(to.Margin.Millis()), beforeOrAfter(to.Margin), led))
}

func beforeOrAfter(margin observer.Micros) string {
	if margin < 0 {
		return "before"
	}
	return "after"
}

// event prints what became of a step; moves have been printed already.
func (t *timeline) event(e Event) {
	switch e.Event {
	case "start":
		t.line(e.At, fmt.Sprintf("%s acts: %s, epoch %d", e.To, e.Start, e.Epoch))
	case "shutdown":
		t.note("all members stopped with exit status 0")
	case "pause":
		t.note("%s does not act again: %d acts fenced", e.From, e.Fenced)
	case "restart", "hold":
		t.note("%s done: %s still acts in epoch %d", e.Event, e.To, e.Epoch)
	}
}

// A Failure is why the exit status is not 0.
type Failure struct {
	Event   string              `json:"event,omitempty"`
	Want    string              `json:"expected,omitempty"`
	Got     string              `json:"saw"`
	Members map[string]string   `json:"members,omitempty"` // one line of status each
	Logs    map[string][]string `json:"logs,omitempty"`    // last lines
	Dir     string              `json:"dir,omitempty"`     // of the complete logs
	Stall   string              `json:"stall,omitempty"`   // when this machine stood still longer than the cluster can bear
}

// Results are what -json prints.
type Results struct {
	OK        bool               `json:"ok"`
	Failover  string             `json:"failover"`
	Discovery string             `json:"discovery"`
	Rounds    int                `json:"rounds"`
	Events    []Event            `json:"events"`
	Outages   map[string]Outages `json:"outages"`
	Stall     float64            `json:"stall_ms"` // longest time this machine did not run the driver
	Failure   *Failure           `json:"failure,omitempty"`
}

func (r Results) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// table prints the results for people.
func (r Results) table(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nround\tevent\tfrom\tto\tstart\tepoch\toutage ms\toverlap\tfenced")
	for _, e := range r.Events {
		start, outage := "-", "-"
		if e.Start != "" {
			start = e.Start
		}
		if e.moved() {
			outage = fmt.Sprintf("%.1f", e.Outage)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%d\t%d\n",
			e.Round, e.Event, dash(e.From), dash(e.To), start, e.Epoch, outage, e.Overlap, e.Fenced)
	}
	if r.Rounds > 3 {
		fmt.Fprintln(t, "\noutage of\tcount\tp50 ms\tp99 ms\tmax ms")
		for _, event := range []string{"kill", "switchover", "pause"} {
			o := r.Outages[event]
			fmt.Fprintf(t, "%s\t%d\t%.1f\t%.1f\t%.1f\n", event, o.Count, o.P50, o.P99, o.Max)
		}
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\nlongest time this machine did not run the driver: %.1f ms\n", r.Stall)
	if r.OK {
		fmt.Fprintln(w, "every expectation held")
	}
}

func dash(name string) string {
	if name == "" {
		return "-"
	}
	return name
}

// print says what was expected, what was seen instead, and where to look.
func (f *Failure) print(w io.Writer) {
	if f.Want != "" {
		fmt.Fprintf(w, "\npair: %s failed\n  expected  %s\n  saw       %s\n", f.Event, f.Want, f.Got)
	} else {
		fmt.Fprintf(w, "pair: %s\n", f.Got)
	}
	if f.Stall != "" {
		fmt.Fprintf(w, "  but       %s\n", f.Stall)
	}
	for _, name := range names {
		if line := f.Members[name]; line != "" {
			fmt.Fprintf(w, "  %s  %s\n", name, line)
		}
	}
	for _, name := range names {
		for _, line := range f.Logs[name] {
			fmt.Fprintf(w, "  %s.log  %s\n", name, line)
		}
	}
	if f.Dir != "" {
		fmt.Fprintf(w, "  everything is in %s\n", f.Dir)
	}
}

// failureOf tells an expectation that did not hold from a thing that could not be done.
func failureOf(err error) *Failure {
	var u *unmet
	if errors.As(err, &u) {
		return &Failure{Event: u.event, Want: u.want, Got: u.got}
	}
	return &Failure{Got: err.Error()}
}
