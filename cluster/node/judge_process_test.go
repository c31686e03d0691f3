//go:build process && linux

package node_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// An act is one datagram of an application: at that moment it was active, and its lease was to end at Until. Both are
// the sender's own readings of the machine's clock, so how long the datagram took does not matter.
type act struct {
	Member string
	PID    int
	Epoch  uint64
	Start  string
	At     time.Duration
	Until  time.Duration
}

// A spell is an unbroken stretch of acts of one process in one epoch.
type spell struct {
	act     // the first
	acts    int
	last    time.Duration
	until   time.Duration // when the latest lease that it spoke of ends
	overdue time.Duration // the most by which an act was later than its lease
	silence time.Duration // the longest between two acts
}

func (s spell) String() string {
	return fmt.Sprintf("%s (pid %d) %s in epoch %d: %d acts in %v, longest silence %v",
		s.Member, s.PID, s.Start, s.Epoch, s.acts, (s.last - s.At).Round(time.Millisecond), s.silence.Round(time.Millisecond))
}

// spells puts acts in the order of time and cuts them wherever another process or another epoch takes turns.
func spells(acts []act) []spell {
	acts = slices.Clone(acts)
	slices.SortStableFunc(acts, func(a, b act) int { return cmp.Compare(a.At, b.At) })
	var all []spell
	for _, a := range acts {
		if n := len(all); n == 0 || all[n-1].PID != a.PID || all[n-1].Epoch != a.Epoch || all[n-1].Member != a.Member {
			all = append(all, spell{act: a, last: a.At})
		}
		s := &all[len(all)-1]
		s.silence = max(s.silence, a.At-s.last)
		s.acts, s.last, s.until = s.acts+1, a.At, max(s.until, a.Until)
		s.overdue = max(s.overdue, a.At-a.Until)
	}
	return all
}

// judged says what is wrong with what happened. Acts of two processes that take turns, in whatever epochs, show as an
// epoch that does not rise. Of many overlaps, which come in hundreds, it names the first.
func judged(all []spell) error {
	var wrong []error
	overlaps := 0
	for i, s := range all {
		if i > 0 && s.Epoch <= all[i-1].Epoch {
			if overlaps++; overlaps == 1 {
				wrong = append(wrong, fmt.Errorf("overlap: %v, after %v", s, all[i-1]))
			}
		}
		if s.overdue > margin {
			wrong = append(wrong, fmt.Errorf("%v, one of them %v after its lease had ended", s, s.overdue))
		}
	}
	if overlaps > 1 {
		wrong = append(wrong, fmt.Errorf("and %d more overlaps", overlaps-1))
	}
	return errors.Join(wrong...)
}

// A judge hears all acts. It is outside of the cluster, and no cut ever separates it from anybody.
type judge struct {
	conn  net.PacketConn
	heard chan struct{} // closed when nothing is heard any more

	mu   sync.Mutex
	acts []act
}

func newJudge(t *testing.T, conn *net.UDPConn) *judge {
	_ = conn.SetReadBuffer(4 << 20) // the kernel may grant less
	j := &judge{conn: conn, heard: make(chan struct{})}
	go j.listen()
	t.Cleanup(func() {
		_ = conn.Close()
		<-j.heard
	})
	return j
}

func (j *judge) listen() {
	defer close(j.heard)
	buf := make([]byte, 1024)
	for {
		n, _, err := j.conn.ReadFrom(buf)
		if err != nil {
			return
		}
		var a act
		if err := json.Unmarshal(buf[:n], &a); err != nil {
			panic(fmt.Sprintf("%q: %v", buf[:n], err))
		}
		j.mu.Lock()
		j.acts = append(j.acts, a)
		j.mu.Unlock()
	}
}

func (j *judge) spells() []spell {
	j.mu.Lock()
	defer j.mu.Unlock()
	return spells(j.acts)
}

// holds is the latest spell, zero before the first act.
func (j *judge) holds() spell {
	all := j.spells()
	if len(all) == 0 {
		return spell{}
	}
	return all[len(all)-1]
}

// begin forgets what was heard: another life of the cluster is judged from now on.
func (j *judge) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acts = nil
}

func TestTheJudgeSeesOverlaps(t *testing.T) {
	a := func(member string, epoch uint64, at, until int) act {
		return act{
			Member: member, PID: int(member[0]), Epoch: epoch,
			At: time.Duration(at) * time.Millisecond, Until: time.Duration(until) * time.Millisecond,
		}
	}
	for name, c := range map[string]struct {
		acts   []act
		spells int
		fine   bool
	}{
		"nothing":                          {nil, 0, true},
		"one after the other":              {[]act{a("a", 1, 1, 9), a("a", 1, 2, 9), a("b", 2, 10, 19), a("a", 3, 20, 29)}, 3, true},
		"datagrams out of order":           {[]act{a("b", 2, 10, 19), a("a", 1, 1, 9)}, 2, true},
		"an old one once more":             {[]act{a("a", 1, 1, 99), a("b", 2, 10, 99), a("a", 1, 11, 99)}, 3, false},
		"two in one epoch":                 {[]act{a("a", 1, 1, 9), a("b", 1, 10, 19)}, 2, false},
		"an epoch that falls":              {[]act{a("a", 2, 1, 9), a("a", 1, 10, 19)}, 2, false},
		"later than its lease and margin":  {[]act{a("a", 1, 1, 9), a("a", 1, 400, 9)}, 1, false},
		"later than its lease by a little": {[]act{a("a", 1, 10, 9)}, 1, true},
	} {
		all := spells(c.acts)
		if err := judged(all); len(all) != c.spells || (err == nil) != c.fine {
			t.Errorf("%s: %d spells, %v", name, len(all), err)
		}
	}
}
