package genleader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestACallbackThatHangsKeepsNobodyWaiting past the deadline: whoever asks the group then hears that nobody knows. A leader
// call whose turn has not come was not done, and nothing is kept of it.
func TestACallbackThatHangsKeepsNobodyWaiting(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		g := follower.group
		letGo := make(chan struct{})
		follower.hook("HandleCast", func() { <-letGo })
		g.Cast("hang")
		synctest.Wait()
		for name, ask := range map[string]struct {
			do   func() error
			want error
		}{
			"a leader call":                     {func() error { _, err := g.LeaderCall(within(t, time.Second), []byte("x")); return err }, ErrNoLeader},
			"a call whose context does not end": {func() error { _, err := g.LeaderCall(endless(t, time.Second), []byte("x")); return err }, ErrNoLeader},
			"a read":                            {func() error { _, err := g.ReadIndex(within(t, time.Second)); return err }, ErrNoLeader},
			"a transfer":                        {func() error { return g.TransferLeadership(within(t, time.Second), "a1") }, ErrNotTransferred},
			"a question":                        {func() error { _, err := g.AskCandidates(within(t, time.Second), nil); return err }, ErrNoAnswer},
		} {
			begin := time.Now()
			if err := ask.do(); !errors.Is(err, ask.want) {
				t.Errorf("%s: %v, wanted %v", name, err, ask.want)
			}
			if took := time.Since(begin); took > time.Second+overtime {
				t.Errorf("%s took %v", name, took)
			}
		}
		for range 100 {
			if _, err := g.LeaderCall(within(t, time.Millisecond), []byte("x")); !errors.Is(err, ErrNoLeader) {
				t.Fatalf("a call whose turn did not come: %v", err)
			}
		}
		if n := g.arrivals.count(); n > 0 {
			t.Errorf("%d calls wait whose callers have gone", n)
		}
		close(letGo)
		synctest.Wait()
		if _, err := g.LeaderCall(within(t, 5*time.Second), []byte("after")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestQuestionsDoNotPileUpBehindACallbackThatHangs: beyond a bound they are refused, until it has returned.
func TestQuestionsDoNotPileUpBehindACallbackThatHangs(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		g := follower.group
		letGo := make(chan struct{})
		follower.hook("HandleCast", func() { <-letGo })
		g.Cast("hang")
		synctest.Wait()
		const room = 20
		g.questions.Add(maxQuestions - room) // as many have given up
		ask := map[string]func(ctx context.Context) error{
			"a read":        func(ctx context.Context) error { _, err := g.ReadIndex(ctx); return err },
			"a transfer":    func(ctx context.Context) error { return g.TransferLeadership(ctx, "a1") },
			"a question":    func(ctx context.Context) error { _, err := g.AskCandidates(ctx, nil); return err },
			"an inspection": func(ctx context.Context) error { _, err := g.Inspect(ctx); return err },
		}
		for range room/len(ask) + 1 {
			for name, do := range ask {
				full := g.questions.Load() == maxQuestions
				if err := do(within(t, time.Millisecond)); errors.Is(err, ErrOverloaded) != full {
					t.Errorf("%s with %d waiting: %v", name, g.questions.Load(), err)
				}
			}
		}
		g.questions.Add(room - maxQuestions)
		close(letGo)
		synctest.Wait()
		if left := g.questions.Load(); left != 0 {
			t.Errorf("%d wait when all have had their turn", left)
		}
		if _, err := g.ReadIndex(within(t, time.Second)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestACallbackThatHangsLeavesOpenWhatACallCameTo, if the call had its turn before.
func TestACallbackThatHangsLeavesOpenWhatACallCameTo(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		letGo := make(chan struct{})
		follower.hook("FromLeader", func() { <-letGo })
		begin := time.Now()
		if _, err := follower.group.LeaderCall(within(t, time.Second), []byte("x")); !errors.Is(err, ErrUncertain) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a call that is in the log: %v", err)
		}
		if took := time.Since(begin); took != time.Second+overtime {
			t.Errorf("it took %v", took)
		}
		close(letGo)
	})
}

// TestWhoseTimeIsOverIsForgotten, also if its context does not end: a transfer is not done long after it was asked for, and
// nobody is asked for an index that nobody waits for.
func TestWhoseTimeIsOverIsForgotten(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		n.isolate(follower.group.cfg.Self.Name)
		actorstest.Sleep(time.Second)
		other := ""
		for _, name := range n.names {
			if name != leader.group.cfg.Self.Name && name != follower.group.cfg.Self.Name {
				other = name
			}
		}
		if err := follower.group.TransferLeadership(endless(t, time.Second), other); !errors.Is(err, ErrNotTransferred) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a transfer: %v", err)
		}
		if _, err := follower.group.ReadIndex(endless(t, time.Second)); !errors.Is(err, ErrNoLeader) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a read: %v", err)
		}
		n.heal()
		actorstest.Sleep(5 * time.Second)
		if now, _ := n.roles(); now != leader {
			t.Errorf("%s leads", now.group.cfg.Self.Name)
		}
	})
}

