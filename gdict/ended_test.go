package gdict

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

var errGivenUp = errors.New("the user has gone home")

// endingBy is a context with a deadline at which it does not end by itself.
type endingBy struct {
	context.Context
	end time.Time
}

func (e endingBy) Deadline() (end time.Time, ok bool) { return e.end, true }

// endedContexts are contexts that have ended before anything begins, and what ended them.
func endedContexts(t *testing.T) map[error]context.Context {
	t.Helper()
	given, giveUp := context.WithCancelCause(t.Context())
	giveUp(errGivenUp)
	return map[error]context.Context{
		errGivenUp:               given,
		context.DeadlineExceeded: endingBy{t.Context(), time.Now().Add(-time.Second)},
	}
}

// TestAWriteWhoseContextHasEndedIsNotSent: it says what ended it and that nothing was done, not that nobody knows.
func TestAWriteWhoseContextHasEndedIsNotSent(t *testing.T) {
	d := New()
	d.Attach(callerFunc(func(context.Context, []byte) ([]byte, error) {
		t.Error("it was sent")
		return nil, genleader.ErrUncertain
	}))
	for cause, ctx := range endedContexts(t) {
		for name, write := range writes(d) {
			err := write(ctx)
			if !errors.Is(err, cause) || errors.Is(err, genleader.ErrUncertain) || errors.Is(err, genleader.ErrNoLeader) {
				t.Errorf("%s: %v, wanted only %v", name, err, cause)
			}
			for _, want := range []string{`"k"`, "nothing was done", cause.Error()} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %q does not say %q", name, err, want)
				}
			}
		}
	}
}

// TestARetryWhoseContextHasEndedIsNotSent, and is as uncertain as what it goes on with.
func TestARetryWhoseContextHasEndedIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		log := newTestLog(d)
		open := uncertain(t, d, log, requestLost)
		for cause, ctx := range endedContexts(t) {
			_, err := open.Retry(ctx)
			if !errors.Is(err, genleader.ErrUncertain) || !errors.Is(err, cause) {
				t.Errorf("%v, wanted an uncertain one and %v", err, cause)
			}
			if again := (*UncertainError)(nil); !errors.As(err, &again) {
				t.Errorf("%v cannot go on", err)
			}
		}
		if len(log.records) != 0 {
			t.Error("it was sent")
		}
	})
}

// TestAnEndedContextBeginsNoOtherSession: the write's own has expired, and nobody waits for it any more.
func TestAnEndedContextBeginsNoOtherSession(t *testing.T) {
	d := New()
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	d.Attach(callerFunc(func(context.Context, []byte) ([]byte, error) {
		if attempts++; attempts > 1 {
			return nil, genleader.ErrUncertain
		}
		cancel()
		return encodeReply(result{err: &expiredError{rev: 1}}), nil
	}))
	if _, err := d.Store(ctx, "k", nil); !errors.Is(err, context.Canceled) || errors.Is(err, genleader.ErrUncertain) || attempts != 1 {
		t.Errorf("%v after %d attempts", err, attempts)
	}
}

// TestAReadWhoseContextHasEndedAsksNobody. What this member has fresh enough needs no context, and is read all the same.
func TestAReadWhoseContextHasEndedAsksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newSlowGroup()
		rev := g.store(t, "k", "v")
		for cause, ctx := range endedContexts(t) {
			for _, level := range []Level{Linearizable, AtLeast(rev), Bounded(0)} {
				_, err := g.behind.Read(ctx, level)
				if !errors.Is(err, cause) || errors.Is(err, genleader.ErrNoLeader) || errors.Is(err, genleader.ErrBehind) || !strings.Contains(err.Error(), "nothing was done") {
					t.Errorf("%v: %v, wanted %v", level, err, cause)
				}
			}
			g.fresh = time.Now()
			for _, level := range []Level{Local, AtLeast(0), Bounded(time.Hour)} {
				if _, err := g.behind.Read(ctx, level); err != nil {
					t.Errorf("%v: %v", level, err)
				}
			}
			g.fresh = time.Time{}
		}
		if g.asked != 0 {
			t.Errorf("the leader was asked %d times", g.asked)
		}
	})
}
