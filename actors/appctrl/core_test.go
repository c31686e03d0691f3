package appctrl

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// alphabet is every event that makes a difference to s, under small epochs and terms.
func alphabet(s state) []event {
	evs := []event{
		Lapsed{Term: 1},
		Shutdown{},
		started{Gen: s.Gen},
		startFailed{Gen: s.Gen, Err: "e"},
		stopped{Gen: s.Gen, Handover: []byte("h")},
		stopped{Gen: s.Gen, Err: "e"},
		broke{Gen: s.Gen, Reason: "e"},
		exited{Gen: s.Born, Reason: "e"},
		expired{Gen: s.Gen, What: startDeadline},
		expired{Gen: s.Gen, What: stopDeadline},
	}
	for epoch := uint64(1); epoch <= 2; epoch++ {
		for _, w := range []Want{Absent, Standby, Active, Quiesce} {
			for term := max(s.Goal.Term, 1); term <= 2; term++ { // a member's terms never decrease
				evs = append(evs, Goal{Want: w, Epoch: epoch, Term: term})
			}
		}
	}
	return evs
}

// shape tells states apart that may behave differently: errors and generations count only as far as they are compared.
type shape struct {
	phase, then                Phase
	role, ran                  app.Role
	kind                       app.Kind
	want                       Want
	epoch, goal, acted, spent  uint64
	ranEpoch                   uint64
	goalTerm, lapsed, term     lease.Term
	down, ended, born, entered bool
	cut, broken                bool
	crashes, unstarted         int
}

func shapeOf(s state) shape {
	return shape{
		s.Phase, s.Then, s.Role, s.Ran.Role, s.Ran.Kind, s.Goal.Want, s.Epoch, s.Goal.Epoch, s.Acted, s.Spent, s.Ran.Epoch,
		s.Goal.Term, s.Lapsed, s.Term, s.Down, s.Ended, s.Born != 0, s.Entered, s.Cut, s.Broken != "", len(s.Crashes), s.Unstarted,
	}
}

// reachable explores every state and returns, by "phase event", the phases that may follow other than the same one.
func reachable() map[string]map[string]bool {
	found, seen := map[string]map[string]bool{}, map[shape]bool{}
	first := newState("i", Limits{StartTimeout: time.Second, StopTimeout: time.Second, MaxRestarts: 1, Within: time.Hour})
	todo := []state{first}
	seen[shapeOf(first)] = true
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, ev := range alphabet(s) {
			for held := lease.Term(0); held <= 2; held++ {
				next, _ := step(s, input{At: time.Unix(0, 0), Held: held, Event: ev})
				if next.Phase != s.Phase && held >= max(s.Goal.Term, 1) && !changed(s, held) {
					from := s.Phase.String() + " " + strings.TrimPrefix(fmt.Sprintf("%T", ev), "appctrl.")
					if found[from] == nil {
						found[from] = map[string]bool{}
					}
					found[from][next.Phase.String()] = true
				}
				if k := shapeOf(next); !seen[k] {
					seen[k] = true
					todo = append(todo, next)
				}
			}
		}
	}
	return found
}

// changed says whether the lease moved under an active entry: that acts like Lapsed on any event, and the diagram says so
// once.
func changed(s state, held lease.Term) bool {
	return s.Role == app.Active && s.Phase == Running && (s.Term != held || s.Term <= s.Lapsed)
}

func TestTheDiagramIsWhatTheMachineDoes(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var promised []string
	for line := range strings.Lines(string(doc)) {
		if fields := strings.Fields(strings.TrimPrefix(line, "//")); len(fields) > 3 && fields[2] == "->" && fields[0] != "goal:" {
			if slices.Contains(phases[:], fields[0]) {
				promised = append(promised, strings.Join(fields, " "))
			}
		}
	}
	var done []string
	found := reachable()
	for _, from := range slices.Sorted(maps.Keys(found)) {
		done = append(done, from+" -> "+strings.Join(slices.Sorted(maps.Keys(found[from])), " "))
	}
	slices.Sort(promised)
	if !slices.Equal(done, promised) {
		t.Errorf("the machine does\n%s\n\nthe package doc says\n%s", strings.Join(done, "\n"), strings.Join(promised, "\n"))
	}
}

// referee watches the effects of one run and knows what must never happen.
type referee struct {
	t       *rapid.T
	seen    uint64    // highest epoch of any goal
	acted   uint64    // epoch of the latest activation begun
	spent   uint64    // the same, once a report said that it is over
	inside  *app.Role // the role entered and not left
	calling bool      // a callback is under way
	alive   bool      // a value exists
	told    Report
}

