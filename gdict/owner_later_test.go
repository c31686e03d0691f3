package gdict

import (
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestAnOwnerThatIsLaterThanItsLeaderKnowsStays: a member that kept its log starts again and owns a key, and only then
// another one begins to lead, which hears nothing of it and has an earlier process of that name in its electorate.
func TestAnOwnerThatIsLaterThanItsLeaderKnowsStays(t *testing.T) {
	now := time.Now()
	leader, earlier := genleader.Member{Name: "a1", Incarnation: 1}, genleader.Member{Name: "c1", Incarnation: 5}
	v := genleader.View{
		Phase: genleader.Leading, Leader: leader, Voters: []genleader.Member{leader, earlier},
		Members:       []genleader.MemberStatus{{Member: leader, State: genleader.Up}, {Member: earlier, State: genleader.Dead}},
		ForeignSafeAt: now.Add(-time.Minute),
	}
	for _, c := range []struct {
		owner genleader.Member
		said  int
	}{
		{genleader.Member{Name: "c1", Incarnation: 6}, 0},
		{genleader.Member{Name: "c1", Incarnation: 4}, 1}, // was replaced
		{genleader.Member{Name: "x1", Incarnation: 6}, 1}, // was removed
		{earlier, 1},
		{leader, 0},
	} {
		if said := overdue(v, []genleader.Member{c.owner}, true, now); len(said) != c.said {
			t.Errorf("%v: %v, want %d ends", c.owner, said, c.said)
		}
	}
}