// TestOthersWhoWantTheProcessorHoldNobodyUp: the goroutine that yields at the end of a turn is not scheduled again. The
// turn ends all the same, and meanwhile there is at most one yield.
func TestOthersWhoWantTheProcessorHoldNobodyUp(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		letGo := make(chan struct{})
		for _, m := range []*member{leader, follower} {
			m.group.arrivals.letRun = func() { <-letGo }
		}
		for i := range 10 {
			for _, m := range []*member{leader, follower} {
				begin := time.Now()
				if _, err := m.call(fmt.Sprint("m", i)); err != nil {
					t.Errorf("call %d on %s: %v", i, m.group.cfg.Self.Name, err)
				}
				if took := time.Since(begin); took > 4*patientFor {
					t.Errorf("call %d on %s took %v", i, m.group.cfg.Self.Name, took)
				}
			}
		}
		close(letGo)
		synctest.Wait()
		if leader.group.arrivals.yielding.Load() || leader.group.arrivals.gathered {
			t.Error("it still lets others run")
		}
	})
}

// endless is a context with a deadline at which it does not end.
func endless(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	return deadlineOnly{t.Context(), time.Now().Add(d)}
}

type deadlineOnly struct {
	context.Context
	at time.Time
}

func (d deadlineOnly) Deadline() (time.Time, bool) { return d.at, true }

// TestNothingIsAskedInAContextThatHasEnded, and the error says so.
func TestNothingIsAskedInAContextThatHasEnded(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, _ := n.roles()
		g := leader.group
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		leader.since()
		_, called := g.LeaderCall(ctx, []byte("x"))
		_, read := g.ReadIndex(ctx)
		_, asked := g.AskCandidates(ctx, []byte("who"))
		for name, err := range map[string]error{"call": called, "read": read, "question": asked, "transfer": g.TransferLeadership(ctx, "b1")} {
			if !errors.Is(err, ErrNotAsked) || !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoLeader) || errors.Is(err, ErrUncertain) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if told := leader.since(); len(told) > 0 {
			t.Errorf("something was asked: %q", told)
		}
	})
}

// TestACallThatIsGivenUpBeforeItsTurnIsNotDone: the turn lets others run before it takes what callers have said, and who
// gives up meanwhile overtakes its own call.
func TestACallThatIsGivenUpBeforeItsTurnIsNotDone(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, _ := n.roles()
		g := leader.group
		g.arrivals.letRun = func() { time.Sleep(patientFor / 2) }
		if _, err := leader.call("first"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the answer comes before the turn ends
		g.arrivals.mu.Lock()
		if !g.arrivals.gathered {
			t.Error("the turn waits for nobody")
		}
		g.arrivals.mu.Unlock()
		n.isolate(g.cfg.Self.Name)
		ctx, giveUp := context.WithTimeout(t.Context(), time.Hour)
		time.AfterFunc(patientFor/10, giveUp)
		begin := time.Now()
		_, err := g.LeaderCall(ctx, []byte("given up"))
		if took := time.Since(begin); !errors.Is(err, ErrNoLeader) || !errors.Is(err, context.Canceled) || errors.Is(err, ErrUncertain) || took >= overtime {
			t.Errorf("after %v: %v", took, err)
		}
		time.Sleep(time.Second)
		if in, err := g.Inspect(t.Context()); err != nil || in.PendingCalls != 0 {
			t.Errorf("%d calls wait, %v", in.PendingCalls, err)
		}
		n.heal()
		time.Sleep(5 * time.Second)
		if _, err := leader.call("after"); err != nil {
			t.Error(err)
		}
		leader.mu.Lock()
		defer leader.mu.Unlock()
		if want := []string{"first", "after"}; !slices.Equal(leader.applied, want) {
			t.Errorf("applied %q, wanted %q", leader.applied, want)
		}
	})
}

// TestACastGoesBeforeALeave of the same caller, also while the turn lets others run.
func TestACastGoesBeforeALeave(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		follower.group.arrivals.letRun = func() { time.Sleep(patientFor / 2) }
		if _, err := follower.call("first"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the answer comes before the turn ends
		follower.group.LeaderCast([]byte("goodbye"))
		if err := follower.group.Leave(within(t, time.Second)); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if told := leader.since(); !slices.Contains(told, "FromLeader goodbye") {
			t.Errorf("what was cast before is lost: %q", told)
		}
	})
}
