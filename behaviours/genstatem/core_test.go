package genstatem

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts runs testdata/*.txt: "machine" makes a core, with state enter calls and tracing if so told, and "do"
// feeds it the inputs of its lines and prints the effects of each, and how the core stands afterwards.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		var c core[string]
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "machine":
				c = core[string]{enters: d.HasArg("enters"), traces: d.HasArg("traces")}
				return stands(c)
			case "do":
				var out strings.Builder
				for line := range strings.Lines(d.Input) {
					line = strings.TrimSpace(line)
					fmt.Fprintln(&out, line)
					for _, f := range c.step(parseInput(t, c, line), nil) {
						fmt.Fprintln(&out, "  "+describe(c, f))
					}
				}
				return out.String() + stands(c)
			}
			t.Fatalf("unknown command %q", d.Cmd)
			return ""
		})
	}
}

// describe adds what the shell takes from the core.
func describe(c core[string], f effect) string {
	switch f.(type) {
	case enter:
		return fmt.Sprintf("enter %v from %v", c.state, c.from)
	case handle:
		return "handle " + c.event.String()
	}
	return f.String()
}

// stands says where the core is and what it keeps.
func stands(c core[string]) string {
	out := c.phase.String()
	if c.phase == waiting || c.phase == handling || c.phase == entering {
		out += " in " + c.state
	}
	list := func(what string, items ...string) {
		if len(items) > 0 {
			out += "; " + what + " " + strings.Join(items, ", ")
		}
	}
	list("queued", events(c.queue)...)
	list("postponed", events(c.postponed)...)
	var set, due []string
	for _, r := range c.timers {
		if r.due {
			due = append(due, r.timer.String())
		} else {
			set = append(set, fmt.Sprintf("%v#%d", r.timer, r.gen))
		}
	}
	list("due", due...)
	list("set", set...)
	return out
}

func events(list []Event) (out []string) {
	for _, e := range list {
		out = append(out, e.String())
	}
	return out
}

// parseInput reads "boot", "<timer> fires" (the latest generation; "<timer>#n fires" names one), "returns <move>; <action>; ..." and events.
func parseInput(t *testing.T, c core[string], line string) *input[string] {
	t.Helper()
	if line == "boot" {
		return &input[string]{kind: booted}
	}
	if rest, ok := strings.CutPrefix(line, "halt "); ok {
		return &input[string]{kind: halted, reason: errors.New(rest)}
	}
	if rest, ok := strings.CutPrefix(line, "returns "); ok {
		return &input[string]{kind: returned, result: parseResult(t, rest)}
	}
	if rest, ok := strings.CutSuffix(line, " fires"); ok {
		name, gen, numbered := strings.Cut(rest, "#")
		f := fired{timer: parseTimer(t, name)}
		if i := c.find(f.timer); i >= 0 {
			f.gen = c.timers[i].gen
		}
		if numbered {
			_, _ = fmt.Sscan(gen, &f.gen)
		}
		return &input[string]{kind: ranOut, fired: f}
	}
	return &input[string]{kind: arrived, event: parseEvent(t, line)}
}

func parseEvent(t *testing.T, line string) Event {
	t.Helper()
	kinds := map[string]Kind{"call": CallEvent, "cast": CastEvent, "info": InfoEvent, "internal": InternalEvent}
	kind, content, _ := strings.Cut(line, " ")
	if kinds[kind] == 0 && kind != "nonsense" {
		t.Fatalf("unknown event %q", line)
	}
	return Event{Kind: kinds[kind], Content: content}
}

func parseResult(t *testing.T, text string) (r Result[string]) {
	t.Helper()
	parts := strings.Split(text, "; ")
	word, arg, _ := strings.Cut(parts[0], " ")
	var ctx *Context[string, int]
	var actions []Action
	for _, p := range parts[1:] {
		actions = append(actions, parseAction(t, p))
	}
	switch word {
	case "keep":
		return ctx.Keep(actions...)
	case "next":
		return ctx.Next(arg, actions...)
	case "repeat":
		return ctx.Repeat(actions...)
	case "stop":
		return ctx.Exit(errors.New(arg), actions...)
	}
	t.Fatalf("unknown result %q", text)
	return r
}

func parseAction(t *testing.T, text string) Action {
	t.Helper()
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "postpone":
		return Postpone()
	case "reply":
		return Reply(From{}, rest)
	case "insert":
		return NextEvent(parseEvent(t, rest))
	case "set":
		words := strings.Fields(rest)
		content, after := words[len(words)-1], words[len(words)-2]
		return set{parseTimer(t, strings.Join(words[:len(words)-2], " ")), parseDuration(t, after), content}
	case "cancel":
		return cancel{parseTimer(t, rest)}
	case "update":
		at := strings.LastIndex(rest, " ")
		return update{parseTimer(t, rest[:at]), rest[at+1:]}
	case "nil":
		return nil
	}
	t.Fatalf("unknown action %q", text)
	return nil
}

func parseTimer(t *testing.T, text string) timer {
	t.Helper()
	switch {
	case text == "state timeout":
		return timer{kind: StateTimeoutEvent}
	case text == "event timeout":
		return timer{kind: EventTimeoutEvent}
	case strings.HasPrefix(text, "timeout "):
		return named(text[len("timeout "):])
	}
	t.Fatalf("unknown timeout %q", text)
	return timer{}
}

func parseDuration(t *testing.T, s string) time.Duration {
	t.Helper()
	if s == "infinity" {
		return Infinity
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
