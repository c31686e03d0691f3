package main

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
)

// window is a member whose status the test writes. A switchover swaps the pair after some questions.
type window struct {
	mu      sync.Mutex
	status  admin.Status
	refusal error
	asked   int // questions until the swap shows
	swaps   bool
}

func (m *window) Status() admin.Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.swaps && m.asked == 0 {
		m.status.Groups = []admin.Group{{Name: "pair", Active: "b1", Epoch: 3, Start: "takeover(a1)", Standby: []string{"a1"}, Phase: "running"}}
		m.status.Instances = []admin.Instance{{Name: "pair/daemon", Member: "b1", Role: "active", Phase: "running", Epoch: 3}}
	}
	m.asked--
	return m.status
}

func (m *window) Switchover(_ context.Context, group string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refusal == nil && m.asked > 0 {
		m.swaps = true
	}
	return m.refusal
}

func serve(t *testing.T, m *window) string {
	t.Helper()
	s, err := admin.NewServer("127.0.0.1:0", m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Close(ctx)
	})
	return s.Addr()
}

var demo = admin.Status{
	Cluster: "demo", Member: "a1", Incarnation: 255, Leader: "w1", Term: 4, Role: "follower", Lease: 912, Commit: 40, Applied: 38,
	Discovery: admin.Discovery{Kind: "consul", Source: "unreachable", Err: "connection refused"},
	Members: []admin.Member{
		{Name: "a1", Addr: "127.0.0.1:7101", Incarnation: 255, State: "up", Voter: true},
		{Name: "b1", Addr: "127.0.0.1:7102", State: "suspect", Voter: true, Log: 12, Sending: "probe", Heard: 900},
		{Name: "w1", Addr: "127.0.0.1:7103", Incarnation: 1, State: "up", Voter: true, Witness: true, Log: 40, Sending: "replicate"},
	},
	Groups: []admin.Group{
		{Name: "pair", Active: "a1", Epoch: 2, Start: "failover(b1)", Standby: []string{"b1"}, Phase: "steady"},
		{Name: "solo"},
	},
	Instances: []admin.Instance{
		{Name: "pair/daemon", Member: "a1", Role: "active", Phase: "running", Epoch: 2, Start: "failover(b1)"},
		{Name: "pair/daemon", Member: "b1", Role: "standby", Phase: "failed", Epoch: 1, Err: "exit\nstatus 3"},
	},
	Alarms: []string{"pair: redundancy-lost: b1 is silent"},
}

func TestStatusPrintsTables(t *testing.T) {
	status, stdout, stderr := gendac(t, "status", "--admin", serve(t, &window{status: demo}))
	want := `cluster demo as a1 sees it: leader w1, term 4, log 38 of 40, lease 912 ms, discovery consul unreachable (connection refused)
alarm: pair: redundancy-lost: b1 is silent

MEMBER  ADDRESS         STATE    PART            LOG         INCARNATION
a1      127.0.0.1:7101  up       voter           -           255
b1      127.0.0.1:7102  suspect  voter           12 (probe)  -
w1      127.0.0.1:7103  up       leader,witness  40          1

GROUP  ACTIVE  STANDBY  EPOCH  START         PHASE
pair   a1      b1       2      failover(b1)  steady
solo   -       -        0      -             -

INSTANCE     MEMBER  ROLE     PHASE    EPOCH  START         ERROR
pair/daemon  a1      active   running  2      failover(b1)  -
pair/daemon  b1      standby  failed   1      -             exit status 3
`
	if status != exitOK || stderr != "" || stdout != want {
		t.Errorf("got %d %q\n%s\nwant\n%s", status, stderr, stdout, want)
	}
}

