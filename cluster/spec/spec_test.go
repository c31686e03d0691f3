package spec_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"go.yaml.in/yaml/v4"

	"github.com/gendac/gendac/cluster/spec"
)

// TestScripts plays testdata/*.txt: `parse` prints the error or what the specification means, `lint` the warnings.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s, err := spec.Parse([]byte(d.Input))
			if err != nil {
				checkError(t, err)
				return err.Error() + "\n"
			}
			switch d.Cmd {
			case "parse":
				return describe(s)
			case "dump":
				out, err := yaml.Dump(s)
				if err != nil {
					t.Fatal(err)
				}
				return string(out)
			case "lint":
				return strings.Join(s.Lint(), "\n") + "\n"
			}
			d.Fatalf(t, "unknown command %s", d.Cmd)
			return ""
		})
	})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*spec.Error](err)
	if !ok || e.Problem == "" {
		t.Fatalf("not a *spec.Error with a problem: %#v", err)
	}
	if line := err.Error(); strings.ContainsAny(line, "\r\n") || !strings.HasPrefix(line, "spec: ") {
		t.Fatalf("not one line that begins with spec: %q", line)
	}
}

// describe prints what the groups resolve to.
func describe(s *spec.Spec) string {
	var b strings.Builder
	for _, g := range s.Groups {
		b.WriteString(g.Name + ": on " + strings.Join(g.Candidates(), " ") + " run " + strings.Join(s.Apps(g), " "))
		if standby := s.StandbyApps(g); standby != nil {
			b.WriteString(" standby " + strings.Join(standby, " "))
		}
		for _, is := range []struct {
			word string
			true bool
		}{{"sparse", g.Sparse()}, {"fast", s.Fast(g)}} {
			if is.true {
				b.WriteString(" " + is.word)
			}
		}
		b.WriteString("\n")
	}
	return b.String() + "ok\n"
}

var full = spec.Spec{
	Cluster: "demo",
	Members: map[string]spec.Member{
		"a1": {Addr: "127.0.0.1:7101"}, "b1": {Addr: "127.0.0.1:7102"}, "c1": {}, "w1": {Witness: true},
	},
	Applications: map[string]spec.Application{
		"switch": {Failover: spec.Fast, Restarts: new(0), Within: spec.Duration(time.Minute)},
		"daemon": {Command: []string{"/usr/bin/env", "sleep", "1000"}, Dir: "/tmp", Env: map[string]string{"PORT": "8080", "ON": "yes"}},
		"bill":   {StartTimeout: spec.Duration(1500 * time.Millisecond)},
	},
	Roles: map[string][]string{"front": {"switch", "daemon"}},
	Groups: []spec.Group{
		{Name: "pair", Members: []string{"b1", "a1"}, Pair: &spec.Pair{Active: []string{"front"}, Standby: []string{"switch"}}, Packed: new(false)},
		{Name: "solo", On: []spec.Tier{{"a1"}, {"c1", "b1"}}, Run: []string{"bill"}, FailoverDelay: spec.Duration(5 * time.Second)},
	},
}

func TestRoundTripThroughYAMLAndJSON(t *testing.T) {
	s := full
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	if d := s.Timing; d != spec.DefaultTiming() {
		t.Errorf("timing without a field is %+v", d)
	}
	asYAML, err := yaml.Dump(&s)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{asYAML, asJSON} {
		back, err := spec.Parse(text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if !reflect.DeepEqual(*back, s) {
			t.Errorf("came back as\n%+v\nnot\n%+v\nfrom\n%s", *back, s, text)
		}
	}
	var back spec.Spec
	if err := json.Unmarshal(asJSON, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, s) {
		t.Errorf("through encoding/json it came back as\n%+v\nnot\n%+v", back, s)
	}
	if !strings.Contains(string(asYAML), "start_timeout: 1.5s") || !strings.Contains(string(asYAML), "within: 1m\n") {
		t.Errorf("durations are not written with their unit:\n%s", asYAML)
	}
}

func TestRegistered(t *testing.T) {
	s := full
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	err := s.Registered(func(app string) bool { return app == "bill" })
	if e, ok := errors.AsType[*spec.Error](err); !ok || e.Field != "applications.switch" {
		t.Errorf("got %v, want an *Error for applications.switch; daemon has a command", err)
	}
	if err := s.Registered(func(string) bool { return true }); err != nil {
		t.Error(err)
	}
}

func TestGroupIsFoundByName(t *testing.T) {
	if g, ok := full.Group("solo"); !ok || g.Name != "solo" {
		t.Errorf("got %+v, %v", g, ok)
	}
	if g, ok := full.Group("front"); ok {
		t.Errorf("a role is not a group: %+v", g)
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cluster.yaml")
	if _, err := spec.Load(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("cluster: demo\nmembers: {a1: {colour: red}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := spec.Load(path)
	if e, ok := errors.AsType[*spec.Error](err); !ok || e.Field != "members.a1.colour" || e.Line != 2 || !strings.HasPrefix(err.Error(), path) {
		t.Errorf("unknown field: %v", err)
	}
	defer func() {
		if r := recover(); r == nil {
			t.Error("MustLoad did not panic")
		}
	}()
	spec.MustLoad(path)
}

func TestDurationText(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "1.3s": 1300 * time.Millisecond, "5m": 5 * time.Minute, "1h": time.Hour, "1h30m": 90 * time.Minute,
		"0s": 0, "10m": 10 * time.Minute, "1m40s": 100 * time.Second, "20h": 20 * time.Hour, "-5m": -5 * time.Minute,
	} {
		if got := spec.Duration(want).String(); got != text {
			t.Errorf("%v is written %q, want %q", want, got, text)
		}
		var back spec.Duration
		if err := back.UnmarshalText([]byte(text)); err != nil || back.Std() != want {
			t.Errorf("%q is read as %v, %v", text, back.Std(), err)
		}
	}
	for _, text := range []string{"", "0", "5", "5 s", "1day", "s"} {
		var d spec.Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, d)
		}
	}
}

// FuzzParse: whatever the bytes, Parse returns a valid Spec that survives being written, or a one-line *Error.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "parse\n") {
			input, _, _ := strings.Cut(part, "\n----\n")
			f.Add([]byte(input))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := spec.Parse(text)
		if err != nil {
			checkError(t, err)
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("valid once and not twice: %v", err)
		}
		describe(s)
		s.Lint()
		out, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := spec.Parse(out)
		if err != nil || !reflect.DeepEqual(back, s) {
			t.Fatalf("written as %s it is %+v, %v, and was %+v", out, back, err, s)
		}
	})
}
