// Package docs holds no code: its tests hold the code to what architecture.md says.
package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gendac/gendac"

// A goPackage is what go list says about one package. Import paths of our own packages are cut to what follows the
// module's path.
type goPackage struct {
	ImportPath, Name, Dir              string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// A rule is one row of a table of architecture.md.
type rule struct {
	subject string   // the first column
	allowed []string // the patterns of the column that the rule is about
}

// floors from the lowest to the highest; a package's floor is the first element of its path.
var floors = []string{"behaviours", "gdict", "actors", "cluster", "bench", "examples"}

func TestImportsAreWhatArchitectureSays(t *testing.T) {
	packages := listPackages(t)
	ours, theirs := readTables(t)
	for _, problem := range slices.Concat(checkRows(packages, ours), checkOurs(packages, ours), checkTheirs(packages, theirs)) {
		t.Error(problem)
	}
}

// checkRows reports packages without a row and rows without a package.
func checkRows(packages []goPackage, rules []rule) (problems []string) {
	for _, p := range packages {
		if _, ok := find(rules, p.ImportPath); !ok && len(p.GoFiles) > 0 {
			problems = append(problems, fmt.Sprintf("package %s has no row in docs/architecture.md; add it with what it owns and may import", p.ImportPath))
		}
	}
	for _, r := range rules {
		if !slices.ContainsFunc(packages, func(p goPackage) bool { return p.ImportPath == r.subject }) {
			problems = append(problems, fmt.Sprintf("docs/architecture.md has a row for %s, which does not exist", r.subject))
		}
	}
	return problems
}

// checkOurs reports imports of our packages that the table does not allow, and those that point up.
func checkOurs(packages []goPackage, rules []rule) (problems []string) {
	for _, p := range packages {
		row, _ := find(rules, p.ImportPath)
		for _, path := range p.Imports {
			if inModule(path) && !matches(row.allowed, path) {
				problems = append(problems, fmt.Sprintf("%s imports %s, which docs/architecture.md does not allow it", p.ImportPath, path))
			}
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if inModule(path) && floor(path) > floor(p.ImportPath) {
				problems = append(problems, fmt.Sprintf("%s imports %s: imports point down only", p.ImportPath, path))
			}
		}
	}
	return problems
}

// checkTheirs reports imports from other modules that the second table does not allow.
func checkTheirs(packages []goPackage, rules []rule) (problems []string) {
	for _, p := range packages {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if inModule(path) || !strings.Contains(strings.Split(path, "/")[0], ".") {
				continue
			}
			row, listed := longest(rules, path)
			production := slices.Contains(p.Imports, path)
			support := slices.Contains(row.allowed, "tests") && strings.HasSuffix(p.Name, "test")
			switch {
			case !listed:
				problems = append(problems, fmt.Sprintf("%s imports %s, which docs/architecture.md does not list", p.ImportPath, path))
			case production && !support && !matches(row.allowed, p.ImportPath):
				problems = append(problems, fmt.Sprintf("%s imports %s, which only %v may", p.ImportPath, path, row.allowed))
			}
		}
	}
	return problems
}

func TestEveryPackageHasExactlyOnePackageComment(t *testing.T) {
	for _, p := range listPackages(t) {
		var commented []string
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Error(err)
			} else if file.Doc != nil {
				commented = append(commented, name)
			}
		}
		if len(p.GoFiles) > 0 && len(commented) != 1 {
			t.Errorf("%s has %d package comments %v, want exactly one", p.ImportPath, len(commented), commented)
		}
	}
}

// impure holds what no core may import, besides other people's modules.
var impure = []string{"log/...", "math/rand/...", "crypto/rand", "net/...", "os/...", "context"}

// pureModules are the modules of others that a core may import: they only compute.
var pureModules = []string{"go.etcd.io/raft/...", "google.golang.org/protobuf/...", "github.com/tidwall/btree/..."}