func TestStatusTellsWhatIsOldWithoutALeader(t *testing.T) {
	alone := admin.Status{
		Cluster: "demo", Member: "a1", Term: 4, Role: "leaderless", Commit: 40, Applied: 40, AsOf: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Discovery: admin.Discovery{Kind: "static", Source: "connected"},
		Members:   []admin.Member{{Name: "a1", State: "up", Voter: true}, {Name: "b1", State: "unknown", Last: "up", Voter: true}},
		Groups:    []admin.Group{{Name: "pair", Active: "a1", Epoch: 2, Start: "normal", Standby: []string{"b1"}, Phase: "unknown"}},
		Instances: []admin.Instance{
			{Name: "pair/daemon", Member: "a1", Role: "standby", Phase: "idle", Epoch: 2, Err: "lease lost"},
			{Name: "pair/daemon", Member: "b1", Role: "standby", Phase: "unknown", Last: "running", Epoch: 2},
		},
		Alarms: []string{"no leader"},
	}
	status, stdout, stderr := gendac(t, "status", "--admin", serve(t, &window{status: alone}))
	want := `cluster demo as a1 sees it: no leader, term 4, log 40 of 40, no lease, discovery static connected
without a leader only a1's own instances are known; the rest is as of 2026-01-02T03:04:05Z
alarm: no leader

MEMBER  ADDRESS  STATE             PART   LOG  INCARNATION
a1      -        up                voter  -    -
b1      -        unknown (was up)  voter  -    -

GROUP  ACTIVE  STANDBY  EPOCH  START   PHASE
pair   a1      b1       2      normal  unknown

INSTANCE     MEMBER  ROLE     PHASE                  EPOCH  START  ERROR
pair/daemon  a1      standby  idle                   2      -      lease lost
pair/daemon  b1      standby  unknown (was running)  2      -      -
`
	said := "gendac: status: a1 is leaderless: it knows no leader; the alarms say what is known of the cause\n"
	if status != exitNoLeader || stderr != said || stdout != want {
		t.Errorf("got %d %q\n%s\nwant\n%s", status, stderr, stdout, want)
	}
	status, line, stderr := gendac(t, "status", "--json", "--admin", serve(t, &window{status: alone}))
	var got admin.Status
	if err := json.Unmarshal([]byte(line), &got); status != exitNoLeader || err != nil || got.Member != "a1" || !strings.HasSuffix(stderr, `"status":6}`+"\n") {
		t.Errorf("--json: got %d %q %q: %v", status, line, stderr, err)
	}
}

