package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
)

// example is the member of docs/operating.md.
type example struct{ council }

func (e *example) TransferLeadership(_ context.Context, group, to string) (admin.Transfer, error) {
	if to == "w1" {
		return admin.Transfer{}, fmt.Errorf("%w: %q", genleader.ErrWitness, to)
	}
	return admin.Transfer{Group: group, From: "a1", Leader: to, Term: 3}, nil
}

// TestTheDocumentedGroupsAreWhatIsPrinted runs the session of docs/operating.md on a member that says what it says there.
func TestTheDocumentedGroupsAreWhatIsPrinted(t *testing.T) {
	voter := func(name string, incarnation uint64) admin.RaftMember {
		return admin.RaftMember{Name: name, Incarnation: incarnation, Voter: true}
	}
	a, b, w := voter("a1", 0x00065e2f1b7a3c01), voter("b1", 0x00065e2f1b7a4d02), voter("w1", 0x00065e2f1b7a5e03)
	cluster := admin.RaftGroup{
		Name: "gendac.cluster", Member: "a1", Role: "follower", Leader: "b1", Term: 4, Commit: 812, Applied: 812,
		Members: []admin.RaftMember{a, b, w},
	}
	a.Log = 57
	b.Log, b.Next, b.Sending, b.State, b.Linked, b.Heard = 57, 58, "replicate", "up", true, millis(31)
	w.Log, w.Next, w.Sending, w.State, w.Witness, w.Heard = 51, 52, "probe", "suspect", true, millis(4200)
	orders := admin.RaftGroup{
		Name: "orders", Member: "a1", Role: "leader", Leader: "a1", Term: 2, Commit: 57, Applied: 57, Last: 57, LogEntries: 54,
		LogBytes: 9120, Snapshot: 3, Kept: true, Members: []admin.RaftMember{a, b, w},
	}
	s, err := admin.NewServer("127.0.0.1:0", &example{council{groups: []admin.RaftGroup{cluster, orders}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(t.Context()) }()
	t.Setenv("GENDAC_ADMIN", s.Addr())
	if ran := runSession(t, "../../../docs/operating.md"); ran != 5 {
		t.Errorf("%d steps were found, want 5", ran)
	}
}

// TestThreeMembersRunOnOneMachine: the specification of docs/operating.md is right, and no two of its members want one address.
func TestThreeMembersRunOnOneMachine(t *testing.T) {
	page, err := os.ReadFile("../../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, rest, _ := strings.Cut(rest, "```")
	file := write(t, text)
	if status, stdout, stderr := gendac(t, "check", "-f", file); status != exitOK || strings.Contains(stdout, "warning") {
		t.Errorf("check: %d %q %q", status, stdout, stderr)
	}
	_, rest, _ = strings.Cut(rest, "```sh\n")
	commands, _, _ := strings.Cut(rest, "```")
	taken := map[string]string{}
	for _, line := range strings.Split(commands, "\n") {
		args, _, _ := strings.Cut(strings.TrimPrefix(line, "gendac node "), " &")
		if args == line {
			continue
		}
		var f nodeFlags
		cmd := nodeCommand()
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		f.file, f.name, f.admin = file, cmd.Flag("name").Value.String(), cmd.Flag("admin").Value.String()
		f.discovery, f.logLevel, f.logFormat = "static", "info", "text"
		cfg, err := f.config(io.Discard)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for _, addr := range []string{cfg.Admin, cfg.Spec.Members[f.name].Addr} {
			if other := taken[addr]; other != "" {
				t.Errorf("%s and %s both want %s", f.name, other, addr)
			}
			taken[addr] = f.name
		}
	}
	if len(taken) != 6 {
		t.Errorf("addresses: %v, want 6", taken)
	}
}
