package genleader

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts runs every story of testdata. Its commands: start, run, kill, pause, resume, cut, heal, call, cast,
// leave, those of stage and speak, and the questions show, told, trace, replies, applied, leases, terms. With play a
// whole passage is one command.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" || filepath.Base(filepath.Dir(path)) == "hub" {
			return // what the fuzzer has found, and what TestHubTranscripts runs
		}
		var w *world
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "group" || d.Cmd == "group-without-leases" {
				w = newGroup(t, d)
				w.mayHibernate = d.Cmd == "group-without-leases"
				return "ok\n"
			}
			out := w.command(t, d)
			for _, problem := range w.unsafe {
				t.Errorf("%s: %s", d.Pos, problem)
			}
			return out
		})
	})
}

// newGroup makes the world of "group a1 b1 x1 workers=x1 witness=b1 max-voters=3 expect=2 forget-after=5s".
func newGroup(t *testing.T, d *datadriven.TestData) *world {
	t.Helper()
	w := newWorld(7, words(d)...)
	w.lists, w.foreign, w.watches, w.clocks = map[string][]string{}, map[string]string{}, map[string]bool{}, map[string]time.Duration{}
	w.rules.candidates = slices.Clone(w.names)
	for _, arg := range d.CmdArgs {
		var err error
		switch arg.Key {
		case "workers":
			w.rules.candidates = slices.DeleteFunc(w.rules.candidates, func(name string) bool { return slices.Contains(arg.Vals, name) })
		case "witness":
			for _, name := range arg.Vals {
				w.watches[name] = true
			}
		case "max-voters":
			w.rules.maxVoters, err = strconv.Atoi(arg.Vals[0])
		case "expect":
			w.rules.expect, err = strconv.Atoi(arg.Vals[0])
		case "one-number":
			w.draws = arg.Vals[0] == "yes"
		case "disks":
			w.durable = arg.Vals[0] == "yes"
		case "prefer-after":
			w.rules.preferAfter, err = time.ParseDuration(arg.Vals[0])
		case "forget-after":
			w.rules.forgetAfter, err = time.ParseDuration(arg.Vals[0])
		}
		if err != nil {
			t.Fatalf("%s: %v", d.Pos, err)
		}
	}
	return w
}

// words are the arguments that have no value.
func words(d *datadriven.TestData) []string {
	var all []string
	for _, arg := range d.CmdArgs {
		if arg.Vals == nil {
			all = append(all, arg.Key)
		}
	}
	return all
}

