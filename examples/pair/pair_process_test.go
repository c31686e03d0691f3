//go:build process

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/member/consul/consultest"
)

const oneRun = 3 * time.Minute // more than any run here takes on a slow machine

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "pair-test-")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "pair")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("%v\n%s", err, out))
	}
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), oneRun)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, binary, args...)
}

// results runs the program to its end and checks that it says what its exit status says.
func results(t *testing.T, args ...string) Results {
	t.Helper()
	cmd := command(t, append(args, "-json")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var r Results
	if jsonErr := json.Unmarshal(stdout.Bytes(), &r); jsonErr != nil || r.OK != (err == nil) {
		t.Fatalf("pair %v: %v, %v, %s\n%s", args, err, jsonErr, stdout.String(), stderr.String())
	}
	if !r.OK {
		t.Fatalf("pair %v: %v\n%s", args, err, stderr.String())
	}
	return r
}

func TestOneRoundOfEachMode(t *testing.T) {
	for _, failover := range []string{"fast", "safe"} {
		for _, discovery := range []string{"static", "consul"} {
			t.Run(failover+" "+discovery, func(t *testing.T) {
				args := []string{"-failover", failover, "-discovery", discovery}
				if discovery == "consul" {
					args = append(args, "-consul", consultest.Start(t).Addr())
				}
				r := results(t, args...)
				var seen []string
				for _, e := range r.Events {
					seen = append(seen, strings.TrimSpace(fmt.Sprintf("%s %s-%s %s", e.Event, e.From, e.To, e.Start)))
					if e.Overlap != 0 {
						t.Errorf("overlap in %+v", e)
					}
				}
				want := []string{
					"start -a1 normal", "kill a1-b1 failover(a1)", "restart b1-b1", "switchover b1-a1 takeover(b1)",
					"pause a1-b1 failover(a1)", "shutdown b1-",
				}
				if !slices.Equal(seen, want) {
					t.Errorf("got %q\nwant %q", seen, want)
				}
				t.Logf("outages: %+v", r.Outages)
			})
		}
	}
}

func TestConsulStoppedFor20sAndStartedEmptyMovesNothing(t *testing.T) {
	agent := consultest.Start(t)
	cmd := command(t, "-discovery", "consul", "-consul", agent.Addr(), "-rounds", "2", "-hold", "32s")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	held := false
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		t.Log(lines.Text())
		held = held || strings.Contains(lines.Text(), "held still")
		if strings.Contains(lines.Text(), "holding still") {
			outage(t, agent)
		}
	}
	if err := cmd.Wait(); err != nil || !held {
		t.Fatalf("%v, held still: %t\n%s", err, held, stderr.String())
	}
}

// outage stops Consul for 20 s, starts it empty and expects all three members in it again within 5 s.
func outage(t *testing.T, agent *consultest.Agent) {
	t.Helper()
	agent.Kill()
	time.Sleep(20 * time.Second) // the outage itself
	if err := agent.Restart(); err != nil {
		t.Error(err)
		return
	}
	back := time.Now()
	for passing(t, agent) != len(names) {
		if time.Since(back) > 5*time.Second {
			t.Errorf("%d of %d members registered again within 5 s", passing(t, agent), len(names))
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("registered again %s after Consul was back", time.Since(back).Round(time.Millisecond))
}

// passing counts the healthy members that Consul knows.
func passing(t *testing.T, agent *consultest.Agent) int {
	t.Helper()
	resp, err := http.Get("http://" + agent.Addr() + "/v1/health/service/pair-example?passing")
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	var services []any
	if err := json.NewDecoder(resp.Body).Decode(&services); err != nil {
		return 0
	}
	return len(services)
}

func TestNoChildOutlivesADriverThatWasKilled(t *testing.T) {
	cmd := command(t, "-rounds", "100")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // whoever is killed leaves its directory behind
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.Contains(lines.Text(), "started [") {
	}
	children := childrenOf(t, cmd.Process.Pid)
	if len(children) != len(names)+1 {
		t.Errorf("the driver has children %v, want %d", children, len(names)+1)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as it should be
	deadline := time.Now().Add(5 * time.Second)
	for _, pid := range children {
		for syscall.Kill(pid, 0) == nil && !zombie(pid) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d outlived the driver", pid)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// stat returns the fields of /proc/PID/stat after the name: state, parent, ...
func stat(pid string) []string {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return []string{"X", "0"} // gone
	}
	_, after, _ := strings.Cut(string(text), ") ")
	return strings.Fields(after)
}

func zombie(pid int) bool { return stat(strconv.Itoa(pid))[0] == "Z" }

func childrenOf(t *testing.T, parent int) []int {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("needs /proc")
	}
	var children []int
	for _, entry := range all {
		pid, err := strconv.Atoi(entry.Name())
		if err == nil && stat(entry.Name())[1] == strconv.Itoa(parent) {
			children = append(children, pid)
		}
	}
	return children
}
