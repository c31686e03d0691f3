package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestWhatReturnsAnErrorDoesNotPanic holds exported functions to the rule about bad configuration.
func TestWhatReturnsAnErrorDoesNotPanic(t *testing.T) {
	functions := 0
	forEachSource(t, func(path, text string) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		n, problems := panicsBesideErrors(path, text)
		functions += n
		for _, p := range problems {
			t.Error(p)
		}
	})
	if functions < 300 {
		t.Errorf("only %d exported functions were looked at", functions)
	}
}

// panicsBesideErrors counts the exported functions of a file, and names those that return an error and panic themselves.
func panicsBesideErrors(path, text string) (functions int, problems []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
	if err != nil {
		return 0, []string{err.Error()}
	}
	for _, d := range file.Decls {
		f, is := d.(*ast.FuncDecl)
		if !is || !f.Name.IsExported() || f.Body == nil {
			continue
		}
		functions++
		if returnsError(f.Type) && panics(f.Body) {
			problems = append(problems, path+": "+f.Name.Name+" returns an error, and panics")
		}
	}
	return functions, problems
}

func returnsError(f *ast.FuncType) bool {
	if f.Results == nil {
		return false
	}
	for _, r := range f.Results.List {
		if name, is := r.Type.(*ast.Ident); is && name.Name == "error" {
			return true
		}
	}
	return false
}

func panics(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		call, is := n.(*ast.CallExpr)
		if is {
			name, plain := call.Fun.(*ast.Ident)
			found = found || plain && name.Name == "panic"
		}
		return true
	})
	return found
}

func TestPanicsBesideErrorsAreFound(t *testing.T) {
	for text, want := range map[string]int{
		"func F() error { panic(1) }":                                   1,
		"func F() (int, error) { if true { panic(1) }; return 0, nil }": 1,
		"func F() { panic(1) }":                                         0,
		"func F() error { return nil }":                                 0,
		"func f() error { panic(1) }":                                   0,
	} {
		if _, got := panicsBesideErrors("x.go", "package p\n"+text); len(got) != want {
			t.Errorf("%s: %q", text, got)
		}
	}
}
