//go:build process

package node

import (
	"testing"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/spec"
)

// sevenSpec has more members than vote.
const sevenSpec = `
cluster: test
timing: {election: 2s, lease: 4s, start_after: 5s}
members: {a1: {}, b1: {}, c1: {}, d1: {}, e1: {}, f1: {}, g1: {witness: true}}
applications: {switch: {}}
groups:
  - {name: pair, members: [f1, e1], pair: {active: [switch]}}
`

// TestSevenMembersHaveFiveVotersAndTwoLearners by default: a witness votes, and a learner runs applications.
func TestSevenMembersHaveFiveVotersAndTwoLearners(t *testing.T) {
	c := newCluster(t)
	for _, name := range []string{"g1", "f1", "e1", "d1", "c1", "b1", "a1"} {
		cfg := c.config(name)
		var err error
		if cfg.Spec, err = spec.Parse([]byte(sevenSpec)); err != nil {
			t.Fatal(err)
		}
		cfg.Apps = app.Registry{"switch": func() app.App { return &recorder{member: name, log: c.log} }}
		if c.nodes[name], err = Start(cfg); err != nil {
			t.Fatal(err)
		}
	}
	part := func() string {
		parts := ""
		for _, m := range c.nodes["a1"].Status().Members {
			switch {
			case m.State != "up":
				parts += " " + m.Name + "=" + m.State
			case m.Voter:
				parts += " " + m.Name + "=voter"
			case m.Learner:
				parts += " " + m.Name + "=learner"
			}
		}
		return parts
	}
	c.eventually("five voters and two learners", func() bool {
		return part() == " a1=voter b1=voter c1=voter d1=voter e1=learner f1=learner g1=voter"
	})
	c.eventually("an application on a learner", c.settled("a1", "f1", "e1"))
}
