//go:build process

package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
)

// on runs "gendac dict" at a member of the site.
func (s *site) on(t *testing.T, member string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return gendac(t, append([]string{"dict", args[0], "--admin", s.running[member].admin}, args[1:]...)...)
}

func (s *site) works(t *testing.T, member string, args ...string) string {
	t.Helper()
	status, stdout, stderr := s.on(t, member, args...)
	if status != exitOK {
		t.Fatalf("dict %q at %s: %d %q %q", args, member, status, stdout, stderr)
	}
	return stdout
}

// TestTheDictionaryOutlivesAMember: what one member was told every member knows; a watch goes on at another member when its
// own has been killed; and a backup is restored.
func TestTheDictionaryOutlivesAMember(t *testing.T) {
	s := newSite(t, "fast")
	for _, name := range []string{"a1", "b1", "w1"} {
		s.start(t, name)
	}
	leader := ""
	s.await(t, "w1", "led", func(st admin.Status) bool {
		leader = st.Leader
		return s.running[leader] != nil
	})
	rev := strings.TrimSpace(s.works(t, "a1", "put", "orders/1", "open"))
	for _, name := range []string{"a1", "b1", "w1"} {
		if got := s.works(t, name, "get", "orders/1", "--read", "linearizable"); got != "open" {
			t.Errorf("%s reads %q", name, got)
		}
		if got := s.works(t, name, "get", "orders/1", "--read", "rev="+rev); got != "open" {
			t.Errorf("%s reads %q at revision %s", name, got, rev)
		}
	}
	through := s.follow(t, leader, 2) // the entry, and the end of what there is
	if status, _, stderr := s.on(t, "b1", "cas", "orders/1", "lost", "--rev", "1"); status != exitConflict {
		t.Errorf("cas at a wrong revision: %d %q", status, stderr)
	}

	_ = s.running[leader].Process.Kill()
	_ = s.running[leader].Wait() // killed
	delete(s.running, leader)
	left := "b1"
	if leader == left {
		left = "a1"
	}
	s.putUntilDone(t, left, "orders/2", "open")
	file := filepath.Join(t.TempDir(), "backup")
	s.works(t, left, "export", file)
	cmd := exec.Command(binary, "dict", "watch", "orders/", "--rev", through, "--json", "--admin", s.running[left].admin)
	if next := firstEvents(t, cmd, 1); next[0].Key != "orders/2" {
		t.Errorf("after %s the watch goes on with %+v", through, next)
	}
	if got := s.works(t, left, "del", "--prefix", "orders/"); got != "2\n" {
		t.Errorf("erased %q", got)
	}
	if got := s.works(t, left, "import", file); got != "2 entries stored, 0 left out\n" {
		t.Errorf("import: %q", got)
	}
	if got := s.works(t, "w1", "list", "orders/", "--keys", "--read", "linearizable"); got != "orders/1\norders/2\n" {
		t.Errorf("w1 lists %q", got)
	}
}

// putUntilDone stores while a new leader is elected. The status says whether to try again.
func (s *site) putUntilDone(t *testing.T, member, key, value string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		status, _, stderr := s.on(t, member, "put", key, value)
		if status == exitOK {
			return
		}
		if status != exitNoLeader && status != exitUncertain || time.Now().After(deadline) {
			t.Fatalf("put: %d %q", status, stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// follow watches at a member for some events and returns the revision to go on after.
func (s *site) follow(t *testing.T, member string, n int) (through string) {
	t.Helper()
	events := firstEvents(t, exec.Command(binary, "dict", "watch", "orders/", "--json", "--admin", s.running[member].admin), n)
	last := events[n-1]
	if last.Event != "synced" || last.Through == 0 {
		t.Fatalf("the watch shows %+v", events)
	}
	return fmt.Sprint(last.Through)
}

type watchEvent struct {
	Event, Key string
	Through    uint64
}

// firstEvents runs a watch, reads n events and ends it.
func firstEvents(t *testing.T, cmd *exec.Cmd, n int) []watchEvent {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	events := make([]watchEvent, n)
	for decoder, i := json.NewDecoder(stdout), 0; i < n; i++ {
		if err := decoder.Decode(&events[i]); err != nil {
			t.Errorf("event %d of %d: %v", i, n, err)
			break
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed
	return events
}
