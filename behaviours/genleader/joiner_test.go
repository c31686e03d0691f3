package genleader

import (
	"slices"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestElectedComesBeforeAnyJoiner: a leader finds a change of the electorate in the log that its predecessor began. Its
// behaviour is told of the joiner by its own election, and not before.
func TestElectedComesBeforeAnyJoiner(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1", "d1", "e1")
	w.kill("e1")
	w.run(time.Second)
	w.loses = func(_, to string, p *wire.Packet) bool {
		m := &raftpb.Message{}
		return to == "a1" && p.GetRaft() != nil && proto.Unmarshal(p.GetRaft(), m) == nil && m.GetType() == raftpb.MsgAppResp
	}
	w.start("e1")
	w.run(200 * time.Millisecond)
	w.loses = nil
	w.kill("a1")
	w.run(2 * time.Second)
	leader := w.leader()
	if leader == nil || !leader.core.members.isMember(w.hosts["e1"].self) {
		t.Fatal("the joiner is no member")
	}
	own, joiner := slices.Index(leader.told, "elected"), slices.Index(leader.told, "elected for e1")
	if own < 0 || (joiner >= 0 && joiner < own) {
		t.Errorf("%v was told %q", leader.self, leader.told)
	}
	if joined := w.hosts["e1"]; len(joined.told) == 0 {
		t.Errorf("%v was told nothing", joined.self)
	}
}
