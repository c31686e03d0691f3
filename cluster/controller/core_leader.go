package controller

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/gendac/gendac/cluster/planner"
	"github.com/gendac/gendac/cluster/spec"
)

var (
	// ErrNotLeader is the answer to a command that reached a member which does not lead. Nothing was done.
	ErrNotLeader = errors.New("controller: this member does not lead")
	// ErrEnded is the answer to a command whose leader's controller ended before it was settled.
	ErrEnded = errors.New("controller: the leader's controller has ended; the command may have been carried out or not")
)

// leadPhase is where the leader's controller is.
type leadPhase int

const (
	aside    leadPhase = iota // another member leads, or nobody
	planning                  // this member leads, and the orders are what the last look planned
	writing                   // a changed plan is on its way into the dictionary
)

func (p leadPhase) String() string { return [...]string{"aside", "planning", "writing"}[p] }

// retryWrite is how long the leader waits after a write that failed for no reason of its own.
const retryWrite = 50 * time.Millisecond

// leader decides for the whole cluster while this member leads it. It keeps nothing between two looks but what it is
// waiting for: everything else is read from the dictionary each time.
//
//	aside <--look--> planning --changed--> writing --written--> planning, and looks again
type leader struct {
	spec   *spec.Spec
	phase  leadPhase
	gen    uint64 // of the write under way
	asked  []command
	answer uint64 // the command whose order is being written; zero: none
	wake   time.Time

	refused map[string]string // by key: orders that the dictionary refused as too large; others go first
	failure string            // of the latest write, as it was told to people
}

// command is a switchover that somebody waits for. It is kept until a look can decide it.
type command struct {
	id    uint64
	group string
}

type leaderEvent interface {
	leaderEvent()
	String() string
}

type (
	// looked is everything a plan is made from, as of now.
	looked struct {
		now       time.Time
		rang      bool   // it is the look that was asked for at a time
		term      uint64 // in which this member leads; zero: it does not
		view      planner.View
		revisions map[string]uint64 // of the keys that the leader may write
		society   string            // as published
		stale     []string          // keys of reports of incarnations that are gone for good
	}
	commanded struct{ command }
	// written is the outcome of the write of that generation.
	written struct {
		now time.Time
		gen uint64
		err error
		// refused are the records that were too large. Those after them were written all the same.
		refused []record
	}
)

func (looked) leaderEvent()    {}
func (commanded) leaderEvent() {}
func (written) leaderEvent()   {}

func (e looked) String() string {
	if e.term == 0 {
		return "looked: not leading"
	}
	return fmt.Sprintf("looked: leading in term %d", e.term)
}
func (e commanded) String() string { return fmt.Sprintf("command %d: %v", e.id, e.command) }
func (e written) String() string   { return fmt.Sprintf("written #%d: %v", e.gen, outcome(e.err)) }

type leaderEffect interface {
	leaderEffect()
	String() string
}

type (
	// write stores records in order, in that term only and each only if its revision still holds, and stops at the first
	// that fails, unless only because it is too large. What was planned on a leader's knowledge must not be done by its successor.
	write struct {
		gen     uint64
		term    uint64
		records []record
	}
	// lookAgain asks for a look; at tells when, zero meaning now.
	lookAgain struct{ at time.Time }
	// reply answers a command.
	reply struct {
		id  uint64
		err error
	}
	// note tells people what was planned and why.
	note struct{ steps []planner.Step }
)

func (write) leaderEffect()     {}
func (lookAgain) leaderEffect() {}
func (reply) leaderEffect()     {}
func (note) leaderEffect()      {}
func (complain) leaderEffect()  {}

func (e write) String() string {
	text := fmt.Sprintf("write #%d in term %d", e.gen, e.term)
	for _, r := range e.records {
		text += "\n  " + r.String()
	}
	return text
}

func (e lookAgain) String() string {
	if e.at.IsZero() {
		return "look again now"
	}
	return "look again at " + e.at.Format(time.StampMilli)
}

func (e reply) String() string { return fmt.Sprintf("answer %d: %v", e.id, outcome(e.err)) }

