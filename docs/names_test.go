package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// claimPages name the tests behind what they say.
var claimPages = []string{"failure.md", "gdict.md", "operating.md", "decisions/*.md"}

var (
	quotedTest   = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
	quotedScript = regexp.MustCompile("`([a-z0-9]+(?:_[a-z0-9]+){2,})(?:\\.txt)?`")
	declaredTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// TestNamedTestsExist: a claim whose test was renamed or removed is not a tested claim any more.
func TestNamedTestsExist(t *testing.T) {
	tests, scripts := allTests(t)
	for _, pattern := range claimPages {
		pages, err := filepath.Glob(pattern)
		if err != nil || len(pages) == 0 {
			t.Fatalf("no page %s (%v)", pattern, err)
		}
		for _, page := range pages {
			for _, missing := range unknownTests(readFile(t, page), tests, scripts) {
				t.Errorf("%s names the test %s, which does not exist", page, missing)
			}
		}
	}
}

func TestUnknownTestsAreFound(t *testing.T) {
	known := map[string]bool{"TestA1": true, "one_two_three": true}
	got := unknownTests("`TestA1` `one_two_three.txt` `TestB` `four_five_six`, `start_timeout`", known, known)
	if strings.Join(got, " ") != "TestB four_five_six" {
		t.Errorf("unknown: %q", got)
	}
}

// unknownTests returns the tests that a page names and that are in neither list.
func unknownTests(page string, tests, scripts map[string]bool) (missing []string) {
	for _, m := range quotedTest.FindAllStringSubmatch(page, -1) {
		if !tests[m[1]] {
			missing = append(missing, m[1])
		}
	}
	for _, m := range quotedScript.FindAllStringSubmatch(page, -1) {
		if !scripts[m[1]] {
			missing = append(missing, m[1])
		}
	}
	return missing
}

// allTests returns the names of all tests and of all files of testdata, whatever they are tagged with.
func allTests(t *testing.T) (tests, scripts map[string]bool) {
	t.Helper()
	tests, scripts = map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if name, is := strings.CutSuffix(d.Name(), ".txt"); is && strings.Contains(path, "testdata") {
			scripts[name] = true
		}
		if strings.HasSuffix(d.Name(), "_test.go") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range declaredTest.FindAllStringSubmatch(string(text), -1) {
				tests[m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests, scripts
}
