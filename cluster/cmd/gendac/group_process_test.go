//go:build process

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/admin"
	"github.com/gendac/gendac/cluster/node"
)

// programVariable makes this test binary a member that has a dictionary of its own. It holds NAME, ADMIN and FILE.
const programVariable = "GENDAC_TEST_PROGRAM"

// init, because a member must not run under the test main, which builds the program and waits for tests.
func init() {
	if text := os.Getenv(programVariable); text != "" {
		err := runProgram(strings.Fields(text))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type idle struct{ app.Defaults }

func (idle) Start(*app.Context, app.Start) error { return nil }

// runProgram runs until it is killed.
func runProgram(args []string) error {
	s, err := load(args[2])
	if err != nil {
		return err
	}
	n, err := node.Start(node.Config{
		Name: args[0], Admin: args[1], Spec: s, InMemory: true, Apps: app.Registry{"daemon": func() app.App { return idle{} }},
	})
	if err != nil {
		return err
	}
	if _, _, err := n.OpenDict("orders"); err != nil {
		return err
	}
	<-n.Done()
	return n.Err()
}

// startProgram starts a member that opens the dictionary "orders".
func (s *site) startProgram(t *testing.T, name string) {
	t.Helper()
	p := &process{admin: closed(t)}
	p.Cmd = exec.Command(os.Args[0])
	p.Env = append(os.Environ(), programVariable+"="+strings.Join([]string{name, p.admin, s.file}, " "))
	p.Stderr = &p.log
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	s.running[name] = p
}

// group runs "gendac group" at a member of the site.
func (s *site) group(t *testing.T, member string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return gendac(t, append([]string{"group", args[0], "--admin", s.running[member].admin}, args[1:]...)...)
}

// awaitOrders asks a member until it shows the dictionary as wanted.
func (s *site) awaitOrders(t *testing.T, member, want string, check func(admin.RaftGroup) bool) admin.RaftGroup {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var g admin.RaftGroup
		status, stdout, stderr := s.group(t, member, "show", "orders", "--json")
		if status == exitOK && json.Unmarshal([]byte(stdout), &g) == nil && check(g) {
			return g
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never shows %s: %d %s%s", member, want, status, stdout, stderr)
		}
	}
}

// TestLeadersAreSeenAndMovedFromTheCommandLine: three programs have a dictionary of their own. Each lists it; its leader shows
// who has the log how far; leadership goes where it is told to, and the lists of all say so; and one who is cut off reports
// nothing done that it cannot know.
func TestLeadersAreSeenAndMovedFromTheCommandLine(t *testing.T) {
	s := newSite(t, "fast")
	all := []string{"a1", "b1", "w1"}
	for _, name := range all {
		s.startProgram(t, name)
	}
	from := s.awaitOrders(t, "w1", "a leader that is no witness", func(g admin.RaftGroup) bool { return g.Leader == "a1" || g.Leader == "b1" }).Leader
	to := map[string]string{"a1": "b1", "b1": "a1"}[from]
	s.awaitOrders(t, from, "everybody up to date", func(g admin.RaftGroup) bool {
		return g.Role == "leader" && len(g.Members) == 3 && !slices.ContainsFunc(g.Members, func(m admin.RaftMember) bool {
			return !m.Voter || m.Log < g.Commit || m.Name != from && (m.Sending != "replicate" || m.State != "up")
		})
	})
	status, stdout, stderr := s.transferWhenReady(t, "w1", to)
	if want := fmt.Sprintf("orders: %s leads, taken over from %s, term ", to, from); status != exitOK || !strings.HasPrefix(stdout, want) {
		t.Fatalf("transfer: %d %q %q, want %s", status, stdout, stderr, want)
	}
	roles := map[string]string{to: "leader", from: "follower", "w1": "follower"}
	for _, name := range all {
		s.awaitOrders(t, name, "the new leader", func(g admin.RaftGroup) bool { return g.Leader == to && g.Role == roles[name] })
		line := regexp.MustCompile(`(?m)^orders +` + roles[name] + ` +` + to + ` +\d+ +\d+ of \d+ +a1,b1,w1 +-$`)
		status, stdout, _ := s.group(t, name, "list")
		if status != exitOK || !line.MatchString(stdout) || !strings.Contains(stdout, "\ngendac.cluster ") {
			t.Errorf("%s lists\n%s", name, stdout)
		}
	}
	for want, args := range map[int][]string{
		exitOK:       {"orders", to},
		exitNotFound: {"orders", "c1"},
		exitConflict: {"orders", "w1"},
	} {
		if status, stdout, stderr := s.group(t, from, "transfer", args[0], "--to", args[1]); status != want {
			t.Errorf("transfer of %s to %s: %d %q %q, want %d", args[0], args[1], status, stdout, stderr, want)
		}
	}
	s.cutOff(t, from, to)
}

// transferWhenReady has a member lead the dictionary as soon as it can: on a busy machine it is heard too late now and then,
// which says that nothing was done.
func (s *site) transferWhenReady(t *testing.T, member, to string) (status int, stdout, stderr string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, stdout, stderr = s.group(t, member, "transfer", "orders", "--to", to)
		if !strings.Contains(stderr, admin.ErrMemberNotReady.Error()) || time.Now().After(deadline) {
			return status, stdout, stderr
		}
	}
}

// cutOff pauses all but one member, which goes on following the leader for a while.
func (s *site) cutOff(t *testing.T, left, leader string) {
	t.Helper()
	for name, p := range s.running {
		if name != left {
			if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
	}
	if status, stdout, stderr := s.group(t, left, "transfer", "orders", "--to", leader, "--timeout", "1s"); status != exitUncertain && status != exitNoLeader {
		t.Errorf("transfer to a leader that is paused: %d %q %q", status, stdout, stderr)
	} else {
		t.Log(stderr)
	}
}