func (e note) String() string {
	text := "note"
	for _, s := range e.steps {
		text += "\n  " + s.String()
	}
	return text
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

// record is one write; an empty value erases.
type record struct {
	key      string
	revision uint64
	value    string
}

func (r record) String() string {
	if r.value == "" {
		return "erase " + r.key
	}
	return fmt.Sprintf("%s @%d = %s", r.key, r.revision, r.value)
}

func stepLeader(l leader, ev leaderEvent) (leader, []leaderEffect) {
	switch ev := ev.(type) {
	case commanded:
		l.asked = append(l.asked, ev.command)
		return l, []leaderEffect{lookAgain{}}
	case written:
		return l.written(ev)
	case looked:
		return l.look(ev)
	default:
		return l, nil
	}
}

func (l leader) written(ev written) (leader, []leaderEffect) {
	if l.phase != writing || ev.gen != l.gen {
		return l, nil
	}
	l.phase = planning
	l, effects := l.refuse(ev)
	if l.answer != 0 {
		effects = append(effects, reply{id: l.answer, err: ev.err})
		l.answer = 0
	}
	if ev.err != nil {
		return l, append(effects, lookAgain{at: ev.now.Add(retryWrite)})
	}
	return l, append(effects, lookAgain{})
}

func (l leader) look(ev looked) (leader, []leaderEffect) {
	if ev.term == 0 {
		return l.stepAside()
	}
	if l.phase == writing {
		return l, nil // written looks again
	}
	l.phase = planning
	if ev.rang {
		l.wake = time.Time{} // it rings no more, and it may have been early by the clock that plans are made by
	}
	var effects []leaderEffect
	for len(l.asked) > 0 {
		next := l.asked[0]
		l.asked = l.asked[1:]
		order, err := planner.Switchover(l.spec, ev.view, next.group)
		if err != nil {
			effects = append(effects, reply{id: next.id, err: err})
			continue
		}
		l.answer = next.id
		return l.write(ev.term, effects, []record{ev.record(orderKey(order.Group), encode(order))})
	}
	plan := planner.Make(l.spec, ev.view, ev.now)
	orders, dropped := ev.changed(plan.Orders)
	l, fresh, again := l.sift(orders)
	if len(fresh) > 0 {
		return l.write(ev.term, append(effects, note{append(plan.Steps, dropped...)}), fresh)
	}
	if records := append(ev.housekeeping(plan.Alarms), again...); len(records) > 0 {
		return l.write(ev.term, effects, records)
	}
	if !plan.Wake.IsZero() && !plan.Wake.Equal(l.wake) {
		l.wake = plan.Wake
		effects = append(effects, lookAgain{at: plan.Wake})
	}
	return l, effects
}

// stepAside answers whoever waits: nothing of theirs was decided, or, if a write is under way, nobody knows.
func (l leader) stepAside() (leader, []leaderEffect) {
	var effects []leaderEffect
	for _, c := range l.asked {
		effects = append(effects, reply{id: c.id, err: ErrNotLeader})
	}
	l.asked, l.wake = nil, time.Time{}
	if l.phase == planning {
		l.phase = aside
	}
	return l, effects
}

func (l leader) write(term uint64, effects []leaderEffect, records []record) (leader, []leaderEffect) {
	l.phase = writing
	l.gen++
	l.wake = time.Time{}
	return l, append(effects, write{gen: l.gen, term: term, records: records})
}

func (e looked) record(key, value string) record {
	return record{key: key, revision: e.revisions[key], value: value}
}

// changed are the orders that differ from those in the dictionary, and what had to be left out of them.
func (e looked) changed(orders []planner.Order) (records []record, dropped []planner.Step) {
	known := map[string]planner.Order{}
	for _, o := range e.view.Orders {
		known[o.Group] = o
	}
	for _, o := range orders {
		o, steps := fitting(o)
		dropped = append(dropped, steps...)
		if was, ok := known[o.Group]; !ok || !reflect.DeepEqual(was, o) {
			if value := encode(o); !ok || value != encode(was) {
				records = append(records, e.record(orderKey(o.Group), value))
			}
		}
	}
	return records, dropped
}

// housekeeping is what can wait until the orders are right: the published society, and reports that nobody needs.
func (e looked) housekeeping(alarms []planner.Alarm) []record {
	society := Society{Alarms: alarms}
	for _, m := range e.view.Members {
		society.Members = append(society.Members, SocietyMember{m.Seat, m.State.String()})
	}
	var records []record
	if value := encode(society); value != e.society {
		records = append(records, e.record(societyKey, value))
	}
	for _, key := range e.stale {
		records = append(records, record{key: key})
	}
	return records
}

func (c command) String() string { return fmt.Sprintf("switchover of %s", c.group) }
