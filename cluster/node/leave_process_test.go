//go:build process && linux

package node_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAnActiveThatIsToldToStopHandsOver, seven times of seven: whoever is active gets SIGTERM, ends with status 0, and the
// other one takes over, with the bytes that it left.
func TestAnActiveThatIsToldToStopHandsOver(t *testing.T) {
	c := newCluster(t, newLoopback(t), "safe")
	active := "a1"
	for round := range 7 {
		was, epoch := active, c.judge.holds().Epoch
		p := c.running[was]
		if err := p.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.exited:
		case <-time.After(patience):
			t.Fatalf("round %d: %s does not end", round, was)
		}
		if code := p.ProcessState.ExitCode(); code != 0 {
			t.Fatalf("round %d: %s ends with %d\n%s", round, was, code, c.logs[was])
		}
		delete(c.running, was)
		active = other(was)
		took := fmt.Sprintf("start=takeover(%s) left=%s-%d", was, was, epoch)
		c.await(active+" to take over", func() string {
			if strings.Contains(c.logs[active].String(), took) {
				return ""
			}
			return "the log of " + active + " has no " + took
		})
		c.start(was)
		c.settle(active)
	}
}