func (w *world) command(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	args := words(d)
	switch d.Cmd {
	case "start":
		for _, name := range args {
			w.start(name)
		}
	case "run":
		pause, err := time.ParseDuration(args[0])
		if err != nil {
			t.Fatal(err)
		}
		w.run(pause)
	case "kill":
		w.kill(args[0])
	case "pause":
		w.hosts[args[0]].paused = true
	case "resume":
		w.resume(args[0])
	case "cut":
		w.cut(args[0], args[1])
	case "isolate":
		for _, peer := range w.names {
			if peer != args[0] {
				w.cut(args[0], peer)
				w.cut(peer, args[0])
			}
		}
	case "disconnect":
		w.disconnect(args[0], args[1])
	case "heal":
		w.heal()
	case "call":
		w.call(args[0], args[1], time.Second)
	case "candidates": // candidates NAME LIST...: what that member has for candidates from its next start on
		w.lists[args[0]] = args[1:]
	case "until-joint": // runs until that member has applied the first step of a change of two
		for h := w.hosts[args[0]]; len(h.core.members.conf.GetVotersOutgoing()) == 0; {
			w.run(100 * time.Microsecond)
		}
	case "second": // a second process of a name, which meets all but the first
		w.second(args[0])
	case "heal-first": // the first process of a name meets the others again
		w.healFirst(args[0])
	case "lose-everything": // all processes end at once, and nothing of what was acknowledged is expected any more
		for _, name := range w.names {
			w.kill(name)
		}
		w.calls, w.log, w.leaders = nil, map[uint64]string{}, map[uint64]Member{}
	case "clock": // clock NAME AHEAD: what that member draws its next number from
		w.clocks[args[0]] = duration(t, d, args[1])
	case "cluster": // cluster NAME CLUSTER
		w.foreign[args[0]] = args[1]
	case "transfer":
		w.transfer(args[0], args[1], 2*time.Second)
	case "withhold": // withhold LEADER NAME...: in the term of that member's own view
		h, all := w.hosts[args[0]], []Member(nil)
		for _, name := range args[1:] {
			all = append(all, w.hosts[name].core.self)
		}
		h.take(withheld{term: h.view.Term, members: all})
	case "read":
		w.read(args[0], time.Second)
	case "call-in-term": // the term of this member's own view
		h := w.hosts[args[0]]
		h.nextSeq++
		h.take(called{seq: h.nextSeq, only: h.view.Term, request: []byte(args[1]), deadline: w.now.Add(time.Second)})
	case "calls":
		for i := range 120 {
			w.call(args[0], fmt.Sprintf("n%d", i), time.Second)
			w.run(time.Millisecond)
		}
	case "cast":
		w.hosts[args[0]].take(called{cast: true, request: []byte(args[1])})
	case "leave":
		w.hosts[args[0]].take(leaving{})
	case "give-up": // give-up NAME: its vote, and wait for that at most a second
		w.giveUp(args[0], time.Second, nil)
	case "keep-vote":
		w.hosts[args[0]].take(releaseWithdrawn{})
	case "play":
		return w.play(t, d)
	default:
		if !w.disk(t, d, args) && !w.stage(t, d, args) {
			return w.question(t, d, args)
		}
	}
	return "ok\n"
}

