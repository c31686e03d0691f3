package gdict

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

// raise adds a letter to a value, and will have nothing to do with some of them.
var raise = Function{Name: "raise", Version: 1, Update: func(old, arg []byte) ([]byte, error) {
	switch {
	case string(arg) == "no":
		return nil, errors.New("not this one")
	case string(arg) == "panic":
		panic("oh")
	case string(arg) == "silent":
		return nil, errors.New("")
	case string(arg) == "spoil":
		old[0] = 'X'
	case string(arg) == "erase":
		return nil, nil
	}
	return append(old, arg...), nil
}}

// TestAnUpdateRunsOnTheLeaderAndNowhereElse: the other member does not even know the function.
func TestAnUpdateRunsOnTheLeaderAndNowhereElse(t *testing.T) {
	leader, other := New(Functions(raise)), New()
	newTestLog(leader, other)
	if _, err := other.Store(t.Context(), "k", []byte("a")); err != nil {
		t.Fatal(err)
	}
	entry, err := other.Update(t.Context(), "k", raise, []byte("b"))
	if err != nil || string(entry.Value) != "ab" || entry.Key != "k" {
		t.Fatalf("%+v, %v", entry, err)
	}
	for _, d := range []*Dict{leader, other} {
		if have, _ := d.Find("k"); string(have.Value) != "ab" || have.Rev != entry.Rev {
			t.Errorf("found %+v", have)
		}
	}
	newTestLog(other, leader) // now other leads
	unknown := (*NoFunctionError)(nil)
	if _, err := leader.Update(t.Context(), "k", raise, nil); !errors.As(err, &unknown) || *unknown != (NoFunctionError{"raise", 1}) {
		t.Errorf("%v", err)
	}
	if _, err := leader.Update(t.Context(), "k", Function{Name: strings.Repeat("f", maxFunctionName+1)}, nil); err == nil {
		t.Error("an endless name was taken")
	}
}

// TestAFunctionCannotSpoilTheDictionary: it gets copies, and its panic is an error of the update.
func TestAFunctionCannotSpoilTheDictionary(t *testing.T) {
	d := New(Functions(raise), MaxValue(8))
	newTestLog(d)
	if _, err := d.Store(t.Context(), "k", []byte("value")); err != nil {
		t.Fatal(err)
	}
	before, _ := d.Find("k")
	for arg, want := range map[string]string{"no": "not this one", "panic": "panic: oh", "silent": "without a text"} {
		failed := (*UpdateError)(nil)
		if _, err := d.Update(t.Context(), "k", raise, []byte(arg)); !errors.As(err, &failed) || !strings.Contains(failed.Problem, want) {
			t.Errorf("%s: %v", arg, err)
		}
	}
	limit := (*LimitError)(nil)
	if _, err := d.Update(t.Context(), "k", raise, []byte("more")); !errors.As(err, &limit) || limit.What != whatValue {
		t.Errorf("%v", err)
	}
	if have, _ := d.Find("k"); !bytes.Equal(have.Value, before.Value) || have.Rev != before.Rev {
		t.Errorf("found %+v, was %+v", have, before)
	}
	old := before.Value
	if entry, err := d.Update(t.Context(), "k", raise, []byte("spoil")); err == nil || string(old) != "value" {
		t.Errorf("%+v, %v: the old value has become %s", entry, err, old)
	}
	if entry, err := d.Update(t.Context(), "k", raise, []byte("erase")); err != nil || len(entry.Value) != 0 {
		t.Errorf("%+v, %v", entry, err)
	}
}

