package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOnlyProcessTestsMeasureRealTime: a test file without the build tag "process" may sleep and measure only where its
// package has virtual time. Benchmarks, and the package that holds them, measure real time on purpose.
func TestOnlyProcessTestsMeasureRealTime(t *testing.T) {
	files := map[string][]string{} // directory to test files
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if err == nil && strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, filepath.Join("..", "bench")) {
			files[filepath.Dir(path)] = append(files[filepath.Dir(path)], path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d directories with tests, %v", len(files), err)
	}
	for _, paths := range files {
		var parsed []*ast.File
		set := token.NewFileSet()
		for _, path := range paths {
			f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
		}
		for _, at := range realTime(parsed) {
			t.Errorf("%v: real time: run it in testing/synctest, or give the file the build tag process", set.Position(at))
		}
	}
}

// realTime finds the calls that sleep or measure in the test files of one package.
func realTime(files []*ast.File) (found []token.Pos) {
	files = slices.DeleteFunc(slices.Clone(files), needsProcesses)
	if slices.ContainsFunc(files, hasVirtualTime) {
		return nil
	}
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Benchmark") {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"time.Sleep", "time.Since", "time.Tick"}, fmt.Sprintf("%v.%s", s.X, s.Sel.Name)) {
					found = append(found, s.Pos())
				}
				return true
			})
		}
	}
	return found
}

func needsProcesses(f *ast.File) bool {
	return slices.ContainsFunc(f.Comments, func(c *ast.CommentGroup) bool {
		return strings.HasPrefix(c.List[0].Text, "//go:build process")
	})
}

func hasVirtualTime(f *ast.File) bool {
	return slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
		return i.Path.Value == `"testing/synctest"` || strings.HasSuffix(i.Path.Value, `/actorstest"`)
	})
}

// TestRealTimeIsFound shows that the check can fail.
func TestRealTimeIsFound(t *testing.T) {
	const sleeps = "package p\nfunc wait() { time.Sleep(1) }\n"
	for _, c := range []struct {
		name  string
		files []string
		want  int
	}{
		{"a sleep", []string{sleeps}, 1},
		{"a measurement", []string{"package p\nfunc f() { _ = time.Since(began) }\n"}, 1},
		{"with the tag", []string{"//go:build process && linux\n\n" + sleeps}, 0},
		{"in virtual time", []string{sleeps, "package p\nimport \"testing/synctest\"\n"}, 0},
		{"virtual time with the tag only", []string{sleeps, "//go:build process\n\npackage p\nimport \"testing/synctest\"\n"}, 1},
		{"a benchmark", []string{"package p\nfunc BenchmarkX() { time.Sleep(1) }\n"}, 0},
	} {
		var files []*ast.File
		for _, text := range c.files {
			f, err := parser.ParseFile(token.NewFileSet(), "x_test.go", text, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		if got := realTime(files); len(got) != c.want {
			t.Errorf("%s: %d found, want %d", c.name, len(got), c.want)
		}
	}
}
