package main

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/examples/pair/observer"
)

func TestBadFlagsAreOneLineAndStatus2(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-failover", "slow"}, `-failover "slow": want fast or safe`},
		{[]string{"-discovery", "dns"}, `-discovery "dns": want static or consul`},
		{[]string{"-discovery", "consul", "-consul", "8500"}, `-consul "8500": want host:port`},
		{[]string{"-rounds", "0"}, `-rounds 0: want 1 or more`},
		{[]string{"-rounds", "many"}, `invalid value "many" for flag -rounds: parse error`},
		{[]string{"-hold", "-1s"}, `-hold, -p50 and -p99 take no negative durations`},
		{[]string{"-colour"}, `flag provided but not defined: -colour`},
		{[]string{"fly"}, `unexpected argument "fly"`},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), c.args, strings.NewReader(""), &stdout, &stderr)
		if want := "pair: " + c.want + "\n"; status != exitUsage || stderr.String() != want || stdout.Len() != 0 {
			t.Errorf("pair %v: got %d %q %q\nwant %d %q", c.args, status, stdout.String(), stderr.String(), exitUsage, want)
		}
	}
}

func TestHelpIsNoError(t *testing.T) {
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"-h"}, strings.NewReader(""), io.Discard, &stderr); status != exitOK {
		t.Errorf("status %d", status)
	}
	for _, want := range []string{"usage: pair [flags]", "-failover how", "-rounds N"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("help lacks %q:\n%s", want, stderr.String())
		}
	}
}

func TestAConsulThatIsNotThereIsNamed(t *testing.T) {
	ports, err := freePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	addr := ports[0]
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"-discovery", "consul", "-consul", addr}, strings.NewReader(""), &stdout, &stderr)
	want := "pair: no Consul agent at " + addr + ": connect: connection refused; start one with: consul agent -dev\n"
	if status != exitRun || stderr.String() != want || stdout.Len() != 0 {
		t.Errorf("got %d %q %q\nwant %d %q", status, stdout.String(), stderr.String(), exitRun, want)
	}
}

func TestTheSpecificationIsRightAndKnowsAddressesOnlyWhenStatic(t *testing.T) {
	addrs := []string{"127.0.0.1:1001", "127.0.0.1:1002", "127.0.0.1:1003"}
	for _, o := range []options{
		{failover: "fast", discovery: "static"},
		{failover: "safe", discovery: "static"},
		{failover: "fast", discovery: "consul"},
		{failover: "safe", discovery: "consul"},
	} {
		s, err := spec.Parse([]byte(specFor(o, addrs)))
		if err != nil {
			t.Errorf("%+v: %v", o, err)
			continue
		}
		g, _ := s.Group(group)
		if s.Fast(g) != (o.failover == "fast") || !s.Members[witness].Witness || s.Members["a1"].Witness {
			t.Errorf("%+v gives %+v", o, s)
		}
		for i, name := range names {
			want := addrs[i]
			if o.discovery == "consul" {
				want = ""
			}
			if s.Members[name].Addr != want {
				t.Errorf("%+v: address of %s is %q, want %q", o, name, s.Members[name].Addr, want)
			}
		}
	}
}

// moves makes one kill per outage, in milliseconds.
func moves(outages ...float64) []Event {
	var events []Event
	for _, ms := range outages {
		events = append(events, Event{Event: "kill", From: "a1", To: "b1", Outage: ms})
	}
	return events
}

func TestPercentilesAreMeasuredFigures(t *testing.T) {
	events := moves(30, 10, 20, 40)
	events = append(events, Event{Event: "restart", From: "a1", To: "a1", Outage: 999}, Event{Event: "start", To: "a1"})
	got := spread(events)
	if want := (Outages{Count: 4, P50: 20, P99: 40, Max: 40}); got["kill"] != want || len(got) != 1 {
		t.Errorf("got %+v, want kill %+v and nothing else", got, want)
	}
	if one := spread(moves(7))["kill"]; one != (Outages{1, 7, 7, 7}) {
		t.Errorf("one outage: %+v", one)
	}
}

func TestBoundsOfTheOutageAreExpectations(t *testing.T) {
	events := moves(10, 20, 250)
	for _, c := range []struct {
		o    options
		want string
	}{
		{options{}, ""},
		{options{p50: 20 * time.Millisecond, p99: 250 * time.Millisecond}, ""},
		{options{p50: 19 * time.Millisecond}, "kill: expected an outage p50 of at most 19ms; saw 20.0 ms"},
		{options{p99: 200 * time.Millisecond}, "kill: expected an outage p99 of at most 200ms; saw 250.0 ms"},
	} {
		got := ""
		if err := checkBounds(c.o, events); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.o, got, c.want)
		}
	}
}

func TestTheSummaryIsAlignedAndAFailureSaysWhatWasExpected(t *testing.T) {
	r := Results{OK: true, Rounds: 4, Stall: 3.21, Events: append(
		[]Event{{Event: "start", To: "a1", Start: "normal", Epoch: 1}},
		Event{Round: 1, Event: "kill", From: "a1", To: "b1", Start: "failover(a1)", Epoch: 2, Outage: 12.34, Fenced: 1},
	)}
	r.Outages = spread(r.Events)
	var out bytes.Buffer
	r.table(&out)
	want := `
round  event  from  to  start         epoch  outage ms  overlap  fenced
0      start  -     a1  normal        1      -          0        0
1      kill   a1    b1  failover(a1)  2      12.3       0        1

outage of   count  p50 ms  p99 ms  max ms
kill        1      12.3    12.3    12.3
switchover  0      0.0     0.0     0.0
pause       0      0.0     0.0     0.0

longest time this machine did not run the driver: 3.2 ms
every expectation held
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	f := failureOf(errors.Join(&unmet{"kill", "b1 to act", "nobody does"}))
	f.Members, f.Dir = map[string]string{"a1": "follower"}, "/tmp/x"
	f.Logs = map[string][]string{"b1": {"last words"}}
	f.print(&out)
	want = `
pair: kill failed
  expected  b1 to act
  saw       nobody does
  a1  follower
  b1.log  last words
  everything is in /tmp/x
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestFreePortsDifferAndLieBelowTheEphemeralRange(t *testing.T) {
	ports, err := freePorts(6)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ports)
	if len(ports) != 6 || len(slices.Compact(slices.Clone(ports))) != 6 || ports[0] < "127.0.0.1:20000" || ports[5] >= "127.0.0.1:32000" {
		t.Errorf("got %v", ports)
	}
}

func TestAMoveMayBeNeitherEarlyNorLate(t *testing.T) {
	for _, c := range []struct {
		after observer.Spell
		want  string
	}{
		{observer.Spell{Member: "b1", Margin: 0, Outage: 1_600_000}, ""},
		{
			observer.Spell{Member: "b1", Margin: -1},
			"kill: expected b1 to begin no earlier than the lease of its predecessor had ended; saw it began 0.0 ms earlier",
		},
		{
			observer.Spell{Member: "b1", Margin: -20_000},
			"kill: expected b1 to begin no earlier than the lease of its predecessor had ended; saw it began 20.0 ms earlier",
		},
		{observer.Spell{Member: "b1", Outage: 1_600_001}, "kill: expected an outage of at most 1.6s; saw 1600.0 ms"},
	} {
		got := ""
		if err := errors.Join(notEarly("kill", c.after), notLonger("kill", c.after, 1600*time.Millisecond)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.after, got, c.want)
		}
	}
}
