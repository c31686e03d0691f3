package gdict

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// TestLostAttemptsAreRepeatedAndDoneOnce: of each three attempts one is lost on its way and one reply on its way back.
// Every addition has another sum, and none is missing.
func TestLostAttemptsAreRepeatedAndDoneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, each = 300, 10
		d := New()
		n := 0
		newTestLog(d).fates = func() fate { n++; return fate(n % 3) }
		sums := make(chan int, callers*each)
		var done sync.WaitGroup
		for range callers {
			done.Go(func() {
				for range each {
					sum, err := d.UpdateCounter(t.Context(), "n", 1)
					if err != nil {
						t.Error(err)
					}
					sums <- int(sum)
				}
			})
		}
		done.Wait()
		close(sums)
		seen := slices.Collect(func(yield func(int) bool) {
			for sum := range sums {
				yield(sum)
			}
		})
		slices.Sort(seen)
		for i, sum := range seen {
			if sum != i+1 {
				t.Fatalf("the sums have %d in the place of %d", sum, i+1)
			}
		}
		if entry, _ := d.Find("n"); string(entry.Value) != fmt.Sprint(callers*each) {
			t.Errorf("counted %s", entry.Value)
		}
	})
}

// uncertain makes a write of d whose attempts all meet the same fate until its context ends.
func uncertain(t *testing.T, d *Dict, log *testLog, all fate) *UncertainError {
	t.Helper()
	log.fates = func() fate { return all }
	defer func() { log.fates = nil }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := d.UpdateCounter(ctx, "n", 1)
	open := (*UncertainError)(nil)
	if !errors.As(err, &open) || !errors.Is(err, genleader.ErrUncertain) {
		t.Fatalf("%v, wanted an uncertain one", err)
	}
	return open
}

// TestAnUncertainWriteCanGoOn: it was done or not; after Retry it was done, once, and the answer is the first one.
func TestAnUncertainWriteCanGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, all := range []fate{requestLost, replyLost} {
			d := New()
			log := newTestLog(d)
			open := uncertain(t, d, log, all)
			before, _ := d.Find("n")
			for range 3 * sessionWindow { // others go on, in as many sessions as it takes
				if _, err := d.UpdateCounter(t.Context(), "others", 1); err != nil {
					t.Fatal(err)
				}
			}
			var first TxnResult
			for i := range 3 {
				done, err := open.Retry(t.Context())
				if err != nil || !done.Succeeded || len(done.Results) != 1 || done.Results[0].N != 1 {
					t.Fatalf("%+v, %v", done, err)
				}
				if i == 0 {
					first = done
				}
				if done.Rev != first.Rev || (all == replyLost && done.Rev != before.Rev) {
					t.Errorf("done at %d, then at %d; the entry had %d", first.Rev, done.Rev, before.Rev)
				}
			}
			if entry, _ := d.Find("n"); string(entry.Value) != "1" || entry.Rev != first.Rev {
				t.Errorf("counted %s at %d", entry.Value, entry.Rev)
			}
		}
	})
}

// TestAnExpiredWriteIsNotDoneAgain: nobody knows any more whether it was done, and that is what is said.
func TestAnExpiredWriteIsNotDoneAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, all := range []fate{requestLost, replyLost} {
			d, other := New(MaxSessions(1)), New(MaxSessions(1))
			log := newTestLog(d, other)
			if _, err := d.UpdateCounter(t.Context(), "n", 10); err != nil {
				t.Fatal(err)
			}
			open := uncertain(t, d, log, all)
			before, _ := d.Find("n")
			if _, err := other.Store(t.Context(), "k", nil); err != nil { // its session takes the one place there is
				t.Fatal(err)
			}
			_, err := open.Retry(t.Context())
			if !errors.Is(err, ErrSessionExpired) || !errors.Is(err, genleader.ErrUncertain) {
				t.Errorf("%v, wanted an expired one", err)
			}
			if entry, _ := d.Find("n"); entry.Rev != before.Rev {
				t.Errorf("%s at %d, was %s at %d", entry.Value, entry.Rev, before.Value, before.Rev)
			}
			if n, err := d.UpdateCounter(t.Context(), "m", 1); err != nil || n != 1 { // new writes have a new session
				t.Errorf("%d, %v", n, err)
			}
		}
	})
}

