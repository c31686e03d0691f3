package gdict

import (
	"testing"

	"pgregory.net/rapid"
)

// TestASessionHoldsNoReplyThatItHasForgotten: the room in which its replies move to and fro has nothing else in it, however
// its writes come and are acknowledged.
func TestASessionHoldsNoReplyThatItHasForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := sessions{}
		next, acknowledged := uint64(1), uint64(1)
		for range rapid.IntRange(1, 200).Draw(t, "writes") {
			next += uint64(rapid.IntRange(0, 5).Draw(t, "ahead"))
			acknowledged = min(next, acknowledged+uint64(rapid.IntRange(0, 6).Draw(t, "acknowledged")))
			at := requestID{session: 7, seq: next, acknowledged: acknowledged, born: 1}
			if reply, err := s.recall(next, at, 1); reply == nil && err == nil {
				s.keep(at, make([]byte, rapid.IntRange(1, sessionBytes/3).Draw(t, "reply")))
			}
			of := s.all[7]
			held := 0
			for _, reply := range of.room[:cap(of.room)] {
				held += len(reply)
			}
			if held > of.bytes || of.bytes > sessionBytes {
				t.Fatalf("%d bytes are held, and %d of them are known", held, of.bytes)
			}
		}
	})
}
