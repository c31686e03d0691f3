package main

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/admin"
)

// window is a member whose status the test writes.
type window struct {
	mu     sync.Mutex
	status admin.Status
}

func (w *window) Status() admin.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

func (w *window) Switchover(context.Context, string) error { return nil }

// pairInPlace is what the leader b1 shows when a1 acts in epoch 3 and everything is well.
func pairInPlace() admin.Status {
	return admin.Status{
		Member: "b1", Leader: "b1",
		Members: []admin.Member{
			{Name: "a1", State: "up", Voter: true}, {Name: "b1", State: "up", Voter: true}, {Name: "w1", State: "up", Voter: true},
		},
		Groups: []admin.Group{{Name: group, Active: "a1", Epoch: 3, Standby: []string{"b1"}}},
		Instances: []admin.Instance{
			{Name: instance, Member: "a1", Role: "active", Phase: "running", Epoch: 3},
			{Name: instance, Member: "b1", Role: "standby", Phase: "running", Epoch: 3},
		},
	}
}

func TestSettledMeansThatEverythingIsInPlace(t *testing.T) {
	windows := map[string]*window{}
	c := &cluster{flags: map[string]memberFlags{}}
	for _, name := range names {
		windows[name] = &window{}
		s, err := admin.NewServer("127.0.0.1:0", windows[name])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = s.Close(ctx)
		})
		c.flags[name] = memberFlags{admin: s.Addr()}
	}
	for want, change := range map[string]func(byMember map[string]*admin.Status){
		"":                                 func(map[string]*admin.Status) {},
		"a1 knows no leader":               func(s map[string]*admin.Status) { s["a1"].Leader = "" },
		"takes w1 for the leader":          func(s map[string]*admin.Status) { s["w1"].Leader = "w1" },
		"w1 is suspect, voter true":        func(s map[string]*admin.Status) { s["b1"].Members[2].State = "suspect" },
		"a1 is up, voter false":            func(s map[string]*admin.Status) { s["b1"].Members[0].Voter = false },
		"w1 is not in the list":            func(s map[string]*admin.Status) { s["b1"].Members = s["b1"].Members[:2] },
		`active on "b1"`:                   func(s map[string]*admin.Status) { s["b1"].Groups[0].Active = "b1" },
		"in epoch 4":                       func(s map[string]*admin.Status) { s["b1"].Groups[0].Epoch = 4 },
		`on a1 is "active" and "starting"`: func(s map[string]*admin.Status) { s["b1"].Instances[0].Phase = "starting" },
		`on b1 is "" and ""`:               func(s map[string]*admin.Status) { s["b1"].Instances = s["b1"].Instances[:1] },
	} {
		byMember := map[string]*admin.Status{}
		for _, name := range names {
			s := pairInPlace()
			byMember[name] = &s
		}
		change(byMember)
		for name, w := range windows {
			w.mu.Lock()
			w.status = *byMember[name]
			w.mu.Unlock()
		}
		got := c.settled(t.Context(), "a1", "b1", 3)
		if !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAMemberThatDoesNotAnswerIsNamed(t *testing.T) {
	c := &cluster{flags: map[string]memberFlags{"a1": {admin: "127.0.0.1:1"}}}
	if got := c.settled(t.Context(), "a1", "b1", 1); !strings.HasPrefix(got, "a1 does not answer: ") {
		t.Errorf("got %q", got)
	}
}
