package controller

import (
	"testing"

	"github.com/gendac/gendac/cluster/model"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/gdict"
)

// TestHandoversOfAGroupFitIntoItsOrder: whatever its applications leave, the order can be stored, nothing is left out
// that had room, the plan itself is not touched, and an order that fits stays as it is.
func TestHandoversOfAGroupFitIntoItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.MapOfN(rapid.StringMatching("[a-z]{1,8}"), rapid.IntRange(0, app.MaxHandover), 0, 30).Draw(t, "sizes")
		planned := model.Order{Group: "g", Epoch: 2, Active: &model.Activation{Epoch: 2, Handover: map[string][]byte{}}}
		all := 0
		for name, size := range sizes {
			planned.Active.Handover[name] = make([]byte, size)
			all += size
		}
		o, steps := fitting(planned)
		kept, least := 0, maxHandovers+1
		for _, left := range o.Active.Handover {
			kept += len(left)
		}
		for name, size := range sizes {
			if _, ok := o.Active.Handover[name]; !ok {
				least = min(least, size)
			}
		}
		switch {
		case len(encode(o)) > gdict.DefaultMaxValue:
			t.Fatalf("the order has %d bytes", len(encode(o)))
		case len(planned.Active.Handover) != len(sizes):
			t.Fatal("the plan itself was changed")
		case kept+least <= maxHandovers:
			t.Fatalf("%d bytes are kept, and %d more are left out that had room", kept, least)
		case len(steps) != len(sizes)-len(o.Active.Handover):
			t.Fatalf("%d of %d are left, but the steps are %v", len(o.Active.Handover), len(sizes), steps)
		}
		if again, more := fitting(o); len(more) > 0 || len(again.Active.Handover) != len(o.Active.Handover) {
			t.Fatalf("the second time it drops %v", more)
		}
	})
}
