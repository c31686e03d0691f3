package genleader

import (
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestALateAnswerOfAnEarlierLeaderIsNotHeard: the call was sent again to its successor, which may have done it by now, so
// the earlier one's word that nothing was done is not true any more.
func TestALateAnswerOfAnEarlierLeaderIsNotHeard(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	caller, leader := w.hosts["b1"], w.hosts["a1"]
	w.call("b1", "m", time.Second)
	term := caller.core.term
	for _, answer := range []*wire.Answered{{Seq: 1, Overloaded: true, Term: term - 1}, {Seq: 1, Overloaded: true}} {
		caller.take(received{from: leader.self, packets: []*wire.Packet{{What: &wire.Packet_Answered{Answered: answer}}}})
		if caller.replies[1] != "" {
			t.Fatalf("the caller hears %q", caller.replies[1])
		}
	}
	w.run(10 * time.Millisecond)
	if caller.replies[1] != "ok at 1" {
		t.Errorf("the caller hears %q", caller.replies[1])
	}
}
