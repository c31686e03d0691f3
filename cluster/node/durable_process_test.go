//go:build process && linux

package node_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tell writes a line to a member's stdin. One that is gone does not hear it.
func (c *cluster) tell(name, line string) {
	if p := c.running[name]; p != nil {
		_, _ = io.WriteString(p.stdin, line+"\n")
	}
}

// acknowledged are the writes of which any incarnation of any member was told that they are done.
func (c *cluster) acknowledged() map[string]string {
	all := map[string]string{}
	for _, log := range c.logs {
		text := log.String()
		text = text[:strings.LastIndexByte(text, '\n')+1] // a long line comes in pieces
		for line := range strings.Lines(text) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "acknowledged "); ok {
				key, value, _ := strings.Cut(rest, "=")
				all[key] = value
			}
		}
	}
	return all
}

// has waits until every member has every acknowledged write.
func (c *cluster) has(acknowledged map[string]string) {
	c.t.Helper()
	for _, name := range names {
		seen := len(c.logs[name].String())
		for _, key := range slices.Sorted(maps.Keys(acknowledged)) {
			c.tell(name, wordShow+" "+key)
		}
		c.await("everything on "+name, func() string {
			shown := c.logs[name].String()[seen:]
			shown = shown[:strings.LastIndexByte(shown, '\n')+1] // a long line comes in pieces
			for key, value := range acknowledged {
				if strings.Contains(shown, "shown "+key+"=") && !strings.Contains(shown, "shown "+key+"="+value+"\n") {
					c.t.Fatalf("%s has lost %s=%s:\n%s", name, key, value, shown)
				}
				if !strings.Contains(shown, "shown "+key+"=") {
					return key
				}
			}
			return ""
		})
	}
}

// TestAllDieAtOnceAndNothingAcknowledgedIsLost: with data directories a cluster whose processes are all killed in the midst
// of writes comes back by itself, and goes on in a later epoch.
func TestAllDieAtOnceAndNothingAcknowledgedIsLost(t *testing.T) {
	c := newClusterWith(t, newLoopback(t), "fast", t.TempDir())
	written := 0
	for round := range 4 {
		epoch, before := c.judge.holds().Epoch, len(c.acknowledged())
		for range 200 {
			written++
			c.tell(names[written%3], fmt.Sprintf("%s k%d v%d", wordStore, written, written))
		}
		time.Sleep(time.Duration(20+30*round) * time.Millisecond) // in the midst of them
		c.await("a write", func() string {                        // on a slow machine none may be done by then
			if len(c.acknowledged()) <= before {
				return "an acknowledgement in this round"
			}
			return ""
		})
		c.kill(names...)
		all := c.acknowledged()
		t.Logf("round %d: %d of %d writes acknowledged", round, len(all), written)
		if len(all) <= before {
			t.Fatal("no write was acknowledged")
		}
		died := now()
		c.start(names...)
		c.await("complete", func() string { return c.absent() })
		t.Logf("complete again %v after the start", ms(now()-died))
		c.has(all)
		c.await("acting again", func() string {
			if c.judge.holds().Epoch <= epoch {
				return "a later epoch"
			}
			return ""
		})
	}
}

// TestAMajorityThatDiesAndReturnsGoesOn, and the one that stayed needs no restart.
func TestAMajorityThatDiesAndReturnsGoesOn(t *testing.T) {
	c := newClusterWith(t, newLoopback(t), "fast", t.TempDir())
	c.tell("b1", wordStore+" before 1")
	c.await("a write", func() string {
		if c.acknowledged()["before"] != "1" {
			return "before=1"
		}
		return ""
	})
	c.kill("a1", "w1")
	time.Sleep(startAfter)
	c.start("a1", "w1")
	c.await("complete", func() string { return c.absent() })
	c.has(map[string]string{"before": "1"})
	// Nothing is lost, so nothing is told but that the pair waits for the lease of its former active, and that only until then.
	for _, alarm := range c.says("b1").Alarms {
		if !strings.HasPrefix(alarm, "bootstrap: ") && !strings.HasPrefix(alarm, "pair: not-active: ") {
			t.Errorf("alarm: %s", alarm)
		}
	}
	c.await("no alarm but that of the bootstrap", func() string {
		for _, alarm := range c.says("b1").Alarms {
			if !strings.HasPrefix(alarm, "bootstrap: ") {
				return alarm
			}
		}
		return ""
	})
}

// TestADataDirectoryServesOneProcess: another one of the same member, elsewhere, is told so and ends.
func TestADataDirectoryServesOneProcess(t *testing.T) {
	c := newClusterWith(t, newLoopback(t), "fast", t.TempDir())
	elsewhere := newLoopback(t)
	second := c.spawn(memberConfig{
		Name: "a1", Bind: elsewhere.addr("a1"), Judge: c.network.judgeAddr("a1"), Spec: c.spec, Data: filepath.Join(c.data, "a1"),
	})
	<-second.exited
	if log := c.logs["a1"].String(); !strings.Contains(log, "in use by another process") || !strings.Contains(log, c.data) {
		t.Errorf("the second process wrote:\n%s", log)
	}
	c.unmoved(c.judge.holds(), "a second process has tried")
}

// TestAFullDiskStopsOneMember: its process ends and says why, the others go on, and with more room it returns and has
// everything. It needs to mount a small file system: run it as root. Without, it is skipped, or fails when CI=true.
func TestAFullDiskStopsOneMember(t *testing.T) {
	data := t.TempDir()
	small := filepath.Join(data, "b1")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("tmpfs", small, "tmpfs", 0, "size=4m")
	if errors.Is(err, unix.EPERM) && os.Getenv("CI") != "true" {
		t.Skip("needs to mount a small file system: run it as root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(small, unix.MNT_DETACH) })
	c := newClusterWith(t, newLoopback(t), "fast", data)
	victim := c.running["b1"]
	value := strings.Repeat("x", 50<<10)
	for i := range 120 {
		c.tell("w1", fmt.Sprintf("%s k%d %s", wordStore, i, value))
	}
	select {
	case <-victim.exited:
		delete(c.running, "b1")
	case <-time.After(patience):
		t.Fatal("6 MB were written to a disk of 4 MB, and the member runs")
	}
	if log := c.logs["b1"].String(); !strings.Contains(log, "the storage failed") || !strings.Contains(log, "no space left on device") {
		t.Errorf("b1 wrote:\n%s", log)
	}
	c.await("all writes", func() string {
		if n := len(c.acknowledged()); n < 120 {
			return fmt.Sprintf("%d of 120", 120-n)
		}
		return ""
	})
	if err := unix.Mount("tmpfs", small, "tmpfs", unix.MS_REMOUNT, "size=32m"); err != nil {
		t.Fatal(err)
	}
	c.start("b1")
	c.await("complete", func() string { return c.absent() })
	c.has(c.acknowledged())
}
