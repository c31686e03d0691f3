package remoting

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats counts what was not handled, since Start.
type Stats struct {
	Foreign     uint64 // items from strangers: not our envelope, not for the shell, or malformed
	Unsupported uint64 // envelopes of an unknown kind or a newer version
	Stale       uint64 // envelopes outside a session, or for another incarnation
	Panics      uint64 // handlers and streams that panicked
	Refused     uint64 // hellos turned away
	Failures    uint64 // connections that could not be made, or did not pass the handshake
}

type counters struct{ foreign, unsupported, stale, panics, refused, failures atomic.Uint64 }

// Stats returns the present counts.
func (r *Remoting) Stats() Stats {
	c := &r.stats
	return Stats{c.foreign.Load(), c.unsupported.Load(), c.stale.Load(), c.panics.Load(), c.refused.Load(), c.failures.Load()}
}

// A limiter lets one through per period and key, so that a stranger cannot fill the log.
type limiter struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const (
	limitPeriod = 10 * time.Second
	limitKeys   = 256 // beyond it the oldest word is forgotten with all the others
)

func (l *limiter) allow(key string) bool {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.last[key]; ok && now.Sub(at) < limitPeriod {
		return false
	}
	if l.last == nil || len(l.last) >= limitKeys {
		l.last = map[string]time.Time{}
	}
	l.last[key] = now
	return true
}
