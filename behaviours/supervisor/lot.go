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
	left  atomic.Int64 // have neither begun nor ended
	land  func()       // called by the last of them, in whosever turn that is
}

// A tally says whether an incarnation has begun, or was lost before it did: whichever is first.
type tally struct{ v atomic.Int32 }

const (
	tallyBegun int32 = iota + 1
	tallyLost
)

func (t *tally) begun() bool { return t.v.Load() == tallyBegun }
func (t *tally) open() bool  { return t.v.Load() == 0 }

func (r *record) begin() { r.settle(tallyBegun) }
func (r *record) lose()  { r.settle(tallyLost) }

func (r *record) settle(how int32) {
	if r.count.v.CompareAndSwap(0, how) && r.crew != nil && r.crew.left.Add(-1) == 0 {
		r.crew.land()
	}
}

// spawnLot spawns many instances, of which all together send one message when they have begun.
func (h *hands) spawnLot(ctx actor.Context, f spawnLot) {
	system, self := ctx.ActorSystem(), ctx.Self()
	c := &crew{first: f.first, pids: make([]*actor.PID, len(f.args))}
	c.land = func() { system.Root.Send(self, landed{f.lot}) }
	h.lots[f.lot] = c
	if len(f.args) == 0 {
		c.land()
	}
	c.left.Store(int64(len(f.args)))
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
}

func (h *hands) bearInstance(ctx actor.Context, rec *record, arg any) (err error) {
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

// muster says who of a lot has neither begun nor ended.
func (h *hands) muster(lot uint64) mustered {
	m := mustered{lot: lot, at: time.Now()}
	c, ok := h.lots[lot]
	if !ok {
		return m
	}
	for i := range c.pids {
		if rec := h.current.get(c.first + uint64(i)); rec != nil && rec.count.open() {
			m.absent = append(m.absent, rec.gen)
		}
	}
	return m
}

// land tells of those who began, and answers who asked for them.
func (h *hands) land(ctx actor.Context, f land) {
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
	process.Respond(f.ask, launched{c.pids, errors.Join(errs...)}, nil)
}

// launched is the answer to a launch.
type launched struct {
	pids []*actor.PID
	err  error
}
