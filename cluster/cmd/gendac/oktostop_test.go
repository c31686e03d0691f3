package main

import (
	"strings"
	"testing"

	"github.com/gendac/gendac/cluster/admin"
)

// TestWhatWouldBeLost when a member stopped: each kind of loss has its own reason.
func TestWhatWouldBeLost(t *testing.T) {
	voter := func(name, state string) admin.Member { return admin.Member{Name: name, State: state, Voter: true} }
	group := admin.Group{Name: "pair", Active: "a1", Standby: []string{"b1"}}
	standby := func(phase string) []admin.Instance {
		return []admin.Instance{{Name: "pair/daemon", Member: "b1", Role: "standby", Phase: phase}}
	}
	three := []admin.Member{voter("a1", "up"), voter("b1", "up"), voter("w1", "up")}
	for name, c := range map[string]struct {
		status admin.Status
		member string
		lost   string // empty: nothing
	}{
		"all are well":       {admin.Status{Leader: "a1", Members: three, Groups: []admin.Group{group}, Instances: standby("running")}, "a1", ""},
		"the standby itself": {admin.Status{Leader: "a1", Members: three, Groups: []admin.Group{group}, Instances: standby("running")}, "b1", ""},
		"nobody leads":       {admin.Status{Members: three}, "a1", "there is no leader"},
		"nobody of the name": {admin.Status{Leader: "a1", Members: three}, "x1", "x1"},
		"another is away":    {admin.Status{Leader: "a1", Members: []admin.Member{three[0], voter("b1", "dead"), three[2]}}, "w1", "1 of 3 voters would remain (b1 is dead, w1 would stop)"},
		"another is joining": {admin.Status{Leader: "a1", Members: []admin.Member{three[0], {Name: "b1", State: "up", Learner: true}, three[2]}}, "w1", "b1 does not vote yet"},
		"no standby":         {admin.Status{Leader: "a1", Members: three, Groups: []admin.Group{{Name: "pair", Active: "a1"}}}, "a1", "last candidate of group pair"},
		"a failed standby":   {admin.Status{Leader: "a1", Members: three, Groups: []admin.Group{group}, Instances: standby("failed")}, "a1", "last candidate of group pair"},
		"alone":              {admin.Status{Leader: "solo", Members: []admin.Member{voter("solo", "up")}, Groups: []admin.Group{{Name: "g", Active: "solo"}}}, "solo", ""},
	} {
		t.Run(name, func(t *testing.T) {
			switch err := lossOf(c.status, c.member); {
			case c.lost == "" && err != nil, c.lost != "" && (err == nil || !strings.Contains(err.Error(), c.lost)):
				t.Errorf("%v, want %q", err, c.lost)
			}
		})
	}
}
