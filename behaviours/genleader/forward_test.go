package genleader

import (
	"slices"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestAReplacedLeaderProposesNothingToItsSuccessor: between the first word of a new leader and the moment that the old
// one looks at raft's role, the behaviour answers a call of the old term. It must not get into the log of the new term:
// the caller's member repeats the call, and it would be done twice.
func TestAReplacedLeaderProposesNothingToItsSuccessor(t *testing.T) {
	w := newWorld(1, "a1", "b1", "w1")
	for _, name := range w.names {
		w.start(name)
	}
	w.run(time.Second)
	old, next := w.hosts["a1"], w.hosts["b1"]
	if old.view.Phase != Leading {
		t.Fatalf("a1 is %v", old.view.Phase)
	}
	old.core.call(called{seq: 1, request: []byte("once"), deadline: w.now.Add(time.Second)})
	term := old.core.term
	word := &raftpb.Message{
		Type: raftpb.MsgHeartbeat.Enum(), To: new(old.self.Incarnation), From: new(next.self.Incarnation), Term: new(term + 1), Commit: new(uint64(1)),
	}
	data, err := proto.Marshal(word)
	if err != nil {
		t.Fatal(err)
	}
	core, _ := step(old.core, input{at: w.now, event: received{from: next.self, packets: []*wire.Packet{{What: &wire.Packet_Raft{Raft: data}}}}})
	answer := handled{term: term, from: From{Member: old.self, Seq: 1}, answer: Broadcast([]byte("once"))}
	_, effects := step(core, input{at: w.now, event: answer})
	effects = slices.Clone(effects)
	_, more := step(core, input{at: w.now, event: flushed{}})
	for _, e := range append(effects, more...) {
		switch e := e.(type) {
		case send:
			for _, p := range e.packets {
				m := &raftpb.Message{}
				if proto.Unmarshal(p.GetRaft(), m) == nil && m.GetType() == raftpb.MsgProp {
					t.Errorf("it is proposed to %s", e.to)
				}
			}
		case resolve:
			t.Errorf("the caller got %v; the call is to be repeated", e)
		}
	}
}
