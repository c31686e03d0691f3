package controller

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gendac/gendac/cluster/model"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/lease"
)

var pairSwitch = model.Instance{Group: "pair", App: "switch"}

// TestPublishedReportsBecomeTheLatest: however publications fail, whether the dictionary has them all the same or not,
// it ends up with what each instance said last; and there is never more than one under way.
func TestPublishedReportsBecomeTheLatest(t *testing.T) {
	s := parseScriptSpec(t, "- {name: pair, members: [a1, b1], pair: {active: [switch, meter]}}")
	self := model.Member{Name: "a1", Incarnation: 1}
	rapid.Check(t, func(t *rapid.T) {
		p := &publisher{t: t, core: newLocal(s, self), dict: map[string]string{}}
		p.step(ordered{order: model.Order{Group: "pair", Epoch: 1, Active: &model.Activation{Member: self, Epoch: 1}}, term: 1})
		latest := map[model.Instance]model.Report{}
		t.Repeat(map[string]func(*rapid.T){
			"report": func(t *rapid.T) {
				r := model.Report{
					Instance: rapid.SampledFrom([]model.Instance{pairSwitch, {Group: "pair", App: "meter"}}).Draw(t, "instance"), Epoch: 1, Role: app.Active,
					Phase: rapid.SampledFrom([]model.Phase{model.Idle, model.Running, model.Failed}).Draw(t, "phase"),
				}
				latest[r.Instance] = r
				p.step(reported{report: r})
			},
			"done":       func(t *rapid.T) { p.finish(t, true, nil) },
			"lost":       func(t *rapid.T) { p.finish(t, false, errors.New("lost")) },
			"unanswered": func(t *rapid.T) { p.finish(t, true, errors.New("no answer")) },
			"pauseOver":  func(t *rapid.T) { p.pauseOver(t) },
		})
		for p.pending != nil || p.paused {
			if p.paused {
				p.pauseOver(t)
			} else {
				p.finish(t, true, nil)
			}
		}
		for instance, r := range latest {
			r.Start = "normal"
			if got := readable(p.dict[reportKey(self, instance)]); got != r.String() {
				t.Fatalf("%s: the dictionary has %q, the latest report is %v", instance, got, r)
			}
		}
	})
}

type publisher struct {
	t       *rapid.T
	core    *local
	dict    map[string]string
	pending *publish
	paused  bool
}

func (p *publisher) step(ev localEvent) {
	var effects []localEffect
	p.core, effects = stepLocal(p.core, ev)
	for _, e := range effects {
		switch e := e.(type) {
		case publish:
			if p.pending != nil || p.paused {
				p.t.Fatalf("%v while %v is under way (paused: %v)", e, p.pending, p.paused)
			}
			p.pending = &e
		case pauseFor:
			p.paused = true
		}
	}
}

func (p *publisher) finish(t *rapid.T, done bool, err error) {
	if p.pending == nil {
		t.Skip("nothing is being published")
	}
	e := *p.pending
	p.pending = nil
	if done {
		p.dict[e.key] = e.value
	}
	p.step(published{key: e.key, value: e.value, err: err})
}

func (p *publisher) pauseOver(t *rapid.T) {
	if !p.paused {
		t.Skip("nothing is paused")
	}
	p.paused = false
	p.step(pauseOver{})
}

// TestActivationsKeepTheTermTheyWereLearnedUnder: whatever orders come, an epoch is never told to be active under two
// lease terms, nor again once its controller is gone.
func TestActivationsKeepTheTermTheyWereLearnedUnder(t *testing.T) {
	s := parseScriptSpec(t, "- {name: pair, members: [a1, b1], pair: {active: [switch]}}")
	self, other := model.Member{Name: "a1", Incarnation: 1}, model.Member{Name: "b1", Incarnation: 1}
	rapid.Check(t, func(t *rapid.T) {
		core := newLocal(s, self)
		term, epoch := lease.Term(1), uint64(1)
		terms, spent := map[uint64]lease.Term{}, uint64(0)
		active := &model.Activation{Member: self, Epoch: 1}
		step := func(ev localEvent) {
			_, effects := stepLocal(core, ev)
			for _, e := range effects {
				told, ok := e.(tell)
				if !ok || told.goal.Want != appctrl.Active {
					continue
				}
				g := told.goal
				if was, known := terms[g.Epoch]; known && was != g.Term {
					t.Fatalf("epoch %d under term %d and then under %d", g.Epoch, was, g.Term)
				}
				if terms[g.Epoch] = g.Term; g.Epoch <= spent {
					t.Fatalf("epoch %d is to be active again after its controller ended", g.Epoch)
				}
			}
		}
		order := func() {
			step(ordered{order: model.Order{Group: "pair", Epoch: epoch, Active: active, Quiesce: active.Member == self && rapid.Bool().Draw(t, "quiesce")}, term: term})
		}
		order()
		t.Repeat(map[string]func(*rapid.T){
			"repeat": func(*rapid.T) { order() },
			"lapse":  func(*rapid.T) { step(lapsed{term}); term++ },
			"activate": func(t *rapid.T) {
				epoch++
				active = &model.Activation{Member: rapid.SampledFrom([]model.Member{self, other}).Draw(t, "member"), Epoch: epoch}
				order()
			},
			"crash": func(t *rapid.T) {
				if !core.alive[pairSwitch] {
					t.Skip("it has no controller")
				}
				spent = max(spent, core.goals[pairSwitch].Epoch)
				step(ended{instance: pairSwitch, err: fmt.Errorf("boom")})
			},
		})
	})
}
