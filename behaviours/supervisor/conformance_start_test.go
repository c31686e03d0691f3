package supervisor_test

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/genserver"
	"github.com/gendac/gendac/behaviours/process/actorstest"
	"github.com/gendac/gendac/behaviours/supervisor"
)

// thinker goes on for an hour after its Init.
type thinker struct {
	genserver.Defaults
	started func()
}

func (s *thinker) Init(ctx *genserver.Context) error {
	s.started()
	ctx.Continue("think")
	return nil
}

func (s *thinker) HandleContinue(*genserver.Context, any) genserver.Return {
	time.Sleep(time.Hour)
	return genserver.NoReply()
}

// TestAHandleContinueIsNoPartOfTheStart: the next child does not wait for it, and one that lasts longer than a start may
// is no failed start.
func TestAHandleContinueIsNoPartOfTheStart(t *testing.T) {
	actorstest.Run(t, func(t *testing.T, system *actor.ActorSystem) {
		starts := make(chan string, 9)
		child := func(id string) supervisor.Child {
			return supervisor.Child{ID: id, Start: time.Second, Props: genserver.Props(func() genserver.Server {
				return &thinker{started: func() { starts <- id }}
			})}
		}
		begin := time.Now()
		sup := startSup(t, system, supervisor.Spec{Children: []supervisor.Child{child("a"), child("b")}})
		if time.Since(begin) != 0 {
			t.Errorf("the start took %v", time.Since(begin))
		}
		actorstest.Sleep(10 * time.Hour)
		if len(starts) != 2 {
			t.Errorf("%d starts, want one of each child", len(starts))
		}
		system.Root.Stop(sup)
		actorstest.Sleep(time.Hour)
	})
}

var _ genserver.Continuer = (*thinker)(nil)
