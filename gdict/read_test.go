package gdict

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// A slowGroup is a group whose members the test moves on by hand. It answers ReadIndex with what the log holds and lets
// WaitApplied wait for the dictionary.
type slowGroup struct {
	*testLog
	leaderless bool
	fresh      time.Time
	asked      int // ReadIndex calls
	behind     *Dict
	moved      chan struct{} // closed and replaced when behind has applied something
}

func newSlowGroup() *slowGroup {
	behind, ahead := New(), New()
	g := &slowGroup{testLog: newTestLog(ahead), behind: behind, moved: make(chan struct{})}
	ahead.Attach(g)
	behind.Attach(g)
	return g
}

func (g *slowGroup) ReadIndex(context.Context) (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	if g.leaderless {
		return 0, genleader.ErrNoLeader
	}
	return g.index, nil
}

func (g *slowGroup) WaitApplied(ctx context.Context, index uint64) error {
	for {
		g.mu.Lock()
		moved := g.moved
		g.mu.Unlock()
		if g.behind.View().Rev() >= index {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (g *slowGroup) FreshAsOf() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fresh
}

// catchUp applies everything at the member that is behind.
func (g *slowGroup) catchUp() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := g.behind.View().Rev(); i < g.index; i++ {
		g.behind.apply(i+1, 1, g.records[i])
	}
	close(g.moved)
	g.moved = make(chan struct{})
}

func (g *slowGroup) store(t *testing.T, key, value string) uint64 {
	t.Helper()
	rev, err := g.dicts[0].Store(t.Context(), key, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// later calls read in a goroutine and returns where its answer will be.
func later(read func() (View, error)) chan string {
	answer := make(chan string, 1)
	go func() {
		v, err := read()
		entry, _ := v.Find("k")
		answer <- show(string(entry.Value), err)
	}()
	return answer
}

func TestLocalReadsWhatThisMemberHas(t *testing.T) {
	g := newSlowGroup()
	g.leaderless = true
	if v, err := g.behind.Read(t.Context(), Local); err != nil || v.IsKey("k") {
		t.Errorf("%v, %v", v.IsKey("k"), err)
	}
	if v, err := New().Read(t.Context(), Level{}); err != nil || v.Rev() != 0 {
		t.Errorf("the zero level, before Attach: %v", err)
	}
	if g.asked != 0 {
		t.Error("a local read asked somebody")
	}
}

func TestLinearizableWaitsForWhatTheLeaderHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGroup()
		g.store(t, "k", "new")
		answer := later(func() (View, error) { return g.behind.Read(t.Context(), Linearizable) })
		synctest.Wait()
		if len(answer) != 0 {
			t.Fatalf("%q before this member had it", <-answer)
		}
		g.catchUp()
		if got := <-answer; got != "new" {
			t.Errorf("read %q", got)
		}
	})
}

func TestAtLeastWaitsForTheRevision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGroup()
		rev := g.store(t, "k", "new")
		answer := later(func() (View, error) { return g.behind.Read(t.Context(), AtLeast(rev)) })
		synctest.Wait()
		if len(answer) != 0 {
			t.Fatalf("%q before this member had it", <-answer)
		}
		g.catchUp()
		if got := <-answer; got != "new" {
			t.Errorf("read %q", got)
		}
		g.leaderless = true
		if _, err := g.behind.Read(t.Context(), AtLeast(rev)); err != nil || g.asked != 0 {
			t.Errorf("a revision that is there already: %v, asked %d times", err, g.asked)
		}
	})
}