func (r *referee) judge(fx []effect) {
	for _, f := range fx {
		switch f := f.(type) {
		case spawnInstance:
			r.must(!r.alive, "two values at once: %v", f)
			r.alive = true
		case enterRole:
			r.must(r.alive && !r.calling, "%v without a free value", f)
			r.must(r.inside == nil || *r.inside == app.Standby && f.Start.Role == app.Active, "%v without a leave", f)
			r.must(f.Start.Epoch >= r.seen, "%v after epoch %d was seen", f, r.seen)
			r.must(f.Start.Role == app.Standby || f.Start.Epoch > r.spent, "%v after epoch %d was reported as over", f, r.spent)
			r.inside, r.calling = &f.Start.Role, true
			if f.Start.Role == app.Active {
				r.acted = f.Start.Epoch
			}
		case leaveRole:
			r.must(r.inside != nil && !r.calling, "%v of no role", f)
			r.inside, r.calling = nil, true
		case killInstance:
			r.must(r.alive, "%v of no value", f)
			r.must(f.Abandon == r.calling, "%v, callback under way: %v", f, r.calling)
			r.alive, r.inside, r.calling = false, nil, false
		case tellReport:
			r.must(f.Report.differs(r.told), "%v twice", f)
			r.told = f.Report
			if p := f.Report.Phase; p == Idle || p == Quiesced || p == Failed {
				r.must(r.inside == nil, "%v inside a role", f)
				r.spent = r.acted
			}
		case revoke, arm, disarm, endController:
		}
	}
}

func (r *referee) must(ok bool, format string, args ...any) {
	if !ok {
		r.t.Fatalf(format, args...)
	}
}

func TestAnyOrderOfEventsIsSafeAndConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState("i", Limits{MaxRestarts: 2, Within: time.Minute})
		r := &referee{t: t}
		at, held := time.Unix(0, 0), lease.Term(1)
		step := func(ev event) {
			// The outcome of a callback ends it, whether or not the core is still interested.
			switch ev := ev.(type) {
			case started:
				r.calling = r.calling && ev.Gen != s.Gen
			case startFailed, stopped:
				r.calling = false
			case exited:
				r.calling = r.calling && ev.Gen != s.Born
			case Goal:
				r.seen = max(r.seen, ev.Epoch)
			}
			var fx []effect
			s, fx = step(s, input{At: at, Held: held, Event: ev})
			r.judge(fx)
		}
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			at = at.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "s")) * time.Second)
			if rapid.IntRange(0, 9).Draw(t, "lease") == 0 {
				held++
			}
			ev := rapid.SampledFrom(possible(s, r.calling, held)).Draw(t, "event")
			step(ev)
		}
		for r.calling { // from here on every callback succeeds
			if s.Phase == Starting {
				step(started{Gen: s.Gen})
			} else {
				step(stopped{Gen: s.Gen})
			}
		}
		if !met(s, held) {
			t.Fatalf("rests %v %v e%d err=%q, wants %v (spent e%d)", s.Phase, s.Role, s.Epoch, s.Err, s.Goal, s.Spent)
		}
	})
}

// possible is what may happen next: any goal, and outcomes only of what is under way.
func possible(s state, calling bool, held lease.Term) []event {
	evs := []event{Lapsed{Term: held - 1}, broke{Gen: s.Gen, Reason: "b"}, expired{Gen: s.Gen - 1, What: startDeadline}, started{Gen: s.Gen - 1}}
	if s.Born != 0 {
		evs = append(evs, exited{Gen: s.Born, Reason: "x"})
	}
	if calling && s.Phase == Starting {
		evs = append(evs, started{Gen: s.Gen}, started{Gen: s.Gen}, startFailed{Gen: s.Gen, Err: "s"}, expired{Gen: s.Gen, What: startDeadline})
	} else if calling {
		evs = append(evs, stopped{Gen: s.Gen, Handover: []byte("h")}, stopped{Gen: s.Gen, Err: "s"}, expired{Gen: s.Gen, What: stopDeadline})
	}
	for _, w := range []Want{Absent, Standby, Active, Quiesce} {
		for _, epoch := range []uint64{s.Goal.Epoch, s.Goal.Epoch + 1, max(s.Goal.Epoch, 1) - 1} {
			evs = append(evs, Goal{Want: w, Epoch: epoch, Term: held})
		}
	}
	return evs
}

// met says whether s rests where its goal wants it, or where it must because the goal's epoch is over.
func met(s state, held lease.Term) bool {
	switch s.Goal.Want {
	case Absent:
		return s.Phase == Idle
	case Standby:
		return s.Phase == Failed || s.Phase == Running && s.Role == app.Standby
	case Active:
		over := s.Goal.Epoch <= s.Spent || s.Term != held
		return s.Phase == Running && s.Role == app.Active && s.Epoch == s.Goal.Epoch || over && s.Phase != Starting
	default:
		return s.Phase == Quiesced || s.Phase == Idle || s.Phase == Failed
	}
}
