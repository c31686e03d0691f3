package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/genleader/disk"
	"github.com/gendac/gendac/cluster/controller"
)

// farAhead is from how far ahead of the clock a number is not counted on from, if nobody has taken it up.
const farAhead = 24 * time.Hour

// nextIncarnation is that of a process that starts now: above those of all before it, whatever the clock says. Only a number
// from far ahead that nobody had taken up is not counted on from, because the others would not hear it either.
func nextIncarnation(now time.Time, last disk.Number) uint64 {
	fresh := genleader.NewIncarnation(now)
	if !last.TakenUp && last.Incarnation > genleader.NewIncarnation(now.Add(farAhead)) {
		return fresh
	}
	return max(fresh, last.Incarnation+1)
}

// number gives this process its incarnation, and keeps it if there is a data directory.
func (n *Node) number() error {
	n.incarnation = genleader.NewIncarnation(n.cfg.now())
	if n.store == nil {
		return nil
	}
	last, err := n.store.Number()
	if err != nil {
		return fmt.Errorf("node: DataDir: %w", err)
	}
	n.incarnation = nextIncarnation(n.cfg.now(), last)
	n.takenUp.Store(last.TakenUp && n.incarnation == last.Incarnation+1)
	if err := n.store.KeepNumber(disk.Number{Incarnation: n.incarnation, TakenUp: n.takenUp.Load()}); err != nil {
		return fmt.Errorf("node: DataDir: %w", err)
	}
	return nil
}

// happened is told by the group in its turn.
func (n *Node) happened(event genleader.Event) {
	switch e := event.(type) {
	case genleader.ViewChanged:
		if e.View.Leader.Name != "" && n.takenUp.CompareAndSwap(false, true) {
			go n.keepNumber()
		}
		n.tell(&n.leaderPID, controller.Look{})
	case genleader.LeaseEnded:
		n.tell(&n.localPID, controller.LeaseEnded{Term: e.Term})
	case genleader.Renumbered:
		n.tell(&n.localPID, controller.Renumbered{Self: model.Member(e.Self)})
		go n.keepNumber()
	}
}

// keepNumber keeps what is so when it has its turn.
func (n *Node) keepNumber() {
	if n.store == nil {
		return
	}
	n.keeping.Lock()
	defer n.keeping.Unlock()
	err := n.store.KeepNumber(disk.Number{Incarnation: n.member().Incarnation, TakenUp: n.takenUp.Load()})
	if err != nil && !errors.Is(err, os.ErrClosed) {
		n.cfg.Logger.Warn("the incarnation is not kept", slog.Any("err", err))
	}
}

// member is this process as its group knows it.
func (n *Node) member() model.Member {
	if n.group == nil {
		return model.Member{Name: n.cfg.Name, Incarnation: n.incarnation}
	}
	return model.Member(n.group.Member())
}
