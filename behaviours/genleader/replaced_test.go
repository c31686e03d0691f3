package genleader

import (
	"strings"
	"testing"
	"time"
)

// TestAReplacedIncarnationIsSafeNoEarlierThanItsLeaseEnds: a process that died and returned within its lease is replaced
// at once, and so is one that was cut off and whose name was given to another machine. What was granted to the old one
// still runs, from the change of the electorate on too, when it is a member no more. With a disk the electorate does not
// change, and the new process is another all the same.
func TestAReplacedIncarnationIsSafeNoEarlierThanItsLeaseEnds(t *testing.T) {
	for _, replaced := range []string{"a1", "b1", "w1", "a1 durable", "b1 durable", "w1 durable"} {
		t.Run(replaced, func(t *testing.T) {
			replaced, durable := strings.CutSuffix(replaced, " durable")
			w := newWorld(1, "a1", "b1", "w1")
			w.durable = durable
			for _, name := range w.names {
				w.start(name)
			}
			w.run(3 * time.Second) // whoever led before has no say any more
			old := w.hosts[replaced]
			until := old.until
			if !until.After(w.now) {
				t.Fatalf("%s holds no lease", replaced)
			}
			w.kill(replaced)
			w.start(replaced)
			var leader *host
			for w.now.Before(until) {
				w.run(100 * time.Microsecond)
				if leader = w.leader(); leader == nil {
					continue
				}
				if countsAsSafe(leader.view, old.self, w.now) && w.now.Before(until) {
					t.Fatalf("%v counts as safe %v before its lease ends: %v", old.self, until.Sub(w.now), leader.view)
				}
			}
			if h := w.hosts[replaced]; leader == nil || !leader.core.members.isMember(h.self) {
				t.Fatalf("%v was not taken in", h.self)
			}
		})
	}
}

// countsAsSafe is how a reader of a view learns whether an incarnation holds no lease any more.
func countsAsSafe(v View, who Member, now time.Time) bool {
	at := v.ForeignSafeAt
	for _, s := range v.Members {
		if s.Member == who {
			if s.State == Up {
				return false
			}
			at = s.SafeAt
		}
	}
	return !now.Before(at)
}
