package genstatem

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Transition is one event and what became of it, in words. From and To are equal when the state was kept.
type Transition struct {
	At       time.Time
	Event    string // "init" for the beginning
	From, To string
	Actions  []string // those of the callback, then those of the state enter call
	End      error    // why the machine ended with this event; nil if it goes on
}

func (t Transition) String() string {
	out := fmt.Sprintf("%s: %s", t.Event, t.From)
	if t.To != t.From {
		out += " -> " + t.To
	}
	if len(t.Actions) > 0 {
		out += " (" + strings.Join(t.Actions, "; ") + ")"
	}
	if t.End != nil {
		out += fmt.Sprintf(", end: %v", t.End)
	}
	return out
}

// Status is what process.Inspect shows as Info.State of a machine.
type Status struct {
	State       any          // of the machine's type S
	Data        any          // as Spec.Status says, or its text
	Postponed   []string     // events, oldest first
	Timeouts    []string     // those that run, oldest first
	Transitions []Transition // the last ones, oldest first; see WithTrace
}

// An Option sets how a machine is run.
type Option func(*options)

// tracer keeps the last transitions.
type tracer struct {
	last   []Transition
	limit  int
	report func(Transition)
}

// WithTrace keeps the last n transitions for process.Inspect. It costs a few microseconds for each event: events and
// actions are kept as text, so that nothing else is kept alive.
func WithTrace(n int) Option { return func(o *options) { o.trace.limit = n } }

// WithReport has report told of each transition as it happens, in the machine's turn: it must not block.
func WithReport(report func(Transition)) Option {
	return func(o *options) { o.trace.report = report }
}

func (t *tracer) on() bool { return t.limit > 0 || t.report != nil }

func (t *tracer) add(tr Transition) {
	if t.limit > 0 {
		if len(t.last) == t.limit {
			t.last = append(t.last[:0], t.last[1:]...)
		}
		t.last = append(t.last, tr)
	}
	if t.report != nil {
		t.report(tr)
	}
}

func transition[S comparable](f *trace[S], at time.Time) Transition {
	tr := Transition{At: at, Event: f.event.String(), From: fmt.Sprint(f.old), To: fmt.Sprint(f.to), End: f.end}
	for _, a := range f.actions {
		tr.Actions = append(tr.Actions, a.String())
	}
	return tr
}

func (h *host[S, D]) status() any {
	s := Status{State: h.core.state, Transitions: slices.Clone(h.trace.last)}
	if h.spec.Status != nil {
		s.Data = h.spec.Status(h.core.state, h.data)
	} else {
		s.Data = fmt.Sprintf("%+v", h.data)
	}
	for _, e := range h.core.postponed {
		s.Postponed = append(s.Postponed, e.String())
	}
	for _, r := range h.core.timers {
		s.Timeouts = append(s.Timeouts, r.timer.String())
	}
	return s
}
