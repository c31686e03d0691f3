//go:build process

package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheStoryEndsWell runs the program as a reader would.
func TestTheStoryEndsWell(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "dictionary")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("\n%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, want := range []string{
		`a1, b1 and c1 start`, `(a1|b1|c1) leads; all three write`, `\d+ writes are acknowledged \(a1 \d+, b1 \d+, c1 \d+\)`,
		`kill -9 (a1|b1|c1)$`, `(a1|b1|c1) leads$`, `\d+ more are acknowledged; the longest time without one was \d`,
		`\d+ entries are found by a linearizable read: all \d+ acknowledged ones,`, `of which nobody was told`,
		`no acknowledged write is lost`,
	} {
		if i >= len(lines) || !regexp.MustCompile(`^ *\d+\.\d\d s  .*`+want).MatchString(lines[i]) {
			t.Errorf("line %d is not %q:\n%s", i+1, want, out)
			break
		}
	}
}
