package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gendac/gendac/actors/app"
)

// String returns seat, epoch and kind: "b1/1 epoch 2 failover(a1)".
func (a *Activation) String() string {
	start := app.Start{Kind: a.Kind, From: a.From}
	return fmt.Sprintf("%v epoch %d %v", a.Seat, a.Epoch, start)
}

// maxReason is how many bytes of an error are told in a reason.
const maxReason = 200

// String returns what failed where and why, in one line: "a1/1 has failed lately (pair/switch: no disk)".
func (f Failure) String() string {
	text := f.Seat.String() + " has failed lately"
	why := strings.Join(strings.Fields(f.Err), " ")
	if len(why) > maxReason {
		why = strings.ToValidUTF8(why[:maxReason], "") + "..."
	}
	if what := strings.Trim(f.Instance+": "+why, ": "); what != "" {
		text += " (" + what + ")"
	}
	return text
}

// bare returns a copy without the handover.
func (a *Activation) bare() *Activation {
	b := *a
	b.Handover = nil
	return &b
}

// clone returns a copy of which Make may change everything but what an Activation holds.
func (o Order) clone() Order {
	o.Standby, o.Failures = slices.Clone(o.Standby), slices.Clone(o.Failures)
	return o
}

// tidy gives empty lists their one form, so that an order equals itself after it was stored.
func (o *Order) tidy() {
	if len(o.Standby) == 0 {
		o.Standby = nil
	}
	if len(o.Failures) == 0 {
		o.Failures = nil
	}
}
