//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/bench/history"
	"github.com/gendac/gendac/gdict"
)

func TestAWrongCommandLineSaysWhy(t *testing.T) {
	for _, args := range [][]string{{"-members", "2"}, {"-minutes", "0"}, {"-steps", "-1"}, {"stray"}, {"-nosuch"}} {
		var out bytes.Buffer
		_, err := parse(args, &out)
		if err == nil || !strings.Contains(err.Error(), strings.TrimLeft(args[0], "-")) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestASeedIsChosenAndKept(t *testing.T) {
	first, err := parse(nil, &bytes.Buffer{})
	if err != nil || first.seed == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	if o, err := parse([]string{"-seed", "7"}, &bytes.Buffer{}); err != nil || o.seed != 7 {
		t.Fatalf("%+v, %v", o, err)
	}
}

// TestAnUnknownOutcomeStaysUnknown: only what promises that nothing was done counts as refused.
func TestAnUnknownOutcomeStaysUnknown(t *testing.T) {
	for _, c := range []struct {
		err  error
		want history.Outcome
	}{
		{genleader.ErrNoLeader, history.Refused},
		{genleader.ErrOverloaded, history.Refused},
		{genleader.ErrStopped, history.Refused},
		{genleader.ErrUncertain, history.Unknown},
		{fmt.Errorf("%w: %w", genleader.ErrStopped, genleader.ErrUncertain), history.Unknown},
		{gdict.ErrBadReply, history.Unknown},
	} {
		if got := outcomeOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
