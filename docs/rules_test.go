package docs

import (
	"slices"
	"strings"
	"testing"
)

// These tests show that the checks can fail.

const tables = "| package | owns | may import |\n|---|---|---|\n| `behaviours/a` | x | - |\n| `cluster/b` | y | `behaviours/...` |\n\n" +
	"| import path | only in | why |\n|---|---|---|\n| `example.com/m` | `cluster/...` | z |\n| `example.com/m/inner` | `behaviours/a` | z |\n| `example.com/t` | `tests` | z |\n"

func TestTheTablesAreUnderstood(t *testing.T) {
	ours, theirs := parseTable(tables, "package", 2), parseTable(tables, "import path", 1)
	if len(ours) != 2 || len(ours[0].allowed) != 0 || !slices.Equal(ours[1].allowed, []string{"behaviours/..."}) {
		t.Errorf("ours: %v", ours)
	}
	if len(theirs) != 3 || theirs[1].subject != "example.com/m/inner" || !slices.Equal(theirs[2].allowed, []string{"tests"}) {
		t.Errorf("theirs: %v", theirs)
	}
}

func TestForbiddenImportsAreFound(t *testing.T) {
	ours, theirs := parseTable(tables, "package", 2), parseTable(tables, "import path", 1)
	a := goPackage{ImportPath: "behaviours/a", Name: "a", GoFiles: []string{"a.go"}}
	b := goPackage{ImportPath: "cluster/b", Name: "b", GoFiles: []string{"b.go"}}
	with := func(p goPackage, imports, tests []string) goPackage {
		p.Imports, p.TestImports = imports, tests
		return p
	}
	support := goPackage{ImportPath: "cluster/btest", Name: "btest", GoFiles: []string{"b.go"}}
	for _, c := range []struct {
		packages []goPackage
		problem  string // part of the only one; "" for none
	}{
		{[]goPackage{a, b}, ""},
		{[]goPackage{a, with(b, []string{"behaviours/a", "fmt", "example.com/m/x"}, []string{"example.com/t"})}, ""},
		{[]goPackage{a}, "row for cluster/b"},
		{[]goPackage{a, b, support}, "cluster/btest has no row"},
		{[]goPackage{a, with(b, []string{"cluster/c"}, nil)}, "cluster/b imports cluster/c, which docs/architecture.md does not allow"},
		{[]goPackage{with(a, nil, []string{"cluster/b"}), b}, "imports point down only"},
		{[]goPackage{with(a, []string{"example.com/m"}, nil), b}, "which only [cluster/...] may"},
		{[]goPackage{a, with(b, []string{"example.com/m/inner/x"}, nil)}, "which only [behaviours/a] may"},
		{[]goPackage{a, with(b, []string{"example.com/t"}, nil)}, "which only [tests] may"},
		{[]goPackage{a, with(b, nil, []string{"example.org/new"})}, "does not list"},
	} {
		problems := slices.Concat(checkRows(c.packages, ours), checkOurs(c.packages, ours), checkTheirs(c.packages, theirs))
		if c.problem == "" && len(problems) != 0 || c.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0], c.problem)) {
			t.Errorf("want %q, got %q", c.problem, problems)
		}
	}
}

func TestBrokenLinksAreFound(t *testing.T) {
	text := []byte(`[a](architecture.md#floors) [b](https://example.com/x) [c](nowhere.md) [d](#here) [e](../go.mod "title")` +
		"`Of[K, V](dict)`\n```go\nOf[K, V](dict)\n```\n")
	if got := brokenLinks(".", text); !slices.Equal(got, []string{"nowhere.md"}) {
		t.Errorf("broken: %v, want only nowhere.md", got)
	}
}
