package consul

import (
	"errors"
	"fmt"
	"time"

	"github.com/gendac/gendac/cluster/member"
)

// A phase is where the conversation about our own registration stands. Exactly one request of it is under way, or none
// while waiting.
type phase uint8

const (
	refreshing  phase = iota // registered as far as we know; the check is refreshed each heartbeat
	registering              // the agent does not know us: tell it
	waiting                  // a live process elsewhere holds our name: say nothing until it is gone
)

func (p phase) String() string {
	switch p {
	case refreshing:
		return "refreshing"
	case registering:
		return "registering"
	case waiting:
		return "waiting"
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// A state is one session as the core sees it: what is known, and how the two conversations with the agent stand.
type state struct {
	self      member.Member
	agent     string        // address, for errors
	heartbeat time.Duration // between two refreshes of the check
	grace     time.Duration // how long the absent stay listed after Consul may have forgotten them

	known    []member.Member // what the view lists
	heard    []member.Member // what the last answer listed
	source   member.Source
	err      error  // why the source is Unreachable, or who holds our name
	index    uint64 // of the last answer; 0 asks without waiting
	failures int    // failed queries in a row
	unlisted bool   // the answers have not listed us for long, though the agent has taken our registration

	phase      phase
	gen        uint64    // of the request under way; the outcome of an older one changes nothing
	stumbles   int       // failed refreshes and registrations in a row
	trouble    error     // why the last one of them failed; nil once one has succeeded
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
	// queryFailed: a query returned no answer, or an incomplete one that lists these members at least.
	queryFailed struct {
		err     error
		members []member.Member
		roll    float64
	}
	// taken: the agent took a refresh or a registration.
	taken struct{ gen uint64 }
	// refused: the agent did not take it, or was not reached; lost says that it does not know our check.
	refused struct {
		now  time.Time
		gen  uint64
		lost bool
		err  error
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
func (e queryFailed) String() string { return fmt.Sprintf("query failed: %v %v", e.err, e.members) }
func (e taken) String() string       { return fmt.Sprintf("taken gen=%d", e.gen) }
func (e refused) String() string {
	return fmt.Sprintf("refused gen=%d lost=%t: %v", e.gen, e.lost, e.err)
}
func (e displaced) String() string { return fmt.Sprintf("displaced gen=%d by %s", e.gen, e.theirs) }
func (e recovered) String() string { return "recovered" }

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
		return s, []effect{s.publish(), query{}, refresh{after: s.heartbeat, gen: s.gen}}
	case answered:
		return s.answered(ev)
	case queryFailed:
		s.source, s.index = member.Unreachable, 0
		s.err = fmt.Errorf("consul: %s: %w", s.agent, ev.err)
		s.failures++
		s.known = s.withSelf(merge(ev.members, s.known))
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

// answered takes over what Consul says, as far as it can be believed already. An answer that does not list us is not
// complete, because we are registered or about to be: it may add members, but it removes none.
func (s state) answered(ev answered) (state, []effect) {
	mine, listed := find(ev.members, s.self.Name)
	// A registration takes a moment to get from the agent to the catalogue; being missing for a heartbeat is another
	// matter.
	absent := !listed && s.phase != waiting && ev.now.Sub(s.registered) >= s.heartbeat
	backwards := ev.index < s.index
	var fx []effect
	switch {
	case listed && s.source == member.Unreachable && s.failures == 0: // we were missing for long
		s.unlisted, s.recoverUntil = false, time.Time{} // the others may need as long as we did: a whole grace from now
		s, fx = s.recover(ev.now)
	case absent, backwards, s.source == member.Unreachable:
		s, fx = s.recover(ev.now)
	}
	s.failures, s.heard = 0, ev.members
	if s.index = ev.index; backwards {
		s.index = 0
	}
	s = s.assess()
	members := ev.members
	if !listed || !s.recoverUntil.IsZero() {
		members = keep(members, s.known)
	}
	s.known = s.withSelf(members)

	var claim []effect
	switch theirs := listed && foreign(s.self, mine); {
	case theirs:
		s, claim = s.yield(mine.Addr)
	case s.phase == waiting, absent && s.phase == refreshing:
		s, claim = s.register(ev.now, 0)
	}
	fx = append(append(fx, s.publish()), claim...)
	return s, append(fx, query{index: s.index, after: pace})
}

// errUnlisted says what may be wrong when an agent takes a registration and nobody ever sees it.
var errUnlisted = errors.New("the agent has taken this member's registration, but its answers do not list it: " +
	"is it an agent of another datacenter, or does it not reach its servers?")

// assess judges the last answer: one without us is worth no more than an outage, if we cannot become listed.
func (s state) assess() state {
	_, listed := find(s.heard, s.self.Name)
	s.source, s.err = member.Connected, nil
	switch {
	case listed:
	case s.trouble != nil:
		s.source = member.Unreachable
	case s.unlisted:
		s.source, s.err = member.Unreachable, fmt.Errorf("consul: %s: %w", s.agent, errUnlisted)
	}
	return s
}

// foreign reports whether mine, announced under self's name, is a live process elsewhere. A registration that is
// critical, or that comes from our own address, is a leftover that we may replace.
func foreign(self, mine member.Member) bool {
	return mine.Health == member.Passing && mine.Incarnation != self.Incarnation && mine.Addr != self.Addr
}

// yield leaves the name to a live process elsewhere: two processes that register by turns would help nobody.
func (s state) yield(theirs string) (state, []effect) {
	s.err = &member.ConflictError{Name: s.self.Name, Ours: s.self.Addr, Theirs: theirs}
	if s.phase == waiting {
		return s, nil
	}
	s.phase, s.trouble = waiting, nil
	s.gen++
	return s, []effect{rest{}}
}

// late reports whether the outcome of that request no longer matters.
func (s state) late(gen uint64) bool { return s.phase == waiting || gen != s.gen }

func (s state) taken(ev taken) (state, []effect) {
	if s.late(ev.gen) {
		return s, nil
	}
	var fx []effect
	s.phase, s.stumbles = refreshing, 0
	if s.trouble != nil {
		s.trouble = nil
		if s.failures == 0 && s.source == member.Unreachable {
			s.unlisted = true // until an answer lists us
			s = s.assess()
		}
		fx = []effect{s.publish()}
	}
	s.gen++
	return s, append(fx, refresh{after: s.heartbeat, gen: s.gen})
}

// refused tries again. Only an agent that does not know us is told anew: a refresh that merely failed says nothing
// about the registration, and registering blindly could displace somebody. Why it failed is in the view until one
// succeeds: the others lose sight of a member that cannot announce itself.
func (s state) refused(ev refused) (state, []effect) {
	if s.late(ev.gen) {
		return s, nil
	}
	s.stumbles++
	pause := backoff(s.stumbles, ev.roll)
	if ev.lost {
		s, fx := s.recover(ev.now)
		s, again := s.register(ev.now, 0)
		return s, append(fx, again...)
	}
	s.trouble = fmt.Errorf("consul: %s: this member cannot announce itself: %w", s.agent, ev.err)
	if s.failures == 0 {
		s = s.assess()
	}
	fx := []effect{s.publish()}
	if s.phase == registering {
		s, again := s.register(ev.now, pause)
		return s, append(fx, again...)
	}
	s.gen++
	return s, append(fx, refresh{after: pause, gen: s.gen})
}

func (s state) register(now time.Time, after time.Duration) (state, []effect) {
	s.phase = registering
	s.gen++
	s.registered = now.Add(after)
	return s, []effect{register{after: after, gen: s.gen}}
}

// recovered believes the last answer, if it lists us; else it goes on waiting. During an outage there is nothing to
// believe; the next answer begins a new recovery.
func (s state) recovered(ev recovered) (state, []effect) {
	if !ev.until.Equal(s.recoverUntil) {
		return s, nil
	}
	s.recoverUntil = time.Time{}
	if s.failures > 0 {
		return s, nil
	}
	if _, listed := find(s.heard, s.self.Name); !listed {
		s.unlisted = true
		s = s.assess()
		s, fx := s.recover(ev.until)
		return s, append(fx, s.publish())
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

func (s state) publish() publish {
	v := member.View{Members: s.known, Source: s.source, Err: s.err}
	if v.Err == nil {
		v.Err = s.trouble
	}
	return publish{v}
}
