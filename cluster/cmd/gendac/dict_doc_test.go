package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/gdict/gdicttest"
)

// TestTheDocumentedSessionIsWhatHappens runs the session of docs/gdict.md.
func TestTheDocumentedSessionIsWhatHappens(t *testing.T) {
	s, err := admin.NewServer("127.0.0.1:0", &keeper{Member: gdicttest.Start(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	t.Setenv("GENDAC_ADMIN", s.Addr())
	page, err := filepath.Abs("../../../docs/gdict.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if ran := runSession(t, page); ran < 10 {
		t.Errorf("only %d steps were found", ran)
	}
}

// runSession runs the session that a page shows, and returns how many steps it has. Numbers may differ from those on the
// page, each always by the same other one.
func runSession(t *testing.T, page string) (ran int) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```console\n")
	session, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatalf("%s has no session", page)
	}
	actual := map[string]string{} // numbers, by those on the page
	for _, step := range strings.Split(session, "$ gendac ")[1:] {
		line, want, _ := strings.Cut(step, "\n")
		args := strings.Fields(line)
		for i, arg := range args {
			if number, known := actual[arg]; known {
				args[i] = number
			}
		}
		status, stdout, stderr := gendac(t, args...)
		got := strings.TrimSuffix(stdout+stderr, "\n") + "\n"
		if status != exitOK {
			said := fmt.Sprintf("[exit status %d]\n", status)
			if want, found = strings.CutSuffix(want, said); !found {
				t.Errorf("gendac %s: exit status %d is not on the page", line, status)
			}
		}
		if problem := compare(want, got, actual); problem != "" {
			t.Errorf("gendac %s\n%s wanted\n%s%s", line, got, want, problem)
		}
		ran++
	}
	return ran
}

var number = regexp.MustCompile(`\d+`)

// compare returns what is different, but for numbers that stand for each other.
func compare(want, got string, actual map[string]string) string {
	if number.ReplaceAllString(want, "N") != number.ReplaceAllString(got, "N") {
		return "the words differ"
	}
	theirs := number.FindAllString(got, -1)
	for i, n := range number.FindAllString(want, -1) {
		if was, known := actual[n]; known && was != theirs[i] {
			return fmt.Sprintf("%s stands for both %s and %s", n, was, theirs[i])
		}
		actual[n] = theirs[i]
	}
	return ""
}
