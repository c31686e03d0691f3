package gdict

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// resume executes the commands about watches that go on, and how much is kept for them.
//
//	from <name> <dict> <prefix> <rev> [every <n>]  a watch that goes on after a revision
//	every <name> <dict> <prefix> <n>               a watch with EveryChange
//	keep <dict> <changes> <bytes>                  the bounds of a history
//	trace <name>                                   as events, with what each event says about going on
func (w *world) resume(t *testing.T, verb string, args []string) string {
	if old := w.watches[args[0]]; old != nil && verb != "trace" {
		old.Close()
	}
	switch verb {
	case "from":
		var options []WatchOption
		if len(args) > 4 {
			options = append(options, EveryChange(int(number(t, args[5]))))
		}
		watch, err := w.dict(args[1]).WatchFrom(args[2], uint64(number(t, args[3])), options...)
		if err == nil {
			w.watches[args[0]] = watch
		}
		return show("ok", err)
	case "every":
		w.watches[args[0]] = w.dict(args[1]).Watch(args[2], EveryChange(int(number(t, args[3]))))
		return "ok"
	case "keep":
		w.dict(args[0]).KeepHistory(int(number(t, args[1])), int(number(t, args[2])))
		return "ok"
	default: // trace
		return w.trace(args[0])
	}
}

func (w *world) trace(name string) string {
	watch, seen := w.watches[name], []string{name + ":"}
	for {
		synctest.Wait()
		select {
		case event, open := <-watch.Events():
			if !open {
				return strings.Join(append(seen, show("closed", watch.Err())), "\n  ")
			}
			line := event.String()
			if event.Through > 0 {
				line += fmt.Sprintf(", through %d", event.Through)
			}
			seen = append(seen, line)
		default:
			return strings.Join(seen, "\n  ")
		}
	}
}
