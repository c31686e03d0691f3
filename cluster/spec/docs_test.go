package spec_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gendac/gendac/cluster/spec"
)

// TestTheReferenceIsTrue holds docs/spec.md to what there is: its examples are valid and raise no warning, each field and
// default that Validate fills is named, and every test that it names exists.
func TestTheReferenceIsTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/spec.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) != 3 {
		t.Errorf("%d examples, want 3", len(examples))
	}
	for _, example := range examples {
		s, err := spec.Parse([]byte(example[1]))
		if err != nil {
			t.Errorf("%v in\n%s", err, example[1])
		} else if warnings := s.Lint(); len(warnings) > 0 {
			t.Errorf("%q about\n%s", warnings, example[1])
		}
	}
	d := spec.DefaultTiming()
	for field, value := range map[string]spec.Duration{
		"heartbeat": d.Heartbeat, "election": d.Election, "lease": d.Lease, "clock_margin": d.ClockMargin, "settle": d.Settle,
	} {
		if row := "| `" + field + "` | " + value.String() + " |"; !strings.Contains(string(text), row) {
			t.Errorf("no row %s", row)
		}
	}
	tests := regexp.MustCompile("`([a-z]+(?:_[a-z]+){2,}|Test[A-Za-z]+)`").FindAllStringSubmatch(string(text), -1)
	if len(tests) < 20 {
		t.Errorf("only %d claims name a test", len(tests))
	}
	for _, test := range tests {
		if !testExists(t, test[1]) {
			t.Errorf("there is no test %s", test[1])
		}
	}
}

func testExists(t *testing.T, name string) bool {
	t.Helper()
	for _, dir := range []string{".", "../planner", "../controller", "../node", "../../actors/appctrl"} {
		for _, transcripts := range []string{"testdata", "testdata/leader", "testdata/local"} {
			if _, err := os.Stat(filepath.Join(dir, transcripts, name+".txt")); err == nil {
				return true
			}
		}
		paths, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			code, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(code), "func "+name+"(") {
				return true
			}
		}
	}
	return false
}
