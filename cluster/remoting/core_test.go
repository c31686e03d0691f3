package remoting

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestTranscripts runs the core through testdata/link. Each command is an event; the output is the effects, in order, and
// the state that follows. Self is incarnation 1 in all of them.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/link", func(t *testing.T, path string) {
		l := linkState{Self: 1, Session: 1}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "accepts" {
				var inc, in uint64
				d.ScanArgs(t, "from", &inc)
				d.ScanArgs(t, "in", &in)
				return fmt.Sprintln(l.Accepts(inc, in))
			}
			var fx []effect
			l, fx = step(l, parseEvent(t, d, l))
			var b strings.Builder
			for _, e := range fx {
				if arm, ok := e.(Arm); ok && l.Phase == Down && arm.After < probeMax {
					fmt.Fprintf(&b, "arm after=jitter gen=%d\n", arm.Gen)
					continue
				}
				fmt.Fprintln(&b, e)
			}
			fmt.Fprintf(&b, "= %s\n", describe(l))
			return b.String()
		})
	})
}

func describe(l linkState) string {
	s := fmt.Sprintf("%s gen=%d session=%d", l.Phase, l.Gen, l.Session)
	if l.Incarnation != 0 {
		s += fmt.Sprintf(" peer=%d/%d at %s in=%d", l.Incarnation, l.Theirs, l.Addr, l.In)
	}
	if len(l.Retired) > 0 {
		s += fmt.Sprintf(" retired=%v", l.Retired)
	}
	return s
}

func parseEvent(t *testing.T, d *datadriven.TestData, l linkState) event {
	num := func(key string, otherwise uint64) uint64 {
		if d.HasArg(key) {
			d.ScanArgs(t, key, &otherwise)
		}
		return otherwise
	}
	addr := ""
	if d.HasArg("addr") {
		d.ScanArgs(t, "addr", &addr)
	}
	switch d.Cmd {
	case "named":
		return Named{addr}
	case "accepted":
		return Dialled{num("gen", l.Gen), accepted}
	case "refused":
		return Dialled{num("gen", l.Gen), refusedDial}
	case "reset":
		return Dialled{num("gen", l.Gen), resetDial}
	case "failed":
		return Dialled{num("gen", l.Gen), failedDial}
	case "expired":
		return Expired{num("gen", l.Gen)}
	case "hello":
		return Hello{
			num("from", 2), num("session", 1), num("seen", 0), num("seen-session", 0), d.HasArg("up"), addr, num("in", 1), num("challenge", 0),
		}
	case "ping":
		return Ping{num("from", 2), num("nonce", 7), addr, num("in", 1)}
	case "pong":
		return Pong{num("from", 2), num("nonce", l.Gen), num("in", 1)}
	case "bye":
		return Bye{num("from", 2), num("in", 1)}
	case "refused-us":
		return RefusedUs{num("challenge", l.Challenge)}
	case "replaced-us":
		return ReplacedUs{num("from", 2), num("challenge", l.Challenge)}
	case "out-lost":
		return OutLost{addr}
	case "in-lost":
		return InLost{num("in", 1)}
	}
	t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	return nil
}

// A world is two links whose words to each other travel in order or are lost.
type world struct {
	links  [2]linkState
	inbox  [2][]event
	timers [2]*Expired
	dials  [2]*Dialled
	up     [2]uint64 // the incarnation last told up, 0 after down
	admit  [2]bool
	doubt  [2]uint64 // the incarnation last told down as silent, whose end may be told still
}

func newWorld() *world {
	w := &world{}
	for i := range w.links {
		w.links[i] = linkState{Self: uint64(i + 1), Session: 1, Seed: uint64(i)}
	}
	return w
}

func addrOf(i int) string { return fmt.Sprintf("h%d:1", i+1) }

