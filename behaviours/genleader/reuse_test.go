package genleader

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gendac/gendac/behaviours/process/actorstest"
)

// TestNobodyGetsTheAnswerOfAnother: where callers wait, and what they said, is used again. Some give up at any moment, and
// leaders come and go.
func TestNobodyGetsTheAnswerOfAnother(t *testing.T) {
	inNet(t, func(t *testing.T, n *net) {
		const callers, each = 40, 50
		var all sync.WaitGroup
		for i := range callers {
			m := n.members[n.names[i%len(n.names)]]
			dice := rand.New(rand.NewPCG(1, uint64(i)))
			all.Go(func() {
				for j := range each {
					callOrGiveUp(t, m, dice, fmt.Sprintf("m%d-%d.", i, j))
					time.Sleep(time.Duration(dice.IntN(20)) * time.Millisecond)
				}
			})
		}
		for i := range 5 {
			actorstest.Sleep(150 * time.Millisecond)
			n.isolate(n.names[i%len(n.names)])
			actorstest.Sleep(50 * time.Millisecond)
			n.heal()
		}
		all.Wait()
	})
}

func callOrGiveUp(t *testing.T, m *member, dice *rand.Rand, message string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+dice.IntN(400))*time.Millisecond)
	defer cancel()
	if dice.IntN(3) == 0 {
		go cancel()
	}
	switch dice.IntN(4) {
	case 0:
		_, _ = m.group.ReadIndex(ctx)
	case 1:
		m.group.LeaderCast([]byte("cast"))
	default:
		reply, err := m.group.LeaderCall(ctx, []byte(message))
		if err == nil && !strings.HasPrefix(string(reply), message+" done by "+m.group.cfg.Self.Name) {
			t.Errorf("%s on %s was answered %q", message, m.group.cfg.Self.Name, reply)
		}
	}
}
