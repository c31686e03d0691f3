package docs

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const genleaderDir = "../behaviours/genleader"

var (
	goFile      = regexp.MustCompile("`(\\w+\\.go)`")
	accountRow  = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(\\w+)` \\| `(\\w+\\.go)` \\|")
	coreField   = regexp.MustCompile(`(?m)^\t(\w+) +(\S+)`)
	phaseRow    = regexp.MustCompile(`(?m)^\t(\w+): +\{(.*)\},$`)
	phaseArrow  = regexp.MustCompile(`(?m)^(\w+) +-> (.+)$`)
	coreStruct  = regexp.MustCompile(`(?s)\ntype core struct \{\n(.*?)\n\}\n`)
	phasesAfter = regexp.MustCompile(`(?s)\nvar phasesAfter = .*?\{\n(.*?)\n\}\n`)
)

// TestEveryFileOfGenleaderHasARow: a newcomer finds each file in the page, and the page names no file that is gone.
func TestEveryFileOfGenleaderHasARow(t *testing.T) {
	_, table, found := strings.Cut(readFile(t, "internals-genleader.md"), "## Files")
	if !found {
		t.Fatal("the page has no table of files")
	}
	var listed []string
	for _, m := range goFile.FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1])
	}
	paths, err := filepath.Glob(genleaderDir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, path := range paths {
		if name := filepath.Base(path); !strings.HasSuffix(name, "_test.go") {
			there = append(there, name)
		}
	}
	slices.Sort(listed)
	if !slices.Equal(listed, there) {
		t.Errorf("the page lists\n%v\nthe package has\n%v", listed, there)
	}
}

// TestTheAccountsOfTheCoreAreWhatThePageSays: each row is a field of core, of that type, which that file declares.
func TestTheAccountsOfTheCoreAreWhatThePageSays(t *testing.T) {
	body := coreStruct.FindStringSubmatch(readFile(t, genleaderDir+"/core.go"))
	rows := accountRow.FindAllStringSubmatch(readFile(t, "internals-genleader.md"), -1)
	if body == nil || len(rows) < 15 {
		t.Fatalf("the core or the %d rows are not read right", len(rows))
	}
	fields := map[string]string{}
	for _, m := range coreField.FindAllStringSubmatch(body[1], -1) {
		fields[m[1]] = m[2]
	}
	for _, row := range rows {
		field, typ, file := row[1], row[2], row[3]
		if !strings.HasSuffix(fields[field], typ) && !strings.HasPrefix(fields[field], "["+typ) {
			t.Errorf("the page says that field %s of core is a %s, and it is a %q", field, typ, fields[field])
		}
		if !strings.Contains(readFile(t, filepath.Join(genleaderDir, file)), "\ntype "+typ+" ") {
			t.Errorf("the page says that %s declares %s, and it does not", file, typ)
		}
	}
}

// TestThePhasesAreWhatThePageSays.
func TestThePhasesAreWhatThePageSays(t *testing.T) {
	table := phasesAfter.FindStringSubmatch(readFile(t, genleaderDir+"/core_phase.go"))
	if table == nil {
		t.Fatal("core_phase.go declares no phasesAfter")
	}
	var declared, drawn []string
	for _, m := range phaseRow.FindAllStringSubmatch(table[1], -1) {
		if m[2] != "" {
			declared = append(declared, strings.ToLower(m[1]+" -> "+strings.ReplaceAll(m[2], ",", "")))
		}
	}
	for _, m := range phaseArrow.FindAllStringSubmatch(readFile(t, "internals-genleader.md"), -1) {
		drawn = append(drawn, m[1]+" -> "+m[2])
	}
	if len(declared) != 5 || !slices.Equal(declared, drawn) {
		t.Errorf("the code declares\n%s\nthe page draws\n%s", strings.Join(declared, "\n"), strings.Join(drawn, "\n"))
	}
}
