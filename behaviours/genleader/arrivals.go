package genleader

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// arrivals are what callers of this member have said and the group's actor has not taken yet, in their order. A call costs
// a place in a list, and one message makes the actor take all that there are.
type arrivals struct {
	mu       sync.Mutex
	calls    []arrival
	spare    []arrival
	gathered bool        // the actor is told when that is over
	yielding atomic.Bool // also when that was too long to be waited for
	letRun   func()      // runtime.Gosched
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
	return len(a.calls) == 1 && !a.gathered
}

// gathering begins or ends, and says whether there is anything to take.
func (a *arrivals) gathering(on bool) (some bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gathered = on
	return len(a.calls) > 0
}

// take returns what has come since the last time. It is good until the next.
func (a *arrivals) take() []arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.calls
	a.calls, a.spare = a.spare[:0], taken
	return taken
}

// withdraw takes a call back whose caller waits no longer. It says whether that was in time: the actor has not taken it.
func (a *arrivals) withdraw(seq uint64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := slices.IndexFunc(a.calls, func(one arrival) bool { return one.answer != nil && one.seq == seq })
	switch at {
	case -1:
		return false
	case 0: // most go in the order in which they came
		a.calls[0] = arrival{}
		a.calls = a.calls[1:]
	default:
		a.calls = slices.Delete(a.calls, at, at+1)
	}
	return true
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.calls)
}

const (
	patientYields = 16               // bounds how often yield lets others run
	patientFor    = time.Millisecond // bounds how long the end of a turn waits for them
)

// gather delays the end of the turn until runnable goroutines were scheduled, because a caller that was answered just
// now often calls again. The group's own goroutine does not yield: where many others want the processors, it would be
// scheduled much later.
func (s *shell) gather() {
	a := &s.group.arrivals
	if !a.yielding.CompareAndSwap(false, true) { // the last time has taken so long that it is not over yet
		s.again(flushed{})
		return
	}
	a.gathering(true)
	end := sync.OnceFunc(func() {
		if a.gathering(false) {
			s.group.tell(arrivalsWait{})
		}
		s.again(flushed{})
	})
	late := time.AfterFunc(patientFor, end)
	go func() {
		a.yield()
		late.Stop()
		end()
		a.yielding.Store(false)
	}()
}

// yield lets others run, as long as that makes more calls come. With nobody to run it takes no time.
func (a *arrivals) yield() {
	for range patientYields {
		before := a.count()
		a.letRun()
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
