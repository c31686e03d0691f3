package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/admin"
)

// council is a member whose groups the test writes.
type council struct {
	window
	groups []admin.RaftGroup
	moved  admin.Transfer
	err    error
}

func (c *council) RaftGroups(context.Context) []admin.RaftGroup { return c.groups }

func (c *council) RaftGroup(_ context.Context, name string) (admin.RaftGroup, error) {
	for _, g := range c.groups {
		if g.Name == name {
			return g, nil
		}
	}
	return admin.RaftGroup{}, fmt.Errorf("%w: %q", admin.ErrGroupNotOpen, name)
}

func (c *council) TransferLeadership(_ context.Context, group, to string) (admin.Transfer, error) {
	return c.moved, c.err
}

// on returns a function that runs "gendac group" on a member.
func (c *council) on(t *testing.T) func(args ...string) (status int, stdout, stderr string) {
	t.Helper()
	s, err := admin.NewServer("127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return func(args ...string) (int, string, string) {
		t.Helper()
		return gendac(t, append([]string{"group", args[0], "--admin", s.Addr()}, args[1:]...)...)
	}
}

func millis(n int64) *int64 { return &n }

// orders is a group as its leader sees it, prices one that a follower sees hibernating, and stocks one that has failed.
var (
	orders = admin.RaftGroup{
		Name: "orders", Member: "a1", Role: "leader", Leader: "a1", Term: 2, Commit: 12, Applied: 11, Last: 13, LogEntries: 10,
		LogBytes: 1440, Snapshot: 3, Calls: 1, Leases: true, Lease: 912, Kept: true,
		Members: []admin.RaftMember{
			{Name: "a1", Incarnation: 255, Voter: true, Log: 13},
			{
				Name: "b1", Incarnation: 1, Voter: true, Linked: true, Heard: millis(48), Log: 12, State: "up", Sending: "replicate",
				Next: 14, Inflight: 1, Leased: true,
			},
			{Name: "w1", Incarnation: 2, Voter: true, Witness: true, Heard: millis(3210), Log: 3, State: "suspect", Sending: "probe", Next: 4},
			{Name: "x1", Incarnation: 3, Learner: true, Linked: true, Heard: millis(95_400), State: "up", Sending: "snapshot"},
		},
		Problems: []string{"the disk\nis slow"},
	}
	prices = admin.RaftGroup{
		Name: "prices", Member: "a1", Role: "follower", Leader: "b1", Term: 4, Commit: 5, Applied: 5, Last: 5, LogEntries: 5, LogBytes: 700,
		Hibernating: true, LeaderHeard: millis(61_000),
		Members: []admin.RaftMember{
			{Name: "a1", Incarnation: 255, Voter: true, Log: 5},
			{Name: "b1", Incarnation: 1, Voter: true, Linked: true, Heard: millis(61_000)},
		},
	}
	stocks = admin.RaftGroup{Name: "my stocks", Member: "a1", Role: "failed", Problems: []string{"panic: boom"}}
)

func TestGroupListPrintsALineForEach(t *testing.T) {
	group := (&council{groups: []admin.RaftGroup{orders, prices, stocks}}).on(t)
	status, stdout, stderr := group("list")
	want := `groups open on a1
problem: orders: "the disk\nis slow"
problem: my stocks: panic: boom

GROUP      ROLE      LEADER  TERM  LOG       VOTERS    LEARNERS
orders     leader    a1      2     11 of 12  a1,b1,w1  x1
prices     follower  b1      4     5 of 5    a1,b1     -
my stocks  failed    -       0     -         -         -
`
	if status != exitOK || stderr != "" || stdout != want {
		t.Errorf("got %d %q\n%s\nwant\n%s", status, stderr, stdout, want)
	}
	_, stdout, _ = group("list", "--json")
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); len(lines) != 3 || !strings.HasPrefix(lines[2], `{"name":"my stocks",`) {
		t.Errorf("--json: %q", stdout)
	}
}

func TestGroupShowPrintsWhatIsKnown(t *testing.T) {
	group := (&council{groups: []admin.RaftGroup{orders, prices, stocks}}).on(t)
	for name, want := range map[string]string{
		"orders": `group orders as a1 sees it: leader a1, term 2, log 11 of 12
problem: "the disk\nis slow"

role         leader
log          up to 13, kept through restarts
in memory    10 entries, 1440 bytes
snapshot     for members that are not up to 3
hibernating  no
lease        912 ms
calls        1 under way here
dropped      0 messages for want of room

MEMBER  PART           STATE    LINK  LOG  NEXT  SENDING    INFLIGHT  HEARD      INCARNATION
a1      leader         -        -     13   -     -          -         -          255
b1      voter          up       up    12   14    replicate  1         48ms ago   1
w1      voter,witness  suspect  down  3    4     probe      0         3.2s ago   2
x1      learner        up       up    0    0     snapshot   0         1m35s ago  3
`,
		"prices": `group prices as a1 sees it: leader b1, term 4, log 5 of 5

role         follower
log          up to 5, not kept through restarts
in memory    5 entries, 700 bytes
snapshot     for members that are not up to 0
hibernating  yes: nothing is sent, and nobody was heard since
lease        none: the group grants none
leader       heard 1m1s ago
calls        0 under way here
dropped      0 messages for want of room

MEMBER  PART    STATE  LINK  LOG  NEXT  SENDING  INFLIGHT  HEARD     INCARNATION
a1      voter   -      -     5    -     -        -         -         255
b1      leader  -      up    -    -     -        -         1m1s ago  1
`,
		"my stocks": `group my stocks as a1 sees it: no leader, term 0, log -
problem: panic: boom

role  failed
`,
	} {
		status, stdout, stderr := group("show", name)
		if status != exitOK || stderr != "" || stdout != want {
			t.Errorf("%s: %d %q\n%s\nwant\n%s", name, status, stderr, stdout, want)
		}
	}
	_, stdout, _ := group("show", "orders", "--json")
	var got admin.RaftGroup
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || !reflect.DeepEqual(got, orders) || strings.Count(stdout, "\n") != 1 {
		t.Errorf("--json: %v %s", err, stdout)
	}
}

