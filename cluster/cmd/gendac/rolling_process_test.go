//go:build process

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
)

// runningInMemory starts a site in memory and writes a key to its dictionary. It returns the site and the epoch of its group.
func runningInMemory(t *testing.T) (*site, uint64) {
	t.Helper()
	s := newSite(t, "safe")
	for _, name := range []string{"a1", "b1", "w1"} {
		s.start(t, name)
	}
	s.await(t, "a1", "acting", pair("a1", "b1", "normal"))
	for _, name := range []string{"a1", "b1", "w1"} {
		s.ready(t, name)
	}
	s.must(t, "a1", "dict", "put", "eur", "kept")
	return s, s.epoch(t, "a1")
}

// must runs a command at a member, and wants it to succeed.
func (s *site) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	status, stdout, stderr := gendac(t, append(args, "--admin", s.running[name].admin)...)
	if status != exitOK {
		t.Fatalf("gendac %s at %s: %d %s%s", strings.Join(args, " "), name, status, stdout, stderr)
	}
	return stdout
}

func (s *site) ready(t *testing.T, name string) {
	t.Helper()
	if said := s.must(t, name, "ready", "--wait", "60s"); said != name+": ready\n" {
		t.Fatalf("ready: %q", said)
	}
}

func (s *site) epoch(t *testing.T, name string) uint64 {
	t.Helper()
	st, err := (admin.Client{Addr: s.running[name].admin}).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, _ := st.Group("pair")
	return g.Epoch
}

// ends waits until a member's process is over, and returns its exit status.
func (s *site) ends(t *testing.T, name string) int {
	t.Helper()
	p, over := s.running[name], make(chan struct{})
	go func() {
		_ = p.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s does not end:\n%s", name, p.log.String())
	}
	return p.ProcessState.ExitCode()
}

// kept wants the dictionary and the epochs of before.
func (s *site) kept(t *testing.T, before uint64) {
	t.Helper()
	for _, name := range []string{"a1", "b1", "w1"} {
		s.ready(t, name)
		if value := s.must(t, name, "dict", "get", "eur"); strings.TrimSpace(value) != "kept" {
			t.Errorf("%s: %q", name, value)
		}
		if now := s.epoch(t, name); now < before {
			t.Errorf("%s: epoch %d, and %d had acted", name, now, before)
		}
	}
}

// TestARollingRestartInMemoryThatWaitsForReadinessLosesNothing, with the commands of docs/operating.md.
func TestARollingRestartInMemoryThatWaitsForReadinessLosesNothing(t *testing.T) {
	s, before := runningInMemory(t)
	for _, name := range []string{"w1", "b1", "a1"} {
		s.must(t, "a1", "ok-to-stop", name)
		if said := s.must(t, name, "stop"); said != name+": stopped\n" {
			t.Errorf("stop: %q", said)
		}
		if status := s.ends(t, name); status != 0 {
			t.Errorf("%s ended with %d:\n%s", name, status, s.running[name].log.String())
		}
		s.start(t, name)
		s.ready(t, name)
	}
	s.kept(t, before)
}

// TestARollingRestartInMemoryThatDoesNotWaitIsHeldUpAndLosesNothing: SIGTERM, wait for the end, start, 0.2 s, the next one.
func TestARollingRestartInMemoryThatDoesNotWaitIsHeldUpAndLosesNothing(t *testing.T) {
	s, before := runningInMemory(t)
	for range 2 {
		for _, name := range []string{"a1", "b1", "w1"} {
			if err := s.running[name].Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if status := s.ends(t, name); status != 0 {
				t.Fatalf("%s ended with %d:\n%s", name, status, s.running[name].log.String())
			}
			s.start(t, name)
			time.Sleep(200 * time.Millisecond) // the script's; it waits for nothing
		}
	}
	s.kept(t, before)
}

// TestTheLastMemberInMemoryIsToldAndEndsWhenForced: nothing of it has stopped before. A second signal ends it at once and says so.
func TestTheLastMemberInMemoryIsToldAndEndsWhenForced(t *testing.T) {
	s, _ := runningInMemory(t)
	for _, name := range []string{"w1", "b1"} {
		s.must(t, name, "stop")
		s.ends(t, name)
	}
	status, _, stderr := gendac(t, "stop", "--wait", "1s", "--admin", s.running["a1"].admin)
	if status != exitConflict || !strings.Contains(stderr, "goes on running") || !strings.Contains(stderr, "b1 is away") {
		t.Errorf("stop of the last one: %d %s", status, stderr)
	}
	if status, _, stderr := gendac(t, "ok-to-stop", "a1", "--admin", s.running["a1"].admin); status != exitRun || !strings.Contains(stderr, "the majority") {
		t.Errorf("ok-to-stop: %d %s", status, stderr)
	}
	if value := s.must(t, "a1", "dict", "get", "eur"); strings.TrimSpace(value) != "kept" {
		t.Errorf("after a stop that was held: %q", value)
	}
	s.await(t, "a1", "still acting", func(st admin.Status) bool {
		i, _ := st.Instance("pair/daemon", "a1")
		return i.Role == "active" && i.Phase == "running"
	})
	p := s.running["a1"]
	for range 2 {
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // two signals at one moment are one
	}
	if status := s.ends(t, "a1"); status != exitRun || !strings.Contains(p.log.String(), "a second signal (terminated): ended at once") {
		t.Errorf("a second signal: %d\n%s", status, p.log.String())
	}
}

// TestAForcedStopEndsTheLastMember in order: it stops what it runs.
func TestAForcedStopEndsTheLastMember(t *testing.T) {
	s, _ := runningInMemory(t)
	for _, name := range []string{"w1", "b1"} {
		s.must(t, name, "stop", name)
		s.ends(t, name)
	}
	s.must(t, "a1", "stop", "--force")
	if status := s.ends(t, "a1"); status != 0 {
		t.Errorf("forced: %d\n%s", status, s.running["a1"].log.String())
	}
}
