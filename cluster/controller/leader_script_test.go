package controller

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/cockroachdb/datadriven"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

var scriptStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestLeaderScripts plays testdata/leader/*.txt. Their commands:
//
//	spec          the groups in YAML; members a1, b1, c1 and applications switch and quick (fast) are there
//	term          N: from now on this member leads in term N; 0: it does not
//	at            sets the time
//	members       "a1/1 up", "a1/1 dead safe=3s", "a1/1 unlisted"
//	report        "a1/1 pair/switch running active 1": what a member has published
//	says          "a1/1 DIGEST pair other/switch": what a member has published of its specification, and what that lacks
//	look, ring    looks, by itself or because the alarm rings, and prints what the leader does
//	switchover    GROUP: somebody commands it
//	written       the write under way is done; conflict: it is refused; timeout: nobody knows; or, for refused=KEY, all
//	              but the record of that key, which is too large
//	keys          what is in the dictionary
func TestLeaderScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/leader", func(t *testing.T, path string) {
		w := &leaderWorld{now: scriptStart, dict: map[string]gdict.Entry{}}
		datadriven.RunTest(t, path, w.command)
	})
}

type leaderWorld struct {
	now     time.Time
	view    genleader.View
	dict    map[string]gdict.Entry
	rev     uint64
	core    leader
	lastID  uint64
	pending *write
}

func (w *leaderWorld) command(t *testing.T, d *datadriven.TestData) string {
	switch d.Cmd {
	case "spec":
		w.core.spec, w.core.digest = parseScriptSpec(t, d.Input), "5ca1ab1e"
	case "term":
		term, err := strconv.ParseUint(d.CmdArgs[0].Key, 10, 64)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		w.view.Phase, w.view.Term = genleader.Leading, term
		if term == 0 {
			w.view.Phase = genleader.Following
		}
	case "at":
		w.now = scriptTime(t, d.CmdArgs[0].Key)
	case "members":
		for line := range strings.Lines(d.Input) {
			w.member(t, strings.Fields(line))
		}
	case "report":
		for line := range strings.Lines(d.Input) {
			words := strings.Fields(line)
			member := scriptMember(t, words[0])
			r := scriptReport(t, words[1:])
			r.Member = member
			w.store(reportKey(member, r.Instance), encode(r))
		}
	case "says":
		for line := range strings.Lines(d.Input) {
			words := strings.Fields(line)
			r := MemberRecord{Member: scriptMember(t, words[0]), Digest: words[1], Lacks: words[2:]}
			w.store(memberKey(r.Member), encode(r))
		}
	case "look", "ring":
		ev, bad := lookAt(w.now, w.view, w.entries())
		if len(bad) > 0 {
			d.Fatalf(t, "unreadable: %v", bad)
		}
		ev.woken = d.Cmd == "ring"
		return w.step(t, ev)
	case "switchover":
		w.lastID++
		return w.step(t, commanded{command{id: w.lastID, group: d.CmdArgs[0].Key}})
	case "written":
		return w.written(t, d)
	case "keys":
		var b strings.Builder
		for _, e := range w.entries() {
			fmt.Fprintln(&b, e.Key)
		}
		return b.String()
	default:
		d.Fatalf(t, "no command %q", d.Cmd)
	}
	return "ok\n"
}

func (w *leaderWorld) member(t *testing.T, words []string) {
	member := scriptMember(t, words[0])
	s := genleader.MemberStatus{Member: genleader.Member{Name: member.Name, Incarnation: member.Incarnation}, State: genleader.Up}
	var rest []genleader.MemberStatus
	for _, was := range w.view.Members {
		if was.Member != s.Member {
			rest = append(rest, was)
		}
	}
	w.view.Members = rest
	for _, word := range words[1:] {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "unlisted":
			return
		case "safe":
			s.SafeAt = scriptTime(t, value)
		default:
			for state := genleader.Up; state <= genleader.Left; state++ {
				if state.String() == key {
					s.State = state
				}
			}
		}
	}
	w.view.Members = append(w.view.Members, s)
}

func (w *leaderWorld) store(key, value string) {
	w.rev++
	w.dict[key] = gdict.Entry{Key: key, Value: []byte(value), Rev: w.rev}
}

func (w *leaderWorld) entries() []gdict.Entry { return sortedEntries(w.dict) }

func (w *leaderWorld) step(t *testing.T, ev leaderEvent) string {
	var effects []leaderEffect
	w.core, effects = stepLeader(w.core, ev)
	var b strings.Builder
	for _, e := range effects {
		fmt.Fprintln(&b, strings.ReplaceAll(e.String(), "Jan  1 ", ""))
		if wr, ok := e.(write); ok {
			if w.pending != nil {
				t.Error("a write while another is under way")
			}
			w.pending = &wr
		}
	}
	fmt.Fprintf(&b, "(%v)\n", w.core.phase)
	return b.String()
}

func (w *leaderWorld) written(t *testing.T, d *datadriven.TestData) string {
	if w.pending == nil {
		d.Fatalf(t, "nothing is being written")
	}
	done := written{now: w.now, gen: w.pending.gen}
	tooLarge := ""
	if d.MaybeScanArgs(t, "refused", &tooLarge); tooLarge == "" && len(d.CmdArgs) > 0 {
		done.err = errors.New(d.CmdArgs[0].Key)
		w.pending = nil
		return w.step(t, done)
	}
	for _, r := range w.pending.records {
		switch {
		case r.key == tooLarge:
			done.err = scriptError("value-limit", r.key)
			done.refused, done.onlyRefused = append(done.refused, r), true
		case r.value == "":
			delete(w.dict, r.key)
		default:
			w.store(r.key, r.value)
		}
	}
	w.pending = nil
	return w.step(t, done)
}

func parseScriptSpec(t *testing.T, groups string) *spec.Spec {
	t.Helper()
	s, err := spec.Parse([]byte("cluster: test\nmembers: {a1: {}, b1: {}, c1: {}}\n" +
		"applications: {switch: {}, meter: {}, quick: {failover: fast}}\ngroups:\n" + groups))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scriptTime(t *testing.T, text string) time.Time {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return scriptStart.Add(d)
}

func scriptMember(t *testing.T, text string) model.Member {
	t.Helper()
	name, incarnation, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(incarnation, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return model.Member{Name: name, Incarnation: n}
}

func scriptInstance(t *testing.T, text string) (i model.Instance) {
	t.Helper()
	if err := i.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return i
}

// scriptReport reads "pair/switch running active 1 err=no-disk handover=x".
func scriptReport(t *testing.T, words []string) model.Report {
	t.Helper()
	r := model.Report{Instance: scriptInstance(t, words[0])}
	for _, word := range words[1:] {
		switch key, value, _ := strings.Cut(word, "="); key {
		case "active":
			r.Role = app.Active
		case "standby":
			r.Role = app.Standby
		case "err":
			r.Err = value
		case "handover":
			r.Handover = []byte(value)
		default:
			if epoch, err := strconv.ParseUint(key, 10, 64); err == nil {
				r.Epoch = epoch
			} else if err := r.Phase.UnmarshalText([]byte(key)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}
