package supervisor

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/process"
	"pgregory.net/rapid"
)

// world is a shell without actors: it does what the core says and checks it against what is.
type world struct {
	t        *rapid.T
	s        state
	now      time.Time
	actors   map[string]of  // by name, those that exist, the abandoned ones too
	facts    map[of][]event // what is still to be heard of an incarnation that ended
	timers   map[string]arm // by child
	told     map[of]bool    // told to stop
	restarts []time.Time
	exits    int
}

func (w *world) feed(ev event) {
	var fx []effect
	w.s, fx = step(w.s, ev)
	for _, f := range fx {
		w.do(f)
	}
	if w.exits > 0 != (w.s.phase == done) {
		w.t.Fatalf("%d exits in phase %v", w.exits, w.s.phase)
	}
}

func (w *world) do(f effect) {
	switch f := f.(type) {
	case spawn:
		w.spawn(f)
	case stop:
		who := of{f.id, f.gen}
		for other := range w.told {
			if _, armed := w.timers[other.id]; armed && other != who && w.s.phase == stopping && w.timers[other.id].phase == Stopping {
				w.t.Fatalf("%v is told to stop while %v has not stopped", who, other)
			}
		}
		w.told[who] = true
	case arm:
		w.timers[f.id] = f
	case disarm:
		delete(w.timers, f.id)
	case abandon:
		delete(w.timers, f.id)
		delete(w.facts, of{f.id, f.gen})
	case tell:
		if f.notice.What == Restarting {
			w.restarts = append(w.restarts, w.now)
			recent := slices.DeleteFunc(slices.Clone(w.restarts), func(t time.Time) bool { return w.now.Sub(t) >= w.s.period })
			if len(recent) > w.s.max {
				w.t.Fatalf("%d restarts within %v, at most %d are allowed", len(recent), w.s.period, w.s.max)
			}
		}
	case exit:
		w.exits++
		for _, c := range w.s.children {
			if c.live() {
				w.t.Fatalf("exit while %s is %v", c.id, c.phase)
			}
		}
	}
}

func (w *world) spawn(f spawn) {
	if who, taken := w.actors[f.name]; taken {
		w.t.Fatalf("%s#%d is spawned as %s, which is still %v", f.id, f.gen, f.name, who)
	}
	if w.s.phase >= stopping {
		w.t.Fatalf("%s#%d is spawned by a supervisor that is %v", f.id, f.gen, w.s.phase)
	}
	for _, c := range w.s.children {
		if c.id == f.id {
			break
		}
		if c.phase == Waiting || c.gen == 1 && c.phase == Starting {
			w.t.Fatalf("%s is spawned while %s before it is %v", f.id, c.id, c.phase)
		}
	}
	w.actors[f.name] = of{f.id, f.gen}
}

// end makes an actor end: the facts about that come in either order, later.
func (w *world) end(name string, reason error, downFirst bool) {
	who := w.actors[name]
	facts := []event{down{who, reason, w.now}, gone{who, w.now}}
	if !downFirst {
		slices.Reverse(facts)
	}
	w.facts[who] = facts
}

func (w *world) hear(who of) {
	ev := w.facts[who][0]
	if w.facts[who] = w.facts[who][1:]; len(w.facts[who]) == 0 {
		delete(w.facts, who)
	}
	switch fact := ev.(type) { // the shell's clock is read when it hears
	case down:
		fact.at = w.now
		ev = fact
	case gone:
		fact.at = w.now
		ev = fact
		for name, other := range w.actors {
			if other == who {
				delete(w.actors, name)
			}
		}
	}
	w.feed(ev)
}

func keys[K comparable, V any](m map[K]V) []K {
	out := make([]K, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b K) int {
		if fmt.Sprint(a) < fmt.Sprint(b) {
			return -1
		}
		return 1
	})
	return out
}

// TestASupervisorKeepsItsPromisesWhateverItsChildrenDo lets random children start, hang and end for random reasons.
func TestASupervisorKeepsItsPromisesWhateverItsChildrenDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := Spec{MaxRestarts: rapid.IntRange(-1, 5).Draw(t, "max")}
		for i := range rapid.IntRange(0, 4).Draw(t, "children") {
			spec.Children = append(spec.Children, Child{
				ID: string(rune('a' + i)), Restart: Restart(rapid.IntRange(0, 2).Draw(t, "restart")),
			})
		}
		w := &world{
			t: t, s: newState(spec.withDefaults()), now: time.Unix(0, 0), actors: make(map[string]of),
			facts: make(map[of][]event), timers: make(map[string]arm), told: make(map[of]bool),
		}
		w.feed(boot{})
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			w.random()
		}
		w.feed(halt{process.ErrShutdown})
		for range 100 { // what is left ends, or hangs until its deadline
			if w.s.phase == done {
				break
			}
			w.settle()
		}
		if w.exits != 1 {
			t.Fatalf("%d exits after a halt: %v", w.exits, where(w.s))
		}
	})
}

func (w *world) random() {
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(w.t, "ms")) * time.Millisecond)
	names, heard := keys(w.actors), keys(w.facts)
	switch rapid.IntRange(0, 4).Draw(w.t, "what") {
	case 0:
		if len(names) > 0 {
			w.feed(began{w.actors[rapid.SampledFrom(names).Draw(w.t, "began")]})
		}
	case 1, 2:
		if len(heard) > 0 {
			w.hear(rapid.SampledFrom(heard).Draw(w.t, "heard"))
		}
	case 3:
		if len(names) > 0 {
			name := rapid.SampledFrom(names).Draw(w.t, "ended")
			if _, already := w.facts[w.actors[name]]; !already {
				reasons := []error{process.ErrNormal, process.ErrShutdown, errors.New("boom")}
				w.end(name, rapid.SampledFrom(reasons).Draw(w.t, "reason"), rapid.Bool().Draw(w.t, "order"))
			}
		}
	case 4:
		w.expire()
	}
}

func (w *world) expire() {
	if ids := keys(w.timers); len(ids) > 0 {
		a := w.timers[rapid.SampledFrom(ids).Draw(w.t, "expired")]
		delete(w.timers, a.id)
		w.now = w.now.Add(a.after)
		w.feed(expired{of{a.id, a.gen}, a.phase, w.now})
	}
}

func (w *world) settle() {
	if heard := keys(w.facts); len(heard) > 0 {
		w.hear(heard[0])
		return
	}
	w.expire()
}
