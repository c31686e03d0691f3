package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/gdict"
	"github.com/gendac/gendac/gdict/gdicttest"
)

// keeper is a member with a dictionary that works.
type keeper struct {
	window
	*gdicttest.Member
}

// keep starts a member and returns it and a function that runs "gendac dict" on it.
func keep(t *testing.T) (*keeper, func(args ...string) (status int, stdout, stderr string)) {
	t.Helper()
	k := &keeper{Member: gdicttest.Start(t)}
	s, err := admin.NewServer("127.0.0.1:0", k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	return k, func(args ...string) (int, string, string) {
		t.Helper()
		return gendac(t, append([]string{"dict", args[0], "--admin", s.Addr()}, args[1:]...)...)
	}
}

// dictWorks runs a command that has to work and returns what it printed.
func dictWorks(t *testing.T, dict func(...string) (int, string, string), args ...string) string {
	t.Helper()
	status, stdout, stderr := dict(args...)
	if status != exitOK || stderr != "" {
		t.Fatalf("dict %q: %d %q %q", args, status, stdout, stderr)
	}
	return stdout
}

func TestDictGetPrintsWhatPutStored(t *testing.T) {
	_, dict := keep(t)
	rev := strings.TrimSpace(dictWorks(t, dict, "put", "orders/pair", "open"))
	if got := dictWorks(t, dict, "get", "orders/pair"); got != "open" {
		t.Errorf("get: %q", got)
	}
	for _, level := range []string{"local", "linearizable", "bounded=1m", "rev=" + rev} {
		if got := dictWorks(t, dict, "get", "orders/pair", "--read", level); got != "open" {
			t.Errorf("get --read %s: %q", level, got)
		}
	}
	want := fmt.Sprintf(`{"key":"orders/pair","value":"open","rev":%s}`+"\n", rev)
	if got := dictWorks(t, dict, "get", "orders/pair", "--json"); got != want {
		t.Errorf("get --json: %q, wanted %q", got, want)
	}
	if got := dictWorks(t, dict, "put", "k", "", "--json"); !strings.HasPrefix(got, `{"rev":`) {
		t.Errorf("put --json: %q", got)
	}
}

// TestDictIsSafeForAnyBytes: a value from stdin comes back byte for byte, and what is printed as lines stays one line each.
func TestDictIsSafeForAnyBytes(t *testing.T) {
	k, dict := keep(t)
	s, err := admin.NewServer("127.0.0.1:0", k)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	value := "line\nzero\x00 tab\t quote\" \xff\xfe"
	if status, stdout, stderr := gendacReading(t, value, "dict", "put", "k\n1", "--admin", s.Addr()); status != exitOK {
		t.Fatalf("put from stdin: %d %q %q", status, stdout, stderr)
	}
	if got := dictWorks(t, dict, "get", "k\n1"); got != value {
		t.Errorf("get: %q", got)
	}
	list := dictWorks(t, dict, "list")
	if fields := strings.Split(strings.TrimSuffix(list, "\n"), "\t"); len(fields) != 3 || fields[0] != `"k\n1"` || fields[2] != fmt.Sprintf("%q", value) {
		t.Errorf("list: %q", list)
	}
	var item struct {
		Key   string
		Bytes []byte `json:"value_base64"`
	}
	if err := json.Unmarshal([]byte(dictWorks(t, dict, "get", "k\n1", "--json")), &item); err != nil || string(item.Bytes) != value || item.Key != "k\n1" {
		t.Errorf("get --json: %+v, %v", item, err)
	}
	if status, _, stderr := gendacReading(t, strings.Repeat("x", maxValue+1), "dict", "put", "k", "--admin", s.Addr()); status != exitRun || !strings.Contains(stderr, "stdin: more than") {
		t.Errorf("too much on stdin: %d %q", status, stderr)
	}
}

func TestDictListPicks(t *testing.T) {
	k, dict := keep(t)
	if _, err := k.Dict().Store(t.Context(), "gendac/own", nil); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a1", "a2", "b1"} {
		dictWorks(t, dict, "put", key, "v")
	}
	for want, args := range map[string][]string{
		"a1 a2":    {"list", "a", "--keys"},
		"b1 a2":    {"list", "--keys", "--reverse", "--limit", "2"},
		"a2":       {"list", "--keys", "--from", "a2", "--to", "b"},
		"a1 a2 b1": {"list", "--keys", "--read", "linearizable"},
		"b1":       {"list", "--keys", "--prefix", "b"},

		"gendac/own":          {"list", "--keys", "g"},
		"a1 a2 b1 gendac/own": {"list", "--keys", "--all"},
	} {
		if got := strings.Join(strings.Fields(dictWorks(t, dict, args...)), " "); got != want {
			t.Errorf("%q: %q, wanted %q", args, got, want)
		}
	}
	if got := dictWorks(t, dict, "list", "b", "--json", "--keys"); !strings.HasPrefix(got, `{"key":"b1","rev":`) {
		t.Errorf("list --json --keys: %q", got)
	}
	if got := dictWorks(t, dict, "del", "--prefix", "a"); got != "2\n" {
		t.Errorf("del --prefix: %q", got)
	}
	if got := dictWorks(t, dict, "del", "--prefix", "a", "--json"); got != `{"erased":0}`+"\n" {
		t.Errorf("del --prefix --json: %q", got)
	}
}

