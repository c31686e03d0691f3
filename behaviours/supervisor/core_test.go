package supervisor

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/cockroachdb/datadriven"
	"github.com/gendac/gendac/behaviours/process"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestTranscripts runs testdata/*.txt: "spec" makes a supervisor of its lines, "do" feeds it the events of its lines and
// prints the effects of each, and where everything is afterwards. A child without a number is its current incarnation.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		var c core
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "spec":
				c = newCore(parseSpec(t, d))
				return where(c)
			case "do":
				var out strings.Builder
				for line := range strings.Lines(d.Input) {
					line = strings.TrimSpace(line)
					fmt.Fprintln(&out, line)
					for _, f := range c.step(parseEvent(t, c, line)) {
						fmt.Fprintln(&out, "  "+f.String())
					}
				}
				return out.String() + where(c)
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
	}
}

func where(c core) string {
	switch c := c.(type) {
	case *state:
		out := c.phase.String() + ":"
		for _, k := range c.children {
			out += fmt.Sprintf(" %s#%d=%v", k.ID, k.gen, k.phase)
		}
		return out
	case *pool:
		out := c.phase.String() + ":"
		for _, in := range c.instances.all() {
			out += fmt.Sprintf(" #%d=%v", in.gen, in.phase)
		}
		return out
	}
	return "?"
}

var (
	strategies = map[string]Strategy{
		"one_for_one": OneForOne, "one_for_all": OneForAll, "rest_for_one": RestForOne, "simple_one_for_one": SimpleOneForOne,
	}
	shutdowns = map[string]AutoShutdown{"any_significant": AnySignificant, "all_significant": AllSignificant}
	anyProps  = actor.PropsFromFunc(func(actor.Context) {})
)

func parseSpec(t *testing.T, d *datadriven.TestData) Spec {
	t.Helper()
	var spec Spec
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "max":
			arg.Scan(t, 0, &spec.MaxRestarts)
		case "period":
			spec.Period = duration(t, arg.Vals[0])
		case "backoff":
			spec.Backoff = Backoff{duration(t, arg.Vals[0]), duration(t, arg.Vals[1])}
		case "auto":
			spec.AutoShutdown = shutdowns[arg.Vals[0]]
		default:
			spec.Strategy = strategies[arg.Key]
		}
	}
	for line := range strings.Lines(d.Input) {
		spec.Children = append(spec.Children, parseChild(t, strings.Fields(line)))
	}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	return spec.withDefaults()
}

func parseChild(t *testing.T, words []string) Child {
	t.Helper()
	types := map[string]Restart{"permanent": Permanent, "transient": Transient, "temporary": Temporary}
	c := Child{ID: words[0], Props: anyProps}
	for _, word := range words[1:] {
		r, ok := types[word]
		switch {
		case ok:
			c.Restart = r
		case word == "significant":
			c.Significant = true
		case word == "supervisor":
			c.Type = Supervisor
		case word == "brutal":
			c.Shutdown = BrutalKill
		case word == "infinity":
			c.Shutdown = Infinity
		default:
			t.Fatalf("%q is nothing of a child", word)
		}
	}
	return c
}

func parseEvent(t *testing.T, c core, line string) event {
	t.Helper()
	words := strings.Fields(line)
	at := epoch
	if last := words[len(words)-1]; strings.HasPrefix(last, "@") {
		at = epoch.Add(duration(t, last[1:]))
		words = words[:len(words)-1]
	}
	words = append(words, "")
	rest := strings.TrimSpace(strings.Join(words[min(2, len(words)):], " "))
	ask := asker{}
	switch words[0] {
	case "boot":
		return boot{}
	case "halt":
		return halt{process.ErrShutdown}
	case "waited":
		return waited{number(words[1]), at}
	case "start":
		return startChild{ask, parseChild(t, words[1:len(words)-1])}
	case "restart":
		return restartChild{ask, words[1]}
	case "terminate":
		if _, simple := c.(*pool); simple {
			gen, stranger := number(words[1]), words[1] == "stranger"
			return terminatePID{asker: ask, text: words[1], gen: gen, known: of{"", gen}.String(), alive: stranger}
		}
		return terminateChild{ask, words[1]}
	case "delete":
		return deleteChild{ask, words[1]}
	case "count":
		return counted{ask}
	case "which":
		return asked{ask}
	case "launch":
		var args []any
		for _, arg := range words[1 : len(words)-1] {
			args = append(args, arg)
		}
		return launch{ask, args, at}
	case "landed":
		return landed{number(words[1])}
	case "overdue":
		return overdue{at}
	case "mustered":
		m := mustered{lot: number(words[1]), at: at}
		for _, gen := range strings.Fields(rest) {
			m.absent = append(m.absent, number(gen))
		}
		return m
	}
	return parseChildEvent(t, incarnation(c, words[1]), words[0], rest, at)
}

func parseChildEvent(t *testing.T, who of, what, rest string, at time.Time) event {
	t.Helper()
	switch what {
	case "began":
		return began{who, at}
	case "failed":
		return failed{who, false, reason(rest), at, who.String()}
	case "failed-started":
		return failed{who, true, reason(rest), at, who.String()}
	case "gone":
		return gone{who, false, reason(rest), at, who.String()}
	case "gone-started": // its word that it began is on the way still
		return gone{who, true, reason(rest), at, who.String()}
	case "unspawned":
		return unspawned{who, reason(rest), at}
	case "expired":
		phases := map[string]Phase{"starting": Starting, "stopping": Stopping}
		return expired{who, phases[rest], at}
	}
	t.Fatalf("unknown event %q", what)
	return nil
}

// incarnation reads a#1, or a for the current one.
func incarnation(c core, word string) of {
	id, gen, numbered := strings.Cut(word, "#")
	if s, ok := c.(*state); ok && !numbered {
		if k := s.byID(id); k != nil {
			return k.of()
		}
	}
	return of{id, number(gen)}
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimPrefix(s, "#"), 10, 64)
	return n
}

func reason(s string) error {
	switch s {
	case "normal":
		return process.ErrNormal
	case "shutdown":
		return process.ErrShutdown
	case "ignore":
		return ErrIgnore
	}
	return errors.New(s)
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
