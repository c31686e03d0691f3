// Package membertest holds the suite that every implementation of member.Discovery passes.
package membertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/cluster/member"
)

// patience bounds every wait of the suite; inside a bubble it costs nothing.
const patience = 20 * time.Second

// An Option adapts the suite to what an implementation can know.
type Option func(*suite)

// Fixed says that the members are a written list: nobody comes or goes, incarnations of others are unknown, and two
// processes of one name cannot be told apart.
func Fixed() Option { return func(s *suite) { s.fixed = true } }

// RealTime runs the suite on the real clock, for a discovery that talks to another process. Without it, every case runs
// in a testing/synctest bubble and also shows that no goroutine is left behind.
func RealTime() Option { return func(s *suite) { s.realTime = true } }

type suite struct {
	new             func(t *testing.T, members []member.Member) member.Discovery
	fixed, realTime bool
}

// Test runs the suite. newDiscovery is called once in every case, within its bubble, with the members that the case
// will use; the discovery starts with nobody joined.
func Test(t *testing.T, newDiscovery func(t *testing.T, members []member.Member) member.Discovery, opts ...Option) {
	s := &suite{new: newDiscovery}
	for _, o := range opts {
		o(s)
	}
	cases := []struct {
		claim string
		fixed bool // holds for a written list too
		run   func(t *testing.T, d member.Discovery, m []member.Member)
	}{
		{"the first view is there at once and lists this member", true, firstView},
		{"everybody sees everybody, sorted by name", true, s.everybody},
		{"a slow reader finds only the newest view", true, s.slowReader},
		{"the end of the joining context does not end the session", true, s.joinContext},
		{"a cancelled join announces nobody", true, s.cancelledJoin},
		{"a member that cannot be announced is refused by field", true, badMember},
		{"leaving closes the views, also the second time", true, leaveTwice},
		{"who leaves is no longer listed", false, s.leave},
		{"a restart replaces the incarnation", false, s.restart},
		{"a live name at another address is a conflict", false, s.conflict},
		{"the discovery announces incarnation and health", false, s.facts},
	}
	for _, c := range cases {
		if s.fixed && !c.fixed {
			continue
		}
		t.Run(c.claim, func(t *testing.T) {
			body := func(t *testing.T) {
				m := three()
				c.run(t, s.new(t, m), m)
			}
			if s.realTime {
				body(t)
				return
			}
			synctest.Test(t, body)
		})
	}
}

// three members whose names are not in the order in which they join.
func three() []member.Member {
	return []member.Member{
		{Name: "m2", Addr: "127.0.0.1:7102", Incarnation: 1<<63 + 2},
		{Name: "m3", Addr: "127.0.0.1:7103", Incarnation: 3},
		{Name: "m1", Addr: "127.0.0.1:7101", Incarnation: 1},
	}
}

func join(t *testing.T, d member.Discovery, m member.Member) member.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := d.Join(ctx, m)
	if err != nil {
		t.Fatalf("join %s: %v", m.Name, err)
	}
	t.Cleanup(func() { _ = leave(s) })
	return s
}

func joinAll(t *testing.T, d member.Discovery, members []member.Member) []member.Session {
	t.Helper()
	var all []member.Session
	for _, m := range members {
		all = append(all, join(t, d, m))
	}
	return all
}

func leave(s member.Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return s.Leave(ctx)
}

// Await reads views of s until ok accepts one and returns it; after 20 s the test fails with the last view and what.
func Await(t *testing.T, s member.Session, what string, ok func(member.View) bool) member.View {
	t.Helper()
	var last member.View
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		select {
		case v, open := <-s.Views():
			if !open {
				t.Fatalf("waiting until %s: views were closed; last view %v", what, last)
			}
			wellFormed(t, v)
			if last = v; ok(v) {
				return v
			}
		case <-deadline.C:
			t.Fatalf("waiting until %s: not within %v; last view %v", what, patience, last)
		}
	}
}

// wellFormed fails the test for a view that no implementation may deliver.
func wellFormed(t *testing.T, v member.View) {
	t.Helper()
	for i := 1; i < len(v.Members); i++ {
		if v.Members[i-1].Name >= v.Members[i].Name {
			t.Fatalf("members are not sorted or not unique: %v", v.Members)
		}
	}
	if v.Source == member.Unreachable && v.Err == nil {
		t.Fatalf("unreachable without a reason: %v", v)
	}
}

// Lists accepts a view that is Connected and lists exactly these members, by name and address, besides what it says
// about health and incarnation.
func Lists(members ...member.Member) func(member.View) bool {
	want := slices.Clone(members)
	member.Sort(want)
	return func(v member.View) bool {
		return v.Source == member.Connected && slices.EqualFunc(v.Members, want, func(a, b member.Member) bool {
			return a.Name == b.Name && a.Addr == b.Addr
		})
	}
}

func firstView(t *testing.T, d member.Discovery, m []member.Member) {
	s := join(t, d, m[0])
	select {
	case v := <-s.Views():
		wellFormed(t, v)
		me, ok := v.Find(m[0].Name)
		if !ok || me.Addr != m[0].Addr || me.Incarnation != m[0].Incarnation || v.Source != member.Connected {
			t.Fatalf("first view %v does not hold %v", v, m[0])
		}
	default:
		t.Fatal("no view when Join returned")
	}
}