// TestARefusalDoesNotHideWhatAnEarlierAttemptDid: the first attempt is done and its reply lost; the second reaches nobody,
// or a leader that would not have taken it.
func TestARefusalDoesNotHideWhatAnEarlierAttemptDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, second := range map[string]error{
			"no leader": genleader.ErrNoLeader, "overloaded": genleader.ErrOverloaded, "stopped": genleader.ErrStopped, "refused": nil,
		} {
			d, leader := New(), New(MaxValue(1))
			log := newTestLog(d)
			attempts := 0
			d.Attach(callerFunc(func(ctx context.Context, req []byte) ([]byte, error) {
				attempts++
				if attempts == 1 {
					_, err := log.call(ctx, req)
					return nil, errors.Join(genleader.ErrUncertain, err)
				}
				_, refusal := leader.admit(req)
				return refusal, second
			}))
			_, err := d.Store(t.Context(), "k", []byte("value"))
			limit := (*LimitError)(nil)
			if !errors.Is(err, genleader.ErrUncertain) || errors.As(err, &limit) || errors.Is(err, genleader.ErrNoLeader) || errors.Is(err, genleader.ErrOverloaded) {
				t.Errorf("%s: %v; it was done by the first attempt", name, err)
			}
			if says := "gdict: store \"k\": an earlier attempt may have been done, the last one was not: "; !strings.HasPrefix(err.Error(), says) {
				t.Errorf("%s: it says %q, wanted %q", name, err, says)
			}
			if attempts != 2 {
				t.Errorf("%s: %d attempts", name, attempts)
			}
		}
	})
}

// TestAWriteThatTakesLongHoldsUpNobody: others get another session when its own has no room left.
func TestAWriteThatTakesLongHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		log := newTestLog(d)
		release := make(chan struct{})
		slow := false
		d.Attach(callerFunc(func(ctx context.Context, req []byte) ([]byte, error) {
			if !slow {
				slow = true
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
			return log.call(ctx, req)
		}))
		var done sync.WaitGroup
		done.Go(func() {
			if n, err := d.UpdateCounter(t.Context(), "slow", 1); err != nil || n != 1 {
				t.Error(n, err)
			}
		})
		synctest.Wait()
		for range 3 * sessionWindow {
			if _, err := d.UpdateCounter(t.Context(), "n", 1); err != nil {
				t.Fatal(err)
			}
		}
		close(release)
		done.Wait()
		if held := len(d.log.sessions.all); held != 2 {
			t.Errorf("%d sessions, wanted 2", held)
		}
	})
}

// TestAnotherGroupIsAnotherSession: what was uncertain in one group is not done in the next.
func TestAnotherGroupIsAnotherSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		log := newTestLog(d)
		open := uncertain(t, d, log, requestLost)
		log.fail = genleader.ErrStopped
		next := newTestLog(d)
		if _, err := d.Store(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := open.Retry(t.Context()); !errors.Is(err, genleader.ErrUncertain) {
			t.Error(err)
		}
		if len(next.records) != 1 {
			t.Errorf("the next group has %d operations", len(next.records))
		}
	})
}

// TestRepliesAreKeptWithinTheirBound: of the oldest it is only known that they were decided.
func TestRepliesAreKeptWithinTheirBound(t *testing.T) {
	var s sessions
	index := uint64(0)
	attempt := func(seq, acknowledged uint64) ([]byte, error) {
		index++
		return s.recall(index, requestID{session: 7, seq: seq, acknowledged: acknowledged}, 1)
	}
	const size = sessionBytes / 4
	for seq := range uint64(6) {
		if reply, err := attempt(seq+1, 1); reply != nil || err != nil {
			t.Fatalf("write %d: %q, %v", seq+1, reply, err)
		}
		s.keep(requestID{session: 7, seq: seq + 1}, slices.Repeat([]byte{byte(seq)}, size))
	}
	for seq := range uint64(6) {
		reply, err := attempt(seq+1, 1)
		if kept := seq >= 2; kept != (len(reply) == size) || kept == errors.Is(err, ErrSessionExpired) {
			t.Errorf("write %d: %d bytes, %v", seq+1, len(reply), err)
		}
	}
	if of := s.all[7]; of.bytes != sessionBytes {
		t.Errorf("%d bytes, wanted %d", of.bytes, sessionBytes)
	}
	if _, err := attempt(7, 7); err != nil || s.all[7].bytes != 0 || len(s.all[7].replies) != 0 {
		t.Errorf("%d bytes of %d replies after all were acknowledged (%v)", s.all[7].bytes, len(s.all[7].replies), err)
	}
}
