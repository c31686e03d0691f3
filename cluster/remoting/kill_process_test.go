//go:build process

package remoting

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spawn starts a member as a process and returns it with its address.
func spawn(t *testing.T, name, bind string, peer *node) (*exec.Cmd, string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %s=%s", childVariable, name, bind, peer.cfg.Name, peer.Addr()))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s said nothing: %v", name, err)
	}
	return cmd, strings.TrimSpace(line)
}

// TestKillIsRefusedAtOnce kills a process again and again, each time restarted at the same address.
func TestKillIsRefusedAtOnce(t *testing.T) {
	a := startNode(t, Config{Name: "a"})
	a.Open()
	addr := "127.0.0.1:0"
	var took []time.Duration
	for round := 1; round <= 10; round++ {
		var b *exec.Cmd
		b, addr = spawn(t, "b", addr, a)
		a.SetPeers(map[string]string{"b": addr})
		a.awaitCount(t, "up b", round)
		start := time.Now()
		if err := b.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		a.awaitCount(t, "down b refused=true bye=false", round)
		took = append(took, time.Since(start))
		_ = b.Wait()
	}
	slices.Sort(took)
	t.Logf("kill -9 to LinkDown{Refused}: median %s, worst %s of %d", took[len(took)/2], took[len(took)-1], len(took))
}

// TestPauseIsNotDeath stops a process for less than keepalive needs: no word about the link, and it goes on afterwards.
func TestPauseIsNotDeath(t *testing.T) {
	a := startNode(t, Config{Name: "a"})
	a.Open()
	b, addr := spawn(t, "b", "127.0.0.1:0", a)
	a.SetPeers(map[string]string{"b": addr})
	a.await(t, "up b")
	if err := b.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	say(t, a, "b", "are you there?")
	time.Sleep(2 * time.Second) // the claim is about real silence on a real socket
	if got := a.notes(); len(got) != 1 {
		t.Fatalf("told during the pause: %q", got)
	}
	if err := b.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	a.await(t, "b: are you there?")
	if got := a.notes(); len(got) != 2 {
		t.Fatalf("told: %q", got)
	}
}

// TestLongPauseIsSilenceAndHeals: keepalive notices, the port still answers, so nobody is declared dead; then the link
// comes back in a new session of the same incarnation.
func TestLongPauseIsSilenceAndHeals(t *testing.T) {
	if testing.Short() {
		t.Skip("takes as long as keepalive does: 13 s")
	}
	a := startNode(t, Config{Name: "a"})
	a.Open()
	b, addr := spawn(t, "b", "127.0.0.1:0", a)
	a.SetPeers(map[string]string{"b": addr})
	a.await(t, "up b")
	start := time.Now()
	if err := b.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventuallyWithin(t, 30*time.Second, "link down", func() bool { return len(a.notes()) > 1 })
	t.Logf("SIGSTOP to LinkDown: %s", time.Since(start))
	if got := a.notes()[1]; got != "down b refused=false bye=false" {
		t.Fatalf("told %q", got)
	}
	if err := b.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	a.awaitCount(t, "up b", 2)
	t.Logf("SIGCONT to LinkUp: %s", time.Since(start))
	eventually(t, "a word arrives", func() bool {
		_ = a.Send("b", "say", []byte("welcome back"))
		return slices.Contains(a.notes(), "b: welcome back")
	})
}