func TestCoresOnlyDecide(t *testing.T) {
	found := 0
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			if name != "core.go" && !strings.HasPrefix(name, "core_") {
				continue
			}
			found++
			for _, path := range importsOf(t, filepath.Join(p.Dir, name)) {
				foreign := strings.Contains(strings.Split(path, "/")[0], ".") && !inModule(path)
				if matches(impure, path) || foreign && !matches(pureModules, path) {
					t.Errorf("%s/%s imports %s: a core decides and does nothing else", p.ImportPath, name, path)
				}
			}
		}
	}
	if found == 0 {
		t.Fatal("no core.go found: this test looks in the wrong place")
	}
}

func importsOf(t *testing.T, file string) (paths []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range parsed.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, cut(path))
	}
	return paths
}

var link = regexp.MustCompile(`\]\(([^)\s#]+)(?:#[^)\s]*)?(?:\s+"[^"]*")?\)`)

func TestRelativeLinksLeadSomewhere(t *testing.T) {
	files := []string{"../README.md"}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, broken := range brokenLinks(filepath.Dir(file), text) {
			t.Errorf("%s links to %s, which does not exist", file, broken)
		}
	}
}

// quotedCode is what looks like a link at most by chance: F[K, V](x).
var quotedCode = regexp.MustCompile("(?s)```.*?```|`[^`\n]+`")

func brokenLinks(dir string, text []byte) (broken []string) {
	for _, m := range link.FindAllSubmatch(quotedCode.ReplaceAll(text, nil), -1) {
		target := string(m[1])
		if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(target))); err != nil {
			broken = append(broken, target)
		}
	}
	return broken
}

// listPackages returns every package of the module, with the imports of all its tests.
func listPackages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-tags", "process", "-json=ImportPath,Name,Dir,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = cut(p.ImportPath)
		for _, list := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			for i := range list {
				list[i] = cut(list[i])
			}
		}
		packages = append(packages, p)
	}
	if len(packages) < 2 {
		t.Fatalf("go list found only %v", packages)
	}
	return packages
}

func cut(path string) string { return strings.TrimPrefix(path, module+"/") }

// inModule reports whether a path, cut, is one of our packages.
func inModule(path string) bool { return floor(path) >= 0 }

func floor(path string) int { return slices.Index(floors, strings.Split(path, "/")[0]) }

// readTables returns the rows of the two tables of architecture.md: by package, and by import path of others.
func readTables(t *testing.T) (ours, theirs []rule) {
	t.Helper()
	text, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs = parseTable(string(text), "package", 2), parseTable(string(text), "import path", 1)
	if len(ours) == 0 || len(theirs) == 0 {
		t.Fatalf("architecture.md has %d and %d rows; this test no longer understands its tables", len(ours), len(theirs))
	}
	return ours, theirs
}

var code = regexp.MustCompile("`([^`]+)`")

// parseTable returns the rows below the table header that begins with title; column holds what the rule is about,
// counted from 0. Words in code quotes count, and the plain word tests.
func parseTable(text, title string, column int) (rules []rule) {
	inside := false
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case strings.TrimSpace(cells[0]) == title:
			inside = true
		case inside && len(cells) > column && code.MatchString(cells[0]):
			r := rule{subject: code.FindStringSubmatch(cells[0])[1]}
			for _, m := range code.FindAllStringSubmatch(cells[column], -1) {
				r.allowed = append(r.allowed, m[1])
			}
			rules = append(rules, r)
		}
	}
	return rules
}

func find(rules []rule, subject string) (rule, bool) {
	for _, r := range rules {
		if r.subject == subject {
			return r, true
		}
	}
	return rule{}, false
}

// longest returns the rule whose subject is the longest that path begins with, by whole elements.
func longest(rules []rule, path string) (best rule, ok bool) {
	for _, r := range rules {
		if matches([]string{r.subject + "/..."}, path) && len(r.subject) > len(best.subject) {
			best, ok = r, true
		}
	}
	return best, ok
}

// matches reports whether a pattern is path, or ends in /... and covers it.
func matches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		root, below := strings.CutSuffix(p, "/...")
		return path == root || below && strings.HasPrefix(path, root+"/")
	})
}
