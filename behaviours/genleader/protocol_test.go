package genleader

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestAMemberOfAnotherProtocolIsNotHeard nor spoken to, and the view says so: it would understand the log differently.
func TestAMemberOfAnotherProtocolIsNotHeard(t *testing.T) {
	w := begun(t, 1, "a1", "b1", "c1")
	leader, old := w.leader(), w.follower()
	hello := proto.CloneOf(old.core.introduction())
	say := func(version uint32) {
		hello.Protocol = version
		leader.take(received{from: old.self, packets: []*wire.Packet{{What: &wire.Packet_Hello{Hello: hello}}}})
	}
	say(protocol - 1)
	before := len(old.applied)
	w.call(leader.self.Name, "while it is of another version", time.Second)
	w.run(300 * time.Millisecond)
	if problem := leader.view.Problem; !strings.Contains(problem, fmt.Sprintf("%s speaks version %d ", old.self.Name, protocol-1)) || len(leader.applied) != before+1 || len(old.applied) != before {
		t.Errorf("problem %q; the leader has applied %d, the other %d", problem, len(leader.applied), len(old.applied))
	}
	say(protocol)
	w.run(2 * time.Second)
	if leader.view.Problem != "" || len(old.applied) != before+1 {
		t.Errorf("afterwards: problem %q, it has applied %d", leader.view.Problem, len(old.applied))
	}
}
