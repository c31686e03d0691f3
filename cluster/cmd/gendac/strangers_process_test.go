//go:build process

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
)

// A hermit is a member that needs nobody.
type hermit struct {
	process
	addr string
}

// settle starts a cluster of one member, under a shell's limits if any are given, and waits until it leads itself.
func settle(t *testing.T, limits string, args ...string) *hermit {
	t.Helper()
	return settleAt(t, closed(t), limits, args...)
}

// settleAt is settle with an admin API of one's choice.
func settleAt(t *testing.T, at, limits string, args ...string) *hermit {
	t.Helper()
	h := &hermit{process: process{admin: at}, addr: closed(t)}
	file := write(t, fmt.Sprintf(`cluster: demo
members:
  a1: {addr: %q}
applications:
  daemon: {command: [sleep, "1000"]}
groups:
  - {name: one, on: [a1], run: [daemon]}
`, h.addr))
	line := []string{"-c", limits + ` exec "$0" "$@"`, binary, "node", "-f", file, "--name", "a1", "--admin", h.admin}
	if !slices.Contains(args, "--data") {
		line = append(line, "--memory")
	}
	h.Cmd = exec.Command("/bin/sh", append(line, args...)...)
	h.Stderr = &h.log
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.Process.Kill()
		_ = h.Wait()
		if t.Failed() {
			t.Logf("a1:\n%s", h.log.String())
		}
	})
	h.await(t, "active", func(st admin.Status) bool { i, _ := st.Instance("one/daemon", "a1"); return i.Phase == "running" })
	return h
}

func (h *hermit) await(t *testing.T, want string, check func(admin.Status) bool) {
	t.Helper()
	site := site{running: map[string]*process{"a1": &h.process}}
	site.await(t, "a1", want, check)
}

// peak is the most memory that the process has had in use so far, in MiB.
func (h *hermit) peak(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib >> 10
		}
	}
	t.Fatalf("no VmHWM in %s", text)
	return 0
}

// acted is the epoch under which the member is active: it rises if the member has lost its lease in between.
func (h *hermit) acted(t *testing.T) (epoch uint64) {
	t.Helper()
	h.await(t, "active", func(st admin.Status) bool {
		i, _ := st.Instance("one/daemon", "a1")
		epoch = i.Epoch
		return i.Role == "active" && i.Phase == "running"
	})
	return epoch
}

// TestManyLargeRequestsCostLittle: eight requests of 16 MiB at once, of entries that are empty.
func TestManyLargeRequestsCostLittle(t *testing.T) {
	h := settle(t, "")
	before, epoch := h.peak(t), h.acted(t)
	body := []byte(`{"entries":[` + strings.Repeat("{},", 16<<20/3-8) + "{}]}")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			resp, err := http.Post("http://"+h.admin+"/v1/dict/entries", "application/json", bytes.NewReader(body))
			if err != nil {
				return // cut off in the middle of its body
			}
			defer resp.Body.Close()
			if text, _ := io.ReadAll(resp.Body); resp.StatusCode < 400 {
				t.Errorf("answered %d %s", resp.StatusCode, text)
			}
		})
	}
	all.Wait()
	after := h.peak(t)
	t.Logf("memory in use, at most: %d MiB before, %d MiB after", before, after)
	if after > before+64 {
		t.Errorf("eight requests took %d MiB", after-before)
	}
	if now := h.acted(t); now != epoch {
		t.Errorf("the member acted under epoch %d and acts under %d: it lost its lease", epoch, now)
	}
}

// TestTheSoftLimitOfDescriptorsIsRaised: to the hard one, when a member starts.
func TestTheSoftLimitOfDescriptorsIsRaised(t *testing.T) {
	h := settle(t, "ulimit -Sn 64; ulimit -Hn 512;")
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", h.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var soft, hard int
		if n, _ := fmt.Sscanf(line, "Max open files %d %d", &soft, &hard); n == 2 && (soft < 511 || hard != 512) {
			t.Errorf("of a soft limit of 64 and a hard one of 512: %s", line)
		}
	}
}

// TestASocketServesTheCommandLine: a member whose admin API is a Unix socket.
func TestASocketServesTheCommandLine(t *testing.T) {
	h := settleAt(t, "unix:"+filepath.Join(t.TempDir(), "a1.sock"), "")
	status, stdout, stderr := gendac(t, "status", "--admin", h.admin)
	if status != exitOK || !strings.Contains(stdout, "one/daemon") {
		t.Errorf("status: %d %q %q", status, stdout, stderr)
	}
	t.Setenv("GENDAC_ADMIN", h.admin)
	if status, _, stderr := gendac(t, "dict", "put", "k", "v"); status != exitOK {
		t.Errorf("dict put: %d %q", status, stderr)
	}
	if status, stdout, stderr := gendac(t, "dict", "get", "k"); status != exitOK || stdout != "v" {
		t.Errorf("dict get: %d %q %q", status, stdout, stderr)
	}
}

// TestIdleConnectionsLeaveTheDiskItsDescriptors: a member on disk that may have 64 descriptors, and 200 connections to each
// of its ports that say nothing.
func TestIdleConnectionsLeaveTheDiskItsDescriptors(t *testing.T) {
	h := settle(t, "ulimit -n 64;", "--data", filepath.Join(t.TempDir(), "data"))
	epoch := h.acted(t)
	for i := range 400 {
		addr := h.admin
		if i%2 == 0 {
			addr = h.addr
		}
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer conn.Close()
	}
	client := admin.Client{Addr: h.admin}.Dict()
	value := bytes.Repeat([]byte("x"), 1<<19)
	for i := range 200 { // enough for new segments and snapshots
		if _, err := client.Store(t.Context(), fmt.Sprintf("k%d", i%20), value); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
	}
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d descriptors are in use", len(entries))
	if now := h.acted(t); now != epoch {
		t.Errorf("epoch %d became %d", epoch, now)
	}
}

// TestHangUpIsNotTheEnd: SIGHUP, which a closed terminal sends, ends no member.
func TestHangUpIsNotTheEnd(t *testing.T) {
	h := settle(t, "")
	epoch := h.acted(t)
	for range 3 {
		if err := h.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // a default action would come sooner
	}
	if now := h.acted(t); now != epoch {
		t.Errorf("epoch %d became %d", epoch, now)
	}
}
