package supervisor

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// A crew is the shell's side of a lot.
type crew struct {
	first uint64
	pids  []*actor.PID
	left  atomic.Int64 // have neither begun nor ended; and one for the supervisor while it spawns
	lost  atomic.Bool  // one of them ended before it had begun, or was given up
	ask   process.From
	land  func() // tells the supervisor
}

// settled is called by the last of a lot, in whosever turn that is. If all have begun there is nothing to decide, and
// whoever asked for them need not wait for the supervisor's next turn. What it then asks of the supervisor comes after the
// word that the lot has landed.
func (c *crew) settled() {
	if c.left.Add(-1) > 0 {
		return
	}
	c.land()
	if !c.lost.Load() {
		process.Respond(c.ask, launched{pids: c.pids}, nil)
	}
}

// A tally says whether an incarnation has begun, or was lost before it did: whichever is first.
type tally struct{ v atomic.Int32 }

const (
	tallyBegun int32 = iota + 1
	tallyLost
)

func (t *tally) begun() bool { return t.v.Load() == tallyBegun }

func (r *record) begin() { r.settle(tallyBegun) }
func (r *record) lose()  { r.settle(tallyLost) }

func (r *record) settle(how int32) {
	if !r.count.v.CompareAndSwap(0, how) || r.crew == nil {
		return
	}
	if how == tallyLost {
		r.crew.lost.Store(true)
	}
	r.crew.settled()
}

// spawnLot spawns many instances, of which all together send one message when they have begun.
func (h *shell) spawnLot(ctx actor.Context, f spawnLot) {
	system, self := ctx.ActorSystem(), ctx.Self()
	c := &crew{first: f.first, pids: make([]*actor.PID, len(f.args)), ask: f.ask}
	c.land = func() { system.Root.Send(self, landed{f.lot}) }
	h.lots[f.lot] = c
	c.left.Store(int64(len(f.args)) + 1)
	records := make([]record, len(f.args))
	for i, arg := range f.args {
		rec := &records[i]
		rec.of, rec.crew = of{h.spec.Children[0].ID, f.first + uint64(i)}, c
		if err := h.bearInstance(ctx, rec, arg); err != nil {
			ctx.Send(self, unspawned{rec.of, err, time.Now()}) // before the lot can land
			rec.lose()
			continue
		}
		c.pids[i] = rec.child.PID
	}
	c.settled()
}

func (h *shell) bearInstance(ctx actor.Context, rec *record, arg any) (err error) {
	nursery := h.nursery
	if nursery == nil {
		defer func() {
			if v := recover(); v != nil {
				err = &process.PanicError{Value: v}
			}
		}()
		nursery = process.NewNursery(h.spec.Children[0].Make(arg))
	}
	return h.bear(ctx, rec, nursery, "", rec.begin)
}

// muster says who of a lot has neither begun nor ended, and gives them up: who begins from now on is too late.
func (h *shell) muster(lot uint64) mustered {
	m := mustered{lot: lot, at: time.Now()}
	c, ok := h.lots[lot]
	if !ok {
		return m
	}
	for i := range c.pids {
		rec := h.current.get(c.first + uint64(i))
		if rec != nil && rec.count.v.CompareAndSwap(0, tallyLost) { // unless it has begun by now
			c.lost.Store(true)
			m.absent = append(m.absent, rec.gen)
		}
	}
	return m
}

// land tells of those who began, and answers who asked for them.
func (h *shell) land(ctx actor.Context, f land) {
	c := h.lots[f.lot]
	delete(h.lots, f.lot)
	var errs []error
	for i, pid := range c.pids {
		err, ended := f.ended[c.first+uint64(i)]
		switch {
		case !ended:
			h.publish(ctx, Notice{h.spec.Children[0].ID, Started, nil}, pid)
		case isIgnore(err):
			c.pids[i] = nil
		case err != nil:
			errs = append(errs, err)
			c.pids[i] = nil
		}
	}
	process.Respond(f.ask, launched{c.pids, errors.Join(errs...)}, nil) // nothing if they have been answered
}

// launched is the answer to a launch.
type launched struct {
	pids []*actor.PID
	err  error
}