func TestStatusPrintsJSONThatReadsBack(t *testing.T) {
	status, stdout, stderr := gendac(t, "status", "-o", "json", "--admin", serve(t, &window{status: demo}))
	var got admin.Status
	if err := json.Unmarshal([]byte(stdout), &got); status != exitOK || stderr != "" || err != nil {
		t.Fatalf("got %d %q %q: %v", status, stdout, stderr, err)
	}
	want := demo
	want.Groups = []admin.Group{demo.Groups[0], {Name: "solo"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	status, line, stderr := gendac(t, "status", "--json", "--timeout", "10s", "--admin", serve(t, &window{status: demo}))
	got = admin.Status{}
	if err := json.Unmarshal([]byte(line), &got); status != exitOK || stderr != "" || err != nil || !reflect.DeepEqual(got, want) || strings.Count(line, "\n") != 1 {
		t.Errorf("--json: got %d %q %q: %v", status, line, stderr, err)
	}
}

func TestSwitchoverWaitsUntilTheOtherOneActs(t *testing.T) {
	addr := serve(t, &window{status: demo, asked: 3})
	status, stdout, stderr := gendac(t, "switchover", "pair", "--admin", addr)
	want := "pair: b1 is active, takeover(a1), epoch 3\n"
	if status != exitOK || stderr != "" || stdout != want {
		t.Errorf("got %d %q %q, want 0 %q", status, stdout, stderr, want)
	}
	addr = serve(t, &window{status: demo, asked: 3})
	if status, stdout, _ := gendac(t, "switchover", "pair", "--wait", "0s", "--admin", addr); status != exitOK || stdout != "pair: ordered\n" {
		t.Errorf("--wait 0s: got %d %q", status, stdout)
	}
	for wait, want := range map[string]string{
		"10s": `{"group":"pair","done":true,"active":"b1","start":"takeover(a1)","epoch":3}`, "0s": `{"group":"pair","done":false}`,
	} {
		addr := serve(t, &window{status: demo, asked: 3})
		if status, stdout, _ := gendac(t, "switchover", "pair", "--json", "--wait", wait, "--admin", addr); status != exitOK || stdout != want+"\n" {
			t.Errorf("--json --wait %s: got %d %q", wait, status, stdout)
		}
	}
}

// TestASwitchoverSucceedsOnlyIfItsTargetActs: a higher epoch says nothing of who acts, nor of whether it does.
func TestASwitchoverSucceedsOnlyIfItsTargetActs(t *testing.T) {
	before := admin.Group{Name: "pair", Active: "a1", Epoch: 2, Standby: []string{"b1"}, Phase: "running"}
	dead := []admin.Member{{Name: "a1", State: "up"}, {Name: "b1", State: "dead"}}
	for name, c := range map[string]struct {
		now  admin.Status
		over bool
		want string // the error
	}{
		"quiescing":        {now: admin.Status{Groups: []admin.Group{{Name: "pair", Active: "a1", Epoch: 2, Phase: "quiescing"}}}},
		"the target acts":  {now: admin.Status{Groups: []admin.Group{{Name: "pair", Active: "b1", Epoch: 3, Phase: "running"}}}, over: true},
		"it is starting":   {now: admin.Status{Groups: []admin.Group{{Name: "pair", Active: "b1", Epoch: 3, Phase: "starting"}}}},
		"nobody is active": {now: admin.Status{Groups: []admin.Group{{Name: "pair", Epoch: 3, Phase: "idle"}}}},
		"the target died before it was activated": {
			now: admin.Status{Groups: []admin.Group{{Name: "pair", Active: "a1", Epoch: 3, Phase: "running"}}, Members: dead}, over: true,
			want: `group "pair": b1 did not take over: a1 is active, epoch 3: b1 is dead`,
		},
		"the target died after it was activated": {
			now: admin.Status{Groups: []admin.Group{{Name: "pair", Lost: "b1", Epoch: 3, Phase: "idle"}}, Members: dead}, over: true,
			want: `group "pair": b1 took over and is lost, epoch 3: b1 is dead`,
		},
		"it failed to start": {
			now: admin.Status{
				Groups: []admin.Group{{Name: "pair", Active: "a1", Epoch: 4, Phase: "starting"}},
				Alarms: []string{"pair: redundancy-lost: no standby for a1/1: b1/2 has failed lately (pair/daemon: no disk) until 12:00", "other: x"},
			}, over: true,
			want: `group "pair": b1 did not take over: a1 is active, epoch 4: redundancy-lost: no standby for a1/1: b1/2 has failed lately (pair/daemon: no disk) until 12:00`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			done, over, err := judge(before, c.now)
			text := ""
			if err != nil {
				text = err.Error()
			}
			if over != c.over || text != c.want || done.Done != (over && err == nil) {
				t.Errorf("over %v, done %+v, %q; want over %v, %q", over, done, text, c.over, c.want)
			}
		})
	}
}

func TestWhatFailsAtRunTimeIsOneLineAndStatus1(t *testing.T) {
	nobody := closed(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nobody there": {
			[]string{"status", "--admin", nobody},
			"status: admin: unreachable: " + nobody + ": connection refused (--admin or $GENDAC_ADMIN says which member is asked)",
		},
		"unknown group": {
			[]string{"switchover", "pear", "--admin", serve(t, &window{refusal: fmt.Errorf("group %q: %w", "pear", admin.ErrUnknownGroup)})},
			`switchover: group "pear": admin: unknown group`,
		},
		"it never happens": {
			[]string{"switchover", "pair", "--wait", "1ms", "--admin", serve(t, &window{status: demo})},
			`switchover: group "pair": ordered, and not done within 1ms: active a1, epoch 2: redundancy-lost: b1 is silent`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := gendac(t, c.args...)
			if want := "gendac: " + c.want + "\n"; status != exitRun || stdout != "" || stderr != want {
				t.Errorf("got %d %q %q\nwant %d \"\" %q", status, stdout, stderr, exitRun, want)
			}
		})
	}
}
