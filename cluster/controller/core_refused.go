package controller

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/gdict"
)

const (
	// maxHandovers is how many bytes the applications of one group may hand over together: as text they take a third
	// more, and the order that carries them has to stay below gdict.DefaultMaxValue.
	maxHandovers = 512 << 10
	// maxRetryRefused bounds how rarely a record is tried again that was refused as too large.
	maxRetryRefused = 30 * time.Second
	// maxErr is how many bytes of an error are told when a report is too large.
	maxErr = 1024
	// fullDictionary is gdict.LimitError.What when there may be room for the same value later.
	fullDictionary = "dictionary"
)

// published settles one publication. What the dictionary refuses as too large it would refuse again: a smaller report
// takes its place, if there is one.
func (l *local) published(ev published) []localEffect {
	var limit *gdict.LimitError
	switch {
	case ev.err == nil:
		l.busy = false
		l.have[ev.key] = ev.value
		delete(l.refused, ev.key)
		delete(l.tries, ev.key)
		return nil
	case !errors.As(ev.err, &limit):
		l.have[ev.key] = unsure // and it stays busy meanwhile
		return []localEffect{pauseFor{pause: retryPublish}}
	}
	var effects []localEffect
	if text := ev.err.Error(); l.refused[ev.key] != text {
		l.refused[ev.key] = text
		effects = []localEffect{complain{text}}
	}
	l.busy = false
	if l.want[ev.key] != ev.value {
		return effects // out of date anyway
	}
	if smaller, ok := reduced(ev.value, limit); ok {
		l.want[ev.key] = smaller
		return effects
	}
	if limit.What == fullDictionary {
		l.held[ev.key] = true
		l.tries[ev.key]++
		return append(effects, pauseFor{pause: refusedFor(l.tries[ev.key]), key: ev.key})
	}
	l.have[ev.key] = ev.value
	return effects
}

// reduced is a report without its handover and with a short error that says why, if that is smaller.
func reduced(value string, why error) (string, bool) {
	var r model.Report
	if json.Unmarshal([]byte(value), &r) != nil {
		return "", false
	}
	was := r.Err
	if len(was) > maxErr {
		was = strings.ToValidUTF8(was[:maxErr], "") + "..."
	}
	r.Err = why.Error()
	if len(r.Handover) > 0 {
		r.Err = fmt.Sprintf("the handover of %d bytes is dropped: %v", len(r.Handover), why)
	}
	if r.Handover = nil; was != "" {
		r.Err = was + "; " + r.Err
	}
	smaller := encode(r)
	return smaller, len(smaller) < len(value)
}

// fitting is the order with handovers that fit into one record together, and what was left out of it: the largest.
func fitting(o model.Order) (model.Order, []planner.Step) {
	if o.Active == nil {
		return o, nil
	}
	total := 0
	for _, left := range o.Active.Handover {
		total += len(left)
	}
	if total <= maxHandovers {
		return o, nil
	}
	a := *o.Active
	a.Handover = maps.Clone(a.Handover)
	o.Active = &a
	largest := slices.SortedFunc(maps.Keys(a.Handover), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(a.Handover[y]), len(a.Handover[x])), cmp.Compare(x, y))
	})
	var steps []planner.Step
	for _, name := range largest {
		if total <= maxHandovers {
			break
		}
		size := len(a.Handover[name])
		delete(a.Handover, name)
		steps = append(steps, planner.Step{
			Group: o.Group, What: fmt.Sprintf("drop the handover of %s, %d bytes", name, size),
			Why: fmt.Sprintf("all handovers together have %d bytes, and the limit is %d", total, maxHandovers),
		})
		total -= size
	}
	return o, steps
}

// A refusal is what the dictionary did not take of a key, and when the same is tried again.
type refusal struct {
	value string
	count int
	until time.Time
}

// A batch is records to be written: fresh ones, and those that were refused as they are and are due again.
type batch struct{ fresh, again []record }

// sift parts what was refused as it is from the others, holds it back until its time, and forgets refusals of what is not
// wanted any more. It returns when the next is due.
func (l leader) sift(orders, house *batch, now time.Time) (_ leader, wake time.Time) {
	refused := map[string]refusal{}
	for _, b := range []*batch{orders, house} {
		var fresh []record
		for _, r := range b.fresh {
			was, known := l.refused[r.key]
			if !known || was.value != r.value {
				fresh = append(fresh, r)
				continue
			}
			refused[r.key] = was
			if now.Before(was.until) {
				wake = earlier(wake, was.until)
				continue
			}
			b.again = append(b.again, r)
		}
		b.fresh = fresh
	}
	l.refused = refused
	return l, wake
}

// refusedFor is how long a record that was refused for the nth time in a row is not tried again. Its size does not change,
// but if the dictionary is full there may be room later.
func refusedFor(n int) time.Duration {
	wait := retryWrite
	for ; n > 1 && wait < maxRetryRefused; n-- {
		wait *= 2
	}
	return min(wait, maxRetryRefused)
}

// refuse remembers which records are too large, and tells people of a failure unless it is the one they know of.
func (l leader) refuse(ev written) (leader, []leaderEffect) {
	if len(ev.refused) > 0 {
		was := l.refused
		l.refused = map[string]refusal{}
		maps.Copy(l.refused, was)
		for _, r := range ev.refused {
			again := refusal{value: r.value, count: 1}
			if was[r.key].value == r.value {
				again.count = was[r.key].count + 1
			}
			again.until = ev.now.Add(refusedFor(again.count))
			l.refused[r.key] = again
		}
	}
	switch {
	case ev.err == nil:
		if len(l.refused) == 0 {
			l.failure = ""
		}
		return l, nil
	case ev.err.Error() == l.failure:
		return l, nil
	}
	l.failure = ev.err.Error()
	return l, []leaderEffect{complain{l.failure}}
}
