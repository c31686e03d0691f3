package appctrl

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// script is one controller under a transcript: its state, its clock and the lease it is told of.
type script struct {
	t     *testing.T
	state state
	at    time.Time
	held  lease.Term
}

func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, path := range paths {
		limits := Limits{StartTimeout: 10 * time.Second, StopTimeout: 5 * time.Second, MaxRestarts: 3, Within: 10 * time.Second}
		s := &script{t: t, state: newState("pair/switch", limits), at: time.Unix(0, 0), held: 1}
		t.Run(filepath.Base(path), func(t *testing.T) { datadriven.RunTest(t, path, s.run) })
	}
}

func (s *script) run(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "lease":
		s.held = lease.Term(number(t, d.CmdArgs[0].Key))
		return "ok\n"
	case "wait":
		after, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		s.at = s.at.Add(after)
		return "ok\n"
	}
	next, fx := step(s.state, input{At: s.at, Held: s.held, Event: s.event(t, d)})
	s.state = next
	var out strings.Builder
	for _, f := range fx {
		fmt.Fprintln(&out, f)
	}
	if len(fx) == 0 {
		fmt.Fprintln(&out, "nothing")
	}
	return out.String()
}

func (s *script) event(t *testing.T, d *datadriven.TestData) event {
	gen, text, handover := s.state.Gen, "", ""
	if d.Cmd == "exited" {
		gen = s.state.Born
	}
	for _, arg := range d.CmdArgs {
		switch arg.Key {
		case "gen":
			gen = number(t, arg.Vals[0])
		case "why":
			text = strings.Join(arg.Vals, " ")
		case "handover":
			handover = arg.Vals[0]
		case "handover-bytes":
			handover = strings.Repeat("x", int(number(t, arg.Vals[0])))
		}
	}
	switch d.Cmd {
	case "goal":
		return s.goal(t, d, handover)
	case "lapsed":
		return Lapsed{Term: lease.Term(number(t, d.CmdArgs[0].Key))}
	case "shutdown":
		return Shutdown{}
	case "started":
		return started{Gen: gen}
	case "start-failed":
		return startFailed{Gen: gen, Err: text}
	case "stopped":
		return stopped{Gen: gen, Handover: []byte(handover), Err: text}
	case "broke":
		return broke{Gen: gen, Reason: text}
	case "exited":
		return exited{Gen: gen, Reason: text}
	case "expired":
		if d.CmdArgs[0].Key == "start" {
			return expired{Gen: gen, What: startDeadline}
		}
		return expired{Gen: gen, What: stopDeadline}
	}
	d.Fatalf(t, "unknown command %q", d.Cmd)
	return nil
}

// goal reads: goal active e7 takeover from=a1 term=2 handover=bytes
func (s *script) goal(t *testing.T, d *datadriven.TestData, handover string) Goal {
	g := Goal{Handover: []byte(handover)}
	for _, arg := range d.CmdArgs {
		switch key := arg.Key; {
		case key == "from":
			g.From = arg.Vals[0]
		case key == "term":
			g.Term = lease.Term(number(t, arg.Vals[0]))
		case key == "handover":
		case key == "failover":
			g.Kind = app.Failover
		case key == "takeover":
			g.Kind = app.Takeover
		case key[0] == 'e':
			g.Epoch = number(t, key[1:])
		default:
			g.Want = want(t, key)
		}
	}
	return g
}

func want(t *testing.T, name string) Want {
	for i, w := range wants {
		if w == name {
			return Want(i)
		}
	}
	t.Fatalf("no want is called %q", name)
	return 0
}

func number(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
