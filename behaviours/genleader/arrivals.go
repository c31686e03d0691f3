package genleader

import (
	"runtime"
	"sync"
)

// arrivals are what callers of this member have said and the group's actor has not taken yet, in their order. A call costs
// a place in a list, and one message makes the actor take all that there are.
type arrivals struct {
	mu    sync.Mutex
	calls []arrival
	spare []arrival
}

type arrival struct {
	called
	answer chan outcome // nil for a cast
}

// arrivalsWait is the message.
type arrivalsWait struct{}

// add says whether the actor has to be told.
func (a *arrivals) add(one arrival) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, one)
	return len(a.calls) == 1
}

// take returns what has come since the last time. It is good until the next.
func (a *arrivals) take() []arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.calls
	a.calls, a.spare = a.spare[:0], taken
	return taken
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

// patientYields bounds how often gather lets others run.
const patientYields = 16

// gather lets callers run who can, as long as that makes more calls come: who was answered just now often comes again.
// With nobody to run it takes no time.
func (a *arrivals) gather() {
	for range patientYields {
		before := a.count()
		runtime.Gosched()
		if a.count() == before {
			return
		}
	}
}

// arrived takes what callers have said.
func (s *shell) arrived() arrived {
	clear(s.calls)
	s.calls = s.calls[:0]
	taken := s.group.arrivals.take()
	for _, a := range taken {
		if a.cast {
			s.group.inbox.give(len(a.request))
		} else {
			s.waiting[a.seq] = a.answer
		}
		s.calls = append(s.calls, a.called)
	}
	clear(taken)
	return arrived{calls: s.calls}
}

// said brings what the behaviour answered back to this very actor, in its order, and all that comes in one turn at once.
func (s *shell) said(e event) {
	if len(s.sayings) == 0 {
		s.group.system.Root.Send(s.self, sayings{})
	}
	s.sayings = append(s.sayings, e)
}

// takeSayings returns what the behaviour has said. It is good until the next time.
func (s *shell) takeSayings() []event {
	clear(s.heard)
	s.heard, s.sayings = s.sayings, s.heard[:0]
	return s.heard
}