func TestGroupTransferSaysWhoLeads(t *testing.T) {
	for want, moved := range map[string]admin.Transfer{
		"orders: b1 leads, taken over from a1, term 3\n": {Group: "orders", From: "a1", Leader: "b1", Term: 3},
		"orders: b1 leads already, term 3\n":             {Group: "orders", From: "b1", Leader: "b1", Term: 3},
		"orders: b1 leads, term 3\n":                     {Group: "orders", Leader: "b1", Term: 3},
	} {
		group := (&council{moved: moved}).on(t)
		if status, stdout, stderr := group("transfer", "orders", "--to", "b1"); status != exitOK || stdout != want || stderr != "" {
			t.Errorf("got %d %q %q, want 0 %q", status, stdout, stderr, want)
		}
	}
	group := (&council{moved: admin.Transfer{Group: "orders", From: "a1", Leader: "b1", Term: 3}}).on(t)
	want := `{"group":"orders","from":"a1","leader":"b1","term":3}` + "\n"
	if status, stdout, _ := group("transfer", "orders", "--to", "b1", "--json"); status != exitOK || stdout != want {
		t.Errorf("--json: %d %q, want %q", status, stdout, want)
	}
}

func TestGroupExitStatusSaysWhatWentWrong(t *testing.T) {
	for _, e := range []struct {
		err    error
		status int
		line   string
	}{
		{admin.ErrGroupNotOpen, exitNotFound, "admin: no group of this name is open on the member that was asked"},
		{genleader.ErrUnknownMember, exitNotFound, "genleader: no member of the group has this name"},
		{genleader.ErrNotVoter, exitConflict, "genleader: only voters can lead, and this member is a learner"},
		{genleader.ErrWitness, exitConflict, "genleader: a witness leads only while nobody else can"},
		{genleader.ErrNotReady, exitConflict, "genleader: the member is behind, unreachable or without a lease"},
		{genleader.ErrNoLeader, exitNoLeader, "genleader: no leader before the deadline; nothing was done"},
		{admin.ErrStopping, exitRun, "admin: the member is stopping"},
		{genleader.ErrNotTransferred, exitUncertain, "admin: the outcome is unknown: genleader: leadership was not handed over in time"},
		{errors.New("something new"), exitUncertain, "admin: the outcome is unknown: something new"},
	} {
		group := (&council{err: fmt.Errorf("%w: \"b1\"", e.err)}).on(t)
		status, stdout, stderr := group("transfer", "orders", "--to", "b1")
		want := "gendac: group transfer: " + e.line + `: "b1"`
		if status != e.status || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: got %d %q %q, want %d and %s", e.err, status, stdout, stderr, e.status, want)
		}
	}
	group := (&council{}).on(t)
	want := "gendac: group show: admin: no group of this name is open on the member that was asked: \"pries\"\n"
	if status, _, stderr := group("show", "pries"); status != exitNotFound || stderr != want {
		t.Errorf("an unknown group: %d %q", status, stderr)
	}
	status, _, stderr := gendac(t, "group", "list", "--admin", serve(t, &window{}))
	if want := "gendac: group list: admin: the member shows no groups that elect a leader\n"; status != exitRun || stderr != want {
		t.Errorf("a member without groups: %d %q", status, stderr)
	}
}

// FuzzPrintedGroups: whatever a member answers, each group, problem and member is one line, and nothing but text reaches the
// terminal.
func FuzzPrintedGroups(f *testing.F) {
	for _, g := range []admin.RaftGroup{orders, prices, stocks} {
		text, err := json.Marshal(g)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(`{"name":"\u001b[2J\n","leader":"\t","problems":["\r"],"members":[{"name":"","state":"\n","heard_ms":-9223372036854775808}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var g admin.RaftGroup
		if json.Unmarshal([]byte(text), &g) != nil {
			t.Skip()
		}
		var list, show bytes.Buffer
		if err := errors.Join(printGroups(&list, []admin.RaftGroup{g}), printGroup(&show, g)); err != nil {
			t.Fatal(err)
		}
		if n, want := strings.Count(list.String(), "\n"), 4+len(g.Problems); n != want {
			t.Errorf("the list has %d lines, want %d:\n%s", n, want, list.String())
		}
		if n, least := strings.Count(show.String(), "\n"), 3+len(g.Problems)+len(g.Members); n < least || n > least+12 {
			t.Errorf("%d lines, want %d to %d:\n%s", n, least, least+12, show.String())
		}
		for _, r := range list.String() + show.String() {
			if r != '\n' && !unicode.IsPrint(r) || r == utf8.RuneError && !utf8.ValidString(list.String()+show.String()) {
				t.Fatalf("%q is printed", r)
			}
		}
	})
}
