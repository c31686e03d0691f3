package gdict

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestCountersAreExactThoughTheLeaderIsLost: callers on both other members count while one of these hears nothing
// of what it has done, while frames get lost, and while the leader is cut off. No caller sees an error, and each addition is there once.
func TestCountersAreExactThoughTheLeaderIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		voters := []string{"n1", "n2", "n3"}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 50)
		}
		if _, err := nodes["n1"].dict.Store(t.Context(), "n", []byte("0")); err != nil {
			t.Fatal(err)
		}
		leader := nodes["n1"].group.View().Leader.Name
		const callers, each = 16, 40
		var done sync.WaitGroup
		for _, name := range voters {
			if name == leader {
				continue
			}
			for range callers {
				done.Go(func() {
					for range each {
						ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
						if _, err := nodes[name].dict.UpdateCounter(ctx, "n", 1); err != nil {
							t.Error(err)
						}
						cancel()
						time.Sleep(20 * time.Millisecond)
					}
				})
			}
		}
		time.Sleep(300 * time.Millisecond)
		deaf := "n1"
		if leader == deaf {
			deaf = "n2"
		}
		b.hear(deaf, false)
		time.Sleep(2 * maxAttempt)
		b.hear(deaf, true)
		b.lose(13)
		time.Sleep(300 * time.Millisecond)
		gone := b.cut(leader)
		time.Sleep(5 * time.Second)
		b.lose(0)
		done.Wait()
		delete(nodes, leader)
		var left []*node
		for _, n := range nodes {
			left = append(left, n)
		}
		same(t, left...)
		if entry, _ := left[0].dict.Find("n"); string(entry.Value) != fmt.Sprint(2*callers*each) {
			t.Errorf("counted %s, wanted %d", entry.Value, 2*callers*each)
		}
		for _, n := range append(left, gone) {
			n.stop(t)
		}
	})
}

// TestAWriteInsideASnapshotIsDoneOnce: n3 sends a write and hears nothing any more. When it hears again, its write lies
// somewhere in a snapshot: it cannot see it come by, sends it again, and gets the answer of the first time.
func TestAWriteInsideASnapshotIsDoneOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		voters := []string{"n1", "n2", "n3"}
		nodes := map[string]*node{}
		for i, name := range voters {
			nodes[name] = b.start(t, name, uint64(i+1), voters, 50)
		}
		if _, err := nodes["n3"].dict.Store(t.Context(), "n", []byte("10")); err != nil {
			t.Fatal(err)
		}
		if leader := nodes["n3"].group.View().Leader.Name; leader == "n3" {
			t.Fatal("n3 leads; the test is about a follower")
		}
		b.hear("n3", false)
		var sum int64
		var err error
		var done sync.WaitGroup
		done.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			sum, err = nodes["n3"].dict.UpdateCounter(ctx, "n", 1)
		})
		synctest.Wait()
		if entry, _ := nodes["n1"].dict.Find("n"); string(entry.Value) != "11" {
			t.Fatalf("the write was not done: %s", entry.Value)
		}
		for i := range 3000 { // more than the log keeps for one that is slow
			if _, err := nodes["n1"].dict.Store(t.Context(), fmt.Sprint("k", i%50), nil); err != nil {
				t.Fatal(err)
			}
		}
		b.hear("n3", true)
		done.Wait()
		if err != nil || sum != 11 {
			t.Errorf("%d, %v; wanted 11", sum, err)
		}
		same(t, nodes["n1"], nodes["n2"], nodes["n3"])
		if entry, _ := nodes["n3"].dict.Find("n"); string(entry.Value) != "11" {
			t.Errorf("counted %s", entry.Value)
		}
		if _, restored := nodes["n3"].look(t); restored == 0 {
			t.Error("nothing came by a snapshot")
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// lose drops one of so many frames from now on.
func (b *bus) lose(oneOf int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loses = oneOf
}

// hear makes a member deaf, or lets it hear again.
func (b *bus) hear(name string, hears bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deaf[name] = !hears
}

// TestAWriteWithoutALeaderEndsInTime: when the time of its context is over, or DefaultTimeout, or when it is cancelled.
func TestAWriteWithoutALeaderEndsInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		n := b.start(t, "n1", 1, []string{"n1", "n2", "n3"}, 0)
		for name, c := range map[string]struct {
			bound func(context.Context) (context.Context, context.CancelFunc)
			takes time.Duration
			wraps error
		}{
			"no deadline": {context.WithCancel, DefaultTimeout, context.DeadlineExceeded},
			"a deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 3*minAttempt)
			}, 3 * minAttempt, context.DeadlineExceeded},
			"cancelled": {func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				time.AfterFunc(time.Second, cancel)
				return ctx, cancel
			}, time.Second, context.Canceled},
		} {
			began := time.Now()
			ctx, cancel := c.bound(context.Background())
			_, err := n.dict.Store(ctx, "k", nil)
			cancel()
			took := time.Since(began)
			if took > c.takes || took < c.takes-maxPause || !errors.Is(err, genleader.ErrNoLeader) || !errors.Is(err, c.wraps) {
				t.Errorf("%s: %v after %v, wanted %v after %v", name, err, took, c.wraps, c.takes)
			}
		}
		n.stop(t)
	})
}
