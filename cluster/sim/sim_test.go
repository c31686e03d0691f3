package sim

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

var (
	seeds      = flag.Int("seeds", 30, "how many random runs TestRandomTroubles makes")
	oneSeed    = flag.Uint64("seed", 0, "the one run of TestRandomTroubles to repeat; 0 makes -seeds of them")
	firstSeed  = flag.Uint64("first", 1, "the first of -seeds")
	traceLines = flag.Int("lines", 150, "how many lines of log a failed run shows")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRandomTroubles lets members lose each other, pause, die, leave and return at random while others write and command.
// What is judged, and when, is said in the package's documentation.
func TestRandomTroubles(t *testing.T) {
	if *oneSeed != 0 {
		randomRun(t, *oneSeed)
		return
	}
	for i := range uint64(*seeds) {
		seed := *firstSeed + i
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			randomRun(t, seed)
		})
	}
}

func randomRun(t *testing.T, seed uint64) {
	t.Helper()
	inWorld(t, seed, 3+int(seed%3), true, func(w *world) {
		w.settle(20 * time.Second)
		w.stalling.Store(true)
		for range 25 {
			w.trouble()
			for range w.random(4) {
				if h := w.hosts[w.names[w.random(len(w.names))]]; !h.dead.Load() {
					w.store(h)
				}
			}
			w.run(time.Duration(w.random([]int{3, 60, 800, 800, 1500}[w.random(5)])+1) * time.Millisecond)
			if w.hasProblems() {
				return
			}
		}
		w.stalling.Store(false)
		w.calm()
		w.settle(60 * time.Second)
		w.judgeWrites()
		t.Logf("seed %d: %d members, %d deaths, %d switchovers, %d acts, %d writes kept, %d refused",
			seed, len(w.names), w.deaths, w.read(&w.ordered), w.witness.count(), len(w.writes.stored)+int(w.writes.sum), w.writes.refused)
	})
}

// trouble does one thing to the cluster.
func (w *world) trouble() {
	a, b := w.names[w.random(len(w.names))], w.names[w.random(len(w.names))]
	h := w.hosts[a]
	switch what := w.random(16); what {
	case 0:
		w.note("pause", a, "")
		h.paused.Store(!h.dead.Load() && !h.leaving)
	case 1:
		w.resumeAll(w.random(2) == 0)
	case 2, 3:
		if a != b {
			w.cut(a, b, what == 3, w.random(2) == 0)
		}
	case 4:
		w.isolate(a, w.random(2) == 0)
	case 5, 6:
		w.note("heal", "", "")
		w.net.heal()
	case 7, 8:
		if what == 7 {
			w.mend()
		}
		if w.steadily() {
			w.kill(a)
		}
	case 9:
		w.restartAll()
	case 10:
		w.switchover()
	case 11:
		if w.steadily() {
			w.note("leave", a, "")
			w.hosts[a].leave()
		}
	case 12:
		w.crash()
	case 13, 14, 15:
		w.silence()
	}
}

// silence cuts the active of the safe pair off, away from the leader, for a while that is shorter than its lease: it is
// suspected, and comes back in time to go on.
func (w *world) silence() {
	w.mend()
	leader, careful := w.leader(), instances[0].name
	if l := w.witness.now(careful, app.Active); leader != nil && len(l) == 1 && l[0].host == leader {
		w.note("switchover", leader.self.Name, "safe")
		w.command(leader, "safe")
		w.run(time.Second)
	}
	if l := w.witness.now(careful, app.Active); w.steadily() && len(l) == 1 && l[0].host != w.leader() {
		w.isolate(l[0].host.self.Name, true)
		w.run(silentAfter + time.Duration(w.random(500))*time.Millisecond)
		w.note("heal", "", "")
		w.net.heal()
	}
}

// crash lets an instance fail by itself; its controller starts another in its place.
func (w *world) crash() {
	i := instances[w.random(len(instances))].name
	for _, l := range w.witness.now(i, []app.Role{app.Active, app.Standby}[w.random(2)]) {
		w.log.Info("driver: crash", "life", l)
		l.ctx.Fail(errCrash)
	}
}

var errCrash = errors.New("told to crash")

// kill ends a process, one time in two while a switchover is under way.
func (w *world) kill(name string) {
	if w.random(2) == 0 {
		w.switchover()
		w.run(time.Duration(w.random(12000)) * time.Microsecond)
	}
	w.note("kill", name, "")
	w.deaths++
	w.hosts[name].die()
}

func (w *world) switchover() {
	if leader := w.leader(); leader != nil {
		group := []string{"safe", "fast", "tiers"}[w.random(3)]
		w.note("switchover", leader.self.Name, group)
		w.command(leader, group)
	}
}

