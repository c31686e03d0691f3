package planner

import (
	"slices"

	"github.com/gendac/gendac/cluster/model"
)

// bare returns a copy without the handover.
func bare(a *model.Activation) *model.Activation {
	b := *a
	b.Handover = nil
	return &b
}

// clone returns a copy of which Make may change everything but what an Activation holds.
func clone(o model.Order) model.Order {
	o.Standby, o.Failures = slices.Clone(o.Standby), slices.Clone(o.Failures)
	return o
}

// tidy gives empty lists their one form, so that an order equals itself after it was stored.
func tidy(o *model.Order) {
	if len(o.Standby) == 0 {
		o.Standby = nil
	}
	if len(o.Failures) == 0 {
		o.Failures = nil
	}
}
