package gdict

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// grow does what makes a new value of an old one.
func (w *world) grow(t *testing.T, verb string, args []string) string {
	ctx := context.Background()
	switch verb {
	case "append":
		n, err := w.a.Append(ctx, args[0], []byte(args[1]))
		return show(fmt.Sprintf("%d bytes", n), err)
	case "appendlist":
		n, err := w.a.AppendList(ctx, args[0], bytesOfAll(args[1:])...)
		return show(fmt.Sprintf("%d values", n), err)
	case "list-of":
		entry, _ := w.dict(args[0]).Find(args[1])
		values, err := entry.List()
		return show(fmt.Sprintf("%q @%d", values, entry.Rev), err)
	case "update":
		entry, err := w.a.Update(ctx, args[0], raise, []byte(args[1]))
		return show(Event{Entry: entry}.String(), err)
	case "update-or":
		entry, err := w.a.UpdateOr(ctx, args[0], raise, []byte(args[1]), []byte(args[2]))
		return show(Event{Entry: entry}.String(), err)
	case "update-unknown":
		entry, err := w.a.Update(ctx, args[0], Function{Name: "lower", Version: 2}, []byte(args[1]))
		return show(Event{Entry: entry}.String(), err)
	default: // update-late: the key is stored to before what the leader has made of the update is in the log
		cmd, refusal := w.a.admit(encodeOp(update{key: []byte(args[0]), function: raise.id(), arg: []byte(args[1])}))
		if refusal != nil {
			return "not admitted: " + replied(refusal)
		}
		if _, err := w.a.Store(ctx, args[0], []byte("other")); err != nil {
			return show("", err)
		}
		return replied(w.log.append(cmd))
	}
}

func bytesOfAll(args []string) (values [][]byte) {
	for _, arg := range args {
		values = append(values, []byte(strings.TrimSpace(arg)))
	}
	return values
}
