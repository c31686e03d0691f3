package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// A ledger is what the driver was told about the writes.
type ledger struct {
	mu           sync.Mutex
	acknowledged map[string]bool
	open         map[string]bool // nobody can tell whether they were done
	by           map[string]int  // acknowledged, by member
	last         time.Time       // of an acknowledgement
	pause        time.Duration   // the longest time without one since the kill
	dead         string
}

func newLedger() *ledger {
	return &ledger{acknowledged: map[string]bool{}, open: map[string]bool{}, by: map[string]int{}}
}

// follow takes down what a member says until it ends.
func (l *ledger) follow(name string, stdout io.Reader, admin chan<- string, one *member) {
	defer close(one.said)
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "admin":
			admin <- rest
		case "acknowledged":
			l.acknowledge(name, rest)
		case "open":
			l.mu.Lock()
			l.open[rest] = true
			l.mu.Unlock()
		case "stopped":
			close(one.done)
		}
	}
}

func (l *ledger) acknowledge(name, write string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acknowledged[write] = true
	l.by[name]++
	now := time.Now()
	if l.dead != "" && name != l.dead {
		l.pause = max(l.pause, now.Sub(l.last))
	}
	l.last = now
}

// killed notes whom we kill, and from when on the time without acknowledgements counts.
func (l *ledger) killed(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead, l.last = name, time.Now()
}

type counts struct {
	acknowledged int
	by           string
	pause        time.Duration
}

func (l *ledger) counts() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	var by []string
	for name, n := range l.by {
		by = append(by, fmt.Sprintf("%s %d", name, n))
	}
	slices.Sort(by)
	return counts{len(l.acknowledged), strings.Join(by, ", "), l.pause}
}

// writing waits while the members write, and until so many of them have had writes acknowledged in that time.
func (l *ledger) writing(ctx context.Context, writers int) error {
	before := map[string]int{}
	l.mu.Lock()
	for name, n := range l.by {
		before[name] = n
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := writeFor; ; wait = 10 * time.Millisecond {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not %d members have their writes acknowledged: %w", writers, context.Cause(ctx))
		case <-time.After(wait):
		}
		wrote := 0
		l.mu.Lock()
		for name, n := range l.by {
			if n > before[name] {
				wrote++
			}
		}
		l.mu.Unlock()
		if wrote >= writers {
			return nil
		}
	}
}

// inFlight is how many writes the killed member may have had under way: it writes one at a time.
const inFlight = 1

// verdict compares what was acknowledged with what is there.
func (l *ledger) verdict(found map[string]bool, say func(string, ...any)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	missing, more := 0, 0
	for write := range l.acknowledged {
		if !found[write] {
			missing++
		}
	}
	for write := range found {
		if !l.acknowledged[write] {
			more++
		}
	}
	kept := fmt.Sprintf("all %d acknowledged ones", len(l.acknowledged))
	if missing > 0 {
		kept = fmt.Sprintf("%d of the %d acknowledged ones are MISSING", missing, len(l.acknowledged))
	}
	say("%d entries are found by a linearizable read: %s,", len(found), kept)
	say("and %d of which nobody was told, because their writer was killed or their answer was lost", more)
	switch {
	case missing > 0:
		return fmt.Errorf("%d acknowledged writes are lost", missing)
	case more > len(l.open)+inFlight:
		return fmt.Errorf("%d entries that nobody acknowledged, and only %d writes were open", more, len(l.open)+inFlight)
	}
	say("no acknowledged write is lost")
	return nil
}
