package genleader

import (
	"testing"
	"time"
)

// TestReadersDoNotStopTheClock: whenever a read begins for which there is no leader any more, the members that have it
// elect one in time. The deadline of what was asked of the last leader must not stay the next one.
func TestReadersDoNotStopTheClock(t *testing.T) {
	for begin := time.Duration(0); begin < 20; begin++ {
		w := newWorld(1+uint64(begin), "a1", "b1", "w1")
		for _, name := range w.names {
			w.start(name)
		}
		w.run(time.Second)
		for _, other := range []string{"b1", "w1"} {
			w.cut("a1", other)
			w.cut(other, "a1")
		}
		w.run(begin * w.timing.Election / 20)
		w.read("b1", time.Minute)
		w.read("w1", time.Minute)
		w.run(3 * w.timing.Election)
		for _, name := range []string{"b1", "w1"} {
			if len(w.hosts[name].reads) != 1 {
				t.Errorf("a read that began %v after the leader fell silent has no answer on %s, which is %v", begin*w.timing.Election/20, name, w.hosts[name].view)
			}
		}
	}
}
