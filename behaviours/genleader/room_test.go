package genleader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestASyncWaitsForRoom: the leader's log holds as much as may wait for a majority when a member is to be told something.
func TestASyncWaitsForRoom(t *testing.T) {
	after := strings.Repeat("after all ", 30)
	w := begun(t, 1, "a1", "b1", "c1")
	leader, joiner := w.leader(), w.follower()
	w.loses = func(_, _ string, p *wire.Packet) bool { return p.GetRaft() != nil }
	if err := leader.core.node.Propose(make([]byte, maxUncommitted-200)); err != nil { // nothing that any member can read
		t.Fatal(err)
	}
	leader.take(synced{term: leader.view.Term, to: &joiner.self, sync: []byte(after)})
	w.run(20 * time.Millisecond)
	if len(leader.core.turn.waiting.entries) == 0 {
		t.Fatal("there was room")
	}
	w.loses = nil
	joiner.told = nil
	w.run(2 * time.Second)
	if want := fmt.Sprintf("surrendered to %s %q", leader.self.Name, after); !slices.Contains(joiner.told, want) {
		t.Errorf("%s was not told %s", joiner.self.Name, want)
	}
}

// TestASyncPassesNoOther that waits for room, be it as small as it likes.
func TestASyncPassesNoOther(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1")
	leader, joiner := w.leader(), w.follower()
	w.loses = func(_, _ string, p *wire.Packet) bool { return p.GetRaft() != nil }
	if err := leader.core.node.Propose(make([]byte, maxUncommitted-200)); err != nil {
		t.Fatal(err)
	}
	for _, sync := range []string{strings.Repeat("first ", 60), "second"} {
		leader.take(synced{term: leader.view.Term, to: &joiner.self, sync: []byte(sync)})
	}
	w.run(20 * time.Millisecond)
	w.loses = nil
	joiner.told = nil
	w.run(2 * time.Second)
	first := slices.IndexFunc(joiner.told, func(line string) bool { return strings.Contains(line, "first") })
	second := slices.IndexFunc(joiner.told, func(line string) bool { return strings.Contains(line, "second") })
	if first < 0 || second < first {
		t.Errorf("%s was told the first at %d and the second at %d", joiner.self.Name, first, second)
	}
}
