package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/planner"
)

// atMostOneActive is the first promise, seen from the members: of no group can two members act at this instant. A paused
// process counts as able to act, for it may wake within this very instant.
func (m *cluster) atMostOneActive() error {
	for _, g := range m.spec.Groups {
		if m.misjudged && m.spec.Fast(g) {
			continue
		}
		acting := map[model.Member]bool{}
		for _, p := range m.processes {
			for _, name := range m.spec.Apps(g) {
				i := p.instances[model.Instance{Group: g.Name, App: name}]
				if !p.alive || i == nil || i.Role != app.Active || !p.holds(m.clock, i.term) {
					continue
				}
				if i.Phase == model.Starting || i.Phase == model.Running || i.Phase == model.Quiescing || i.Phase == model.Stopping {
					acting[p.member] = true
				}
			}
		}
		if len(acting) > 1 {
			return fmt.Errorf("%s: %v may all act at %v under %+v", g.Name, slices.Collect(maps.Keys(acting)), m.clock, m.orders[g.Name])
		}
	}
	return nil
}

func (m *cluster) candidate(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a1", "b1", "c1"}).Draw(t, "member")
}

func (m *cluster) process(t *rapid.T) *process {
	if len(m.processes) == 0 {
		t.Skip("nobody has booted")
	}
	back := rapid.IntRange(0, min(4, len(m.processes)-1)).Draw(t, "back")
	return m.processes[len(m.processes)-1-back]
}

func (m *cluster) actions() map[string]func(*rapid.T) {
	few := func(t *rapid.T) int { return rapid.IntRange(1, 6).Draw(t, "few") }
	everyone := func(t *rapid.T) {
		rare := func() bool { return rapid.IntRange(0, 40).Draw(t, "fails") == 40 }
		for _, p := range m.processes {
			m.notice(p)
			m.receive(p, 100)
			m.progress(p, rare)
			m.hear(p, 100)
		}
	}
	return map[string]func(*rapid.T){
		"boot":      func(t *rapid.T) { m.boot(m.candidate(t)) },
		"bootall":   func(*rapid.T) { m.boot("a1"); m.boot("b1"); m.boot("c1") },
		"kill":      func(t *rapid.T) { m.process(t).alive = false },
		"pause":     func(t *rapid.T) { m.process(t).paused = true },
		"resume":    func(t *rapid.T) { m.process(t).paused = false },
		"cut":       func(t *rapid.T) { m.process(t).cut = true },
		"heal":      func(t *rapid.T) { m.process(t).cut = false },
		"deaf":      func(t *rapid.T) { m.process(t).deaf = true },
		"minutes":   func(t *rapid.T) { m.pass(time.Duration(rapid.IntRange(10, 90).Draw(t, "s")) * time.Second) },
		"notice":    func(t *rapid.T) { m.notice(m.process(t)) },
		"receive":   func(t *rapid.T) { m.receive(m.process(t), few(t)) },
		"hear":      func(t *rapid.T) { m.hear(m.process(t), few(t)) },
		"heartbeat": func(*rapid.T) { m.heartbeat() },
		"everyone":  everyone,
		"everyone2": func(t *rapid.T) {
			m.heartbeat()
			everyone(t)
			m.planNow(t)
		},
		"progress": func(t *rapid.T) {
			m.progress(m.process(t), func() bool { return rapid.IntRange(0, 9).Draw(t, "fails") == 9 })
		},
		"leave": func(t *rapid.T) {
			if p := m.process(t); p.alive && !p.cut && !p.paused && rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				p.alive, p.state = false, model.Left
			}
		},
		"misjudge": func(t *rapid.T) {
			if p := m.process(t); p.state != model.Left && rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				m.misjudged = m.misjudged || p.alive
				p.state = model.Dead
			}
		},
		"newleader": func(*rapid.T) { m.newLeader() },
		"pass":      func(t *rapid.T) { m.pass(time.Duration(rapid.IntRange(1, 900).Draw(t, "ms")) * time.Millisecond) },
		"plan":      func(t *rapid.T) { m.planNow(t) },
		"wake": func(t *rapid.T) {
			if p := m.planNow(t); !p.Wake.IsZero() && p.Wake.Sub(m.now) < 10*time.Second {
				m.pass(p.Wake.Sub(m.now))
				m.planNow(t)
			}
		},
		"switchover": func(t *rapid.T) {
			group := rapid.SampledFrom([]string{"fast", "safe", "sparse", "tiers"}).Draw(t, "group")
			if o, err := planner.Switchover(m.spec, m.view(), group); err == nil {
				before := maps.Clone(m.orders)
				m.orders[group] = o
				m.broadcast(before)
			}
		},
		"": func(t *rapid.T) {
			if err := m.atMostOneActive(); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// TestAtMostOneActiveWhateverHappens checks the promises against a small world of members that die, pause, are cut off,
// return as new incarnations and hear and report late: at most one active at any instant, epochs that only rise, plans that
// do not depend on the order of their input and that change nothing when made again. When all has healed, every group runs.
func TestAtMostOneActiveWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newCluster()
		t.Repeat(m.actions())
		m.recover(t)
	})
}

// recover ends all trouble and gives the groups the time they may need: the longest back-off and more.
func (m *cluster) recover(t *rapid.T) {
	m.failing = false
	for _, p := range m.processes {
		p.paused, p.cut = false, false
		if p.deaf {
			p.deaf = false
			for _, order := range slices.Sorted(maps.Keys(m.orders)) {
				p.inbox = append(p.inbox, m.orders[order])
			}
		}
		if p.unlisted || p.state == model.Dead { // a process that was given up is not let in again: it ends itself
			p.alive = false
		}
	}
	for _, name := range []string{"a1", "b1", "c1"} {
		m.boot(name)
	}
	quiet := 0
	for range 3000 {
		m.heartbeat()
		for _, p := range m.processes {
			m.notice(p)
			m.receive(p, 1000)
			m.progress(p, nil)
			m.hear(p, 1000)
		}
		if err := m.atMostOneActive(); err != nil {
			t.Fatal(err)
		}
		plan := m.planNow(t)
		m.pass(200 * time.Millisecond)
		if quiet++; len(plan.Steps) > 0 {
			quiet = 0
		}
		if quiet > 5 && len(plan.Alarms) == 0 && plan.Wake.IsZero() {
			m.allRun(t)
			return
		}
		if quiet > 50 && plan.Wake.After(m.now) { // a back-off, which can be long
			m.skip(plan.Wake.Sub(m.now))
		}
	}
	t.Fatalf("no rest after ten minutes without trouble: %+v\n%+v", m.orders, m.reports)
}

func (m *cluster) allRun(t *rapid.T) {
	for _, g := range m.spec.Groups {
		o := m.orders[g.Name]
		if o.Active == nil || m.latest(o.Active.Member.Name).member != o.Active.Member {
			t.Fatalf("%s has no active: %+v", g.Name, o)
		}
		for _, want := range obedient(m.spec, g, o, o.Active.Member, nil) {
			if r, _ := m.last(o.Active.Member, want.Instance); r.Phase != model.Running || r.Role != app.Active || r.Epoch != o.Epoch {
				t.Fatalf("%s is %+v under %+v", want.Instance, r, o)
			}
		}
		if g.Sparse() && o.Active.Member.Name != g.Members[0] || g.Name == "tiers" && o.Active.Member.Name != "a1" {
			t.Fatalf("%s does not run where it should: %+v", g.Name, o.Active)
		}
	}
}
