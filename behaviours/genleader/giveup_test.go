package genleader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestWhatCallersHearIsTrue: turns wait for others for random times, callers give up at any moment, before their call has its
// turn too, and each member is cut off for a while. What was acknowledged is done once on all members, what was refused
// nowhere, and in the end nothing waits.
func TestWhatCallersHearIsTrue(t *testing.T) {
	for seed := range uint64(2) {
		inNet(t, func(t *testing.T, n *net) {
			for i, name := range n.names {
				n.members[name].group.arrivals.letRun = stalls(seed, uint64(i))
			}
			var heard verdicts
			var all sync.WaitGroup
			for i := range 30 {
				dice := rand.New(rand.NewPCG(seed, uint64(i)))
				all.Go(func() {
					for j := range 40 {
						heard.call(t, n.members[n.names[i%len(n.names)]], dice, fmt.Sprintf("m%d-%d", i, j))
						time.Sleep(time.Duration(dice.IntN(3000)) * time.Microsecond)
					}
				})
			}
			for _, name := range n.names {
				actorstest.Sleep(60 * time.Millisecond)
				n.isolate(name)
				actorstest.Sleep(700 * time.Millisecond)
				n.heal()
			}
			all.Wait()
			actorstest.Sleep(20 * time.Second)
			for _, m := range n.members {
				heard.holdAgainst(t, m)
			}
		})
	}
}

// stalls lets others run for a random time, which may be more than a turn waits for.
func stalls(seed, of uint64) func() {
	dice := rand.New(rand.NewPCG(seed, 1000+of))
	var mu sync.Mutex // one that is not waited for any more may be there still
	return func() {
		mu.Lock()
		pause := time.Duration(dice.IntN(int(5 * patientFor / 2)))
		mu.Unlock()
		time.Sleep(pause)
	}
}

// verdicts are the calls that were acknowledged, and those of which it was said that they were not done.
type verdicts struct {
	mu            sync.Mutex
	done, refused []string
}

func (v *verdicts) call(t *testing.T, m *member, dice *rand.Rand, message string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+dice.IntN(400))*time.Millisecond)
	defer cancel()
	if dice.IntN(3) == 0 {
		time.AfterFunc(time.Duration(dice.IntN(1500))*time.Microsecond, cancel)
	}
	_, err := m.group.LeaderCall(ctx, []byte(message))
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case err == nil:
		v.done = append(v.done, message)
	case !errors.Is(err, ErrUncertain):
		v.refused = append(v.refused, message)
	}
}

func (v *verdicts) holdAgainst(t *testing.T, m *member) {
	t.Helper()
	in, err := m.group.Inspect(t.Context())
	if waits := m.group.arrivals.count(); err != nil || in.PendingCalls != 0 || waits != 0 {
		t.Errorf("%s: %d calls and %d arrivals wait, %v", in.Self, in.PendingCalls, waits, err)
	}
	m.since() // everything has been done
	times := map[string]int{}
	for _, message := range m.applied {
		if times[message]++; times[message] == 2 {
			t.Errorf("%s: %s is done twice", in.Self, message)
		}
	}
	for _, message := range v.done {
		if times[message] == 0 {
			t.Errorf("%s: %s was acknowledged and is not there", in.Self, message)
		}
	}
	for _, message := range v.refused {
		if times[message] > 0 {
			t.Errorf("%s: of %s it was said that it was not done", in.Self, message)
		}
	}
	if len(v.done) < 500 || len(v.refused) == 0 {
		t.Errorf("%d acknowledged, %d refused: nothing is seen by that", len(v.done), len(v.refused))
	}
}
