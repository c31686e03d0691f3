package genleader

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAllCandidatesAreAsked: each answers for itself, and who cannot is told apart: not linked, silent, or unwilling.
func TestAllCandidatesAreAsked(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		leader, follower := n.roles()
		answers, err := follower.group.AskCandidates(within(t, time.Second), []byte("who"))
		if err != nil || len(answers.Failed) != 0 || len(answers.Good) != len(n.names) {
			t.Fatalf("all are well: %v, %v", answers, err)
		}
		for who, reply := range answers.Good {
			if string(reply) != "who at "+who.Name {
				t.Errorf("%v says %q", who, reply)
			}
		}
		if answers, err = follower.group.AskCandidates(within(t, time.Second), []byte("fail")); err != nil || len(answers.Good) != 0 {
			t.Fatalf("all refuse: %v, %v", answers, err)
		}
		for who, why := range answers.Failed {
			if !strings.Contains(why.Error(), errStop.Error()) {
				t.Errorf("%v fails with %v", who, why)
			}
		}
		n.isolate(leader.group.cfg.Self.Name)
		begin := time.Now()
		answers, err = follower.group.AskCandidates(within(t, 300*time.Millisecond), []byte("who"))
		if why := answers.Failed[leader.group.cfg.Self]; err != nil || !errors.Is(why, ErrNoAnswer) || len(answers.Good) != len(n.names)-1 {
			t.Errorf("one is silent: %v, %v", answers, err)
		}
		if took := time.Since(begin); took != 300*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		follower.group.LinkDown(leader.group.cfg.Self, false)
		synctest.Wait()
		answers, err = follower.group.AskCandidates(within(t, time.Second), []byte("who"))
		if why := answers.Failed[leader.group.cfg.Self]; err != nil || !errors.Is(why, ErrUnreachable) || len(answers.Good) != len(n.names)-1 {
			t.Errorf("one is not linked: %v, %v", answers, err)
		}
		n.isolate(follower.group.cfg.Self.Name)
		said := make(chan error, 1)
		go func() {
			_, err := follower.group.AskCandidates(within(t, time.Second), []byte("who"))
			said <- err
		}()
		synctest.Wait()
		follower.stop()
		synctest.Wait()
		if err := <-said; !errors.Is(err, ErrStopped) || errors.Is(err, ErrUncertain) {
			t.Errorf("before the end: %v", err)
		}
		if _, err := follower.group.AskCandidates(within(t, time.Second), nil); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
		n.heal()
	})
}
