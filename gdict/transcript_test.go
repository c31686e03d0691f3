package gdict

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/datadriven"

	"github.com/gendac/gendac/behaviours/lease"
)

// TestTranscripts runs testdata: dictionaries a and b on one log, of which a leads, with the limits key 16, value 20,
// total 1460, ops 6, txn 100, sessions 2
// and owners 2. Keys and values "-" are empty.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return // what the fuzzer and rapid have found
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			defer w.close()
			datadriven.RunTest(t, path, w.run)
		})
	})
}

type world struct {
	log     *testLog
	a, b    *Dict
	watches map[string]*Watch
	saved   map[string][]byte
}

func newWorld() *world {
	bounds := []Option{MaxKey(16), MaxValue(20), MaxTotal(1460), MaxOps(6), MaxTxn(100), MaxSessions(2), MaxOwners(2), Functions(raise)}
	w := &world{a: New(bounds...), b: New(bounds...), watches: map[string]*Watch{}, saved: map[string][]byte{}}
	w.log = newTestLog(w.a, w.b)
	w.log.term = 1
	return w
}

func (w *world) close() {
	for _, watch := range w.watches {
		watch.Close()
	}
}

// run executes the lines of a block: each is a command with its arguments, and prints at least one line.
func (w *world) run(t *testing.T, td *datadriven.TestData) string {
	if td.Cmd != "run" {
		td.Fatalf(t, "unknown directive %q", td.Cmd)
	}
	var out strings.Builder
	for line := range strings.Lines(td.Input) {
		args := strings.Fields(line)
		for i, arg := range args {
			if arg == "-" {
				args[i] = ""
			}
		}
		fmt.Fprintf(&out, "%s\n", w.line(t, args[0], args[1:]))
		synctest.Wait() // a watch takes what it has room for, before the next line
	}
	return out.String()
}

func (w *world) line(t *testing.T, verb string, args []string) string {
	switch verb {
	case "store", "erase", "count", "cas", "raw", "propose":
		return w.write(t, verb, args)
	case "append", "appendlist", "list-of", "update", "update-or", "update-unknown", "update-late":
		return w.grow(t, verb, args)
	case "own", "begin", "disown", "ends", "owner", "owners", "view":
		return w.owners(t, verb, args)
	case "session":
		return w.session(t, args)
	case "txn", "many", "wipe":
		return w.writeMany(t, verb, args)
	case "find", "fetch", "list", "size":
		return w.read(verb, args)
	case "watch", "events", "close", "end":
		return w.watch(t, verb, args)
	case "from", "every", "keep", "trace":
		return w.resume(t, verb, args)
	case "snapshot":
		b, err := w.dict(args[0]).snapshot()
		w.saved[args[1]] = b
		return show("saved", err)
	case "restore":
		return show("restored", w.dict(args[0]).restore(w.saved[args[1]]))
	case "same":
		return strconv.FormatBool(bytes.Equal(w.saved[args[0]], w.saved[args[1]]))
	case "replay": // a dictionary is given the whole log again
		for i, cmd := range w.log.records {
			w.dict(args[0]).apply(uint64(i+1), w.log.term, cmd)
		}
		return "ok"
	case "cut": // the log goes on without b
		w.log.dicts = []*Dict{w.a}
		return "ok"
	case "join": // b applies again
		w.log.dicts = []*Dict{w.a, w.b}
		return "ok"
	case "reserve": // a, which leads, keeps room for the keys of a prefix; b goes on without
		w.a.limits.prefix, w.a.limits.reserve = args[0], uint64(number(t, args[1]))
		return "ok"
	case "term":
		w.log.term = lease.Term(number(t, args[0]))
		return "ok"
	default:
		t.Fatalf("unknown command %q", verb)
		return ""
	}
}

func (w *world) write(t *testing.T, verb string, args []string) string {
	ctx := context.Background()
	switch verb {
	case "store":
		rev, err := w.a.Store(ctx, args[0], []byte(args[1]))
		return show(fmt.Sprintf("rev %d", rev), err)
	case "erase":
		rev, err := w.a.Erase(ctx, args[0])
		return show(fmt.Sprintf("rev %d", rev), err)
	case "count":
		n, err := w.a.UpdateCounter(ctx, args[0], number(t, args[1]))
		return show(fmt.Sprintf("counter %d", n), err)
	case "cas":
		rev, err := w.a.CompareAndStore(ctx, args[0], uint64(number(t, args[1])), []byte(args[2]))
		return show(fmt.Sprintf("rev %d", rev), err)
	case "raw": // a foreign client: bytes to the leader
		b := fromHex(t, args)
		cmd, refusal := w.a.admit(b)
		if refusal != nil {
			return "not admitted: " + replied(refusal)
		}
		return replied(w.log.append(cmd))
	default: // propose: bytes straight into the log
		return replied(w.log.append(fromHex(t, args)))
	}
}

func (w *world) read(verb string, args []string) string {
	d := w.dict(args[0])
	switch verb {
	case "find":
		entry, found := d.Find(args[1])
		if !found {
			return "none"
		}
		return Event{Entry: entry}.String()
	case "fetch":
		entry, err := d.Fetch(args[1])
		return show(Event{Entry: entry}.String(), err)
	case "size":
		return strconv.FormatUint(d.now.Load().size, 10)
	default:
		entries, rev := d.ToList(args[1])
		parts := []string{fmt.Sprintf("rev %d:", rev)}
		for _, e := range entries {
			parts = append(parts, fmt.Sprintf("%s=%s@%d", e.Key, e.Value, e.Rev))
		}
		return strings.Join(parts, " ")
	}
}

func (w *world) watch(t *testing.T, verb string, args []string) string {
	switch verb {
	case "watch": // watch <name> <dict> <prefix>
		w.watches[args[0]] = w.dict(args[1]).Watch(args[2])
		return "ok"
	case "close":
		w.watches[args[0]].Close()
		return "ok"
	case "end":
		w.dict(args[0]).Behaviour().Terminate(nil)
		return "ok"
	}
	watch, seen := w.watches[args[0]], []string{args[0] + ":"}
	for {
		synctest.Wait()
		select {
		case event, open := <-watch.Events():
			if !open {
				return strings.Join(append(seen, show("closed", watch.Err())), "\n  ")
			}
			seen = append(seen, event.String())
		default:
			return strings.Join(seen, "\n  ")
		}
	}
}

func (w *world) dict(name string) *Dict {
	if name == "b" {
		return w.b
	}
	return w.a
}

func replied(reply []byte) string {
	r, err := decodeReply(reply)
	if err != nil {
		return show("", err)
	}
	return show(fmt.Sprintf("rev %d counter %d", r.rev, r.number), r.err)
}

func show(ok string, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	return ok
}

func number(t *testing.T, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func fromHex(t *testing.T, args []string) []byte {
	b, err := hex.DecodeString(strings.Join(args, ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