// TestDictExitStatusSaysWhatWentWrong: programs can tell by the status, people by the one line.
func TestDictExitStatusSaysWhatWentWrong(t *testing.T) {
	k, dict := keep(t)
	first := strings.TrimSpace(dictWorks(t, dict, "cas", "k", "1", "--rev", "0"))
	for _, c := range []struct {
		status int
		line   string // what stderr is, or begins with if it ends in "..."
		args   []string
	}{
		{exitNotFound, `dict get: gdict: no such key: "none"`, []string{"get", "none"}},
		{exitConflict, `dict cas: gdict: key "k" exists already, at revision ` + first, []string{"cas", "k", "2", "--rev", "0"}},
		{exitConflict, `dict del: gdict: key "k" is at revision ` + first + `, wanted 999`, []string{"del", "k", "--rev", "999"}},
		{exitRun, `dict put: admin: the key is reserved for the cluster itself: "gendac/x"`, []string{"put", "gendac/x", "1"}},
		{exitRun, `dict get: gdict: read rev=1000000: ...`, []string{"get", "k", "--read", "rev=1000000", "--timeout", "1s"}},
		{exitUsage, `dict get: --read "soon": want local, linearizable, bounded=DURATION or rev=REVISION`, []string{"get", "k", "--read", "soon"}},
		{exitUsage, `dict get: --timeout 1m0s: want more than 0s and at most 10s`, []string{"get", "k", "--timeout", "1m"}},
		{exitUsage, `dict cas: required flag(s) "rev" not set; usage: gendac dict cas KEY [VALUE] --rev N [flags]`, []string{"cas", "k", "1"}},
		{exitUsage, `dict del: want either KEY, with --rev or without, or --prefix PREFIX`, []string{"del"}},
		{exitUsage, `dict del: want either KEY, with --rev or without, or --prefix PREFIX`, []string{"del", "k", "--prefix", "k"}},
		{exitUsage, `dict list: --limit -1: want 0 or more`, []string{"list", "--limit", "-1"}},
		{exitUsage, `dict list: want either PREFIX or --prefix, not both`, []string{"list", "a", "--prefix", "a"}},
		{exitUsage, `dict watch: want either PREFIX or --prefix, not both`, []string{"watch", "a", "--prefix", "a"}},
		{exitUsage, `dict export: /nowhere/backup: no such file or directory`, []string{"export", "/nowhere/backup"}},
		{exitUsage, `dict import: open /nowhere: no such file or directory`, []string{"import", "/nowhere"}},
	} {
		status, stdout, stderr := dict(c.args...)
		want, begins := strings.CutSuffix(c.line, "...")
		line := strings.TrimSuffix(strings.TrimPrefix(stderr, "gendac: "), "\n")
		if status != c.status || stdout != "" || strings.Contains(line, "\n") || (line != want && (!begins || !strings.HasPrefix(line, want))) {
			t.Errorf("dict %q: %d %q %q, wanted %d %q", c.args, status, stdout, stderr, c.status, c.line)
		}
	}
	k.Fail(genleader.ErrNoLeader)
	if status, _, stderr := dict("put", "k", "2"); status != exitNoLeader || !strings.Contains(stderr, "leader") {
		t.Errorf("without a leader: %d %q", status, stderr)
	}
	k.Fail(genleader.ErrUncertain)
	if status, _, stderr := dict("put", "k", "2"); status != exitUncertain {
		t.Errorf("an unknown outcome: %d %q", status, stderr)
	}
	if status, _, stderr := gendac(t, "dict", "fly"); status != exitUsage || stderr != "gendac: unknown command \"fly\" for \"gendac dict\"; see gendac dict --help\n" {
		t.Errorf("an unknown command: %d %q", status, stderr)
	}
	if status, _, _ := gendac(t, "dict", "get", "k", "--admin", closed(t)); status != exitRun {
		t.Errorf("nobody there: %d", status)
	}
}

