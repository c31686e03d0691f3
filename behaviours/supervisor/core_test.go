package supervisor

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/gendac/gendac/behaviours/process"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestTranscripts runs testdata/*.txt: "spec" makes a supervisor of its lines, "do" feeds it the events of its lines and
// prints the effects of each, and where everything is afterwards.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		var s state
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "spec":
				s = newState(parseSpec(t, d))
				return where(s)
			case "do":
				var out strings.Builder
				for line := range strings.Lines(d.Input) {
					var fx []effect
					s, fx = step(s, parseEvent(t, strings.TrimSpace(line)))
					fmt.Fprintln(&out, strings.TrimSpace(line))
					for _, f := range fx {
						fmt.Fprintln(&out, "  "+f.String())
					}
				}
				return out.String() + where(s)
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
	}
}

func where(s state) string {
	out := s.phase.String() + ":"
	for _, c := range s.children {
		out += fmt.Sprintf(" %s#%d=%v", c.id, c.gen, c.phase)
	}
	return out
}

func parseSpec(t *testing.T, d *datadriven.TestData) Spec {
	t.Helper()
	var spec Spec
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "max":
			arg.Scan(t, 0, &spec.MaxRestarts)
		case "period":
			spec.Period = duration(t, arg.Vals[0])
		}
	}
	for line := range strings.Lines(d.Input) {
		var id, restart string
		if _, err := fmt.Sscan(line, &id, &restart); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		types := map[string]Restart{"permanent": Permanent, "transient": Transient, "temporary": Temporary}
		r, ok := types[restart]
		if !ok {
			t.Fatalf("no restart type %q", restart)
		}
		spec.Children = append(spec.Children, Child{ID: id, Restart: r})
	}
	return spec.withDefaults()
}

func parseEvent(t *testing.T, line string) event {
	t.Helper()
	words := strings.Fields(line)
	at := epoch
	if last := words[len(words)-1]; strings.HasPrefix(last, "@") {
		at = epoch.Add(duration(t, last[1:]))
		words = words[:len(words)-1]
	}
	var who of
	if len(words) > 1 {
		id, gen, _ := strings.Cut(words[1], "#")
		who.id = id
		_, _ = fmt.Sscan(gen, &who.gen)
	}
	rest := strings.Join(words[min(2, len(words)):], " ")
	switch words[0] {
	case "boot":
		return boot{}
	case "halt":
		return halt{process.ErrShutdown}
	case "began":
		return began{who}
	case "failed":
		return failed{who, reason(rest)}
	case "gone":
		return gone{who, at}
	case "down":
		return down{who, reason(rest), at}
	case "unspawned":
		return unspawned{who, reason(rest), at}
	case "expired":
		phases := map[string]Phase{"starting": Starting, "stopping": Stopping}
		return expired{who, phases[rest], at}
	}
	t.Fatalf("unknown event %q", line)
	return nil
}

func reason(s string) error {
	switch s {
	case "normal":
		return process.ErrNormal
	case "shutdown":
		return process.ErrShutdown
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
