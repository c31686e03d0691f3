//go:build process

package main

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// epochless is an epoch, which counts from the moment at which the cluster began.
var epochless = regexp.MustCompile(`epoch \d{13}$`)

// TestTheFirstProgramStartsActsAndStops runs the program as a reader of the README would, and ends it with a signal.
func TestTheFirstProgramStartsActsAndStops(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "hello")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hello := exec.Command(binary)
	stdout, err := hello.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hello.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(20*time.Second, func() { _ = hello.Process.Kill() })
	defer late.Stop()

	lines := bufio.NewScanner(stdout)
	says := func(want string) {
		t.Helper()
		if !lines.Scan() || epochless.ReplaceAllString(lines.Text(), "epoch N") != want {
			t.Errorf("said %q, want %q (%v)", lines.Text(), want, lines.Err())
		}
	}
	says("solo is active: normal, epoch N")
	if err := hello.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	says("solo stops, epoch N")
	for lines.Scan() {
		t.Errorf("said %q beyond that", lines.Text())
	}
	if err := hello.Wait(); err != nil {
		t.Error(err)
	}
}
