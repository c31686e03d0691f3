package sim

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/cluster/controller"
	"github.com/gendac/gendac/cluster/spec"
)

// A world is one run: the members, the network between them, and what is seen from outside.
type world struct {
	seed      uint64
	dice      dice
	names     []string
	slow      bool // applications take their time
	spec      *spec.Spec
	net       *network
	witness   *witness
	writes    *writes
	hosts     map[string]*host // the latest incarnation of each name
	everybody []*host
	starts    uint64
	log       *slog.Logger
	began     time.Time
	stalling  atomic.Bool // actors are held up between two reads

	mu       sync.Mutex
	problems []string
	trace    bytes.Buffer
	ordered  int // switchovers that were carried out
	deaths   int
}

// members of a world of n: the last one only votes.
func members(n int) []string { return append([]string{"a1", "b1", "c1", "d1"}[:n-1:n-1], "w1") }

// specOf has a pair of each failover mode, and a group on tiers that gives a lost member time to come back.
func specOf(names []string) *spec.Spec {
	var text strings.Builder
	text.WriteString("cluster: sim\nmembers: {")
	for _, name := range names {
		fmt.Fprintf(&text, "%s: {witness: %v}, ", name, name == "w1")
	}
	rest := strings.Join(names[1:len(names)-1], ", ")
	fmt.Fprintf(&text, `}
applications: {careful: {failover: safe}, swift: {failover: fast}, roamer: {failover: safe}}
groups:
  - {name: safe, members: [a1, %[1]s], pair: {active: [careful], standby: [careful]}}
  - {name: fast, members: [%[1]s, a1], pair: {active: [swift], standby: [swift]}}
  - {name: tiers, on: [a1, [%[1]s]], run: [roamer], failover_delay: 500ms}
`, rest)
	s, err := spec.Parse([]byte(text.String()))
	if err != nil {
		panic(err)
	}
	return s
}

// inWorld runs a test in a bubble with a world of n members that have just been started, and ends them all.
func inWorld(t *testing.T, seed uint64, n int, slow bool, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(seed, members(n))
		w.slow = slow
		defer w.report(t)
		for _, name := range w.names {
			w.start(name)
		}
		f(w)
		w.end()
	})
}

func newWorld(seed uint64, names []string) *world {
	w := &world{
		seed: seed, dice: dice(seed), names: names, spec: specOf(names), hosts: map[string]*host{},
		began: time.Now(),
	}
	w.log = slog.New(slog.NewTextHandler(&locked{w: w}, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				a.Value = slog.DurationValue(time.Since(w.began).Round(time.Microsecond))
			}
			return a
		},
	}))
	w.net, w.witness, w.writes = newNetwork(seed, names), newWitness(w), &writes{}
	return w
}

type locked struct{ w *world }

func (l *locked) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.trace.Write(p)
}

func (w *world) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.log.Error("PROBLEM", "what", text)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf("at %v: %s", time.Since(w.began).Round(time.Microsecond), text))
}

func (w *world) hasProblems() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.problems) > 0
}

// report fails the test with what was wrong, and with what led to it.
func (w *world) report(t *testing.T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, p := range w.problems {
		if i == 10 {
			t.Errorf("seed %d: and %d more", w.seed, len(w.problems)-i)
			break
		}
		t.Errorf("seed %d: %s", w.seed, p)
	}
	if len(w.problems) > 0 {
		lines := strings.Split(w.trace.String(), "\n")
		t.Logf("the last lines of the members' logs (more: -lines):\n%s", strings.Join(lines[max(0, len(lines)-*traceLines):], "\n"))
	}
}

// fast says whether the group of an instance takes the death of a process as proof.
func (w *world) fast(instance string) bool { return strings.HasPrefix(instance, "fast/") }

func (w *world) random(n int) int { return w.dice.roll(n) }

func (w *world) run(d time.Duration) { time.Sleep(d) }

// leader is the member that leads, as the members themselves see it; nil if none does.
func (w *world) leader() *host {
	for _, name := range w.names {
		if h := w.hosts[name]; h.healthy() && h.group.View().Phase == genleader.Leading {
			return h
		}
	}
	return nil
}

func (h *host) healthy() bool { return !h.dead.Load() && !h.paused.Load() && !h.leaving }

