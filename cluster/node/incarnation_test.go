package node

import (
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/genleader/disk"
)

func TestTheNextNumberIsHigherWhateverTheClockSays(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	clock := genleader.NewIncarnation(now)
	for _, c := range []struct {
		name string
		now  time.Time
		last disk.Number
		high bool // above the last; else by the clock
	}{
		{"the first", now, disk.Number{}, true},
		{"a second later", now.Add(time.Second), disk.Number{Incarnation: clock}, true},
		{"1.5 s back", now.Add(-1500 * time.Millisecond), disk.Number{Incarnation: clock}, true},
		{"2 h back", now.Add(-2 * time.Hour), disk.Number{Incarnation: clock, TakenUp: true}, true},
		{"ten years back", now.AddDate(-10, 0, 0), disk.Number{Incarnation: clock, TakenUp: true}, true},
		{"ten years back, and nobody had taken it up", now.AddDate(-10, 0, 0), disk.Number{Incarnation: clock}, false},
		{"before 1970", time.Unix(-1000, 0), disk.Number{}, true},
	} {
		got := nextIncarnation(c.now, c.last)
		if high := got > c.last.Incarnation; high != c.high || got == 0 {
			t.Errorf("%s: %d after %d", c.name, got, c.last.Incarnation)
		}
	}
}
