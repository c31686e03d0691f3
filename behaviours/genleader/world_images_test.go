package genleader

import (
	"fmt"
	"strings"
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
		w.after(w.decoding, func() { h.take(chunkUsed{id: e.id}) })
		if e.last {
			w.after(w.decoding, func() { h.take(imageRead{id: e.id}) })
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
