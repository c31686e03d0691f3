package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/genleader"
)

func TestWrongFlagsAreNamed(t *testing.T) {
	for _, args := range [][]string{{"-groups", "0"}, {"-for", "0s"}, {"-groups", "many"}} {
		if _, err := parse(args, io.Discard); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestTheWatchmanCountsGroupsThatAnotherLeads(t *testing.T) {
	w := &watchman{leader: map[string]string{}, since: map[string]time.Time{}}
	w.saw("x", "b1", genleader.Surrendered{Leader: genleader.Member{Name: "a1"}})
	w.saw("y", "b1", genleader.Elected{Term: 2})
	w.saw("y", "b1", genleader.Hibernating{})
	if got := w.without("a1", time.Now().Add(-time.Hour)); len(got) != 1 || got[0] < time.Hour-time.Minute {
		t.Errorf("groups with another leader than a1: %v, want one", got)
	}
}
