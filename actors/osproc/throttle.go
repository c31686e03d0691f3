package osproc

import (
	"log/slog"
	"sync"
	"time"
)

// What a command may write into the member's log: so much per second on average, and a burst of ten times that. The rest
// is read, so that the command does not hang, and counted.
const (
	linesPerSecond = 100
	bytesPerSecond = 256 << 10
	burst          = 10          // seconds
	tellEvery      = time.Second // how long drops are counted before they are told
)

// A throttle passes lines on to a log as far as the rate allows.
type throttle struct {
	log *slog.Logger

	mu           sync.Mutex
	lines, bytes float64 // that may be logged now
	at           time.Time
	dropped      int // lines since the last time it was told
	droppedBytes int
	tell         *time.Timer // nil while nothing is dropped
}

func newThrottle(log *slog.Logger, now time.Time) *throttle {
	return &throttle{log: log, lines: burst * linesPerSecond, bytes: burst * bytesPerSecond, at: now}
}

// line logs text, or counts it as dropped. now may not go back.
func (t *throttle) line(now time.Time, text string) {
	t.mu.Lock()
	passed := max(0, now.Sub(t.at).Seconds())
	t.at = now
	t.lines = min(burst*linesPerSecond, t.lines+passed*linesPerSecond)
	t.bytes = min(burst*bytesPerSecond, t.bytes+passed*bytesPerSecond)
	pass := t.lines >= 1 && t.bytes >= float64(len(text))
	if pass {
		t.lines--
		t.bytes -= float64(len(text))
	} else {
		t.dropped++
		t.droppedBytes += len(text)
		if t.tell == nil {
			t.tell = time.AfterFunc(tellEvery, t.tellDropped)
		}
	}
	t.mu.Unlock()
	if pass {
		t.log.Info("output", slog.String("line", text))
	}
}

// tellDropped logs how much is missing.
func (t *throttle) tellDropped() {
	t.mu.Lock()
	lines, bytes := t.dropped, t.droppedBytes
	t.dropped, t.droppedBytes, t.tell = 0, 0, nil
	t.mu.Unlock()
	if lines > 0 {
		t.log.Warn("output dropped: the command writes too much", slog.Int("lines", lines), slog.Int("bytes", bytes))
	}
}

// close tells what has not been told.
func (t *throttle) close() {
	t.mu.Lock()
	timer := t.tell
	t.mu.Unlock()
	if timer != nil && timer.Stop() {
		t.tellDropped()
	}
}
