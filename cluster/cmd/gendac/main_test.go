package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/porttest"
)

const goodSpec = `cluster: demo
members:
  a1: {addr: "127.0.0.1:0"}
  b1: {addr: "127.0.0.1:1"}
  w1: {addr: "127.0.0.1:2", witness: true}
applications:
  daemon: {command: [sleep, "1000"]}
groups:
  - {name: pair, members: [a1, b1], pair: {active: [daemon], standby: [daemon]}}
`

// write puts a specification into a file and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cluster.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// gendac runs the program and returns its exit status and what it said.
func gendac(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return gendacReading(t, "", args...)
}

// gendacReading is gendac with something on its stdin.
func gendacReading(t *testing.T, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out, err bytes.Buffer
	status = run(ctx, args, strings.NewReader(stdin), &out, &err)
	return status, out.String(), err.String()
}

func TestWhatTheUserDidWrongIsOneLineAndStatus2(t *testing.T) {
	good := write(t, goodSpec)
	change := func(from, to string) string { return write(t, strings.Replace(goodSpec, from, to, 1)) }
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":      {[]string{"fly"}, `unknown command "fly" for "gendac"; see gendac --help`},
		"mistyped command":     {[]string{"statsu"}, `unknown command "statsu" for "gendac": did you mean status?; see gendac --help`},
		"mistyped subcommand":  {[]string{"dict", "gett"}, `unknown command "gett" for "gendac dict": did you mean get?; see gendac dict --help`},
		"mistyped flag":        {[]string{"status", "--timeuot", "1s"}, `status: unknown flag: --timeuot: did you mean --timeout?; usage: gendac status [flags]`},
		"admin for everybody":  {[]string{"node", "-f", good, "--name", "a1", "--admin", "0.0.0.0:0"}, `node: --admin: admin: address "0.0.0.0:0": not a loopback address; the admin API has no passwords, use 127.0.0.1:PORT, [::1]:PORT or unix:PATH`},
		"unknown flag":         {[]string{"status", "--colour"}, `status: unknown flag: --colour; usage: gendac status [flags]`},
		"superfluous argument": {[]string{"status", "a1"}, `status: takes no argument "a1"; usage: gendac status [flags]`},
		"no group":             {[]string{"switchover"}, `switchover: accepts 1 arg(s), received 0; usage: gendac switchover GROUP [flags]`},
		"bad duration":         {[]string{"switchover", "pair", "--wait", "soon"}, `switchover: invalid argument "soon" for "--wait" flag: time: invalid duration "soon"; usage: gendac switchover GROUP [flags]`},
		"negative duration":    {[]string{"switchover", "pair", "--wait", "-1s"}, `switchover: --wait -1s: want 0s or more`},
		"group of no name":     {[]string{"group", "show"}, `group show: accepts 1 arg(s), received 0; usage: gendac group show GROUP [flags]`},
		"transfer to nobody":   {[]string{"group", "transfer", "orders"}, `group transfer: required flag(s) "to" not set; usage: gendac group transfer GROUP --to MEMBER [flags]`},
		"transfer to no name":  {[]string{"group", "transfer", "orders", "--to", ""}, `group transfer: --to "": want the name of a member`},
		"group without name":   {[]string{"group", "show", ""}, `group show: GROUP is empty; usage: gendac group show GROUP [flags]`},
		"key without name":     {[]string{"dict", "put", "", "x"}, `dict put: KEY is empty; usage: gendac dict put KEY [VALUE] [flags]`},
		"negative value":       {[]string{"dict", "put", "n", "-5"}, `dict put: unknown shorthand flag: '5' in -5: put -- before an argument that begins with -; usage: gendac dict put KEY [VALUE] [flags]`},
		"file without flag":    {[]string{"check", "c.yaml"}, `check: takes no argument "c.yaml": put -f before the name of a file; usage: gendac check -f FILE [flags]`},
		"no port":              {[]string{"status", "--admin", "a1"}, `status: --admin "a1": want HOST:PORT or unix:PATH`},
		"nowhere to switch":    {[]string{"switchover", "pair", "--admin", ""}, `switchover: --admin "": want HOST:PORT or unix:PATH`},
		"bad address":          {[]string{"status", "--admin", "no port:1"}, `status: admin: bad request: address "no port:1": invalid character " " in host name`},
		"transfer for ever":    {[]string{"group", "transfer", "orders", "--to", "b1", "--timeout", "1m"}, `group transfer: --timeout 1m0s: want more than 0s and at most 10s`},
		"bad output":           {[]string{"status", "-o", "xml"}, `status: --output "xml": want table or json`},
		"two outputs":          {[]string{"status", "--json", "-o", "table"}, `{"error":"status: want either --json or --output table, not both","status":2}`},
		"status for ever":      {[]string{"status", "--timeout", "1m"}, `status: --timeout 1m0s: want more than 0s and at most 10s`},
		"stop at once":         {[]string{"stop", "--wait", "0s"}, `stop: --wait 0s: want more than 0s`},
		"ready before":         {[]string{"ready", "--wait", "-1s"}, `ready: --wait -1s: want 0s or more`},
		"stop of whom":         {[]string{"ok-to-stop"}, `ok-to-stop: accepts 1 arg(s), received 0; usage: gendac ok-to-stop MEMBER [flags]`},
		"no specification":     {[]string{"check"}, `check: required flag(s) "file" not set; usage: gendac check -f FILE [flags]`},
		"no such file":         {[]string{"check", "-f", "/nowhere/cluster.yaml"}, `spec: open FILE: no such file or directory`},
		"no name":              {[]string{"node", "-f", good}, `node: required flag(s) "name" not set; usage: gendac node -f FILE --name MEMBER [flags]`},
		"unknown member":       {[]string{"node", "-f", good, "--name", "c1"}, `node: --name "c1": not a member of cluster demo, which has a1, b1, w1`},
		"bad discovery":        {[]string{"node", "-f", good, "--name", "a1", "--discovery", "dns"}, `node: --discovery "dns": want static or consul`},
		"bad level":            {[]string{"node", "-f", good, "--name", "a1", "--log-level", "loud"}, `node: --log-level "loud": want debug, info, warn or error`},
		"bad format":           {[]string{"node", "-f", good, "--name", "a1", "--log-format", "xml"}, `node: --log-format "xml": want text or json`},
		"half of TLS":          {[]string{"node", "-f", good, "--name", "a1", "--tls-cert", good}, `node: --tls-key: missing; --tls-cert, --tls-key and --tls-ca go together`},
		"two places for state": {[]string{"node", "-f", good, "--name", "a1", "--data", "/d", "--memory"}, `node: --data "/d" and --memory: give one of the two; a member keeps its state in a directory or in memory`},
		"no token file":        {[]string{"node", "-f", good, "--name", "a1", "--discovery", "consul", "--consul-token-file", "/nowhere/token"}, `node: --consul-token-file: stat /nowhere/token: no such file or directory`},
		"half a certificate":   {[]string{"node", "-f", good, "--name", "a1", "--discovery", "consul", "--consul-cert", good}, `node: --consul-cert and --consul-key go together`},
		"unknown field": {
			[]string{"check", "-f", change("members:", "timings: {}\nmembers:")},
			`FILE: spec: timings: unknown field: here may stand cluster, timing, electorate, members, applications, roles, groups, trust_refusals (line 2)`,
		},
		"duplicate slot": {
			[]string{"check", "-f", change("active: [daemon]", "active: [daemon, daemon]")},
			`FILE: spec: groups[0].pair.active[1]: "daemon": duplicate slot: the application is in this list already (line 9)`,
		},
		"lease too long": {
			[]string{"node", "-f", change("members:", "timing: {lease: 2s}\nmembers:"), "--name", "a1"},
			`FILE: spec: timing.lease: "2s": longer than the failover margin allows: lease + clock_margin (400ms) may be at most start_after (1.3s) (line 2)`,
		},
		"nobody registered it": {
			[]string{"node", "-f", change(`{command: [sleep, "1000"]}`, "{}"), "--name", "a1"},
			`spec: applications.daemon: nobody registered this application: register it under this name, or give it a command`,
		},
		"no address": {
			[]string{"node", "-f", change(`b1: {addr: "127.0.0.1:1"}`, "b1: {}"), "--name", "a1"},
			`spec: members.b1.addr: missing, and static discovery needs it: add host:port or use --discovery consul`,
		},
		"no address of our own": {
			[]string{"node", "-f", change(`a1: {addr: "127.0.0.1:0"}`, "a1: {}"), "--name", "a1", "--discovery", "consul"},
			`node: --bind: needed, the specification has no addr for member "a1"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := gendac(t, c.args...)
			for i, arg := range c.args {
				if arg == "-f" {
					stderr = strings.ReplaceAll(stderr, c.args[i+1]+":", "FILE:")
				}
			}
			want := "gendac: " + c.want + "\n"
			if strings.HasPrefix(c.want, "{") { // JSON was asked for
				want = c.want + "\n"
			}
			if status != exitUsage || stdout != "" || stderr != want {
				t.Errorf("gendac %s\n got %d %q %q\nwant %d \"\" %q", strings.Join(c.args, " "), status, stdout, stderr, exitUsage, want)
			}
		})
	}
}

// TestAMemberWithoutAPlaceForItsStateIsNotStarted: it does not run in memory instead.
func TestAMemberWithoutAPlaceForItsStateIsNotStarted(t *testing.T) {
	for _, variable := range []string{"STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"} {
		t.Setenv(variable, "")
	}
	status, stdout, stderr := gendac(t, "node", "-f", write(t, goodSpec), "--name", "a1")
	const want = "gendac: node: no directory for the state: STATE_DIRECTORY, XDG_STATE_HOME and HOME are not set; give --data DIR, or --memory to keep nothing\n"
	if status != exitUsage || stdout != "" || stderr != want {
		t.Errorf("%d %q %q, want %q", status, stdout, stderr, want)
	}
}

func TestCheckSaysWhatIsInTheSpecificationAndWarns(t *testing.T) {
	file := write(t, goodSpec)
	status, stdout, stderr := gendac(t, "check", "-f", file)
	want := file + ": cluster demo is right: 3 members, 1 group, 1 application\n"
	if status != exitOK || stdout != want || stderr != "" {
		t.Errorf("got %d %q %q, want 0 %q", status, stdout, stderr, want)
	}
	want = fmt.Sprintf(`{"file":%q,"cluster":"demo","members":3,"groups":1,"applications":1,"warnings":[]}`+"\n", file)
	if status, stdout, _ := gendac(t, "check", "--json", "-f", file); status != exitOK || stdout != want {
		t.Errorf("--json: got %d %q, want %q", status, stdout, want)
	}
	two := write(t, strings.Replace(goodSpec, "  w1: {addr: \"127.0.0.1:2\", witness: true}\n", "", 1))
	status, stdout, _ = gendac(t, "check", "-f", two)
	if status != exitOK || !strings.HasPrefix(stdout, "warning: ") {
		t.Errorf("two voters: got %d %q, want a warning and status 0", status, stdout)
	}
}

func TestHelpAndVersion(t *testing.T) {
	for _, c := range [][]string{
		{"--help"},
		{"node", "--help"},
		{"status", "-h"},
		{"switchover", "-h"},
		{"check", "-h"},
		{},
		{"dict"},
		{"dict", "get", "-h"},
		{"dict", "put", "-h"},
		{"dict", "del", "-h"},
		{"dict", "cas", "-h"},
		{"dict", "list", "-h"},
		{"dict", "watch", "-h"},
		{"dict", "export", "-h"},
		{"dict", "import", "-h"},
		{"group"},
		{"group", "list", "-h"},
		{"group", "show", "-h"},
		{"group", "transfer", "-h"},
	} {
		status, stdout, stderr := gendac(t, c...)
		if status != exitOK || stderr != "" || !strings.Contains(stdout, "Usage:") || strings.Contains(stdout, "guard") {
			t.Errorf("gendac %v: got %d %q %q, want help without the hidden command", c, status, stdout, stderr)
		}
		for line := range strings.Lines(stdout) {
			if len(line) > 140 {
				t.Errorf("gendac %v: a line of %d characters: %s", c, len(line), line)
			}
		}
	}
	status, stdout, _ := gendac(t, "version")
	if status != exitOK || !strings.HasPrefix(stdout, "gendac ") || strings.Count(stdout, "\n") != 1 {
		t.Errorf("version: got %d %q", status, stdout)
	}
	if again, other, _ := gendac(t, "--version"); again != exitOK || other != stdout {
		t.Errorf("--version: got %d %q, want what version prints, %q", again, other, stdout)
	}
	if status, stdout, _ := gendac(t, "version", "--json"); status != exitOK || !strings.HasPrefix(stdout, `{"go":"go`) {
		t.Errorf("version --json: got %d %q", status, stdout)
	}
}

// taken listens on a port until the test ends.
func taken(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// closed returns an address where nobody listens, nor comes to listen by chance.
func closed(t *testing.T) string {
	t.Helper()
	addr, err := porttest.Addr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// Whoever reads JSON from stdout finds errors as JSON on stderr, with the exit status.
func TestErrorsAreJSONWhereJSONWasAskedFor(t *testing.T) {
	nobody := closed(t)
	for want, args := range map[string][]string{
		`"status":2}`: {"status", "--json", "--timeout", "1m"},
		`"error":"status: unknown flag: --colour; usage: gendac status [flags]","status":2}`: {"status", "--colour", "--json"},
		`"status":1}`: {"status", "--json", "--admin", nobody},
		`{"error":"check: required flag(s) \"file\" not set; usage: gendac check -f FILE [flags]","status":2}`: {"check", "--json"},
	} {
		status, stdout, stderr := gendac(t, args...)
		var told struct {
			Error  string
			Status int
		}
		if err := json.Unmarshal([]byte(stderr), &told); err != nil || told.Error == "" || told.Status != status ||
			stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, want) {
			t.Errorf("gendac %v: %d %q %q, want one JSON object that ends in %s", args, status, stdout, stderr, want)
		}
	}
	if _, _, stderr := gendac(t, "status", "-o", "json", "--admin", nobody); !strings.HasPrefix(stderr, `{"error":`) {
		t.Errorf("--output json: %q", stderr)
	}
}
