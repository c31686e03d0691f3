package lease

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestALeaseThatWasNeverGrantedHoldsNothing(t *testing.T) {
	var l Lease
	if term, until := l.Current(); term != 0 || !until.IsZero() || l.Holds(0) || l.Holds(1) {
		t.Errorf("term %d until %v, holds 0: %v, holds 1: %v", term, until, l.Holds(0), l.Holds(1))
	}
	now := time.Now()
	if term := l.Extend(now, now); term != 0 || l.Holds(0) {
		t.Errorf("an end that has passed begins term %d", term)
	}
}

func TestALeaseHoldsUntilItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Lease
		now := time.Now()
		term := l.Extend(now, now.Add(time.Second))
		if term != 1 || !l.Holds(term) || l.Holds(term+1) || l.Holds(0) {
			t.Fatalf("in term %d it holds it: %v", term, l.Holds(term))
		}
		time.Sleep(time.Second - 1)
		if !l.Holds(term) {
			t.Error("it ended early")
		}
		time.Sleep(time.Nanosecond)
		if l.Holds(term) {
			t.Error("it holds at its end")
		}
	})
}

// TestAReaderThatIsHeldUpDoesNotHold: it has read that the lease runs, and reads the clock only when the lease is over.
func TestAReaderThatIsHeldUpDoesNotHold(t *testing.T) {
	var l Lease
	now := time.Now()
	term := l.Extend(now, now.Add(time.Second))
	clock := func() time.Time { return now }
	if !l.holds(term, clock) {
		t.Fatal("it does not hold")
	}
	heldUp := func() time.Time {
		now = now.Add(2 * time.Second)
		return now
	}
	if l.holds(term, heldUp) {
		t.Error("it holds by a reading of the clock from before its end")
	}
	later := l.Extend(now, now.Add(time.Second))
	inTime, once := now, false
	extended := func() time.Time { // somebody extends it while the reader is held up
		if !once {
			once, now = true, now.Add(2*time.Second)
			l.Extend(inTime, now.Add(time.Second))
		}
		return now
	}
	if !l.holds(later, extended) {
		t.Error("it does not hold although it was extended in time")
	}
}

// TestAnExtensionInTimeKeepsTheTerm: only a lapse begins another, and at the very end it is too late.
func TestAnExtensionInTimeKeepsTheTerm(t *testing.T) {
	var l Lease
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for _, step := range []struct {
		now, until int
		term       Term
		end        int
	}{
		{0, 1000, 1, 1000},
		{500, 1500, 1, 1500},
		{600, 1400, 1, 1500}, // never backwards
		{1499, 2499, 1, 2499},
		{2499, 3499, 2, 3499}, // one instant late
		{9000, 8000, 2, 3499}, // has passed: grants nothing
		{9000, 9001, 3, 9001},
	} {
		term := l.Extend(at(step.now), at(step.until))
		if current, until := l.Current(); term != step.term || current != term || !until.Equal(at(step.end)) {
			t.Errorf("at %d to %d: term %d until %v, wanted term %d until %d", step.now, step.until, term, until.Sub(start), step.term, step.end)
		}
	}
}

// TestALapsedTermNeverHoldsAgain: whatever is granted later, by whatever clock, and when nothing was granted it ends.
func TestALapsedTermNeverHoldsAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		t.Repeat(map[string]func(*rapid.T){
			"extend": func(t *rapid.T) {
				// The caller's idea of now may be late: it took the time, and was held up on its way here.
				late := time.Duration(rapid.IntRange(0, 3).Draw(t, "late"))
				m.extend(late, time.Duration(rapid.IntRange(-2, 8).Draw(t, "length")))
			},
			"pass": func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, "ticks"))) },
			"":     m.check,
		})
	})
}

// A model reads a lease by a clock of its own.
type model struct {
	lease  Lease
	now    time.Time
	lapsed map[Term]bool
	latest Term
}

func newModel() *model {
	return &model{now: time.Now(), lapsed: map[Term]bool{}}
}

func (m *model) clock() time.Time { return m.now }

func (m *model) extend(late, length time.Duration) {
	m.lease.Extend(m.now.Add(-late), m.now.Add(-late).Add(length))
}

func (m *model) check(t *rapid.T) {
	term, until := m.lease.Current()
	if term < m.latest {
		t.Fatalf("term %d after %d", term, m.latest)
	}
	m.latest = term
	for earlier := Term(1); earlier < term; earlier++ {
		m.lapsed[earlier] = true
	}
	holds := m.lease.holds(term, m.clock)
	if m.lapsed[term] && holds {
		t.Fatalf("term %d lapsed and holds again until %v", term, until)
	}
	if term != 0 && !m.now.Before(until) {
		m.lapsed[term] = true
	}
	for lapsed := range m.lapsed {
		if m.lease.holds(lapsed, m.clock) {
			t.Fatalf("term %d lapsed and holds again", lapsed)
		}
	}
}

// TestReadersNeverSeeHalfAnExtension runs readers against a writer; the race detector looks on.
func TestReadersNeverSeeHalfAnExtension(t *testing.T) {
	var l Lease
	start := time.Now()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var last Term
			for range 10000 {
				term, until := l.Current()
				if term < last || (term != 0 && until.Sub(start) != time.Duration(term)*time.Hour) {
					t.Errorf("term %d after %d, until %v", term, last, until.Sub(start))
					return
				}
				last = term
			}
		})
	}
	for i := range 10000 { // each begins when the one before has ended
		at := start.Add(time.Duration(i) * time.Hour)
		l.Extend(at, at.Add(time.Hour))
	}
	readers.Wait()
}

func TestHoldsAllocatesNothing(t *testing.T) {
	var l Lease
	now := time.Now()
	term := l.Extend(now, now.Add(time.Hour))
	held := true
	if n := testing.AllocsPerRun(1000, func() { held = held && l.Holds(term) }); n != 0 || !held {
		t.Errorf("%v allocations, held: %v", n, held)
	}
}

func BenchmarkHolds(b *testing.B) {
	var l Lease
	now := time.Now()
	term := l.Extend(now, now.Add(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		if !l.Holds(term) {
			b.Fatal("it does not hold")
		}
	}
}

func BenchmarkHoldsParallel(b *testing.B) {
	var l Lease
	now := time.Now()
	term := l.Extend(now, now.Add(time.Hour))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !l.Holds(term) {
				b.Error("it does not hold")
			}
		}
	})
}