// well says whether every member is there and in the electorate. Only then may one die: two lost memories are no minority.
func (w *world) well() bool {
	leader := w.leader()
	if leader == nil || len(w.net.cuts) > 0 {
		return false
	}
	view := leader.group.View()
	for _, name := range w.names {
		h := w.hosts[name]
		if !h.healthy() || !slices.Contains(view.Voters, h.self) || h.group.View().Leader != leader.self ||
			!slices.Equal(h.group.View().Voters, view.Voters) || h.group.View().Changing {
			return false
		}
	}
	return len(view.Voters) == len(w.names)
}

// steadily says whether all are well and stay so long enough for a change of the electorate to be over.
func (w *world) steadily() bool {
	if !w.well() {
		return false
	}
	was := w.leader()
	w.run(2 * w.spec.Timing.Heartbeat.Std())
	return w.well() && w.leader() == was
}

// command asks a member's leader controller for a switchover. Every command must be answered if its member lives.
func (w *world) command(h *host, group string) {
	w.count(&h.pending, 1)
	h.tell(&h.leaderPID, controller.Switchover{Group: group, Reply: func(err error) {
		w.log.Info("driver: answer", "switchover", group, "from", h.self, "err", err)
		w.count(&h.pending, -1)
		if err == nil {
			w.count(&w.ordered, 1)
		}
	}})
}

func (w *world) count(n *int, by int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*n += by
}

func (w *world) read(n *int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return *n
}

// instances are the instances of the world by group; of a pair, second is true.
var instances = []struct {
	name string
	pair bool
}{{"safe/careful", true}, {"fast/swift", true}, {"tiers/roamer", false}}

// unsettled says what is still missing: each group with one active that acts, each pair with one standby.
func (w *world) unsettled() string {
	for _, i := range instances {
		active, standby := w.witness.now(i.name, app.Active), w.witness.now(i.name, app.Standby)
		switch {
		case len(active) != 1 || !active[0].ctx.Active():
			return fmt.Sprintf("%s has the actives %s", i.name, w.witness.fate(active))
		case i.pair && len(standby) != 1:
			return fmt.Sprintf("%s has the standbys %s besides %s", i.name, w.witness.fate(standby), w.witness.fate(active))
		case i.pair && standby[0].host == active[0].host:
			return fmt.Sprintf("%s has both on one member: %s", i.name, w.witness.fate(active))
		case !i.pair && active[0].host.self.Name != "a1":
			return fmt.Sprintf("%s is not where it is wanted most: %s", i.name, w.witness.fate(active))
		}
	}
	return ""
}

// settle waits until nothing is missing and then some, during which the same instances must act without a gap.
func (w *world) settle(patience time.Duration) {
	synctest.Wait() // what is found missing or there stays so while it is looked at
	missing := w.unsettled()
	for waited := time.Duration(0); missing != "" && waited < patience; waited += 250 * time.Millisecond {
		actorstest.Sleep(250 * time.Millisecond)
		missing = w.unsettled()
	}
	if missing != "" {
		w.problem("%v after the last trouble: %s", patience, missing)
		for _, h := range w.hosts {
			w.log.Info("at the end", "host", h)
		}
		return
	}
	const watch = 2 * time.Second
	before := map[string]*life{}
	acts := map[string]int{}
	for _, i := range instances {
		l := w.witness.now(i.name, app.Active)[0]
		before[i.name], acts[i.name] = l, w.witness.actsOf(l)
	}
	actorstest.Sleep(watch)
	for _, i := range instances {
		l := before[i.name]
		if done := w.witness.actsOf(l) - acts[i.name]; done < int(watch/actEvery)-1 {
			w.problem("%v acted %d times in %v", l, done, watch)
		}
	}
	if missing := w.unsettled(); missing != "" {
		w.problem("it does not last: %s", missing)
	}
}

// end stops every member and waits until nothing runs any more; the bubble sees to it that nothing is left.
func (w *world) end() {
	w.writes.wait()
	for _, name := range w.names {
		if h := w.hosts[name]; !h.dead.Load() && !h.leaving {
			if n := w.read(&h.pending); n != 0 && !w.hasProblems() {
				w.problem("%v has left %d commands without an answer", h.self, n)
			}
			h.die()
		}
	}
	for _, h := range w.everybody {
		select {
		case <-h.ended:
		case <-time.After(time.Minute):
			w.problem("%v has not ended", h.self)
		}
	}
	time.Sleep(15 * time.Second) // for timers that were left behind
}
