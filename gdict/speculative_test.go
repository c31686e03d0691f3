package gdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestContendedUpdatesAreDoneTheFirstTime: callers on all members update one key at once, and hardly any entry of the
// log is a conflict.
func TestContendedUpdatesAreDoneTheFirstTime(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bus) {
		b.bounds = []Option{Functions(raise)}
		defer b.slow(time.Millisecond)()
		nodes := b.startThree(t)
		first, err := nodes[0].dict.Store(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		const callers, each = 30, 10
		var done sync.WaitGroup
		for i := range callers {
			done.Go(func() {
				for j := range each {
					if _, err := nodes[i%3].dict.Update(t.Context(), "k", raise, fmt.Appendf(nil, "%02d%d.", i, j)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		done.Wait()
		same(t, nodes...)
		entry, _ := nodes[0].dict.Find("k")
		for i := range callers * each {
			if n := strings.Count(string(entry.Value), fmt.Sprintf("%03d.", i)); n != 1 {
				t.Errorf("update %d was done %d times", i, n)
			}
		}
		if took := nodes[0].dict.View().Rev() - first; took > callers*each*11/10 {
			t.Errorf("%d updates took %d entries of the log", callers*each, took)
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}

// TestAnUpdateIsMadeOfTheValueThatItReplaces: whatever becomes of what a leader has admitted. Some of it is lost, other
// writes come between, and leaders change with all of it on its way.
func TestAnUpdateIsMadeOfTheValueThatItReplaces(t *testing.T) {
	keys := rapid.SampledFrom([]string{"a", "b"})
	rapid.Check(t, func(t *rapid.T) {
		dicts := []*Dict{New(Functions(raise), MaxValue(12)), New(Functions(raise), MaxValue(12))}
		log := newTestLog(dicts...)
		type sent struct {
			key, arg, initial string
			cmd               []byte
		}
		var waiting []sent
		leader := 0
		propose := func(o op) result {
			done, err := decodeReply(log.append(encodeCommand(encodeOp(o), dicts[0].limits)))
			if err != nil {
				t.Fatal(err)
			}
			return done
		}
		t.Repeat(map[string]func(*rapid.T){
			"admit": func(t *rapid.T) {
				s := sent{key: keys.Draw(t, "key"), arg: rapid.SampledFrom([]string{"x", "y", "", "no"}).Draw(t, "arg")}
				o := update{key: []byte(s.key), function: raise.id(), arg: []byte(s.arg)}
				if rapid.Bool().Draw(t, "or") {
					s.initial = "i"
					o.initial = []byte(s.initial)
				}
				s.cmd, _ = dicts[leader].admit(encodeOp(o))
				waiting = append(waiting, s)
			},
			"arrive": func(t *rapid.T) {
				if len(waiting) == 0 {
					t.Skip("nothing is on its way")
				}
				s := waiting[0]
				waiting = waiting[1:]
				was, existed := dicts[0].Find(s.key)
				done, err := decodeReply(log.append(s.cmd))
				now, _ := dicts[0].Find(s.key)
				want := string(was.Value) + s.arg
				if !existed {
					want = s.initial
				}
				switch {
				case err != nil:
					t.Fatal(err)
				case done.err == nil && (string(now.Value) != want || now.Rev != done.rev || s.arg == "no" && existed):
					t.Fatalf("%q became %q by %q", was.Value, now.Value, s.arg)
				case done.err != nil && (string(now.Value) != string(was.Value) || now.Rev != was.Rev):
					t.Fatalf("%v, and %q became %q", done.err, was.Value, now.Value)
				case errors.Is(done.err, ErrNotFound) && existed:
					t.Fatalf("%v, and it is %q", done.err, was.Value)
				}
			},
			"lose":  func(*rapid.T) { waiting = waiting[min(1, len(waiting)):] },
			"store": func(t *rapid.T) { propose(store{key: []byte(keys.Draw(t, "key")), value: []byte("ix")}) },
			"erase": func(t *rapid.T) { propose(erase{key: []byte(keys.Draw(t, "key"))}) },
			"turn": func(t *rapid.T) {
				leader = 1 - leader
				if rapid.Bool().Draw(t, "heard") { // which changes nothing but how often it guesses wrong
					dicts[leader].ahead.forget()
				}
			},
			"": func(t *rapid.T) {
				if one, other := dicts[0].View(), dicts[1].View(); !slices.EqualFunc(one.ToList(""), other.ToList(""), sameEntry) {
					t.Fatalf("%v and %v", one.ToList(""), other.ToList(""))
				}
			},
		})
		// Whatever was guessed wrong, nobody has to come more than twice when all is quiet.
		for _, key := range []string{"a", "b"} {
			propose(store{key: []byte(key), value: []byte("q")})
			o := encodeOp(update{key: []byte(key), function: raise.id(), arg: []byte("x")})
			for range 2 {
				cmd, _ := dicts[leader].admit(o)
				log.append(cmd)
			}
			if entry, _ := dicts[leader].Find(key); !strings.HasPrefix(string(entry.Value), "qx") {
				t.Fatalf("%q", entry.Value)
			}
		}
	})
}

func sameEntry(a, b Entry) bool {
	return a.Key == b.Key && a.Rev == b.Rev && string(a.Value) == string(b.Value)
}

// TestSpeculativeValuesAreBounded: by keys and by bytes, also if what was expected never comes.
func TestSpeculativeValuesAreBounded(t *testing.T) {
	var f speculativeValues
	for i := range 3 * maxForeseen {
		f.expect(updated{key: fmt.Append(nil, i), value: []byte("v")})
		if value, speculated := f.of(fmt.Append(nil, i)); !speculated || string(value) != "v" || len(f.keys) > maxForeseen {
			t.Fatalf("%d keys, %q", len(f.keys), value)
		}
	}
	f.forget()
	for i := range 40 {
		f.expect(updated{key: fmt.Append(nil, i%20), value: make([]byte, maxForeseenBytes/10+i)})
		total := 0
		for _, value := range f.keys {
			total += len(value)
		}
		if total > maxForeseenBytes || total != f.bytes {
			t.Fatalf("%d bytes, counted %d", total, f.bytes)
		}
	}
}
