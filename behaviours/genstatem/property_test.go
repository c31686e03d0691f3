package genstatem

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is the documentation in a few lines. There is one line of events: what was postponed stays at its place before
// the mark, a change of state puts the mark back to the front, and a timeout of zero joins the line at its end.
type model struct {
	line    []item
	mark    int // of what is handled now, or next
	state   string
	running map[timer]any // timers with a time to go, and what they say
}

// An item is an event, or a timeout of zero, which can still be cancelled.
type item struct {
	Event
	timer timer
}

// next says what is handled next, and waits if there is nothing.
func (m *model) next() (Event, bool) {
	if m.mark == len(m.line) {
		return Event{}, false
	}
	m.line[m.mark].timer = timer{}
	m.cancel(timer{kind: EventTimeoutEvent})
	return m.line[m.mark].Event, true
}

// comes is an event from the mailbox, or of a timer that has run out.
func (m *model) comes(e Event) { m.line = append(m.line, item{Event: e}) }

func (m *model) conclude(state string, actions []Action) {
	if slices.Contains(actions, Postpone()) {
		m.mark++
	} else {
		m.line = slices.Delete(m.line, m.mark, m.mark+1)
	}
	if state != m.state {
		m.state, m.mark = state, 0
		m.cancel(timer{kind: StateTimeoutEvent})
	}
	at := m.mark
	for _, a := range actions {
		switch a := a.(type) {
		case nextEvent:
			m.line = slices.Insert(m.line, at, item{Event: a.event})
			at++
		case cancel:
			m.cancel(a.timer)
		case set:
			m.set(a.timer, a.after, a.content)
		case update:
			m.update(a.timer, a.content)
		}
	}
}

func (m *model) cancel(t timer) {
	delete(m.running, t)
	m.line = slices.DeleteFunc(m.line, func(i item) bool { return i.timer == t })
}

func (m *model) set(t timer, after time.Duration, content any) {
	m.cancel(t)
	switch {
	case after == Infinity:
	case after <= 0:
		m.line = append(m.line, item{Event{Kind: t.kind, Name: t.name, Content: content}, t})
	default:
		m.running[t] = content
	}
}

func (m *model) update(t timer, content any) {
	if _, ok := m.running[t]; ok {
		m.running[t] = content
		return
	}
	for i := range m.line {
		if m.line[i].timer == t {
			m.line[i].Content = content
			return
		}
	}
	m.set(t, 0, content)
}

// run is one random life of a core beside the model.
type run struct {
	t       *rapid.T
	core    core[string]
	model   model
	serial  int // of contents, so that each event is another
	handled int // since the mailbox was last looked at
}

func TestTheCoreDoesWhatTheModelSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &run{t: t, model: model{state: "a", running: map[timer]any{}}}
		r.core.enters = rapid.Bool().Draw(t, "enters")
		r.feed(input[string]{kind: booted})
		r.returns(Result[string]{move: next, next: "a"})
		if r.core.enters {
			r.returns(Result[string]{})
		}
		for range rapid.IntRange(1, 40).Draw(t, "inputs") {
			r.input()
		}
	})
}

// input lets something happen that the core waits for, and answers for the callbacks until it waits again.
func (r *run) input() {
	r.handled = 0
	var event Event
	var in input[string]
	running := slices.DeleteFunc(slices.Clone(r.core.timers), func(t running) bool { return t.due })
	if len(running) > 0 && rapid.Bool().Draw(r.t, "fires") {
		f := rapid.SampledFrom(running).Draw(r.t, "timer")
		if fx := r.feed(input[string]{kind: ranOut, fired: fired{f.timer, f.gen - 1}}); len(fx) > 0 {
			r.t.Fatalf("a stale timer does %v", fx)
		}
		event = Event{Kind: f.kind, Name: f.name, Content: r.model.running[f.timer]}
		delete(r.model.running, f.timer)
		in = input[string]{kind: ranOut, fired: fired{f.timer, f.gen}}
	} else {
		event = Event{Kind: CastEvent, Content: r.fresh()}
		in = input[string]{kind: arrived, event: event}
	}
	r.model.comes(event)
	fx := r.feed(in)
	for {
		want, more := r.model.next()
		if !more {
			break
		}
		if len(fx) == 0 || fx[len(fx)-1] != effect(handle{}) || r.core.event != want {
			r.t.Fatalf("the model handles %v, the core does %v", want, fx)
		}
		fx = r.answer()
	}
	r.compare(fx)
}

func (r *run) feed(in input[string]) (fx []effect) { return r.core.step(&in, nil) }

func (r *run) returns(result Result[string]) []effect {
	return r.feed(input[string]{kind: returned, result: result})
}

// answer concludes the handling of one event in the core and in the model.
func (r *run) answer() []effect {
	r.handled++
	state := rapid.SampledFrom([]string{r.core.state, r.core.state, "a", "b"}).Draw(r.t, "state")
	actions := rapid.SliceOfN(r.actions(true), 0, 4).Draw(r.t, "actions")
	fx := r.returns(Result[string]{move: next, next: state, actions: actions})
	if r.core.phase == entering {
		more := rapid.SliceOfN(r.actions(false), 0, 2).Draw(r.t, "enter actions")
		actions = append(actions, more...)
		fx = r.returns(Result[string]{actions: more})
	}
	r.model.conclude(state, actions)
	return fx
}

// actions are drawn so that no run goes on for ever.
func (r *run) actions(ofEvent bool) *rapid.Generator[Action] {
	timers := []timer{{kind: StateTimeoutEvent}, {kind: EventTimeoutEvent}, named("x"), named("y")}
	return rapid.Custom(func(t *rapid.T) Action {
		tm := rapid.SampledFrom(timers).Draw(t, "timer")
		times := []time.Duration{time.Second, time.Minute, Infinity}
		kinds := []string{"set", "set", "cancel"}
		if r.handled < 20 {
			times = append(times, 0, -1)
			kinds = append(kinds, "update")
			if ofEvent {
				kinds = append(kinds, "insert", "postpone")
			}
		}
		switch rapid.SampledFrom(kinds).Draw(t, "action") {
		case "set":
			return set{tm, rapid.SampledFrom(times).Draw(t, "after"), r.fresh()}
		case "update":
			return update{tm, r.fresh()}
		case "insert":
			return NextEvent(Internal(r.fresh()))
		case "postpone":
			return Postpone()
		default:
			return cancel{tm}
		}
	})
}

func (r *run) fresh() string {
	r.serial++
	return fmt.Sprint(r.serial)
}

// compare looks at both while they wait.
func (r *run) compare(fx []effect) {
	if r.core.phase != waiting || r.core.state != r.model.state {
		r.t.Fatalf("the core is %v in %v after %v, the model in %v", r.core.phase, r.core.state, fx, r.model.state)
	}
	var kept []Event
	for _, i := range r.model.line {
		kept = append(kept, i.Event)
	}
	if !slices.Equal(kept, r.core.postponed) {
		r.t.Fatalf("the core postponed %v, the model %v", r.core.postponed, kept)
	}
	if len(r.core.timers) != len(r.model.running) {
		r.t.Fatalf("the core runs %v, the model %v", r.core.timers, r.model.running)
	}
	for _, running := range r.core.timers {
		if content, ok := r.model.running[running.timer]; !ok || content != running.content {
			r.t.Fatalf("the core runs %v, the model %v", running, r.model.running)
		}
	}
}