// TestUpdatesOfOneKeyAreEachDoneOnce: they come out of order, are run again, and none is lost or done twice, though
// attempts and replies are.
func TestUpdatesOfOneKeyAreEachDoneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Functions(raise))
		log, stale := newTestLog(d), []byte(nil)
		if _, err := d.Store(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		log.fates = func() fate { n++; return fate(n % 3) }
		d.Attach(callerFunc(func(ctx context.Context, req []byte) ([]byte, error) {
			cmd, _ := d.admit(req)
			time.Sleep(time.Millisecond) // others are admitted meanwhile, and most of them come too late
			log.mu.Lock()
			if stale == nil {
				stale = cmd
			}
			if n%5 == 0 {
				n++
				defer log.mu.Unlock()
				return log.append(cmd), nil
			}
			log.mu.Unlock()
			return log.call(ctx, req)
		}))
		const callers = 60
		var done sync.WaitGroup
		for i := range callers {
			done.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := d.Update(ctx, "k", raise, fmt.Appendf(nil, "%02d.", i)); err != nil {
					t.Error(err)
				}
			})
		}
		done.Wait()
		log.mu.Lock()
		reply := log.append(stale) // long after, and its value is not the one that was seen any more
		log.mu.Unlock()
		if r, err := decodeReply(reply); err != nil || r.err == nil && r.rev == log.index {
			t.Errorf("%+v, %v: done again", r, err)
		}
		entry, _ := d.Find("k")
		if len(entry.Value) != 3*callers {
			t.Errorf("%d updates are in %s, wanted %d", len(entry.Value)/3, entry.Value, callers)
		}
		for i := range callers {
			if n := strings.Count(string(entry.Value), fmt.Sprintf("%02d.", i)); n != 1 {
				t.Errorf("update %d was done %d times", i, n)
			}
		}
	})
}

// TestAnUpdateThatIsAlwaysTooLateSaysSo: a conflict, and nothing was changed by it.
func TestAnUpdateThatIsAlwaysTooLateSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Functions(raise))
		log := newTestLog(d)
		if _, err := d.Store(t.Context(), "k", nil); err != nil {
			t.Fatal(err)
		}
		d.Attach(callerFunc(func(_ context.Context, req []byte) ([]byte, error) {
			log.mu.Lock()
			defer log.mu.Unlock()
			cmd, _ := d.admit(req)
			log.append(encodeOp(store{key: []byte("k"), value: []byte("other")}))
			return log.append(cmd), nil
		}))
		_, err := d.Update(t.Context(), "k", raise, []byte("mine"))
		if !errors.Is(err, ErrConflict) || errors.Is(err, genleader.ErrUncertain) {
			t.Error(err)
		}
		if entry, _ := d.Find("k"); string(entry.Value) != "other" {
			t.Errorf("found %s", entry.Value)
		}
	})
}

func TestAFunctionMustBeWhole(t *testing.T) {
	for name, use := range map[string]func(){
		`"": it must have a name`:          func() { New(Functions(Function{Update: raise.Update})) },
		`"x": it must have a name`:         func() { New(Functions(Function{Name: "x"})) },
		`"raise" version 1 is given twice`: func() { New(Functions(raise), Functions(raise)) },
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
}

// TestALeaderRefusesAnUpdateBeyondItsLimits, also of a caller whose member has others, and does not run the function.
func TestALeaderRefusesAnUpdateBeyondItsLimits(t *testing.T) {
	ran := false
	f := Function{Name: "f", Update: func(old, _ []byte) ([]byte, error) { ran = true; return old, nil }}
	d := New(Functions(f), MaxValue(4))
	newTestLog(d)
	if _, err := d.Store(t.Context(), "k", nil); err != nil {
		t.Fatal(err)
	}
	own := encodeCommand(encodeOp(update{key: []byte("k"), function: f.id()}), d.limits)
	for what, req := range map[string][]byte{
		"a long argument":      encodeOp(update{key: []byte("k"), function: f.id(), arg: []byte("12345")}),
		"a long initial value": encodeOp(update{key: []byte("k"), function: f.id(), initial: []byte("12345")}),
		"limits of its own":    own,
	} {
		cmd, refusal := d.admit(req)
		if refusal == nil {
			t.Errorf("%s: admitted as %q", what, cmd)
			continue
		}
		done, err := decodeReply(refusal)
		limit, refused := (*LimitError)(nil), (*RefusedError)(nil)
		if err != nil || !errors.As(done.err, &limit) && !errors.As(done.err, &refused) {
			t.Errorf("%s: %v, %v", what, done.err, err)
		}
	}
	if ran {
		t.Error("the function ran")
	}
}