// mend repairs everything and waits for all to be well, for a while.
func (w *world) mend() {
	w.note("mend", "", "")
	w.resumeAll(false)
	w.net.heal()
	w.restartAll()
	for range 20 {
		if w.steadily() {
			return
		}
		w.run(time.Duration(w.random(200)) * time.Millisecond)
	}
}

func (w *world) note(what, a, b string) { w.log.Info("driver: "+what, "a", a, "b", b) }

// cut loses one direction or both, and perhaps the two notice after a while that they do not hear each other.
func (w *world) cut(a, b string, both, noticed bool) {
	w.note(fmt.Sprintf("cut both=%v noticed=%v", both, noticed), a, b)
	w.net.cut(a, b)
	if both {
		w.net.cut(b, a)
	}
	if noticed {
		ha, hb := w.hosts[a], w.hosts[b]
		time.AfterFunc(silentAfter, func() { w.net.giveUp(ha, hb) })
	}
}

func (w *world) isolate(a string, noticed bool) {
	for _, b := range w.names {
		if b != a {
			w.cut(a, b, true, noticed)
		}
	}
}

// resumeAll lets every paused member go on; with fromLast in the opposite order.
func (w *world) resumeAll(fromLast bool) {
	for i := range w.names {
		if fromLast {
			i = len(w.names) - 1 - i
		}
		if h := w.hosts[w.names[i]]; h.paused.Load() {
			w.note("resume", h.self.Name, "")
			w.net.resume(h)
		}
	}
}

// restartAll begins a new incarnation of every member that has ended.
func (w *world) restartAll() {
	for _, name := range w.names {
		if w.hosts[name].dead.Load() {
			w.note("restart", name, "")
			w.start(name)
		}
	}
}

func (w *world) calm() {
	w.note("calm", "", "")
	w.resumeAll(false)
	w.net.heal()
	w.run(15 * time.Second) // whoever leaves has left
	w.restartAll()
}

// TestLeavingIsASwitchover: whoever is active somewhere leaves in order, and each of its groups is taken over with what it
// left, also when it is the member that leads. That the bytes are the right ones is judged by the witness.
func TestLeavingIsASwitchover(t *testing.T) {
	for seed := range uint64(10) {
		inWorld(t, seed+1, 3+int(seed%2), seed%2 == 0, func(w *world) {
			w.settle(20 * time.Second)
			for _, i := range instances {
				if w.hasProblems() {
					return
				}
				before := map[string]*life{}
				leaver := w.witness.now(i.name, app.Active)[0].host
				for _, j := range instances {
					if l := w.witness.now(j.name, app.Active)[0]; l.host == leaver {
						before[j.name] = l
					}
				}
				w.note("leave", leaver.self.Name, "")
				leaver.leave()
				w.run(8 * time.Second)
				for name, was := range before {
					next := w.witness.now(name, app.Active)
					if len(next) != 1 || next[0].host == leaver {
						w.problem("%v has left, and %s has the actives %s", was, name, w.witness.fate(next))
						continue
					}
					s := next[0].start
					if s.Kind != app.Takeover || s.From != leaver.self.Name || len(s.Handover) == 0 {
						w.problem("%v has left, and %v was started as %v with %q", was, next[0], s, s.Handover)
					}
				}
				w.restartAll()
				w.settle(30 * time.Second)
			}
		})
	}
}

// TestOutageOfADeath measures what an application's users see when the member of its active dies: a fast group is back
// in milliseconds, a safe one once the dead one's lease has run out and not before.
func TestOutageOfADeath(t *testing.T) {
	for seed := range uint64(5) {
		inWorld(t, seed+1, 3, false, func(w *world) {
			w.settle(20 * time.Second)
			for _, c := range []struct {
				instance    string
				least, most time.Duration
			}{
				{"fast/swift", 0, 100 * time.Millisecond},
				{"safe/careful", w.spec.Timing.Lease.Std() / 2, w.spec.Timing.StartAfter.Std() + 200*time.Millisecond},
			} {
				was := w.witness.now(c.instance, app.Active)[0]
				was.host.die()
				died, held := time.Now(), was.ctx.HeldUntil()
				next := w.awaitActive(c.instance)
				if next == nil {
					return
				}
				outage := time.Since(died)
				if outage < c.least || outage > c.most || (!w.fast(c.instance) && time.Now().Before(held)) {
					w.problem("%s was gone for %v; it holds a lease until %v after its death", c.instance, outage, held.Sub(died))
				}
				t.Logf("%s: %v", c.instance, outage)
				w.restartAll()
				w.settle(30 * time.Second)
			}
		})
	}
}

func (w *world) awaitActive(instance string) *life {
	for range 5000 {
		actorstest.Sleep(time.Millisecond)
		if next := w.witness.now(instance, app.Active); len(next) == 1 && next[0].ctx.Active() {
			return next[0]
		}
	}
	w.problem("%s has no active", instance)
	return nil
}
