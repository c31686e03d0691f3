package planner_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

// What follows must hold of every plan. The scripts and the model check it each time they plan.

func stepsTellEveryChange(_ *spec.Spec, v planner.View, _ time.Time, p planner.Plan) error {
	told := map[string]bool{}
	for _, s := range p.Steps {
		told[s.Group] = true
		if s.What == "" || s.Why == "" {
			return fmt.Errorf("a step does not say what and why: %+v", s)
		}
	}
	for _, o := range p.Orders {
		was := model.Order{Group: o.Group}
		if i := slices.IndexFunc(v.Orders, func(old model.Order) bool { return old.Group == o.Group }); i >= 0 {
			was = v.Orders[i]
		}
		if changed := !reflect.DeepEqual(was, o); changed != told[o.Group] {
			return fmt.Errorf("%s: order changed: %v, but steps tell of it: %v\nfrom %+v\nto   %+v", o.Group, changed, told[o.Group], was, o)
		}
	}
	return nil
}

func planningAgainChangesNothing(s *spec.Spec, v planner.View, now time.Time, p planner.Plan) error {
	v.Orders = p.Orders
	again := planner.Make(s, v, now)
	if len(again.Steps) > 0 {
		return fmt.Errorf("planning again has steps %v\nafter %v", again.Steps, p.Steps)
	}
	again.Steps = p.Steps
	if !reflect.DeepEqual(again, p) {
		return fmt.Errorf("planning again differs:\n%+v\nafter\n%+v", again, p)
	}
	return nil
}

func inputOrderIsIrrelevant(s *spec.Spec, v planner.View, now time.Time, p planner.Plan) error {
	rng := rand.New(rand.NewSource(1))
	for range 3 {
		v.Members, v.Reports, v.Orders = slices.Clone(v.Members), slices.Clone(v.Reports), slices.Clone(v.Orders)
		rng.Shuffle(len(v.Members), func(i, j int) { v.Members[i], v.Members[j] = v.Members[j], v.Members[i] })
		rng.Shuffle(len(v.Reports), func(i, j int) { v.Reports[i], v.Reports[j] = v.Reports[j], v.Reports[i] })
		rng.Shuffle(len(v.Orders), func(i, j int) { v.Orders[i], v.Orders[j] = v.Orders[j], v.Orders[i] })
		if other := planner.Make(s, v, now); !reflect.DeepEqual(other, p) {
			return fmt.Errorf("the order of the input matters:\n%+v\nand\n%+v", other, p)
		}
	}
	return nil
}

func epochsOnlyRise(_ *spec.Spec, v planner.View, _ time.Time, p planner.Plan) error {
	for _, o := range p.Orders {
		was := model.Order{}
		if i := slices.IndexFunc(v.Orders, func(old model.Order) bool { return old.Group == o.Group }); i >= 0 {
			was = v.Orders[i]
		}
		switch {
		case o.Epoch < was.Epoch || o.Epoch > max(was.Epoch, v.EpochsAbove)+1:
			return fmt.Errorf("%s: epoch goes from %d to %d", o.Group, was.Epoch, o.Epoch)
		case o.Active != nil && o.Active.Epoch != o.Epoch:
			return fmt.Errorf("%s: active under %d, highest is %d", o.Group, o.Active.Epoch, o.Epoch)
		case o.Active != nil && (was.Active == nil || was.Active.Member != o.Active.Member) && o.Epoch == was.Epoch:
			return fmt.Errorf("%s: %v without a new epoch", o.Group, o.Active)
		}
	}
	return nil
}

func ordersSurviveStorage(_ *spec.Spec, _ planner.View, _ time.Time, p planner.Plan) error {
	for _, o := range p.Orders {
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		var back model.Order
		if err := json.Unmarshal(text, &back); err != nil {
			return err
		}
		if !reflect.DeepEqual(o, back) {
			return fmt.Errorf("stored as %s it comes back as %+v, not %+v", text, back, o)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != string(text) {
			return fmt.Errorf("stored as %s and then as %s: %w", text, again, err)
		}
	}
	return nil
}

func wakeIsLater(_ *spec.Spec, _ planner.View, now time.Time, p planner.Plan) error {
	if !p.Wake.IsZero() && !p.Wake.After(now) {
		return fmt.Errorf("wake at %v is not later than %v", p.Wake, now)
	}
	return nil
}
