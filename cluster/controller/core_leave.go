package controller

import (
	"time"
)

// leave tells the leader that this member is about to leave, and serves on meanwhile: what is active here is handed over
// as in a switchover.
func (l *local) leave(patience time.Duration) []localEffect {
	l.phase, l.patience = leaving, patience
	if len(l.alive) == 0 {
		return nil
	}
	l.want[leavingKey(l.self)] = encode(l.self)
	return []localEffect{hurry{leaving, patience}}
}

// acts says whether something is active here, or has been and waits for its successor's order to take what it left.
func (l *local) acts() bool {
	for _, instance := range l.instances() {
		if l.holds[instance.Group] && !l.quiet[instance] {
			return true
		}
	}
	return false
}

func (l *local) shutDown() []localEffect {
	l.phase = stopping
	if key := leavingKey(l.self); l.have[key] != l.want[key] {
		delete(l.want, key) // it has not got through, and does not matter any more
	}
	effects := []localEffect{}
	for _, instance := range l.instances() {
		effects = append(effects, shutDown{instance})
	}
	return append(effects, hurry{stopping, l.patience})
}

// giveUp ends a phase whose time is over, unless it has ended by itself.
func (l *local) giveUp(during localPhase) []localEffect {
	switch {
	case during != l.phase:
		return nil
	case during == leaving:
		return l.shutDown()
	default:
		return l.finish()
	}
}

// finish ends it. Nobody needs to have heard the last reports, but what still runs makes another end of it.
func (l *local) finish() []localEffect {
	if l.phase == stopped {
		return nil
	}
	l.phase = stopped
	return []localEffect{quiet{left: l.instances()}}
}
