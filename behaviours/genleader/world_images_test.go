package genleader

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// images does what the shell's goroutines do, in pieces of w.chunk bytes.
func (h *host) images(e effect) {
	w := h.w
	switch e := e.(type) {
	case takeImage:
		if w.snapshotErr != nil {
			w.after(0, func() { h.take(imageFailed{stream: e.stream, err: w.snapshotErr}) })
			return
		}
		h.written[e.stream] = []byte(strings.Join(h.applied, " "))
	case readImage:
		rest, writing := h.written[e.stream]
		if !writing {
			return
		}
		n := min(len(rest), w.chunk)
		h.written[e.stream] = rest[n:]
		last := n == len(rest)
		if last {
			delete(h.written, e.stream)
		}
		w.after(0, func() { h.take(chunkRead{stream: e.stream, data: rest[:n], last: last}) })
	case receiveImage:
		h.read[e.id] = []byte{}
	case feedImage:
		if _, reading := h.read[e.id]; !reading {
			w.unsafe = append(w.unsafe, fmt.Sprintf("%s is fed image %d, which it does not read", h.self.Name, e.id))
			return
		}
		h.read[e.id] = append(h.read[e.id], e.data...)
		if h.decodes.Before(w.now) {
			h.decodes = w.now
		}
		h.decodes = h.decodes.Add(w.decoding) // one chunk after the other
		w.after(h.decodes.Sub(w.now), func() { h.take(chunkUsed{id: e.id}) })
		if e.last {
			w.after(h.decodes.Sub(w.now), func() { h.take(imageRead{id: e.id}) })
		}
	case restore:
		state, reading := h.read[e.id]
		if !reading {
			w.unsafe = append(w.unsafe, fmt.Sprintf("%s installs image %d, which it has not read", h.self.Name, e.id))
		}
		delete(h.read, e.id)
		h.applied = strings.Fields(string(state))
		h.told = append(h.told, fmt.Sprintf("restored %d", len(h.applied)))
	case dropImage:
		delete(h.written, e.id)
		delete(h.read, e.id)
	}
}

// imageCommand is for transcripts of snapshots.
func (w *world) imageCommand(t *testing.T, d *datadriven.TestData, args []string) string {
	t.Helper()
	number := func(i int) int {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch d.Cmd {
	case "chunks": // of so many bytes, each of which takes its receiver so long
		pause, err := time.ParseDuration(args[1])
		if err != nil {
			t.Fatal(err)
		}
		w.chunk, w.decoding = number(0), pause
	case "log-bytes": // and no bound on their number
		w.logEntries = 1 << 20
		w.logBytes = uint64(number(0))
	case "write": // so many calls of so many bytes, one each millisecond
		for i := range number(1) {
			w.call(args[0], fmt.Sprintf("%s%d%s", args[0], i, strings.Repeat(".", number(2))), time.Second)
			w.run(time.Millisecond)
		}
	case "refuse": // the transport takes nothing from the one for the other
		w.refusing[[2]string{args[0], args[1]}] = true
	case "take-again":
		clear(w.refusing)
	case "snapshots-fail":
		w.snapshotErr = errors.New(strings.Join(args, " "))
	case "snapshots-work":
		w.snapshotErr = nil
	case "streams":
		return w.streams()
	case "log":
		return w.logs()
	case "story":
		return w.hosts[args[0]].story()
	default:
		t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
	}
	return "ok\n"
}

// streams shows what is under way, at both ends.
func (w *world) streams() string {
	var b strings.Builder
	for _, name := range w.names {
		h := w.hosts[name]
		if h == nil || h.gone {
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(h.core.snapshots.streams)) {
			st := h.core.snapshots.streams[id]
			fmt.Fprintf(&b, "%s sends %v: %d chunks read, %d not used yet\n", name, st.peer, st.next, len(st.flight))
		}
		if in := h.core.snapshots.incoming; in != nil {
			fmt.Fprintf(&b, "%s receives from %s: %d chunks, %d used\n", name, in.from.Name, in.received, in.used)
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// logs shows how much of the log everybody holds.
func (w *world) logs() string {
	var b strings.Builder
	for _, name := range w.names {
		h := w.hosts[name]
		if h == nil || h.gone || h.core.log == nil {
			continue
		}
		l := h.core.log
		size := fmt.Sprintf("within its %d bytes", w.logBytes)
		if have := l.bytes(); have > w.logBytes {
			size = fmt.Sprintf("within %d times its bytes", (have+w.logBytes-1)/w.logBytes)
		}
		fmt.Fprintf(&b, "%s: %s\n", name, size)
	}
	return b.String()
}

// story is what was told since the last time, with broadcasts counted and not shown.
func (h *host) story() string {
	var b strings.Builder
	broadcasts := 0
	count := func() {
		if broadcasts > 0 {
			fmt.Fprintf(&b, "%d times from_leader\n", broadcasts)
		}
		broadcasts = 0
	}
	for _, line := range h.told {
		if strings.HasPrefix(line, "from_leader") {
			broadcasts++
			continue
		}
		count()
		fmt.Fprintln(&b, line)
	}
	count()
	h.told = nil
	return b.String()
}
