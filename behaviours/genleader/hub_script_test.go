package genleader

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/gendac/gendac/behaviours/genleader/internal/wire"
)

// TestHubTranscripts runs the stories of testdata/hub: one hub, what it is told, and what it does about it.
func TestHubTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/hub", func(t *testing.T, path string) {
		now := time.Unix(1000, 0)
		c := newHubCore(now)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "wait" {
				pause, err := time.ParseDuration(d.CmdArgs[0].Key)
				if err != nil {
					t.Fatal(err)
				}
				return hubWaits(c, &now, pause)
			}
			return hubSays(c.step(now, hubCommand(t, d)))
		})
	})
}

// hubWaits lets time pass, with the timer ringing when it is due.
func hubWaits(c *hubCore, now *time.Time, pause time.Duration) string {
	var said []hubEffect
	for end := now.Add(pause); now.Before(end); {
		*now = now.Add(time.Millisecond)
		if !c.wakeAt.IsZero() && !now.Before(c.wakeAt) {
			said = append(said, c.step(*now, hubWoke{})...)
		}
	}
	return hubSays(said)
}

func hubSays(effects []hubEffect) string {
	var b strings.Builder
	heartbeats := map[string]int{}
	for _, e := range effects {
		switch e := e.(type) {
		case hubTimer:
		case heartbeatPeer:
			heartbeats[e.to]++
		default:
			fmt.Fprintln(&b, e)
		}
	}
	for _, name := range []string{"b1", "c1"} {
		if n := heartbeats[name]; n > 0 {
			fmt.Fprintf(&b, "%d heartbeats to %s\n", n, name)
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// hubCommand reads: open GROUP N [leases], close GROUP N, up MEMBER N, down MEMBER N [refused], and from MEMBER N CHANGES
// with one part a line: opened GROUP N, closed GROUP N, list CHANGES GROUP N ..., ask, data GROUP N TEXT.
func hubCommand(t *testing.T, d *datadriven.TestData) hubEvent {
	t.Helper()
	args := words(d)
	switch d.Cmd {
	case "open":
		timing := Timing{}
		timing.setDefaults()
		return groupOpened{args[0], opening{incarnation: numberOf(t, args[1]), timing: timing, mayHibernate: len(args) == 2}}
	case "close":
		return groupClosed{args[0], numberOf(t, args[1])}
	case "up":
		return peerUp{Member{args[0], numberOf(t, args[1])}}
	case "down":
		return peerDown{Member{args[0], numberOf(t, args[1])}, len(args) == 3}
	case "from":
		frame := &wire.HubFrame{Changes: numberOf(t, args[2])}
		for line := range strings.Lines(d.Input) {
			frame.Parts = append(frame.Parts, hubPart(t, strings.Fields(line)))
		}
		return framed{Member{args[0], numberOf(t, args[1])}, frame}
	default:
		t.Fatalf("%s: no command %q", d.Pos, d.Cmd)
		return nil
	}
}

func hubPart(t *testing.T, words []string) *wire.Part {
	t.Helper()
	switch words[0] {
	case "opened":
		return openedPart(words[1], numberOf(t, words[2]))
	case "closed":
		return closedPart(words[1], numberOf(t, words[2]))
	case "list":
		l := &wire.Listing{Changes: numberOf(t, words[1])}
		for i := 2; i < len(words); i += 2 {
			l.Open = append(l.Open, &wire.Opened{Group: words[i], Incarnation: numberOf(t, words[i+1])})
		}
		return &wire.Part{What: &wire.Part_Listing{Listing: l}}
	case "ask":
		return &wire.Part{What: &wire.Part_Ask{Ask: &wire.Ask{}}}
	case "data":
		return &wire.Part{What: &wire.Part_Data{Data: &wire.Data{Group: words[1], Incarnation: numberOf(t, words[2]), Frame: []byte(words[3])}}}
	default:
		t.Fatalf("no part %q", words)
		return nil
	}
}

func numberOf(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
