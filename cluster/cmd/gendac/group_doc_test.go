package main

import (
	"context"
	"fmt"
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
