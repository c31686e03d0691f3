package genleader

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// play carries out a whole passage, a command a line, and shows what its questions brought.
func (w *world) play(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	var shown strings.Builder
	for line := range strings.Lines(d.Input) {
		cmd, args, err := datadriven.ParseLine(line)
		if err != nil {
			d.Fatalf(t, "%q: %v", line, err)
		}
		if out := w.command(t, &datadriven.TestData{Pos: d.Pos, Cmd: cmd, CmdArgs: args}); out != "ok\n" {
			shown.WriteString(out)
		}
	}
	if shown.Len() == 0 {
		return "ok\n"
	}
	return shown.String()
}

// stage carries out the commands that set a scene. It says whether cmd was one.
func (w *world) stage(t *testing.T, d *datadriven.TestData, args []string) bool {
	t.Helper()
	switch d.Cmd {
	case "apart": // these on one side, the rest on the other
		w.sides(args...)
	case "close": // a connection, which both ends see
		w.disconnect(args[0], args[1])
		w.disconnect(args[1], args[0])
	case "slow": // how long every message takes, besides the random part
		w.delay = duration(t, d, args[0])
	case "call-for": // with that deadline
		w.call(args[1], args[2], duration(t, d, args[0]))
	case "abandon":
		w.hosts[args[0]].take(abandoned{seq: uint64(number(t, d, args[1]))})
	case "flood": // so many calls of 1 MiB each
		big := strings.Repeat("x", 1<<20)
		for i := range number(t, d, args[1]) {
			w.call(args[0], fmt.Sprint(big, i), time.Second)
		}
	case "restart": // before anybody hears that the old process has died
		old := w.hosts[args[0]]
		old.gone, old.until = true, time.Time{}
		w.start(args[0])
	case "forget": // what was told and traced until now
		w.trace = nil
		for _, h := range w.hosts {
			h.told = nil
		}
	case "mourn": // HandleDown broadcasts
		w.mourns = true
	case "stand": // for leader, all at this very moment, as if nobody had been heard for long
		for _, name := range args {
			h := w.hosts[name]
			h.core.at[forgetAt], h.core.at[campaignAt] = w.now, w.now
			h.take(woke{})
		}
	case "until": // that member leads, or is in that phase
		w.until(t, d, args[0], args[1])
	default:
		return w.speak(t, d, args)
	}
	return true
}

// speak puts words into a member's mouth that it would not say, or would not say again.
func (w *world) speak(t *testing.T, d *datadriven.TestData, args []string) bool {
	t.Helper()
	switch d.Cmd {
	case "heartbeat": // of an earlier term of that member, with a lease for the other
		from, to := w.hosts[args[0]], w.hosts[args[1]]
		old := &wire.Heartbeat{Term: uint64(number(t, d, args[2])), Round: 1000, Granted: true, Stamp: int64(w.now.Sub(to.core.began))}
		to.take(received{from: from.self, packets: []*wire.Packet{{What: &wire.Packet_Heartbeat{Heartbeat: old}}}})
	case "nonsense": // packets without content, with bytes that are no raft message, and with one for nobody
		from, to := w.hosts[args[0]], w.hosts[args[1]]
		to.take(received{from: from.self, packets: []*wire.Packet{
			{},
			{What: &wire.Packet_Raft{Raft: []byte("nonsense")}},
			{What: &wire.Packet_Raft{}},
			{What: &wire.Packet_Answered{Answered: &wire.Answered{Seq: 99}}},
			{What: &wire.Packet_Ack{Ack: &wire.Ack{Term: 99, Round: 99, Leased: true}}},
			{What: &wire.Packet_Call{Call: &wire.Call{Term: 99, Seq: 1, Request: []byte("nonsense")}}},
		}})
	default:
		return false
	}
	return true
}

// until lets time pass in small steps.
func (w *world) until(t *testing.T, d *datadriven.TestData, name, phase string) {
	t.Helper()
	for range 100_000 {
		if w.hosts[name].view.Phase.String() == phase {
			return
		}
		w.run(100 * time.Microsecond)
	}
	d.Fatalf(t, "%s is not %s after %v\n%s", name, phase, 10*time.Second, w.everybody())
}

// leases shows how long each member's lease runs on.
func (w *world) leases() string {
	var b strings.Builder
	for _, name := range w.names {
		h := w.hosts[name]
		switch left := h.until.Sub(w.now).Round(50 * time.Millisecond); {
		case h.gone:
			fmt.Fprintf(&b, "%s: gone\n", name)
		case left > 0:
			fmt.Fprintf(&b, "%s: %v\n", name, left)
		default:
			fmt.Fprintf(&b, "%s: none\n", name)
		}
	}
	return b.String()
}

// last shows what became of a member's latest call, refusals how many of its calls the leader had no room for.
func (h *host) last() string { return h.replies[h.nextSeq] + "\n" }

func (h *host) refusals() string {
	refused := 0
	for _, reply := range h.replies {
		if reply == ErrOverloaded.Error() {
			refused++
		}
	}
	return fmt.Sprintf("%d of %d\n", refused, h.nextSeq)
}

// terms shows which term each member is in, and whom it takes for its leader.
func (w *world) terms() string {
	var b strings.Builder
	for _, name := range w.names {
		if h := w.hosts[name]; h == nil || h.gone || h.core.node == nil {
			fmt.Fprintf(&b, "%s: none\n", name)
		} else {
			fmt.Fprintf(&b, "%s: %d %s\n", name, h.core.node.BasicStatus().GetTerm(), h.view.Leader.Name)
		}
	}
	return b.String()
}

var errToldToStop = errors.New("told to stop")

// answer is what the behaviour of a host makes of a call. Most are broadcast as they are.
func (h *host) answer(e *ask) Answer {
	word, rest, _ := strings.Cut(string(e.request), ":")
	switch word {
	case "who":
		return Reply([]byte(h.self.Name))
	case "later":
		h.late = e.from
		return NoReply()
	case "now": // answers the one that was to be answered later
		late := h.late
		h.w.after(0, func() { h.take(handled{term: e.term, from: late, answer: Reply([]byte(rest))}) })
		return Reply(nil)
	case "both":
		return ReplyAfter([]byte(rest), []byte("noted "+rest))
	case "stop":
		return Stop(errToldToStop)
	default:
		return Broadcast(e.request)
	}
}

func duration(t *testing.T, d *datadriven.TestData, text string) time.Duration {
	t.Helper()
	length, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return length
}

func number(t *testing.T, d *datadriven.TestData, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return n
}
