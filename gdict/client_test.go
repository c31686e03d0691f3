package gdict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// writes are all the ways to change a dictionary.
func writes(d *Dict) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"store":  func(ctx context.Context) error { _, err := d.Store(ctx, "k", nil); return err },
		"erase":  func(ctx context.Context) error { _, err := d.Erase(ctx, "k"); return err },
		"update": func(ctx context.Context) error { _, err := d.UpdateCounter(ctx, "k", 1); return err },
		"store many": func(ctx context.Context) error {
			_, err := d.StoreMany(ctx, map[string][]byte{"k": nil})
			return err
		},
		"store if missing": func(ctx context.Context) error { _, err := d.StoreIfMissing(ctx, "k", nil); return err },
		"erase prefix":     func(ctx context.Context) error { _, err := d.ErasePrefix(ctx, "k"); return err },
		"append":           func(ctx context.Context) error { _, err := d.Append(ctx, "k", nil); return err },
		"append list":      func(ctx context.Context) error { _, err := d.AppendList(ctx, "k", nil); return err },
		"update by":        func(ctx context.Context) error { _, err := d.Update(ctx, "k", raise, nil); return err },
		"update or": func(ctx context.Context) error {
			_, err := d.UpdateOr(ctx, "k", raise, nil, nil)
			return err
		},
		"transact": func(ctx context.Context) error {
			_, err := d.Txn(ctx, If(Exists("k")), Then(Erase("k")))
			return err
		},
		"compare": func(ctx context.Context) error {
			_, err := d.CompareAndStore(ctx, "k", 0, nil)
			return err
		},
	}
}

func TestAnErrorOfTheLeaderCallPassesThrough(t *testing.T) {
	synctest.Test(t, errorsPassThrough) // an uncertain one takes all the time there is
}

func errorsPassThrough(t *testing.T) {
	for _, want := range []error{
		genleader.ErrNoLeader, genleader.ErrUncertain, genleader.ErrOverloaded, genleader.ErrStopped,
		context.DeadlineExceeded, context.Canceled, errors.New("anything"),
	} {
		d := New()
		newTestLog(d).fail = fmt.Errorf("the group: %w", want)
		for name, write := range writes(d) {
			if err := write(context.Background()); !errors.Is(err, want) || !strings.Contains(err.Error(), `"k"`) {
				t.Errorf("%s: %v, wanted %v and the key", name, err, want)
			}
		}
	}
}

// A reply that is none leaves open whether the operation was done: it must never look like success.
func TestABadReplyIsUncertainAndNoSuccess(t *testing.T) {
	for name, reply := range map[string][]byte{
		"none": nil, "garbage": {0xff}, "a later version": {8, 2}, "no outcome": {8, 1}, "done at no revision": {8, 1, 18, 0},
	} {
		d := New()
		newTestLog(d).mangle = func([]byte) []byte { return reply }
		for op, write := range writes(d) {
			err := write(context.Background())
			if !errors.Is(err, ErrBadReply) || !errors.Is(err, genleader.ErrUncertain) {
				t.Errorf("%s, %s: %v", name, op, err)
			}
		}
	}
}

