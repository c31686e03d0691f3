package docs

import (
	"os"
	"strings"
	"testing"
)

const readmeLines = 120

func TestTheFirstProgramOfTheReadmeIsTheOneThatRuns(t *testing.T) {
	readme, program := readFile(t, "../README.md"), readFile(t, "../examples/hello/main.go")
	_, code, found := strings.Cut(program, "\npackage main\n")
	if !found {
		t.Fatal("examples/hello/main.go does not say package main")
	}
	if block := codeBlock(readme, "go", "package main\n"); block != "package main\n"+code {
		t.Errorf("README.md shows this instead of examples/hello/main.go:\n%s", block)
	}
}

func TestTheReadmeIsShort(t *testing.T) {
	if n := strings.Count(readFile(t, "../README.md"), "\n"); n > readmeLines {
		t.Errorf("README.md has %d lines, want at most %d", n, readmeLines)
	}
}

// TestEveryDocumentCanBeFound: nobody reads what no page leads to.
func TestEveryDocumentCanBeFound(t *testing.T) {
	for _, c := range []struct{ dir, page, prefix string }{
		{".", "../README.md", "docs/"},
		{"decisions", "decisions/README.md", ""},
	} {
		entries, err := os.ReadDir(c.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			link := "](" + c.prefix + e.Name() + ")"
			if strings.HasSuffix(e.Name(), ".md") && e.Name() != "README.md" && !strings.Contains(readFile(t, c.page), link) {
				t.Errorf("%s has no link %s", c.page, link)
			}
		}
	}
}

// codeBlock returns the first fenced block of that language that begins with prefix.
func codeBlock(text, language, prefix string) string {
	for _, rest := range strings.Split(text, "```"+language+"\n")[1:] {
		block, _, _ := strings.Cut(rest, "```")
		if strings.HasPrefix(block, prefix) {
			return block
		}
	}
	return ""
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
