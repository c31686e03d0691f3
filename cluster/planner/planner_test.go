package planner_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/planner"
)

// TestBackoffDoublesUpToFiveMinutes lets the only candidate of a group fail again and again, each time as soon as it is tried.
func TestBackoffDoublesUpToFiveMinutes(t *testing.T) {
	s := mustParse(`
cluster: demo
members: {a1: {}}
applications: {x: {}}
groups: [{name: solo, on: [a1], run: [x]}]
`)
	member := model.Member{Name: "a1", Incarnation: 7}
	w := &world{spec: s, now: start, orders: map[string]model.Order{}, members: []planner.MemberFacts{{Member: member, State: model.Up}}}
	for i, want := range []time.Duration{30, 60, 120, 240, 300, 300, 300} {
		w.plan(t)
		epoch := uint64(i + 1)
		if a := w.orders["solo"].Active; a == nil || a.Epoch != epoch {
			t.Fatalf("try %d: active is %v", i, a)
		}
		w.report(model.Report{Member: member, Instance: model.Instance{Group: "solo", App: "x"}, Phase: model.Failed, Role: app.Active, Epoch: epoch, Err: "no"})
		p := w.plan(t)
		if p.Orders[0].Active != nil || len(p.Alarms) != 1 || p.Alarms[0].Name != planner.NoCandidate {
			t.Fatalf("failure %d: %+v", i, p)
		}
		if wait := p.Wake.Sub(w.now); wait != want*time.Second {
			t.Errorf("failure %d: tried again after %v, want %v", i, wait, want*time.Second)
		}
		w.now = p.Wake
	}
}

// TestSwitchoverHasNoSideEffect: neither a refusal nor an accepted order changes the view it was made from.
func TestSwitchoverHasNoSideEffect(t *testing.T) {
	w := &world{spec: modelSpec, now: start, orders: map[string]model.Order{}}
	for i, name := range []string{"a1", "b1", "c1"} {
		w.members = append(w.members, planner.MemberFacts{Member: model.Member{Name: name, Incarnation: uint64(i + 1)}, State: model.Up})
	}
	plan := func() { w.plan(t) }
	for _, step := range []struct {
		want error
		then func()
	}{
		{planner.ErrNoActive, plan},
		{planner.ErrInTransition, w.obeyAll},
		{planner.ErrNoStandby, plan},
		{planner.ErrTargetNotReady, w.obeyAll},
		{nil, plan},
	} {
		v := w.view()
		before, err := json.Marshal(v.Orders)
		if err != nil {
			t.Fatal(err)
		}
		o, err := planner.Switchover(w.spec, v, "fast")
		if !errors.Is(err, step.want) || (err == nil) != o.Quiesce {
			t.Errorf("got %+v, %v, want %v", o, err, step.want)
		}
		if after, err := json.Marshal(v.Orders); err != nil || string(after) != string(before) {
			t.Errorf("changed the view from %s to %s, %v", before, after, err)
		}
		step.then()
	}
}

// obeyAll lets every member do what it was ordered.
func (w *world) obeyAll() {
	for _, g := range w.spec.Groups {
		for _, m := range w.members {
			for _, r := range obedient(w.spec, g, w.orders[g.Name], m.Member, nil) {
				w.report(r)
			}
		}
	}
}

// TestMakeChangesNothingItIsGiven: a view can be shared.
func TestMakeChangesNothingItIsGiven(t *testing.T) {
	member := model.Member{Name: "b1", Incarnation: 2}
	order := func() model.Order {
		return model.Order{
			Group: "fast", Epoch: 3,
			Active:  &model.Activation{Member: model.Member{Name: "a1", Incarnation: 1}, Epoch: 3},
			Standby: []model.Member{{Name: "b1", Incarnation: 1}, member},
			Failures: []model.Failure{
				{Member: model.Member{Name: "a1", Incarnation: 1}, Epoch: 2, Until: start},
				{Member: member, Epoch: 1, Until: start.Add(-time.Hour)},
			},
		}
	}
	v := planner.View{
		Members: []planner.MemberFacts{{Member: member, State: model.Up}, {Member: model.Member{Name: "a1", Incarnation: 1}, State: model.Dead}},
		Orders:  []model.Order{order()},
	}
	p := planner.Make(modelSpec, v, start)
	if a := p.Orders[0].Active; a == nil || a.Member != member || a.Epoch != 4 {
		t.Errorf("active is %v, want %v under epoch 4", a, member)
	}
	if !reflect.DeepEqual(v.Orders[0], order()) {
		t.Errorf("the view's order has become %+v", v.Orders[0])
	}
}