func TestBeforeAttachWritesSaySo(t *testing.T) {
	for name, write := range writes(New()) {
		if err := write(context.Background()); !errors.Is(err, ErrNotAttached) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type callerFunc func(ctx context.Context, req []byte) ([]byte, error)

func (f callerFunc) LeaderCallWithin(ctx context.Context, bounds genleader.Bounds, req []byte) ([]byte, error) {
	ctx, cancel := context.WithDeadline(ctx, bounds.Until)
	defer cancel()
	return f(ctx, req)
}

// call is for a callerFunc that has a request carried out after all.
func (l *testLog) call(ctx context.Context, req []byte) ([]byte, error) {
	end, _ := ctx.Deadline()
	return l.LeaderCallWithin(ctx, genleader.Bounds{Until: end}, req)
}

// An attempt gets half of the time that is left, so that there is time for another.
func TestTheCallersDeadlineIsKeptAndAMissingOneIsAdded(t *testing.T) {
	synctest.Test(t, deadlinesAreKept)
}

func deadlinesAreKept(t *testing.T) {
	d := New()
	var seen time.Time
	d.Attach(callerFunc(func(ctx context.Context, _ []byte) ([]byte, error) {
		seen, _ = ctx.Deadline()
		return nil, genleader.ErrNoLeader
	}))
	for name, write := range writes(d) {
		for _, own := range []time.Duration{minAttempt / 2, 3 * minAttempt, time.Hour, 0} {
			began, ctx, cancel := time.Now(), context.Background(), func() {}
			if own > 0 {
				ctx, cancel = context.WithTimeout(ctx, own)
			}
			err := write(ctx)
			cancel()
			want := map[time.Duration]time.Duration{
				minAttempt / 2: minAttempt / 2, 3 * minAttempt: 3 * minAttempt / 2, time.Hour: maxAttempt, 0: DefaultTimeout / 2,
			}[own]
			if have := seen.Sub(began); !errors.Is(err, genleader.ErrNoLeader) || have != want {
				t.Errorf("%s: of %v the first attempt got %v, wanted %v (%v)", name, own, have, want, err)
			}
		}
	}
}

// The caller may use its buffer again as soon as the write has returned.
func TestTheDictionaryKeepsNoBytesOfItsCallers(t *testing.T) {
	d := New()
	newTestLog(d)
	value := []byte("value")
	if _, err := d.Store(t.Context(), "k", value); err != nil {
		t.Fatal(err)
	}
	copy(value, "XXXXX")
	image, err := d.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other := New()
	if err := other.restore(image); err != nil {
		t.Fatal(err)
	}
	clear(image)
	for _, dict := range []*Dict{d, other} {
		if entry, found := dict.Find("k"); !found || string(entry.Value) != "value" {
			t.Errorf("found %q", entry.Value)
		}
	}
}

// The log's own bytes may be one large piece, of which a kept part would keep all.
func TestTheDictionaryKeepsNoBytesOfTheLog(t *testing.T) {
	d, other := New(), New()
	seen := d.Watch("", EveryChange(100))
	defer seen.Close()
	for i, o := range append(samples(), samples()[0], compareAndStore{key: []byte("new"), value: []byte("v")}) {
		index, at := uint64(i+1), requestID{session: 7, seq: uint64(i + 1), acknowledged: 1}
		cmd := encodeRequest(o, at)
		if i == 0 {
			cmd = encodeCommand(cmd, d.limits)
		}
		want := other.apply(index, 0, bytes.Clone(cmd))
		reply := d.apply(index, 0, cmd)
		clear(cmd)
		if !bytes.Equal(reply, want) {
			t.Errorf("%v: replied %x, wanted %x", o, reply, want)
		}
	}
	have, err := d.snapshot()
	want, wrong := other.snapshot()
	if err != nil || wrong != nil || !bytes.Equal(have, want) {
		t.Errorf("the dictionary has changed with the log (%v, %v)", err, wrong)
	}
	past, _ := d.past.after(0, seen.wants)
	expected, _ := other.past.after(0, seen.wants)
	for i, w := range expected {
		if past[i].event.String() != w.event.String() {
			t.Errorf("the history has %v, wanted %v", past[i].event, w.event)
		}
	}
}

func TestALimitMustBePositive(t *testing.T) {
	for name, limit := range map[string]func(int) Option{"key": MaxKey, "value": MaxValue, "dictionary": MaxTotal} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, name) || !strings.Contains(got, "-1") {
					t.Errorf("%s: %s", name, got)
				}
			}()
			limit(-1)
		}()
	}
}

func TestAReserveMustFit(t *testing.T) {
	for name, use := range map[string]func(){
		"reserve limit -1":        func() { Reserve("own/", -1) },
		"a reserve for all keys":  func() { Reserve("", 1) },
		"a reserve of 1000 bytes": func() { New(Reserve("own/", 1000), MaxTotal(1000)) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.Contains(got, name) {
					t.Errorf("%s: %s", name, got)
				}
			}()
			use()
		}()
	}
	New(Reserve("own/", 1000), MaxTotal(1001))
}

func TestTheCoreRefusesAnUnknownOperation(t *testing.T) {
	s := emptyState()
	next, done, changed := apply(s, 1, command{limits: &limits{}}, nil)
	var refused *RefusedError
	if !errors.As(done.err, &refused) || len(changed) > 0 || next.tree != s.tree {
		t.Fatalf("%+v, %+v", done, changed)
	}
}

// A counter's own text counts against the limit too.
func TestACounterKeepsToTheLimitOfValues(t *testing.T) {
	d := New(MaxValue(2))
	newTestLog(d)
	if n, err := d.UpdateCounter(t.Context(), "n", 99); err != nil || n != 99 {
		t.Fatal(n, err)
	}
	var limit *LimitError
	if _, err := d.UpdateCounter(t.Context(), "n", 1); !errors.As(err, &limit) || limit.What != whatValue {
		t.Fatal(err)
	}
	if entry, _ := d.Find("n"); string(entry.Value) != "99" {
		t.Fatalf("found %q", entry.Value)
	}
}
