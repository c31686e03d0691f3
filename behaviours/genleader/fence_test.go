package genleader

import (
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestWhoJoinsHasNoSayAboutEarlierLeaders: b1 was cut off from a1, which granted leases with c1 until it died. b1 leads
// then, and hears the answers of c1 to its heartbeats late. The new process of a1, which takes its seat, has never
// answered anybody, and must not count among the majority that says how long an earlier leader may have granted leases.
func TestWhoJoinsHasNoSayAboutEarlierLeaders(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1")
	w.cut("a1", "b1")
	w.cut("b1", "a1")
	w.run(3 * w.timing.StartAfter)
	former := w.hosts["a1"]
	w.loses = func(from, to string, p *wire.Packet) bool {
		m := &raftpb.Message{}
		campaigns := from == "c1" && p.GetRaft() != nil && proto.Unmarshal(p.GetRaft(), m) == nil &&
			(m.GetType() == raftpb.MsgPreVote || m.GetType() == raftpb.MsgVote)
		return campaigns || (from == "c1" && to == "b1" && p.GetAck() != nil)
	}
	w.kill("a1")
	clear(w.cuts)
	w.start("a1")
	w.run(w.timing.Election)
	joined := w.leader() == w.hosts["b1"] && w.leader().core.members.isMember(w.hosts["a1"].self)
	if !joined || !w.now.Before(w.held[former.self]) {
		t.Fatalf("b1 is %v, the former lease runs until %v: this shows nothing", w.hosts["b1"].view, w.held[former.self].Sub(w.now))
	}
	w.run(time.Second)
	for _, what := range w.unsafe {
		t.Error(what)
	}
}