// TestAReadOfARevisionThatDoesNotComeSaysHowFarThisMemberIs, in revisions, and is still the group's error.
func TestAReadOfARevisionThatDoesNotComeSaysHowFarThisMemberIs(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		nodes := b.startThree(t)
		rev, err := nodes[0].dict.Store(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = nodes[0].dict.Read(t.Context(), AtLeast(1<<40))
		if !errors.Is(err, genleader.ErrBehind) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		want := fmt.Sprintf("gdict: read rev=%d: this member is at revision %d only: context deadline exceeded", uint64(1<<40), rev)
		if err.Error() != want {
			t.Errorf("it says %q, wanted %q", err, want)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

func TestBoundedIsLocalWhileFreshAndAsksOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGroup()
		g.fresh = time.Now()
		time.Sleep(time.Second)
		if _, err := g.behind.Read(t.Context(), Bounded(time.Second)); err != nil || g.asked != 0 {
			t.Fatalf("1s old with a bound of 1s: %v, asked %d times", err, g.asked)
		}
		g.store(t, "k", "new")
		time.Sleep(time.Nanosecond)
		answer := later(func() (View, error) { return g.behind.Read(t.Context(), Bounded(time.Second)) })
		synctest.Wait()
		if len(answer) != 0 || g.asked != 1 {
			t.Fatalf("older than the bound: %d answers, asked %d times", len(answer), g.asked)
		}
		g.catchUp()
		if got := <-answer; got != "new" {
			t.Errorf("read %q", got)
		}
	})
}

func TestBoundedSaysHowOldTheDictionaryIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGroup()
		g.leaderless = true
		_, err := g.behind.Read(t.Context(), Bounded(time.Second))
		stale := (*StaleError)(nil)
		if !errors.As(err, &stale) || stale.Age >= 0 || !errors.Is(err, ErrStale) || !errors.Is(err, genleader.ErrNoLeader) {
			t.Errorf("never fresh: %v", err)
		}
		g.fresh = time.Now()
		time.Sleep(3 * time.Second)
		_, err = g.behind.Read(t.Context(), Bounded(time.Second))
		if !errors.As(err, &stale) || stale.Age != 3*time.Second || stale.Bound != time.Second {
			t.Errorf("3s old: %v", err)
		}
		if want := "read bounded=1s: this member's dictionary is 3s old, and the leader does not help: "; !strings.Contains(err.Error(), want) {
			t.Errorf("it says %q, wanted %q", err, want)
		}
	})
}

func TestAReadEndsWithItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGroup()
		rev := g.store(t, "k", "never arrives")
		for _, level := range []Level{Linearizable, AtLeast(rev), Bounded(0)} {
			begin := time.Now()
			_, err := g.behind.Read(context.Background(), level)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != DefaultTimeout {
				t.Errorf("%v without a deadline: %v after %s", level, err, time.Since(begin))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err = g.behind.Read(ctx, level)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != DefaultTimeout+time.Second {
				t.Errorf("%v with a deadline: %v after %s", level, err, time.Since(begin))
			}
		}
	})
}

func TestReadsWithoutAGroupSaySo(t *testing.T) {
	for _, level := range []Level{Linearizable, AtLeast(1), Bounded(time.Hour)} {
		d := New()
		if _, err := d.Read(t.Context(), level); !errors.Is(err, ErrNotAttached) || strings.Contains(err.Error(), "writing") {
			t.Errorf("%v before Attach: %v", level, err)
		}
		newTestLog(d)
		if _, err := d.Read(t.Context(), level); !errors.Is(err, ErrNoReadLevels) {
			t.Errorf("%v of something that only writes: %v", level, err)
		}
	}
}

func TestLevelsReadBackWhatTheyPrint(t *testing.T) {
	for _, level := range []Level{Local, Linearizable, Bounded(2 * time.Second), Bounded(0), AtLeast(0), AtLeast(1<<64 - 1)} {
		if again, err := ParseLevel(level.String()); err != nil || again != level {
			t.Errorf("%v comes back as %v, %v", level, again, err)
		}
	}
	for _, text := range []string{"", "locally", "local=1", "bounded", "bounded=", "bounded=-1s", "bounded=2", "rev", "rev=-1", "linearizable=1"} {
		if level, err := ParseLevel(text); !errors.Is(err, ErrBadLevel) {
			t.Errorf("%q: %v, %v", text, level, err)
		}
	}
}