func (s *suite) everybody(t *testing.T, d member.Discovery, m []member.Member) {
	for i, session := range joinAll(t, d, m) {
		Await(t, session, fmt.Sprintf("%s sees all three", m[i].Name), Lists(m...))
	}
}

func (s *suite) slowReader(t *testing.T, d member.Discovery, m []member.Member) {
	all := joinAll(t, d, m)
	// The second one reads, so that all three are known to be announced; the first one has not read anything yet.
	Await(t, all[1], "all three are announced", Lists(m...))
	Await(t, all[0], "the slow reader sees all three", Lists(m...))
	if s.realTime {
		return // another process may still have news, such as a check that turned to passing
	}
	synctest.Wait()
	select {
	case v := <-all[0].Views():
		t.Fatalf("a backlog of views: %v", v)
	default:
	}
}

func (s *suite) joinContext(t *testing.T, d member.Discovery, m []member.Member) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	session, err := d.Join(ctx, m[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = leave(session) }()
	cancel()
	join(t, d, m[1])
	join(t, d, m[2])
	Await(t, session, "the session goes on after its joining context", Lists(m...))
}

func (s *suite) cancelledJoin(t *testing.T, d member.Discovery, m []member.Member) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if session, err := d.Join(ctx, m[0]); err == nil || session != nil {
		t.Fatalf("Join under a cancelled context: %v, %v; want an error and no session", session, err)
	}
	if !s.fixed {
		Await(t, join(t, d, m[1]), "only the second is listed", Lists(m[1]))
	}
}

func badMember(t *testing.T, d member.Discovery, m []member.Member) {
	for _, c := range []struct {
		field string
		bad   member.Member
	}{
		{"Name", member.Member{Addr: m[0].Addr}},
		{"Name", member.Member{Name: "a/b", Addr: m[0].Addr}},
		{"Addr", member.Member{Name: m[0].Name}},
		{"Addr", member.Member{Name: m[0].Name, Addr: "127.0.0.1"}},
		{"Addr", member.Member{Name: m[0].Name, Addr: "127.0.0.1:0"}},
		{"Addr", member.Member{Name: m[0].Name, Addr: ":7000"}},
	} {
		_, err := d.Join(t.Context(), c.bad)
		var bad *member.Error
		if !errors.As(err, &bad) || bad.Field != c.field {
			t.Errorf("Join(%+v): %v, want a *member.Error about %s", c.bad, err, c.field)
		}
	}
}

func leaveTwice(t *testing.T, d member.Discovery, m []member.Member) {
	s := join(t, d, m[0])
	for range 2 {
		if err := leave(s); err != nil {
			t.Fatalf("leave: %v", err)
		}
		if v, open := <-s.Views(); open {
			t.Fatalf("a view after Leave: %v", v)
		}
	}
}

func (s *suite) leave(t *testing.T, d member.Discovery, m []member.Member) {
	all := joinAll(t, d, m)
	Await(t, all[0], "all three are listed", Lists(m...))
	if err := leave(all[1]); err != nil {
		t.Fatalf("leave: %v", err)
	}
	Await(t, all[0], m[1].Name+" is gone", Lists(m[0], m[2]))
}

func (s *suite) restart(t *testing.T, d member.Discovery, m []member.Member) {
	witness, old := join(t, d, m[0]), join(t, d, m[1])
	Await(t, witness, "both are listed", Lists(m[0], m[1]))
	again := m[1]
	again.Incarnation = 99
	join(t, d, again) // the old one never left, as after kill -9
	Await(t, witness, "the new incarnation is listed", func(v member.View) bool {
		now, ok := v.Find(again.Name)
		return ok && now.Incarnation == 99
	})
	if err := leave(old); err != nil {
		t.Fatalf("the displaced session cannot leave: %v", err)
	}
	join(t, d, m[2])
	v := Await(t, witness, "the third is listed", Lists(m...))
	if now, _ := v.Find(again.Name); now.Incarnation != 99 {
		t.Fatalf("the old incarnation took the new one's announcement with it: %v", v)
	}
}

func (s *suite) conflict(t *testing.T, d member.Discovery, m []member.Member) {
	first := join(t, d, m[0])
	second := m[1]
	second.Name = m[0].Name
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := d.Join(ctx, second)
	var conflict *member.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("Join under a live name: %v, want a *member.ConflictError", err)
	}
	if *conflict != (member.ConflictError{Name: m[0].Name, Ours: second.Addr, Theirs: m[0].Addr}) {
		t.Fatalf("the error names other members: %+v", conflict)
	}
	Await(t, first, "the first is undisturbed", Lists(m[0]))
}

func (s *suite) facts(t *testing.T, d member.Discovery, m []member.Member) {
	all := joinAll(t, d, m)
	Await(t, all[2], "every incarnation and health is known", func(v member.View) bool {
		for _, want := range m {
			got, ok := v.Find(want.Name)
			if !ok || got.Incarnation != want.Incarnation || got.Health != member.Passing {
				return false
			}
		}
		return len(v.Members) == len(m)
	})
}
