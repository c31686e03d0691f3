package osproc

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAFloodOfOutputIsBoundedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		out := newThrottle(slog.New(slog.NewTextHandler(&log, nil)), time.Now())
		for range 60 * 1000 { // a thousand lines a second for a minute
			out.line(time.Now(), "hello")
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * tellEvery) // it is silent now
		synctest.Wait()
		told := 0
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "output dropped") {
				told++
			}
		}
		if passed := strings.Count(log.String(), "line=hello"); passed < (burst+59)*linesPerSecond || passed > (burst+61)*linesPerSecond {
			t.Errorf("%d of 60000 lines are in the log, want about %d", passed, (burst+60)*linesPerSecond)
		}
		if told < 40 || told > 60 {
			t.Errorf("drops were told %d times, want about once a second", told)
		}
		// Whoever pauses may write again.
		log.Reset()
		out.line(time.Now(), "hello")
		if !strings.Contains(log.String(), "line=hello") {
			t.Error("a line after the flood is missing")
		}
		out.close()
	})
}

func TestLongLinesAreBoundedByBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		out := newThrottle(slog.New(slog.NewTextHandler(&log, nil)), time.Now())
		long := strings.Repeat("x", 64<<10)
		for range 100 {
			out.line(time.Now(), long)
		}
		out.close() // tells what is missing, though its second is not over
		if log.Len() > (burst+1)*bytesPerSecond || !strings.Contains(log.String(), "lines=60 bytes=3932160") {
			t.Errorf("%d bytes in the log, which ends with %q", log.Len(), log.String()[max(0, log.Len()-200):])
		}
		synctest.Wait()
	})
}
