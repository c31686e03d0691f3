//go:build process

package main_test

import (
	"os/exec"
	"regexp"
	"testing"
)

// TestAShortRunMeasuresSomething builds the command and takes every figure once.
func TestAShortRunMeasuresSomething(t *testing.T) {
	binary := t.TempDir() + "/figures"
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(binary, "-etcd", "", "-for", "300ms", "-callers", "16", "-elections", "1", "-keys", "1000").CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{
		`\| 16 \| [1-9]\d* \|`, `local read of one of 500 keys: [1-9]\d* ns, 0\.00 allocations`,
		`is killed \| [1-9][\d.]*m?s`, `is silent \| [1-9][\d.]*m?s`, `1000 keys .* [1-9]\d* bytes of heap per key`, `has them all again after`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("no match for %s in:\n%s", want, out)
		}
	}
}
