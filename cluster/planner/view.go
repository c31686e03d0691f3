package planner

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/cluster/spec"
)

// known is a view made ready for questions. Nothing in it depends on the order of the view's lists.
type known struct {
	spec          *spec.Spec
	now           time.Time
	unknownSafeAt time.Time
	seats         map[Seat]MemberState
	up            map[string]Seat // the latest incarnation in contact, by member
	reports       map[reportKey]Report
	orders        map[string]Order // by group; those of this plan replace those of the view
}

type reportKey struct {
	seat     Seat
	instance string
}

func observe(s *spec.Spec, v View, now time.Time) *known {
	k := &known{
		spec: s, now: now, unknownSafeAt: v.UnknownSafeAt,
		seats: map[Seat]MemberState{}, up: map[string]Seat{}, reports: map[reportKey]Report{}, orders: map[string]Order{},
	}
	for _, m := range v.Members {
		if was, twice := k.seats[m.Seat]; twice {
			m.State = min(m.State, was.State) // the one that forbids more
			if was.SafeAt.After(m.SafeAt) {
				m.SafeAt = was.SafeAt
			}
		}
		k.seats[m.Seat] = m
	}
	for seat, m := range k.seats {
		if was, ok := k.up[seat.Member]; m.State == Up && (!ok || seat.Incarnation > was.Incarnation) {
			k.up[seat.Member] = seat
		}
	}
	for _, r := range v.Reports {
		key := reportKey{r.Seat, r.Instance}
		if was, twice := k.reports[key]; !twice || r.compare(was) > 0 {
			k.reports[key] = r
		}
	}
	for _, o := range v.Orders {
		if was, twice := k.orders[o.Group]; !twice || o.Epoch > was.Epoch {
			k.orders[o.Group] = o
		}
	}
	for _, g := range s.Groups {
		o := k.orders[g.Name]
		o.Group = g.Name
		k.orders[g.Name] = o
	}
	return k
}

// byDanger lists the phases from certainly harmless to possibly acting.
var byDanger = []Phase{Failed, Idle, Quiesced, Stopping, Quiescing, Starting, Running}

// compare is greater than zero when r is to be believed rather than other: the later one, or the more cautious.
func (r Report) compare(other Report) int {
	return cmp.Or(
		cmp.Compare(r.Epoch, other.Epoch),
		cmp.Compare(slices.Index(byDanger, r.Phase), slices.Index(byDanger, other.Phase)),
		cmp.Compare(r.Role, other.Role),
		bytes.Compare(r.Handover, other.Handover),
		cmp.Compare(r.Err, other.Err),
	)
}

// state returns the state of a seat; one that is not listed counts as dead, without its process being known to be gone.
func (k *known) state(seat Seat) State {
	if m, listed := k.seats[seat]; listed {
		return m.State
	}
	return Dead
}

func (k *known) gone(seat Seat) bool { return k.state(seat) != Up }

// describe says what is known about a seat, for a reason.
func (k *known) describe(seat Seat) string {
	m, listed := k.seats[seat]
	switch {
	case !listed:
		return seat.String() + " is not known any more"
	case m.State == Up && k.up[seat.Member] != seat:
		return seat.String() + " has a later incarnation"
	case m.State == Suspect:
		return seat.String() + " is silent"
	case m.State == Dead:
		return "the process of " + seat.String() + " is gone"
	case m.State == Left:
		return seat.String() + " has left"
	default:
		return seat.String() + " is up"
	}
}

// report returns what the instance of an application at seat said, if it has accepted a goal of epoch or later.
func (k *known) report(g spec.Group, seat Seat, application string, epoch uint64) (Report, bool) {
	r, ok := k.reports[reportKey{seat, g.Name + "/" + application}]
	return r, ok && r.Epoch >= epoch
}

// ended says whether every application has reported that it acts no more under the activation. A report of a lower epoch
// says nothing: that instance may have yet to receive its order.
func (k *known) ended(g spec.Group, a *Activation) bool {
	for _, name := range k.spec.Apps(g) {
		if r, ok := k.report(g, a.Seat, name, a.Epoch); !ok || !r.harmless() {
			return false
		}
	}
	return true
}

func (r Report) harmless() bool { return r.Phase == Idle || r.Phase == Quiesced || r.Phase == Failed }

// broken says which application had the activation and is not living up to it; empty when none is.
func (k *known) broken(g spec.Group, a *Activation) string {
	for _, name := range k.spec.Apps(g) {
		if r, ok := k.report(g, a.Seat, name, a.Epoch); ok && r.harmless() {
			why := r.Instance + " is " + string(r.Phase) + " there"
			if r.Err != "" {
				why += ": " + r.Err
			}
			return why
		}
	}
	return ""
}

// running says whether every application runs as active under exactly this activation.
func (k *known) running(g spec.Group, a *Activation) bool {
	for _, name := range k.spec.Apps(g) {
		r, ok := k.report(g, a.Seat, name, a.Epoch)
		if !ok || r.Epoch != a.Epoch || r.Phase != Running || r.Role != app.Active {
			return false
		}
	}
	return true
}

// ready says whether every standby application runs at seat.
func (k *known) ready(g spec.Group, seat Seat) bool {
	for _, name := range k.spec.StandbyApps(g) {
		if r, ok := k.report(g, seat, name, 0); !ok || r.Phase != Running || r.Role != app.Standby {
			return false
		}
	}
	return true
}

// failed returns the report of the first application that failed at seat under epoch or later.
func (k *known) failed(g spec.Group, seat Seat, epoch uint64) (Report, bool) {
	for _, name := range k.spec.Apps(g) {
		if r, ok := k.report(g, seat, name, epoch); ok && r.Phase == Failed {
			return r, true
		}
	}
	return Report{}, false
}

// handover collects what the applications of an activation left for the next.
func (k *known) handover(g spec.Group, a *Activation) map[string][]byte {
	var left map[string][]byte
	for _, name := range k.spec.Apps(g) {
		if r, ok := k.report(g, a.Seat, name, a.Epoch); ok && r.Phase == Quiesced && len(r.Handover) > 0 {
			if left == nil {
				left = map[string][]byte{}
			}
			left[name] = bytes.Clone(r.Handover)
		}
	}
	return left
}
