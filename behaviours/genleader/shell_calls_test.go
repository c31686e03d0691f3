package genleader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/behaviours/process/actorstest"
)

func TestALeaderCallIsAnsweredByTheCallersOwnMember(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		for _, m := range []*member{leader, follower} {
			reply, err := m.call("x")
			if want := "x done by " + m.group.cfg.Self.Name; err != nil || !strings.HasPrefix(reply, want) {
				t.Errorf("%q, %v; wanted %q", reply, err, want)
			}
			if reply, err := m.call("read"); err != nil || reply != "read by "+leader.group.cfg.Self.Name {
				t.Errorf("a call that changes nothing: %q, %v", reply, err)
			}
			if reply, err := m.call("both y"); err != nil || reply != "said" || m.applied[len(m.applied)-1] != "y" {
				t.Errorf("a broadcast with a reply of its own: %q, %v, applied %v", reply, err, m.applied)
			}
		}
	})
}

// TestCallsOfOneGoroutineKeepTheirOrder: also over a change of the leader, whatever becomes of each.
func TestCallsOfOneGoroutineKeepTheirOrder(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		done := make(chan struct{})
		var answered []string
		go func() {
			defer close(done)
			for i := range 300 {
				msg := fmt.Sprintf("m%03d", i)
				if _, err := follower.call(msg); err == nil {
					answered = append(answered, msg)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		actorstest.Sleep(time.Second)
		n.isolate(leader.group.cfg.Self.Name)
		<-done
		if !slices.IsSorted(follower.applied) || len(answered) < 290 {
			t.Errorf("%d answered; applied %v", len(answered), follower.applied)
		}
		for _, msg := range answered {
			if !slices.Contains(follower.applied, msg) {
				t.Errorf("%s was answered and is not there", msg)
			}
		}
	})
}

// TestAGivenUpCallSaysWhetherItMayHaveBeenDone: one that found no leader was not done, one that was sent may have been.
// Either names what ended the wait.
func TestAGivenUpCallSaysWhetherItMayHaveBeenDone(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		reason := errors.New("the caller has lost interest")
		for _, name := range n.names {
			n.isolate(name)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(reason) })
		_, err := follower.group.LeaderCall(ctx, []byte("sent"))
		if !errors.Is(err, ErrUncertain) || !errors.Is(err, reason) || errors.Is(err, ErrNoLeader) {
			t.Errorf("cancelled when it was sent: %v", err)
		}
		_, err = leader.group.LeaderCall(within(t, 200*time.Millisecond), []byte("sent too"))
		if !errors.Is(err, ErrUncertain) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("at its deadline when it was sent: %v", err)
		}
		actorstest.Sleep(5 * time.Second)
		_, err = follower.group.LeaderCall(within(t, time.Second), []byte("not sent"))
		if !errors.Is(err, ErrNoLeader) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUncertain) {
			t.Errorf("at its deadline without a leader: %v", err)
		}
		ctx, cancel = context.WithCancelCause(t.Context())
		time.AfterFunc(100*time.Millisecond, func() { cancel(reason) })
		_, err = follower.group.LeaderCall(ctx, []byte("not sent either"))
		if !errors.Is(err, ErrNoLeader) || !errors.Is(err, reason) {
			t.Errorf("cancelled without a leader: %v", err)
		}
		n.heal()
		actorstest.Sleep(5 * time.Second)
		if slices.Contains(follower.applied, "not sent") || slices.Contains(leader.applied, "not sent either") {
			t.Errorf("a call that was not done is done: %v", follower.applied)
		}
	})
}

func TestAnAnswerMayComeLater(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		type result struct {
			reply string
			err   error
		}
		got := make(chan result, 1)
		go func() {
			reply, err := follower.call("later")
			got <- result{reply, err}
		}()
		actorstest.Sleep(time.Second)
		select {
		case r := <-got:
			t.Fatalf("answered at once: %v", r)
		default:
		}
		if _, err := follower.call("reply at last"); err != nil {
			t.Fatal(err)
		}
		if r := <-got; r.err != nil || r.reply != "at last" {
			t.Errorf("%v", r)
		}
	})
}

// TestABroadcastOfACallback: it reaches all members, after the answer of the callback that made it.
func TestABroadcastOfACallback(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, follower := n.roles()
		if reply, err := follower.call("push news"); err != nil || reply != "" {
			t.Fatal(reply, err)
		}
		actorstest.Sleep(time.Second)
		for name, m := range n.members {
			if !slices.Equal(m.applied, []string{"news"}) {
				t.Errorf("%s has %v", name, m.applied)
			}
		}
	})
}

func TestACastIsDoneWithoutAnAnswer(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		follower.group.LeaderCast([]byte("cast"))
		leader.group.LeaderCast([]byte("cast too"))
		actorstest.Sleep(time.Second)
		for name, m := range n.members {
			if len(m.applied) != 2 {
				t.Errorf("%s has %v", name, m.applied)
			}
		}
	})
}

func TestTheLocalInstanceServesItsOwnMember(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, m := n.roles()
		m.since()
		if reply, err := m.group.Call(within(t, time.Second), "q"); err != nil || reply != "q at "+m.group.cfg.Self.Name {
			t.Errorf("%v, %v", reply, err)
		}
		if _, err := m.group.Call(within(t, time.Second), "fail"); !errors.Is(err, errStop) {
			t.Errorf("the behaviour's own error: %v", err)
		}
		m.group.Cast("hello")
		m.system.Root.Send(m.pid, "a message that is not the group's")
		want := []string{"HandleCall q", "HandleCall fail", "HandleCast hello", "HandleInfo a message that is not the group's"}
		if told := m.since(); !slices.Equal(told, want) {
			t.Errorf("told %q, wanted %q", told, want)
		}
	})
}

func TestALocalCallEndsWithItsContext(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		_, m := n.roles()
		release := make(chan struct{})
		m.hook("HandleCast", func() { <-release })
		m.group.Cast("this one blocks, against the rules")
		_, err := m.group.Call(within(t, time.Second), "q")
		if !errors.Is(err, process.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		close(release)
	})
}

// TestACallForOneTerm: another term's leader, even the same member, does not do it.
func TestACallForOneTerm(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		term := leader.group.View().Term
		if _, err := leader.group.LeaderCallWithin(within(t, time.Second), Bounds{Term: term}, []byte("now")); err != nil {
			t.Error(err)
		}
		for _, m := range []*member{leader, follower} {
			if _, err := m.group.LeaderCallWithin(within(t, time.Second), Bounds{Term: term + 1}, []byte("another")); !errors.Is(err, ErrNoLeader) {
				t.Errorf("%v", err)
			}
		}
		if _, err := follower.group.LeaderCallWithin(within(t, time.Second), Bounds{Term: term}, []byte("elsewhere")); !errors.Is(err, ErrNoLeader) {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if !slices.Equal(leader.applied, []string{"now"}) {
			t.Errorf("applied %v", leader.applied)
		}
	})
}
