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

// world is a shell without actors: it does what the core says and checks it against what is. Unlike the model's trees it
// lets things happen at any moment, in the middle of starts, stops and restarts.
type world struct {
	t        *rapid.T
	s        *state
	now      time.Time
	actors   map[string]of // by name, those that exist, the abandoned ones too
	begun    map[of]bool
	told     map[of]bool // to stop, and have neither ended nor been abandoned
	timers   map[of]arm
	waits    []uint64
	restarts []time.Time
	asked    int
	answered int
	exits    int
	ids      int
}

func (w *world) feed(ev event) {
	if _, ok := ev.(command); ok {
		w.asked++
	}
	for _, f := range w.s.step(ev) {
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
		w.stop(f.of)
	case arm:
		w.timers[f.of] = f
	case disarm:
		delete(w.timers, f.of)
	case abandon:
		delete(w.timers, f.of)
		delete(w.told, f.of)
		w.abandon(f.of)
	case wait:
		w.waits = append(w.waits, f.hold)
	case answer, describe:
		w.answered++
	case tell:
		w.tell(f.notice)
	case exit:
		w.exits++
		for _, c := range w.s.children {
			if c.live() {
				w.t.Fatalf("exit while %s is %v", c.ID, c.phase)
			}
		}
	}
}

func (w *world) stop(who of) {
	for other := range w.told {
		if w.s.phase == stopping && other != who {
			w.t.Fatalf("%v is told to stop while %v has not stopped", who, other)
		}
	}
	w.told[who] = true
}

func (w *world) spawn(f spawn) {
	if who, taken := w.actors[f.name]; taken {
		w.t.Fatalf("%v is spawned as %s, which is still %v", f.of, f.name, who)
	}
	if w.s.phase >= stopping {
		w.t.Fatalf("%v is spawned by a supervisor that is %v", f.of, w.s.phase)
	}
	w.actors[f.name] = f.of
}

// abandon gives an actor another name: the shell gets past one that a forgotten child still has.
func (w *world) abandon(who of) {
	for name, other := range w.actors {
		if other == who {
			delete(w.actors, name)
			w.actors[fmt.Sprintf("abandoned %v", who)] = who
			return
		}
	}
}

func (w *world) tell(n Notice) {
	if n.What != Restarting {
		return
	}
	w.restarts = append(w.restarts, w.now)
	recent := slices.DeleteFunc(slices.Clone(w.restarts), func(t time.Time) bool { return w.now.Sub(t) >= w.s.spec.Period })
	if len(recent) > w.s.spec.MaxRestarts {
		w.t.Fatalf("%d restarts within %v, at most %d are allowed", len(recent), w.s.spec.Period, w.s.spec.MaxRestarts)
	}
}

// serial checks what a strategy other than one_for_one promises at every moment.
func (w *world) serial() {
	if w.s.spec.Strategy == OneForOne && w.s.phase != starting {
		return
	}
	n := 0
	for _, c := range w.s.children {
		if c.phase == Starting {
			n++
		}
	}
	if n > 1 {
		w.t.Fatalf("%d children are starting: %s", n, where(w.s))
	}
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

// TestASupervisorKeepsItsPromisesWhateverItsChildrenDo lets random children start, hang and end for random reasons, and
// random commands come, each at any moment.
func TestASupervisorKeepsItsPromisesWhateverItsChildrenDo(t *testing.T) {
	for i := range 10 {
		t.Run(fmt.Sprint(i), func(t *testing.T) { rapid.Check(t, promises) })
	}
}

func promises(t *rapid.T) {
	w := &world{t: t, now: time.Unix(0, 0), actors: make(map[string]of), begun: make(map[of]bool), told: make(map[of]bool), timers: make(map[of]arm)}
	spec := Spec{
		Strategy:    Strategy(rapid.IntRange(0, 2).Draw(t, "strategy")),
		MaxRestarts: rapid.SampledFrom([]int{-1, 1, 3, 8}).Draw(t, "max"),
		Backoff:     Backoff{Min: time.Duration(rapid.IntRange(0, 1).Draw(t, "backoff")) * time.Second},
	}
	for range rapid.IntRange(0, 4).Draw(t, "children") {
		spec.Children = append(spec.Children, w.child())
	}
	w.s = newState(spec.withDefaults())
	w.feed(boot{})
	for range rapid.IntRange(0, 60).Draw(t, "steps") {
		w.random()
		w.serial()
	}
	w.feed(halt{process.ErrShutdown})
	for range 100 { // what is left ends, or hangs until its deadline
		if w.s.phase == done {
			break
		}
		w.expire()
	}
	if w.exits != 1 || w.answered != w.asked {
		t.Fatalf("%d exits after a halt, %d of %d commands answered: %v", w.exits, w.answered, w.asked, where(w.s))
	}
}

func (w *world) child() Child {
	w.ids++
	return Child{
		ID: fmt.Sprint("c", w.ids), Props: anyProps, Restart: Restart(rapid.IntRange(0, 2).Draw(w.t, "restart")),
		Shutdown: rapid.SampledFrom([]time.Duration{0, 0, BrutalKill}).Draw(w.t, "shutdown"),
	}
}

func (w *world) random() {
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(w.t, "ms")) * time.Millisecond)
	names := keys(w.actors)
	switch what := rapid.IntRange(0, 9).Draw(w.t, "what"); {
	case what <= 2 && len(names) > 0:
		who := w.actors[rapid.SampledFrom(names).Draw(w.t, "began")]
		w.begun[who] = true
		w.feed(began{who, w.now})
	case what <= 5 && len(names) > 0:
		w.end(rapid.SampledFrom(names).Draw(w.t, "ended"))
	case what == 6:
		w.expire()
	case what == 7 && len(w.waits) > 0:
		w.feed(waited{w.waits[0], w.now})
		w.waits = w.waits[1:]
	case what >= 8:
		w.command()
	}
}

func (w *world) end(name string) {
	who := w.actors[name]
	if rapid.IntRange(0, 3).Draw(w.t, "panics") == 0 { // it is gone later, if ever
		w.feed(failed{who, w.begun[who], errors.New("panic"), w.now, ""})
		return
	}
	delete(w.actors, name)
	delete(w.told, who)
	reasons := []error{process.ErrNormal, process.ErrShutdown, errors.New("boom"), ErrIgnore}
	started := w.begun[who] || rapid.Bool().Draw(w.t, "started")
	w.feed(gone{who, started, rapid.SampledFrom(reasons).Draw(w.t, "reason"), w.now, ""})
}

func (w *world) command() {
	id := "nobody"
	if len(w.s.children) > 0 {
		id = w.s.children[rapid.IntRange(0, len(w.s.children)-1).Draw(w.t, "child")].ID
	}
	w.feed([]command{
		startChild{child: w.child()},
		restartChild{id: id},
		terminateChild{id: id},
		deleteChild{id: id},
		counted{},
		asked{},
		specAsked{id: id},
		startChild{child: Child{ID: id, Props: anyProps}},
	}[rapid.IntRange(0, 7).Draw(w.t, "command")])
}

func (w *world) expire() {
	if who := keys(w.timers); len(who) > 0 {
		a := w.timers[rapid.SampledFrom(who).Draw(w.t, "expired")]
		delete(w.timers, a.of)
		w.now = w.now.Add(a.after)
		w.feed(expired{a.of, a.phase, w.now})
	}
}