func (w *world) step(t interface{ Fatalf(string, ...any) }, i int, ev event) {
	next, fx := step(w.links[i], ev)
	w.links[i] = next
	peer := 1 - i
	self := w.links[i].Self
	for _, e := range fx {
		switch e := e.(type) {
		case Dial:
			w.dials[i] = &Dialled{e.Gen, accepted}
		case Arm:
			w.timers[i] = &Expired{e.Gen}
		case SendHello:
			w.inbox[peer] = append(w.inbox[peer], Hello{
				self, e.Session, e.SeenIncarnation, e.SeenSession, e.Up, addrOf(i), 1, e.Challenge,
			})
		case SendPing:
			w.inbox[peer] = append(w.inbox[peer], Ping{self, e.Nonce, addrOf(i), 1})
		case SendPong:
			w.inbox[peer] = append(w.inbox[peer], Pong{self, e.Nonce, 1})
		case Admit:
			w.admit[i] = true
		case Bar:
			w.admit[i] = false
		case TellUp:
			if w.up[i] != 0 {
				t.Fatalf("told up twice")
			}
			w.up[i] = e.Incarnation
		case TellDown:
			if e.Why == loseRefused && e.Incarnation == w.doubt[i] && w.up[i] == 0 {
				w.doubt[i] = 0
				break
			}
			w.doubt[i] = 0
			if e.Why == loseSilent {
				w.doubt[i] = e.Incarnation
			}
			if w.up[i] != e.Incarnation {
				t.Fatalf("told down of %d while %d was up", e.Incarnation, w.up[i])
			}
			w.up[i] = 0
		case SendReplaced, TellReplaced, Forget:
		}
	}
	linked := next.Phase == Up || next.Phase == Checking
	if linked != (w.up[i] != 0) || w.admit[i] != (next.Phase == Up) {
		t.Fatalf("phase %s, told up %d, admitted %t", next.Phase, w.up[i], w.admit[i])
	}
}

// restart replaces one end by a new incarnation at the same address; what it said before may still arrive.
func (w *world) restart(t interface{ Fatalf(string, ...any) }, i int) {
	w.links[i] = linkState{Self: w.links[i].Self + 2, Session: 1}
	w.inbox[i], w.timers[i], w.dials[i], w.up[i], w.admit[i] = nil, nil, nil, 0, false
	w.step(t, i, Named{addrOf(1 - i)})
	w.step(t, 1-i, OutLost{addrOf(i)})
}

// move lets the i-th possible thing happen at one end: a delivery, a dial's answer, a timer.
func (w *world) move(t interface{ Fatalf(string, ...any) }, i, what int) {
	switch what {
	case 0:
		if len(w.inbox[i]) > 0 {
			ev := w.inbox[i][0]
			w.inbox[i] = w.inbox[i][1:]
			w.step(t, i, ev)
		}
	case 1:
		if d := w.dials[i]; d != nil {
			w.dials[i] = nil
			w.step(t, i, *d)
		}
	case 2:
		if e := w.timers[i]; e != nil {
			w.timers[i] = nil
			w.step(t, i, *e)
		}
	}
}

// TestLinksConverge: whatever was lost and broken, once the network is well both ends come up, in sessions that agree, and
// stop talking.
func TestLinksConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for i := range w.links {
			w.step(t, i, Named{addrOf(1 - i)})
		}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, 1).Draw(t, "end")
			switch what := rapid.IntRange(0, 8).Draw(t, "what"); what {
			case 0, 1, 2:
				w.move(t, i, what)
			case 3:
				w.inbox[i] = nil
			case 4:
				w.step(t, i, OutLost{addrOf(1 - i)})
			case 5:
				w.step(t, i, InLost{1})
			case 6:
				w.dials[i] = nil
				w.step(t, i, Dialled{w.links[i].Gen, failedDial})
			case 7:
				w.move(t, i, 0)
			case 8:
				w.restart(t, i)
			}
		}
		for range 400 { // well again: everything is delivered before a timer fires
			moved := false
			for i := range w.links {
				for _, what := range []int{0, 1} {
					moved = moved || what == 0 && len(w.inbox[i]) > 0 || what == 1 && w.dials[i] != nil
					w.move(t, i, what)
				}
			}
			if !moved {
				w.move(t, 0, 2)
				w.move(t, 1, 2)
			}
		}
		a, b := w.links[0], w.links[1]
		if a.Phase != Up || b.Phase != Up || a.Theirs != b.Session || b.Theirs != a.Session {
			t.Fatalf("not converged:\n%s\n%s", describe(a), describe(b))
		}
		if len(w.inbox[0])+len(w.inbox[1]) > 0 {
			t.Fatalf("still talking: %v %v", w.inbox[0], w.inbox[1])
		}
	})
}

func TestCheckIsBounded(t *testing.T) {
	sum := time.Duration(0)
	for _, d := range recheckWaits {
		sum += d
	}
	if sum != 300*time.Millisecond {
		t.Fatalf("a check waits %s in all, documented are 300ms", sum)
	}
}
