package node

import (
	"fmt"
	"strings"

	"github.com/gendac/gendac/behaviours/genleader"
)

// lossAlarm says what is lost with the log, and what an operator does about it. It is the same on every member, so that it does
// not matter which one is asked.
func lossAlarm(l genleader.LogLoss) string {
	if len(l.Survivors) == 0 {
		return l.String()
	}
	furthest := l.Survivors[0].Name
	steps := []string{fmt.Sprintf("save what %s has before it ends (gendac dict export FILE --read local --admin ADDRESS-OF-%s)", furthest, furthest)}
	if len(l.Missing) > 0 {
		steps = append([]string{fmt.Sprintf("see whether %s can be started with what it had, it may have more", strings.Join(l.Missing, ", "))}, steps...)
	}
	for _, s := range l.Survivors {
		if s.Durable {
			steps = append(steps, fmt.Sprintf("stop %s, move its state directory away and start it with an empty one", s.Name))
		} else {
			steps = append(steps, fmt.Sprintf("restart %s (gendac stop %s --force --admin ADDRESS-OF-%s, then start it)", s.Name, s.Name, s.Name))
		}
	}
	steps = append(steps, "once all are ready, gendac dict import FILE")
	kept := "writes that were acknowledged shortly before may be missing on " + furthest
	if 2*len(l.Stateless) == l.Voters && len(l.Missing) == 0 {
		kept = furthest + " has every write that was acknowledged" // more than half had to have it, and all of the other half are here
	}
	return fmt.Sprintf("%s, and %s; to go on: %s", l, kept, strings.Join(steps, "; "))
}
