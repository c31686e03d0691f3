package consul

import (
	"fmt"
	"slices"
	"time"

	"github.com/gendac/gendac/cluster/member"
)

// A phase is where the conversation about our own registration stands. Exactly one request of it is under way, or none
// while resting.
type phase uint8

const (
	refreshing  phase = iota // registered as far as we know; the check is refreshed each beat
	registering              // the agent does not know us: tell it
	resting                  // a live process elsewhere holds our name: say nothing until it is gone
)

func (p phase) String() string {
	switch p {
	case refreshing:
		return "refreshing"
	case registering:
		return "registering"
	case resting:
		return "resting"
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// A state is one session as the core sees it: what is known, and how the two conversations with the agent stand.
type state struct {
	self  member.Member
	agent string        // address, for errors
	beat  time.Duration // between two refreshes of the check
	grace time.Duration // how long the absent stay listed after Consul may have forgotten them

	known    []member.Member // what the view lists
	heard    []member.Member // what the last answer listed
	source   member.Source
	err      error
	index    uint64 // of the last answer; 0 asks without waiting
	failures int    // failed queries in a row

	phase      phase
	gen        uint64    // of the request under way; the outcome of an older one changes nothing
	stumbles   int       // failed refreshes and registrations in a row
	registered time.Time // when a registration was last asked for

	recoverUntil time.Time // until then absence is no news; zero outside of a recovery
}

// An event is a fact that reached the session.
type event interface {
	event()
	String() string
}

type (
	// opened: Join has registered us, having read these members.
	opened struct {
		now     time.Time
		members []member.Member
	}
	// answered: a query returned.
	answered struct {
		now     time.Time
		index   uint64
		members []member.Member
	}
	// queryFailed: a query did not return an answer.
	queryFailed struct {
		err  error
		roll float64
	}
	// taken: the agent took a refresh or a registration.
	taken struct{ gen uint64 }
	// refused: the agent did not take it, or was not reached; lost says that it does not know our check.
	refused struct {
		now  time.Time
		gen  uint64
		lost bool
		roll float64
	}
	// displaced: we did not register, because a live process at that address has.
	displaced struct {
		gen    uint64
		theirs string
	}
	// recovered: the recovery that ends at that moment is over.
	recovered struct{ until time.Time }
)

func (opened) event()      {}
func (answered) event()    {}
func (queryFailed) event() {}
func (taken) event()       {}
func (refused) event()     {}
func (displaced) event()   {}
func (recovered) event()   {}

func (e opened) String() string      { return fmt.Sprintf("opened %v", e.members) }
func (e answered) String() string    { return fmt.Sprintf("answered index=%d %v", e.index, e.members) }
func (e queryFailed) String() string { return fmt.Sprintf("query failed: %v", e.err) }
func (e taken) String() string       { return fmt.Sprintf("taken gen=%d", e.gen) }
func (e refused) String() string     { return fmt.Sprintf("refused gen=%d lost=%t", e.gen, e.lost) }
func (e displaced) String() string   { return fmt.Sprintf("displaced gen=%d by %s", e.gen, e.theirs) }
func (e recovered) String() string   { return "recovered" }

// An effect is what the shell is to do. Effects are carried out in order.
type effect interface {
	effect()
	String() string
}

type (
	// query asks for the members after a pause, waiting at the agent for a change since index.
	query struct {
		after time.Duration
		index uint64
	}
	// refresh the check after a pause; it replaces whatever refresh or registration was still under way.
	refresh struct {
		after time.Duration
		gen   uint64
	}
	// register us after a pause; it replaces whatever refresh or registration was still under way.
	register struct {
		after time.Duration
		gen   uint64
	}
	// rest: neither refresh nor register until told otherwise; what was under way is given up.
	rest struct{}
	// publish the view.
	publish struct{ view member.View }
	// arm a timer whose end is the event recovered.
	arm struct {
		after time.Duration
		until time.Time
	}
)

func (query) effect()    {}
func (refresh) effect()  {}
func (register) effect() {}
func (rest) effect()     {}
func (publish) effect()  {}
func (arm) effect()      {}

func (f query) String() string    { return fmt.Sprintf("query index=%d after=%v", f.index, f.after) }
func (f refresh) String() string  { return fmt.Sprintf("refresh gen=%d after=%v", f.gen, f.after) }
func (f register) String() string { return fmt.Sprintf("register gen=%d after=%v", f.gen, f.after) }
func (f rest) String() string     { return "rest" }
func (f publish) String() string {
	return fmt.Sprintf("publish %v %v err=%v", f.view.Source, f.view.Members, f.view.Err)
}
func (f arm) String() string { return fmt.Sprintf("arm after=%v", f.after) }

// step absorbs one event and returns the next state and what to do about it.
func step(s state, ev event) (state, []effect) {
	switch ev := ev.(type) {
	case opened:
		s.registered = ev.now
		s.heard = ev.members
		s.known, s.source = s.withSelf(ev.members), member.Connected
		s.gen++
		return s, []effect{s.publish(), query{}, refresh{after: s.beat, gen: s.gen}}
	case answered:
		return s.answered(ev)
	case queryFailed:
		s.source, s.index = member.Unreachable, 0
		s.err = fmt.Errorf("consul: %s: %w", s.agent, ev.err)
		s.failures++
		return s, []effect{s.publish(), query{after: backoff(s.failures, ev.roll)}}
	case taken:
		return s.taken(ev)
	case refused:
		return s.refused(ev)
	case displaced:
		if s.late(ev.gen) {
			return s, nil
		}
		s, fx := s.yield(ev.theirs)
		return s, append(fx, s.publish())
	case recovered:
		return s.recovered(ev)
	}
	return s, nil
}

// answered takes over what Consul says, as far as it can be believed already.
func (s state) answered(ev answered) (state, []effect) {
	mine, listed := find(ev.members, s.self.Name)
	// A registration takes a moment to get from the agent to the catalogue; being absent for a beat is another matter.
	absent := !listed && s.phase != resting && ev.now.Sub(s.registered) >= s.beat
	backwards := ev.index < s.index
	var fx []effect
	if absent || backwards || s.source == member.Unreachable {
		s, fx = s.recover(ev.now)
	}
	s.source, s.err, s.failures, s.heard = member.Connected, nil, 0, ev.members
	if s.index = ev.index; backwards {
		s.index = 0
	}
	members := ev.members
	if !s.recoverUntil.IsZero() {
		members = keep(members, s.known)
	}
	s.known = s.withSelf(members)

	var claim []effect
	switch theirs := listed && foreign(s.self, mine); {
	case theirs:
		s, claim = s.yield(mine.Addr)
	case absent, s.phase == resting:
		s, claim = s.register(ev.now, 0)
	}
	fx = append(append(fx, s.publish()), claim...)
	return s, append(fx, query{index: s.index, after: pace(ev.index)})
}

// foreign reports whether mine, announced under self's name, is a live process elsewhere. A registration that is
// critical, or that comes from our own address, is a leftover that we may replace.
func foreign(self, mine member.Member) bool {
	return mine.Health == member.Passing && mine.Incarnation != self.Incarnation && mine.Addr != self.Addr
}

// yield leaves the name to a live process elsewhere: two processes that register by turns would help nobody.
func (s state) yield(theirs string) (state, []effect) {
	s.err = &member.ConflictError{Name: s.self.Name, Ours: s.self.Addr, Theirs: theirs}
	if s.phase == resting {
		return s, nil
	}
	s.phase = resting
	s.gen++
	return s, []effect{rest{}}
}

// late reports whether the outcome of that request no longer matters.
func (s state) late(gen uint64) bool { return s.phase == resting || gen != s.gen }

func (s state) taken(ev taken) (state, []effect) {
	if s.late(ev.gen) {
		return s, nil
	}
	s.phase, s.stumbles = refreshing, 0
	s.gen++
	return s, []effect{refresh{after: s.beat, gen: s.gen}}
}

// refused tries again. Only an agent that does not know us is told anew: a refresh that merely failed says nothing
// about the registration, and registering blindly could displace somebody.
func (s state) refused(ev refused) (state, []effect) {
	if s.late(ev.gen) {
		return s, nil
	}
	s.stumbles++
	pause := backoff(s.stumbles, ev.roll)
	switch {
	case ev.lost:
		s, fx := s.recover(ev.now)
		s, again := s.register(ev.now, 0)
		return s, append(fx, again...)
	case s.phase == registering:
		return s.register(ev.now, pause)
	default:
		s.gen++
		return s, []effect{refresh{after: pause, gen: s.gen}}
	}
}

func (s state) register(now time.Time, after time.Duration) (state, []effect) {
	s.phase = registering
	s.gen++
	s.registered = now.Add(after)
	return s, []effect{register{after: after, gen: s.gen}}
}

// recovered believes the last answer. During an outage there is nothing to believe; the next answer begins a new
// recovery.
func (s state) recovered(ev recovered) (state, []effect) {
	if !ev.until.Equal(s.recoverUntil) {
		return s, nil
	}
	s.recoverUntil = time.Time{}
	if s.source == member.Unreachable {
		return s, nil
	}
	s.known = s.withSelf(s.heard)
	return s, []effect{s.publish()}
}

// recover begins a recovery, unless one is on already: a Consul that flaps cannot prolong it without end.
func (s state) recover(now time.Time) (state, []effect) {
	if !s.recoverUntil.IsZero() {
		return s, nil
	}
	s.recoverUntil = now.Add(s.grace)
	return s, []effect{arm{after: s.grace, until: s.recoverUntil}}
}

// withSelf returns members, sorted, with our own record in it as we know it; only its health is Consul's to say.
func (s state) withSelf(members []member.Member) []member.Member {
	me := s.self
	all := make([]member.Member, 0, len(members)+1)
	for _, m := range members {
		if m.Name != me.Name {
			all = append(all, m)
		} else if m.Incarnation == me.Incarnation {
			me.Health = m.Health
		}
	}
	all = append(all, me)
	member.Sort(all)
	return all
}

func (s state) publish() publish {
	return publish{member.View{Members: s.known, Source: s.source, Err: s.err}}
}

// keep returns members and, with their health unknown, whoever was known before and is absent now.
func keep(members, known []member.Member) []member.Member {
	all := slices.Clone(members)
	for _, m := range known {
		if _, ok := find(members, m.Name); !ok {
			m.Health = member.Unknown
			all = append(all, m)
		}
	}
	return all
}

func find(members []member.Member, name string) (member.Member, bool) {
	for _, m := range members {
		if m.Name == name {
			return m, true
		}
	}
	return member.Member{}, false
}

// pace returns the pause before the next query: enough that a service which changes all the time costs 50 queries a
// second at most, and an agent that gives no index to wait for, one.
func pace(index uint64) time.Duration {
	if index == 0 {
		return time.Second
	}
	return 20 * time.Millisecond
}

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 2 * time.Second
)

// backoff returns the pause after that many failures in a row, at least 1: it doubles from 100 ms to 2 s, and roll, in
// [0,1), places it in the upper half of that, so that members that lost the same agent do not come back in step.
func backoff(failures int, roll float64) time.Duration {
	d := maxBackoff
	if shift := failures - 1; shift < 10 {
		d = min(d, firstBackoff<<shift)
	}
	return d/2 + time.Duration(roll*float64(d/2))
}
