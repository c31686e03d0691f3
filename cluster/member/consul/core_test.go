package consul

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"

	"github.com/gendac/gendac/cluster/member"
)

// A script steps one core: the session of a1, with a heartbeat of 1 s and a grace of 10 s, on a clock that stands still
// unless told. Members are written name, or name!critical, or name@port#incarnation.
type script struct {
	state state
	now   time.Time
}

func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/core", func(t *testing.T, path string) {
		s := &script{now: time.Unix(1000, 0)}
		s.state = state{self: a1, agent: agentAddr, heartbeat: time.Second, grace: 10 * time.Second}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "wait" {
				s.now = s.now.Add(must(time.ParseDuration(d.CmdArgs[0].Key)))
				return "ok"
			}
			ev := s.event(t, d)
			was := s.state.phase
			var fx []effect
			s.state, fx = step(s.state, ev)
			var out strings.Builder
			if was != s.state.phase {
				fmt.Fprintf(&out, "%v -> %v\n", was, s.state.phase)
			}
			for _, f := range fx {
				fmt.Fprintf(&out, "%v\n", f)
			}
			return out.String()
		})
	})
}

func (s *script) event(t *testing.T, d *datadriven.TestData) event {
	gen := s.state.gen
	if d.HasArg("gen") {
		d.ScanArgs(t, "gen", &gen)
	}
	switch d.Cmd {
	case "opened":
		return opened{now: s.now, members: members(d.Input)}
	case "answered":
		var index uint64
		d.ScanArgs(t, "index", &index)
		return answered{now: s.now, index: index, members: members(d.Input)}
	case "query-failed":
		why, listed, _ := strings.Cut(d.Input, "\n")
		return queryFailed{err: errors.New(why), members: members(listed)}
	case "taken":
		return taken{gen}
	case "refused":
		return refused{now: s.now, gen: gen, lost: d.HasArg("lost"), err: errors.New(d.Input)}
	case "displaced":
		return displaced{gen: gen, theirs: d.Input}
	case "recovered":
		if d.HasArg("stale") {
			return recovered{s.now.Add(-time.Hour)}
		}
		return recovered{s.state.recoverUntil}
	}
	d.Fatalf(t, "unknown command %q", d.Cmd)
	return nil
}

func members(input string) []member.Member {
	var all []member.Member
	for _, word := range strings.Fields(input) {
		m := member.Member{Health: member.Passing}
		word, critical := strings.CutSuffix(word, "!critical")
		if critical {
			m.Health = member.Critical
		}
		word, incarnation, _ := strings.Cut(word, "#")
		name, port, elsewhere := strings.Cut(word, "@")
		if !elsewhere {
			port = map[string]string{"a1": "7101", "b1": "7102", "c1": "7103"}[name]
			incarnation = map[string]string{"a1": "1", "b1": "2", "c1": "3"}[name]
		}
		m.Name, m.Addr = name, "127.0.0.1:"+port
		m.Incarnation = must(strconv.ParseUint(incarnation, 10, 64))
		all = append(all, m)
	}
	member.Sort(all)
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestBackoffDoublesToItsCapAndNeverVanishes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 1_000_000).Draw(t, "failures")
		roll := rapid.Float64Range(0, 1).Draw(t, "roll")
		d := backoff(n, roll)
		if d < firstBackoff/2 || d > maxBackoff {
			t.Fatalf("backoff(%d, %v) = %v", n, roll, d)
		}
		if backoff(n+1, roll) < d {
			t.Fatalf("it shrinks after %d failures", n)
		}
	})
}

// wellFormedState names what holds in every state, whatever happened.
func wellFormedState(s state) error {
	for i := 1; i < len(s.known); i++ {
		if s.known[i-1].Name >= s.known[i].Name {
			return fmt.Errorf("members not sorted or not unique: %v", s.known)
		}
	}
	me, ok := find(s.known, s.self.Name)
	switch {
	case !ok || me.Addr != s.self.Addr || me.Incarnation != s.self.Incarnation:
		return fmt.Errorf("we are not listed as ourselves: %v", s.known)
	case s.source == member.Unreachable && s.publish().view.Err == nil:
		return errors.New("unreachable without a reason")
	}
	return nil
}

// Whatever the agent answers, in whatever order: exactly one query follows every outcome of a query, the conversation
// about our registration never has two requests or none while it should have one, and an outage loses nobody.
func TestAnyHistoryKeepsBothConversationsGoing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1000, 0)
		s, _ := step(state{self: a1, agent: agentAddr, heartbeat: time.Second, grace: 10 * time.Second}, opened{now: now})
		underway := s.gen // the request of our registration that was asked for last; 0 while waiting
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "pause")) * time.Millisecond)
			ev := anyEvent(t, s, now)
			before := s
			var fx []effect
			s, fx = step(s, ev)
			if err := wellFormedState(s); err != nil {
				t.Fatalf("%v: %v", ev, err)
			}
			queries := 0
			for _, f := range fx {
				switch f := f.(type) {
				case query:
					queries++
				case refresh:
					underway = f.gen
				case register:
					underway = f.gen
				case rest:
					underway = 0
				case publish, arm:
				}
			}
			_, heard := ev.(answered)
			_, failed := ev.(queryFailed)
			if want := heard || failed; want != (queries == 1) || queries > 1 {
				t.Fatalf("%v: %d queries", ev, queries)
			}
			if (s.phase == waiting) != (underway == 0) || underway != 0 && underway != s.gen {
				t.Fatalf("%v: phase %v, generation %d, under way %d", ev, s.phase, s.gen, underway)
			}
			if failed && len(s.known) != len(before.known) {
				t.Fatalf("an outage changed the members: %v, then %v", before.known, s.known)
			}
			if _, listed := find(s.heard, a1.Name); !listed && s.failures == 0 && len(s.known) < len(before.known) {
				t.Fatalf("%v: an answer that does not list us removed members: %v, then %v", ev, before.known, s.known)
			}
		}
	})
}

func anyEvent(t *rapid.T, s state, now time.Time) event {
	gen := s.gen - uint64(rapid.IntRange(0, 1).Draw(t, "late"))
	switch rapid.IntRange(0, 5).Draw(t, "event") {
	case 0:
		list := rapid.SampledFrom([]string{"", "a1", "b1", "a1 b1", "a1 b1 c1", "a1@7999#9", "a1@7999#9!critical c1"}).Draw(t, "members")
		return answered{now: now, index: rapid.Uint64Range(0, 20).Draw(t, "index"), members: members(list)}
	case 1:
		return queryFailed{err: errRefused}
	case 2:
		return taken{gen}
	case 3:
		return refused{now: now, gen: gen, lost: rapid.Bool().Draw(t, "lost"), err: errRefused}
	case 4:
		return displaced{gen: gen, theirs: "127.0.0.1:7999"}
	default:
		return recovered{s.recoverUntil}
	}
}
