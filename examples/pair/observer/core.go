package observer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Micros is a time in microseconds since the observer began.
type Micros int64

// Millis is the same in milliseconds, for people.
func (m Micros) Millis() float64 { return float64(m) / 1000 }

// An Act is what an application did, as its datagram says: "I am active".
type Act struct {
	Member string `json:"member"`
	PID    int    `json:"pid"`
	Epoch  uint64 `json:"epoch"`
	Start  string `json:"start"` // why it became active: normal, failover(a1), takeover(a1), restart
	N      uint64 `json:"n"`     // its counter: the state that is handed over
	// Left is how many microseconds its lease had left, as it knew, when it sent this. It is negative when the process was
	// paused after it had asked for its lease and before it acted.
	Left int64 `json:"left_us"`
}

const (
	maxAct  = 1024                   // bytes of a datagram
	maxLeft = 24 * 60 * 60 * 1000000 // microseconds, either way
)

// Decode reads a datagram and refuses what no application sends.
func Decode(datagram []byte) (Act, error) {
	if len(datagram) > maxAct {
		return Act{}, fmt.Errorf("observer: an act of %d bytes, at most %d are allowed", len(datagram), maxAct)
	}
	var a Act
	if err := json.Unmarshal(datagram, &a); err != nil {
		return Act{}, fmt.Errorf("observer: %w", err)
	}
	if a.Member == "" || a.PID <= 0 || a.Epoch == 0 || a.Left < -maxLeft || a.Left > maxLeft {
		return Act{}, errors.New("observer: an act needs member, pid, epoch, and left_us within a day")
	}
	return a, nil
}

// A Verdict is what became of one act.
type Verdict uint8

const (
	Began    Verdict = iota // accepted, the first of a new epoch
	Accepted                // accepted, of the epoch that holds
	Fenced                  // refused: a newer epoch has begun
	Overlap                 // refused: somebody else acts in the very same epoch
)

// String returns the verdict in small letters.
func (v Verdict) String() string { return [...]string{"began", "accepted", "fenced", "overlap"}[v] }

// A Spell is the time during which one epoch held, as far as its acts show.
type Spell struct {
	Member  string `json:"member"`
	PID     int    `json:"pid"`
	Epoch   uint64 `json:"epoch"`
	Start   string `json:"start"`
	First   Micros `json:"first_us"` // arrival of the first accepted act
	Last    Micros `json:"last_us"`  // arrival of the last one
	FirstN  uint64 `json:"first_n"`
	LastN   uint64 `json:"last_n"`
	Acts    uint64 `json:"acts"`
	Until   Micros `json:"until_us"`   // when the lease that the last act spoke of ends: the safe moment for a successor
	Silence Micros `json:"silence_us"` // longest time between two acts
	Outage  Micros `json:"outage_us"`  // from the last act of the epoch before to the first of this one
	Margin  Micros `json:"margin_us"`  // from the safe moment of the epoch before to the first act; negative is early
	Fenced  uint64 `json:"fenced"`     // acts of this epoch that came after a newer one had begun
}

// String says who acted, why and since when.
func (s Spell) String() string {
	return fmt.Sprintf("%s acting with %s in epoch %d since %.1f ms", s.Member, s.Start, s.Epoch, s.First.Millis())
}

// A Judge knows every spell so far and what was refused. The zero value has seen nothing.
type Judge struct {
	Spells   []Spell // in order of epochs, which is the order of time; the last one holds
	Fenced   uint64  // acts refused because a newer epoch had begun, whether or not that epoch ever held
	Overlaps uint64  // acts of a second process in the epoch that holds; zero in a cluster that works
}

// Step judges one act that arrived at a given time. The judge it was given stays as it was.
func Step(j Judge, at Micros, a Act) (Judge, Verdict) {
	if len(j.Spells) == 0 {
		return j.begin(at, a), Began
	}
	holds := j.Spells[len(j.Spells)-1]
	switch {
	case a.Epoch > holds.Epoch:
		return j.begin(at, a), Began
	case a.Epoch < holds.Epoch:
		return j.fence(a), Fenced
	case a.Member != holds.Member || a.PID != holds.PID:
		j.Overlaps++
		return j, Overlap
	}
	holds.Silence = max(holds.Silence, at-holds.Last)
	holds.Last, holds.LastN, holds.Until = at, a.N, at+Micros(a.Left)
	holds.Acts++
	return j.replace(len(j.Spells)-1, holds), Accepted
}

func (j Judge) begin(at Micros, a Act) Judge {
	next := Spell{
		Member: a.Member, PID: a.PID, Epoch: a.Epoch, Start: a.Start,
		First: at, Last: at, FirstN: a.N, LastN: a.N, Acts: 1, Until: at + Micros(a.Left),
	}
	if n := len(j.Spells); n > 0 {
		next.Outage = at - j.Spells[n-1].Last
		next.Margin = at - j.Spells[n-1].Until
	}
	j.Spells = append(slices.Clip(j.Spells), next)
	return j
}

func (j Judge) fence(a Act) Judge {
	j.Fenced++
	for i, s := range j.Spells {
		if s.Epoch == a.Epoch {
			s.Fenced++
			return j.replace(i, s)
		}
	}
	return j
}

func (j Judge) replace(i int, s Spell) Judge {
	j.Spells = slices.Clone(j.Spells)
	j.Spells[i] = s
	return j
}