func (w *world) question(t *testing.T, d *datadriven.TestData, args []string) string {
	t.Helper()
	var b strings.Builder
	switch d.Cmd {
	case "show":
		for _, name := range w.names {
			if h := w.hosts[name]; h != nil {
				w.show(&b, h)
			}
			if first := w.firsts[name]; first != nil {
				b.WriteString("the first ")
				w.show(&b, first)
			}
		}
	case "told":
		for _, line := range w.hosts[args[0]].told {
			fmt.Fprintln(&b, line)
		}
		w.hosts[args[0]].told = nil
	case "asleep":
		fmt.Fprintln(&b, "asleep:", strings.Join(w.asleep(), " "))
	case "traffic": // packets of the group since the last time, heartbeats of links apart
		fmt.Fprintln(&b, "anything sent:", w.packets > 0)
		w.packets = 0
	case "hang":
		w.hosts[args[0]].hung = true
		fmt.Fprintln(&b, "ok")
	case "events":
		for _, line := range w.hosts[args[0]].events {
			fmt.Fprintln(&b, line)
		}
		w.hosts[args[0]].events = nil
	case "inspect":
		h := w.hosts[args[0]]
		h.take(inspecting{ask: 1})
		w.inspect(&b, h.inspected)
	case "trace":
		for _, line := range w.trace {
			fmt.Fprintln(&b, line)
		}
		w.trace = nil
	case "replies":
		h := w.hosts[args[0]]
		for seq := uint64(1); seq <= h.nextSeq; seq++ {
			fmt.Fprintf(&b, "%d: %s\n", seq, h.replies[seq])
		}
	case "transfers":
		h := w.hosts[args[0]]
		for _, seq := range slices.Sorted(maps.Keys(h.transfers)) {
			fmt.Fprintf(&b, "%d: %s\n", seq, h.transfers[seq])
		}
		clear(h.transfers)
	case "releases":
		h := w.hosts[args[0]]
		for _, seq := range slices.Sorted(maps.Keys(h.releases)) {
			fmt.Fprintf(&b, "%d: %s\n", seq, h.releases[seq])
		}
		clear(h.releases)
	case "electorate":
		w.electorate(&b, w.hosts[args[0]])
	case "reads":
		h := w.hosts[args[0]]
		for _, seq := range slices.Sorted(maps.Keys(h.reads)) {
			fmt.Fprintf(&b, "%d: %s\n", seq, h.reads[seq])
		}
		clear(h.reads)
	case "leases":
		b.WriteString(w.leases())
	case "last":
		b.WriteString(w.hosts[args[0]].last())
	case "refusals":
		b.WriteString(w.hosts[args[0]].refusals())
	case "terms":
		b.WriteString(w.terms())
	case "applied":
		for _, name := range w.names {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(w.hosts[name].applied, " "))
		}
	case "indexes": // of broadcasts, the same on every member
		for _, index := range slices.Sorted(maps.Keys(w.log)) {
			fmt.Fprintf(&b, "%d: %s\n", index, w.log[index])
		}
	case "counts":
		for _, name := range w.names {
			fmt.Fprintf(&b, "%s: %d\n", name, len(w.hosts[name].applied))
		}
	default:
		return w.imageCommand(t, d, args)
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// electorate is what a member has applied of it: voters, then learners, by name.
func (w *world) electorate(b *strings.Builder, h *host) {
	names := func(all []Member) string {
		var list []string
		for _, m := range all {
			name := m.Name
			if h.core.members.witnesses[m.Incarnation+w.apart] {
				name += "(witness)"
			}
			list = append(list, name)
		}
		return strings.Join(list, " ")
	}
	fmt.Fprintf(b, "voters: %s\nlearners: %s\n", names(h.view.Voters), names(h.view.Learners))
	if outgoing := h.core.members.conf.GetVotersOutgoing(); len(outgoing) > 0 {
		fmt.Fprintf(b, "leaving: %s\n", names(h.core.membersOf(outgoing)))
	}
}

func (w *world) show(b *strings.Builder, h *host) {
	switch {
	case h.ended != nil:
		fmt.Fprintf(b, "%s: ended: %v\n", h.self.Name, h.ended)
		return
	case h.gone:
		fmt.Fprintf(b, "%s: gone\n", h.self.Name)
		return
	}
	fmt.Fprintf(b, "%s: %v", h.self.Name, h.view.Phase)
	if h.view.Leader.Name != "" {
		fmt.Fprintf(b, " leader=%s", h.view.Leader.Name)
	}
	if w.now.Before(h.until) {
		b.WriteString(" leased")
	}
	for _, s := range h.view.Members {
		fmt.Fprintf(b, " %s=%v", s.Name, s.State)
		if s.State != Up {
			fmt.Fprintf(b, "(safe in %v)", max(0, s.SafeAt.Sub(w.now).Round(10*time.Millisecond)))
		}
	}
	if h.view.Problem != "" {
		b.WriteString(" problem: " + h.view.Problem)
	}
	b.WriteString("\n")
}

func (w *world) inspect(b *strings.Builder, in Inspection) {
	fmt.Fprintf(b, "%v term=%d leader=%s commit=%d applied=%d last=%d held=%d snapshot=%d calls=%d", in.Phase, in.Term,
		in.Leader.Name, in.Commit, in.Applied, in.LastIndex, in.LogEntries, in.Snapshot, in.PendingCalls)
	if in.Leases {
		b.WriteString(" leased")
	}
	if !in.LeaderHeard.IsZero() {
		b.WriteString(" leader heard " + w.howLong(in.LeaderHeard))
	}
	b.WriteString("\n")
	for _, p := range in.Peers {
		fmt.Fprintf(b, "  %s linked=%v", p.Name, p.Linked)
		if p.Progress != Unknown {
			fmt.Fprintf(b, " match=%d next=%d inflight=%d %v %v leased=%v", p.Match, p.Next, p.Inflight, p.Progress, p.State, p.Leased)
		}
		if !p.LastContact.IsZero() {
			b.WriteString(" heard " + w.howLong(p.LastContact))
		}
		b.WriteString("\n")
	}
}

// howLong is not exact, so that transcripts do not hang on the moment of a heartbeat.
func (w *world) howLong(since time.Time) string {
	if w.now.Sub(since) < w.timing.Election/2 {
		return "lately"
	}
	return "long ago"
}
