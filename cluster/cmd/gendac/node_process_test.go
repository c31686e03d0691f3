//go:build process

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
)

// binary is the program under test, built once.
var binary string

// startWithin is promised for every bad start.
const startWithin = 5 * time.Second

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "gendac-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "gendac")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// A started member.
type process struct {
	*exec.Cmd
	admin string
	log   bytes.Buffer // to be read after the end
}

// A site is a cluster of three members on this machine, whose application writes down why it runs and then sleeps.
type site struct {
	file, diary string
	addrs       map[string]string
	running     map[string]*process
}

func newSite(t *testing.T, failover string) *site {
	t.Helper()
	s := &site{diary: filepath.Join(t.TempDir(), "diary"), addrs: map[string]string{}, running: map[string]*process{}}
	for _, name := range []string{"a1", "b1", "w1"} {
		s.addrs[name] = closed(t)
	}
	s.file = write(t, fmt.Sprintf(`cluster: demo
members:
  a1: {addr: %q}
  b1: {addr: %q}
  w1: {addr: %q, witness: true}
applications:
  daemon:
    failover: %s
    command: [/bin/sh, -c, 'echo "$GENDAC_ROLE $GENDAC_START $GENDAC_FROM $GENDAC_EPOCH $$" >> "$DIARY"; exec sleep 1000']
    env: {DIARY: %q}
groups:
  - {name: pair, members: [a1, b1], pair: {active: [daemon], standby: [daemon]}}
`, s.addrs["a1"], s.addrs["b1"], s.addrs["w1"], failover, s.diary))
	t.Cleanup(func() {
		for _, p := range s.running {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
		if t.Failed() {
			for name, p := range s.running {
				t.Logf("%s:\n%s", name, p.log.String())
			}
		}
	})
	return s
}

func (s *site) start(t *testing.T, name string, flags ...string) {
	t.Helper()
	p := &process{admin: closed(t)}
	args := []string{"node", "-f", s.file, "--name", name, "--admin", p.admin, "--memory"}
	p.Cmd = exec.Command(binary, append(args, flags...)...)
	p.Stderr = &p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	s.running[name] = p
}

// await asks a member until its status is as wanted.
func (s *site) await(t *testing.T, asked, want string, check func(admin.Status) bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		st, err := (admin.Client{Addr: s.running[asked].admin}).Status(t.Context())
		if err == nil && check(st) {
			return
		}
		if time.Now().After(deadline) {
			text, _ := json.MarshalIndent(st, "", "  ")
			t.Fatalf("never %s: %v %s", want, err, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// pair says that one member acts for a given reason and the other one stands by.
func pair(active, standby, start string) func(admin.Status) bool {
	return func(s admin.Status) bool {
		a, _ := s.Instance("pair/daemon", active)
		b, _ := s.Instance("pair/daemon", standby)
		return s.Leader != "" && a.Role == "active" && a.Phase == "running" && a.Start == start && b.Role == "standby" && b.Phase == "running"
	}
}

// leader returns the admin address of whoever leads.
func (s *site) leader(t *testing.T, ask string) string {
	t.Helper()
	leader := ""
	s.await(t, ask, "led", func(st admin.Status) bool {
		leader = st.Leader
		return s.running[leader] != nil
	})
	return leader
}

// acts waits until the last process that found itself active has found in its environment why, and returns its id. A
// process counts as running once it is there, which may be before it has written a word.
func (s *site) acts(t *testing.T, who, why string) (pid int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		found, pid := s.lastActive(t)
		if strings.HasPrefix(found+" ", why) {
			return pid
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s found %q in its environment, want %s", who, found, why)
		}
	}
}

// lastActive returns the diary's last line of an active process: why it started, and its process id.
func (s *site) lastActive(t *testing.T) (why string, pid int) {
	t.Helper()
	text, err := os.ReadFile(s.diary)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "active "); ok {
			fields := strings.Fields(rest)
			why = strings.Join(fields[:len(fields)-1], " ")
			if _, err := fmt.Sscan(fields[len(fields)-1], &pid); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
	}
	return why, pid
}

func TestAProcessIsStartedFailedOverHandedOverAndStopped(t *testing.T) {
	s := newSite(t, "fast")
	begin := time.Now()
	for _, name := range []string{"a1", "b1", "w1"} {
		s.start(t, name)
	}
	s.await(t, s.leader(t, "w1"), "a1 active, normal", pair("a1", "b1", "normal"))
	orphan := s.acts(t, "the first process", "normal ")
	first := s.foundEpoch(t)
	if above, below := begin.UnixMilli(), time.Now().UnixMilli()+1; first <= above || first > below {
		t.Errorf("the first epoch is %d, want one that counts from the bootstrap, between %d and %d", first, above, below)
	}
	_ = s.running["a1"].Process.Kill()
	_ = s.running["a1"].Wait() // killed
	delete(s.running, "a1")
	s.start(t, "a1")
	s.await(t, s.leader(t, "w1"), "b1 active, failover(a1)", pair("b1", "a1", "failover(a1)"))
	s.acts(t, "the successor", "failover a1 ")
	second := s.foundEpoch(t)
	if second <= first {
		t.Errorf("epoch %d of the successor is not higher than %d", second, first)
	}
	gone(t, orphan, "the process of a member that was killed")

	status, stdout, stderr := gendac(t, "switchover", "pair", "--admin", s.running["w1"].admin)
	if status != exitOK || !strings.HasPrefix(stdout, "pair: a1 is active, takeover(b1), epoch ") {
		t.Fatalf("switchover: %d %q %q", status, stdout, stderr)
	}
	s.await(t, s.leader(t, "w1"), "a1 active, takeover(b1)", pair("a1", "b1", "takeover(b1)"))
	status, stdout, _ = gendac(t, "status", "--admin", s.running["w1"].admin)
	if status != exitOK || !strings.Contains(stdout, "pair/daemon") || !strings.Contains(stdout, "takeover(b1)") {
		t.Errorf("status: %d\n%s", status, stdout)
	}

	last := s.acts(t, "the one that took over", "takeover b1 ")
	if third := s.foundEpoch(t); third <= second {
		t.Errorf("epoch %d of the one that took over is not higher than %d", third, second)
	}
	for _, name := range []string{"a1", "b1"} {
		if err := s.running[name].Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a1", "b1"} {
		if err := s.running[name].Wait(); err != nil {
			t.Errorf("%s after SIGTERM: %v\n%s", name, err, s.running[name].log.String())
		}
		delete(s.running, name)
	}
	gone(t, last, "the process of a member that stopped")

	// w1 is the last with the state, in memory: only a stop by force ends it.
	if status, stdout, stderr := gendac(t, "stop", "--force", "--admin", s.running["w1"].admin); status != exitOK {
		t.Errorf("stop --force of the last: %d %q %q", status, stdout, stderr)
	}
	if err := s.running["w1"].Wait(); err != nil {
		t.Errorf("w1 after stop --force: %v\n%s", err, s.running["w1"].log.String())
	}
	delete(s.running, "w1")
}

// foundEpoch returns the epoch that the last active process found in its environment.
func (s *site) foundEpoch(t *testing.T) (epoch int64) {
	t.Helper()
	why, _ := s.lastActive(t)
	fields := strings.Fields(why)
	epoch, err := strconv.ParseInt(fields[len(fields)-1], 10, 64)
	if err != nil {
		t.Fatalf("%q: %v", why, err)
	}
	return epoch
}

// gone waits until a process has ended.
func gone(t *testing.T, pid int, which string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for syscall.Kill(pid, 0) == nil {
		if time.Now().After(deadline) {
			t.Errorf("%s (pid %d) still runs", which, pid)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAStartThatCannotWorkIsOneLineAndStatus1(t *testing.T) {
	s := newSite(t, "fast")
	used := taken(t)
	nobody := closed(t)
	_, port, err := net.SplitHostPort(used)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args  []string
		names string // what the line has to name
	}{
		"used port":          {[]string{"--bind", used, "--admin", ""}, port},
		"used admin port":    {[]string{"--admin", used}, port + `": address already in use: give another --admin, or 127.0.0.1:0`},
		"unreachable Consul": {[]string{"--discovery", "consul", "--consul", nobody, "--admin", ""}, nobody},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			cmd := exec.Command(binary, append([]string{"node", "-f", s.file, "--name", "a1", "--memory", "--log-level", "error"}, c.args...)...)
			cmd.Stderr = &stderr
			begin := time.Now()
			_ = cmd.Run() // the status is looked at below
			line := stderr.String()
			for strings.HasPrefix(line, "time=") { // the log: the group says what it lacks while Consul is waited for
				_, line, _ = strings.Cut(line, "\n")
			}
			if cmd.ProcessState.ExitCode() != exitRun || strings.Count(line, "\n") != 1 || !strings.HasPrefix(line, "gendac: node: ") ||
				!strings.Contains(line, c.names) {
				t.Errorf("got %d %q, want %d and one line that names %s", cmd.ProcessState.ExitCode(), line, exitRun, c.names)
			}
			if took := time.Since(begin); took > startWithin {
				t.Errorf("it took %s to say so, at most %s is promised", took, startWithin)
			}
			t.Log(strings.TrimSpace(line))
		})
	}
}
