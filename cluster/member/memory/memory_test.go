package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/gendac/gendac/cluster/member"
	"github.com/gendac/gendac/cluster/member/membertest"
	"github.com/gendac/gendac/cluster/member/memory"
)

func TestConformance(t *testing.T) {
	membertest.Test(t, func(*testing.T, []member.Member) member.Discovery { return memory.NewBoard().Discovery() })
}

var (
	a1 = member.Member{Name: "a1", Addr: "127.0.0.1:7101", Incarnation: 1}
	b1 = member.Member{Name: "b1", Addr: "127.0.0.1:7102", Incarnation: 2}
)

func TestAnOutageKeepsTheMembers(t *testing.T) {
	board, down := memory.NewBoard(), errors.New("down")
	a, b := mustJoin(t, board, a1), mustJoin(t, board, b1)
	board.SetOutage(down)
	v := membertest.Await(t, a, "unreachable", func(v member.View) bool { return v.Source == member.Unreachable })
	if len(v.Members) != 2 || !errors.Is(v.Err, down) {
		t.Fatalf("an outage changed the members: %v", v)
	}
	if _, err := board.Discovery().Join(t.Context(), a1); !errors.Is(err, down) {
		t.Fatalf("joined during an outage: %v", err)
	}
	if err := b.Leave(context.Background()); !errors.Is(err, down) {
		t.Fatalf("leaving during an outage: %v, want the reason", err)
	}
	board.SetOutage(nil)
	v = membertest.Await(t, a, "connected", membertest.Lists(a1, b1))
	if m, _ := v.Find("b1"); m.Health != member.Critical {
		t.Fatalf("who left unheard is %v, want critical", m)
	}
}

func TestATestCanMakeTheBoardSayAnything(t *testing.T) {
	board := memory.NewBoard()
	a, _ := mustJoin(t, board, a1), mustJoin(t, board, b1)
	board.SetHealth("b1", member.Critical)
	membertest.Await(t, a, "b1 is critical", func(v member.View) bool { m, _ := v.Find("b1"); return m.Health == member.Critical })
	board.Remove("b1")
	membertest.Await(t, a, "b1 is gone", membertest.Lists(a1))
	board.Remove("a1")
	v := membertest.Await(t, a, "a1 lists itself though the board does not", func(v member.View) bool {
		m, ok := v.Find("a1")
		return ok && m.Health == member.Unknown
	})
	if len(v.Members) != 1 {
		t.Fatalf("want only a1: %v", v)
	}
}

func mustJoin(t *testing.T, b *memory.Board, m member.Member) member.Session {
	t.Helper()
	s, err := b.Discovery().Join(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Leave(context.Background()) })
	return s
}
