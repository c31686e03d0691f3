package controller

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/model"

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
	digest string // of spec, once it was needed
	phase  leadPhase
	gen    uint64 // of the write under way
	asked  []command
	answer uint64 // the command whose order is being written; zero: none
	wake   time.Time

	refused map[string]refusal // by key: records that the dictionary refused as too large; others go first
	failure string             // of the latest write, as it was told to people

	stages     []kept // what the groups wait for
	withheld   []model.Member
	withheldIn uint64 // the term in which the group was told so
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
		now        time.Time
		woken      bool   // triggered by Plan.Wake
		term       uint64 // in which this member leads; zero: it does not
		view       planner.View
		revisions  map[string]uint64 // of the keys that the leader may write
		membership string            // as published
		stale      []string          // keys of what was said by incarnations that are gone for good
		said       []MemberRecord    // by members that are listed
	}
	commanded struct{ command }
	// written is the outcome of the write of that generation.
	written struct {
		now time.Time
		gen uint64
		err error
		// refused are the records that were too large. Those after them were written all the same.
		refused []record
		// onlyRefused says that err tells of those and of nothing else.
		onlyRefused bool
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
	// withhold has the group give these members no leases in that term, and all others again.
	withhold struct {
		term    uint64
		members []model.Member
	}
	// note tells people what was planned and why.
	note struct{ steps []planner.Step }
)

func (write) leaderEffect()     {}
func (lookAgain) leaderEffect() {}
func (reply) leaderEffect()     {}
func (withhold) leaderEffect()  {}
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

func (e withhold) String() string {
	return fmt.Sprintf("withhold leases in term %d from %v", e.term, e.members)
}

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
	if ev.err != nil && !ev.onlyRefused {
		return l, append(effects, lookAgain{at: ev.now.Add(retryWrite)})
	}
	return l, append(effects, lookAgain{}) // what was refused has a time of its own
}

func (l leader) look(ev looked) (leader, []leaderEffect) {
	if ev.term == 0 {
		return l.stepAside()
	}
	if l.phase == writing {
		return l, nil // written looks again
	}
	l.phase = planning
	if ev.woken {
		l.wake = time.Time{} // it rings no more, and it may have been early by the clock that plans are made by
	}
	ev.view.Stages = l.remembered(ev.now)
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
	l = l.remember(plan.Stages, ev.now)
	orders, dropped := ev.changed(plan.Orders)
	l, withheld := l.withhold(ev.term, plan.Withdraw, len(orders.fresh) == 0)
	effects = append(effects, withheld...)
	if l.digest == "" {
		l.digest = l.spec.Digest()
	}
	house := ev.housekeeping(append(ev.unlike(l.digest), plan.Alarms...))
	l, wake := l.sift(&orders, &house, ev.now)
	if len(orders.fresh) > 0 {
		return l.write(ev.term, append(effects, note{append(plan.Steps, dropped...)}), orders.fresh)
	}
	if records := slices.Concat(house.fresh, orders.again, house.again); len(records) > 0 {
		return l.write(ev.term, effects, records)
	}
	return l.wakeAt(effects, earlier(plan.Wake, wake))
}

func (l leader) wakeAt(effects []leaderEffect, at time.Time) (leader, []leaderEffect) {
	if !at.IsZero() && !at.Equal(l.wake) {
		l.wake = at
		effects = append(effects, lookAgain{at: at})
	}
	return l, effects
}

// earlier returns the earlier of two moments, of which a zero one means never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// stepAside rejects queued commands. A command whose write is in flight gets the outcome of that write, which may be
// unknown.
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
func (e looked) changed(orders []model.Order) (all batch, dropped []planner.Step) {
	known := map[string]model.Order{}
	for _, o := range e.view.Orders {
		known[o.Group] = o
	}
	for _, o := range orders {
		o, steps := fitting(o)
		dropped = append(dropped, steps...)
		if was, ok := known[o.Group]; !ok || !reflect.DeepEqual(was, o) {
			if value := encode(o); !ok || value != encode(was) {
				all.fresh = append(all.fresh, e.record(orderKey(o.Group), value))
			}
		}
	}
	return all, dropped
}

// housekeeping is what can wait until the orders are right: the published membership, and reports that nobody needs.
func (e looked) housekeeping(alarms []model.Alarm) (all batch) {
	membership := Membership{Alarms: alarms}.bounded()
	for _, m := range e.view.Members {
		membership.Members = append(membership.Members, model.MemberStatus{Member: m.Member, State: m.State})
	}
	if value := encode(membership); value != e.membership {
		all.fresh = append(all.fresh, e.record(membershipKey, value))
	}
	for _, key := range e.stale {
		all.fresh = append(all.fresh, record{key: key})
	}
	return all
}

func (c command) String() string { return fmt.Sprintf("switchover of %s", c.group) }
