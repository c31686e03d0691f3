package app_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
)

// held returns a lease of one minute and its term.
func held() (*lease.Lease, lease.Term) {
	var l lease.Lease
	now := time.Now()
	return &l, l.Extend(now, now.Add(time.Minute))
}

func TestActiveNeedsRoleLeaseAndEntry(t *testing.T) {
	l, term := held()
	for _, c := range []struct {
		name string
		e    app.Entry
		want bool
	}{
		{"active under the held term", app.Entry{Role: app.Active, Lease: l, Term: term}, true},
		{"standby under the held term", app.Entry{Role: app.Standby, Lease: l, Term: term}, false},
		{"active under an earlier term", app.Entry{Role: app.Active, Lease: l, Term: term - 1}, false},
		{"active under a later term", app.Entry{Role: app.Active, Lease: l, Term: term + 1}, false},
		{"active without a lease", app.Entry{Role: app.Active}, false},
	} {
		ctx, leave := app.Enter(c.e)
		if got := ctx.Active(); got != c.want {
			t.Errorf("%s: Active() = %v, want %v", c.name, got, c.want)
		}
		if got := !ctx.ActiveUntil().IsZero(); got != c.want {
			t.Errorf("%s: ActiveUntil() = %v", c.name, ctx.ActiveUntil())
		}
		leave()
		if ctx.Active() || !ctx.ActiveUntil().IsZero() {
			t.Errorf("%s: Active after it was left", c.name)
		}
		if !errors.Is(ctx.Err(), context.Canceled) || !errors.Is(context.Cause(ctx), app.ErrLeft) {
			t.Errorf("%s: left Context has Err %v, cause %v", c.name, ctx.Err(), context.Cause(ctx))
		}
	}
}

func TestActiveEndsWithTheLeaseAndNeverComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lease.Lease
		begin := time.Now()
		term := l.Extend(begin, begin.Add(time.Second))
		ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: &l, Term: term})
		defer leave()
		l.Extend(begin, begin.Add(2*time.Second))
		if got := ctx.ActiveUntil(); !got.Equal(begin.Add(2 * time.Second)) {
			t.Fatalf("ActiveUntil() = %v after begin, want the renewed 2s", got.Sub(begin))
		}
		time.Sleep(2*time.Second - 1)
		if !ctx.Active() {
			t.Fatal("not Active a nanosecond before the end of the lease")
		}
		time.Sleep(time.Nanosecond)
		if ctx.Active() || !ctx.ActiveUntil().IsZero() {
			t.Fatal("Active at the end of the lease")
		}
		l.Extend(time.Now(), time.Now().Add(time.Minute))
		if ctx.Active() || !ctx.ActiveUntil().IsZero() {
			t.Fatal("Active again under a later term")
		}
		if ctx.Err() != nil {
			t.Fatal("a lapse alone cancelled the Context")
		}
	})
}

func TestActiveAllocatesNothing(t *testing.T) {
	l, term := held()
	ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: l, Term: term})
	defer leave()
	if n := testing.AllocsPerRun(1000, func() { ctx.Active() }); n != 0 {
		t.Errorf("Active allocates %v times, want 0", n)
	}
}

func TestFailCountsOnlyWhileTheRoleIsHeld(t *testing.T) {
	var got []error
	ctx, leave := app.Enter(app.Entry{Fail: func(err error) { got = append(got, err) }})
	boom := errors.New("boom")
	ctx.Fail(boom)
	leave()
	ctx.Fail(errors.New("late"))
	if len(got) != 1 || got[0] != boom {
		t.Errorf("failures passed on: %v, want only %v", got, boom)
	}
}

func TestLeaveIsSeenByEveryGoroutine(t *testing.T) {
	l, term := held()
	ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: l, Term: term})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for ctx.Active() {
		}
	}()
	leave()
	<-stopped
}

func BenchmarkActive(b *testing.B) {
	l, term := held()
	ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: l, Term: term})
	defer leave()
	b.ReportAllocs()
	for b.Loop() {
		if !ctx.Active() {
			b.Fatal("not active")
		}
	}
}

func BenchmarkActiveParallel(b *testing.B) {
	l, term := held()
	ctx, leave := app.Enter(app.Entry{Role: app.Active, Lease: l, Term: term})
	defer leave()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			ctx.Active()
		}
	})
}