// newcomer is a member that is not in its group yet.
type newcomer struct {
	window
	dict *gdict.Dict
}

func (n *newcomer) Dict() *gdict.Dict { return n.dict }
func (n *newcomer) Joined() error     { return fmt.Errorf("%w: %q is gathering", admin.ErrNotJoined, "a1") }

// TestDictIsNotEmptyBeforeThereIsOne: whoever asks a member that is not in its group yet is told, and gets no backup.
func TestDictIsNotEmptyBeforeThereIsOne(t *testing.T) {
	s, err := admin.NewServer("127.0.0.1:0", &newcomer{dict: gdict.New()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	backup := filepath.Join(t.TempDir(), "backup")
	for _, args := range [][]string{
		{"get", "k"},
		{"get", "k", "--read", "linearizable"},
		{"list"},
		{"list", "--json"},
		{"watch"},
		{"watch", "--rev", "0"},
		{"export", backup},
		{"export", backup, "--read", "local"},
	} {
		status, stdout, stderr := gendac(t, append([]string{"dict", args[0], "--admin", s.Addr()}, args[1:]...)...)
		want := "gendac: dict " + args[0] + ": admin: the member is not in its group yet, and has no dictionary: \"a1\" is gathering\n"
		if slices.Contains(args, "--json") {
			want = `{"error":"dict list: admin: the member is not in its group yet, and has no dictionary: \"a1\" is gathering","status":6}` + "\n"
		}
		if status != exitNoLeader || stdout != "" || stderr != want {
			t.Errorf("dict %q: %d %q %q", args, status, stdout, stderr)
		}
	}
	if files, _ := filepath.Glob(backup + "*"); len(files) != 0 {
		t.Errorf("left behind: %q", files)
	}
}

// TestDictWatchFollowsAndGoesOn: lines for people; JSON with what is needed to go on; an end that is no error.
func TestDictWatchFollowsAndGoesOn(t *testing.T) {
	k, dict := keep(t)
	rev := strings.TrimSpace(dictWorks(t, dict, "put", "a", "1"))
	stored, err := k.Dict().Store(t.Context(), "b", []byte("x\ty"))
	if err != nil {
		t.Fatal(err)
	}
	erased, err := k.Dict().Erase(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := watched(t, k, 3, "--rev", rev)
	want := fmt.Sprintf("put\tb\t%d\t\"x\\ty\"\ndel\ta\t%d\nsynced\t\t%d\n", stored, erased, erased)
	if status != exitOK || stderr != "" || stdout != want {
		t.Errorf("got %d %q %q, wanted %q", status, stdout, stderr, want)
	}
	status, stdout, _ = watched(t, k, 2, "--json", "--every", "b")
	want = fmt.Sprintf("{\"event\":\"put\",\"key\":\"b\",\"value\":\"x\\ty\",\"rev\":%d}\n{\"event\":\"synced\",\"rev\":%d,\"through\":%d}\n", stored, erased, erased)
	if status != exitOK || stdout != want {
		t.Errorf("got %d %q, wanted %q", status, stdout, want)
	}
	k.Dict().KeepHistory(0, 0)
	if status, stdout, stderr := watched(t, k, 1, "--rev", rev); status != exitRun || stdout != "" || !strings.Contains(stderr, "begin again with a whole watch") {
		t.Errorf("from before the history: %d %q %q", status, stdout, stderr)
	}
}

// TestDictWatchThatFailsSaysHowToGoOn: its member stops, and the line has the last revision that was shown whole.
func TestDictWatchThatFailsSaysHowToGoOn(t *testing.T) {
	k := &keeper{Member: gdicttest.Start(t)}
	s, err := admin.NewServer("127.0.0.1:0", k)
	if err != nil {
		t.Fatal(err)
	}
	rev, err := k.Dict().Store(t.Context(), "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	out := &counted{left: 2, end: func() { go func() { closed <- s.Close(t.Context()) }() }}
	var errs bytes.Buffer
	status := run(t.Context(), []string{"dict", "watch", "--admin", s.Addr()}, strings.NewReader(""), out, &errs)
	want := fmt.Sprintf("gendac: dict watch: admin: the member is stopping; go on with --rev %d\n", rev)
	if status != exitRun || errs.String() != want {
		t.Errorf("got %d %q, wanted %q", status, errs.String(), want)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// watched runs a watch until it has printed so many lines.
func watched(t *testing.T, k *keeper, lines int, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	s, err := admin.NewServer("127.0.0.1:0", k)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out := &counted{left: lines, end: cancel}
	var errs bytes.Buffer
	status = run(ctx, append([]string{"dict", "watch", "--admin", s.Addr()}, args...), strings.NewReader(""), out, &errs)
	return status, out.String(), errs.String()
}

// counted calls end when so many lines have been written.
type counted struct {
	bytes.Buffer
	left int
	end  func()
}

func (c *counted) Write(b []byte) (int, error) {
	if c.left -= bytes.Count(b, []byte("\n")); c.left == 0 {
		c.end()
	}
	return c.Buffer.Write(b)
}

func TestDictExportAndImport(t *testing.T) {
	_, from := keep(t)
	_, to := keep(t)
	for i := range 5 {
		dictWorks(t, from, "put", fmt.Sprintf("orders/%d", i), strings.Repeat("x", i))
	}
	dictWorks(t, from, "put", "other", "y")
	name := filepath.Join(t.TempDir(), "backup")
	said := dictWorks(t, from, "export", name, "--prefix", "orders/")
	if !strings.HasPrefix(said, name+": 5 entries as of revision ") {
		t.Errorf("export: %q", said)
	}
	if again := dictWorks(t, from, "import", name, "--check"); again != said {
		t.Errorf("import --check: %q, wanted %q", again, said)
	}
	if said := dictWorks(t, to, "import", name, "--under", "old/", "--after", "orders/0"); said != "4 entries stored, 1 left out\n" {
		t.Errorf("import: %q", said)
	}
	if keys := strings.Fields(dictWorks(t, to, "list", "--keys")); strings.Join(keys, " ") != "old/orders/1 old/orders/2 old/orders/3 old/orders/4" {
		t.Errorf("it has %q", keys)
	}
	var report struct{ Stored, Skipped int }
	if err := json.Unmarshal([]byte(dictWorks(t, to, "import", name, "--json", "--prefix", "none")), &report); err != nil || report.Stored != 0 || report.Skipped != 5 {
		t.Errorf("import --json: %+v, %v", report, err)
	}
	if status, _, stderr := from("export", name); status != exitUsage || !strings.Contains(stderr, "exists already") {
		t.Errorf("export onto a file: %d %q", status, stderr)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := to("import", name); status != exitRun || !strings.Contains(stderr, "offset ") {
		t.Errorf("a damaged file: %d %q", status, stderr)
	}
	if files, _ := filepath.Glob(name + "*"); len(files) != 1 {
		t.Errorf("left behind: %q", files)
	}
}

// TestDictExportIsCurrentUnlessTold: without a leader there is no backup, and one of what a member has is said to be old.
func TestDictExportIsCurrentUnlessTold(t *testing.T) {
	k, dict := keep(t)
	k.Fail(genleader.ErrNoLeader)
	name := filepath.Join(t.TempDir(), "backup")
	if status, stdout, stderr := dict("export", name); status != exitNoLeader || stdout != "" || !strings.Contains(stderr, "no leader") {
		t.Errorf("without a leader: %d %q %q", status, stdout, stderr)
	}
	status, stdout, stderr := dict("export", name, "--read", "local")
	want := "gendac: dict export: --read local: what this member has may be old\n"
	if status != exitOK || !strings.HasPrefix(stdout, name+": 0 entries") || stderr != want {
		t.Errorf("--read local: %d %q %q", status, stdout, stderr)
	}
}

// TestDictImportThatFailsSaysHowToGoOn: the line names the key, and with it the rest follows.
func TestDictImportThatFailsSaysHowToGoOn(t *testing.T) {
	_, from := keep(t)
	for i := range 70 { // more than a batch
		dictWorks(t, from, "put", fmt.Sprintf("k%02d", i), strings.Repeat("v", 10_000))
	}
	name := filepath.Join(t.TempDir(), "backup")
	dictWorks(t, from, "export", name)
	k := &keeper{Member: gdicttest.Start(t, gdict.MaxTotal(680_000))} // fewer than 68 entries
	s, err := admin.NewServer("127.0.0.1:0", k)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	status, _, stderr := gendac(t, "dict", "import", name, "--admin", s.Addr())
	if status != exitRun || !strings.Contains(stderr, `stored are 64 entries: go on with --after "k63"`) {
		t.Errorf("got %d %q", status, stderr)
	}
}
