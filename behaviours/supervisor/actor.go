package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process"
)

// Props describes how to spawn a supervisor. One with a Spec that does not Validate ends at once with the *SpecError.
// Its end by itself is a *StartError, an *IntensityError or a *SignificantError, after its children's; told to stop it
// ends with process.ErrShutdown.
func Props(spec Spec, opts ...actor.PropsOption) *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[core, event, effect] {
		if err := spec.Validate(); err != nil {
			process.Exit(ctx, err)
			return process.Machine[core, event, effect]{}
		}
		return newShell(spec.withDefaults()).machine()
	}, opts...)
}

// StartWait spawns a supervisor under parent and waits until all its children have started. An error wraps the
// supervisor's reason. See process.StartWait for the deadline and for where not to call it.
func StartWait(ctx context.Context, parent actor.SpawnerContext, spec Spec, name string) (*actor.PID, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	return process.StartWait(ctx, parent, Props(spec), name)
}

// A core decides: one for the strategies that know each child by its ID, one for simple_one_for_one.
type core interface {
	step(ev event) []effect
	ready() bool
	count() Counts
}

func newCore(spec Spec) core {
	if spec.Strategy == SimpleOneForOne {
		return newPool(spec)
	}
	return newState(spec)
}

// shell is the acting half of one incarnation: it knows which actor is which child.
type shell struct {
	spec    Spec
	core    core
	nursery *process.Nursery // of the template, if that is always the same Props
	current table[record]    // by gen
	// byPID goes by the pointer: one that an earlier incarnation of this supervisor abandoned may have had the same name,
	// and be heard of now.
	byPID  map[*actor.PID]*record
	lots   map[uint64]*crew
	timers map[uint64]func() // by gen
	left   *record           // the last one that ended, for what is told about it
}

// record is one incarnation of a child.
type record struct {
	of
	child process.Child
	crew  *crew // nil in a supervisor that knows its children by ID
	count tally

	props   *actor.Props // of a child with an ID, and what was prepared from them
	nursery *process.Nursery
}

func newShell(spec Spec) *shell {
	h := &shell{
		spec:    spec,
		core:    newCore(spec),
		current: newTable[record](),
		byPID:   make(map[*actor.PID]*record),
		lots:    make(map[uint64]*crew),
		timers:  make(map[uint64]func()),
	}
	if spec.Strategy == SimpleOneForOne && spec.Children[0].Props != nil {
		h.nursery = process.NewNursery(spec.Children[0].Props)
	}
	return h
}

func (h *shell) machine() process.Machine[core, event, effect] {
	return process.Machine[core, event, effect]{
		State:   h.core,
		Step:    func(c core, ev event) (core, []effect) { return c, c.step(ev) },
		Lift:    h.lift,
		Perform: h.perform,
		Ready:   h.core.ready,
		Stop:    func(actor.Context) (event, bool) { return halt{process.ErrShutdown}, true },
		Failed: func(_ actor.Context, pid *actor.PID, reason error) (event, bool) {
			rec, ok := h.byPID[pid]
			if !ok {
				return nil, false
			}
			return failed{rec.of, rec.count.begun(), reason, time.Now(), pid.GetId()}, true
		},
		Name:   "supervisor " + h.spec.Strategy.String(),
		Status: func() any { return h.core.count() },
	}
}

func (h *shell) lift(ctx actor.Context) (event, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		return boot{}, true
	case event: // from a timer, or from a child's own turn
		return stamped(msg), true
	case *actor.Touched: // a plain actor's word that it has started
		return h.touched(msg.GetWho())
	case *actor.Terminated:
		return h.terminated(msg.GetWho())
	case *process.Request:
		return h.request(ctx, msg)
	}
	return nil, false
}

// stamped reads the clock for what a timer, or a child, sent.
func stamped(ev event) event {
	switch ev := ev.(type) {
	case began:
		ev.at = time.Now()
		return ev
	case expired:
		ev.at = time.Now()
		return ev
	case waited:
		ev.at = time.Now()
		return ev
	case overdue:
		ev.at = time.Now()
		return ev
	}
	return ev
}

func (h *shell) touched(pid *actor.PID) (event, bool) {
	rec, ok := h.byPID[pid]
	if !ok {
		return nil, false
	}
	rec.begin()
	return began{rec.of, time.Now()}, rec.crew == nil
}

func (h *shell) terminated(pid *actor.PID) (event, bool) {
	rec, ok := h.byPID[pid]
	if !ok {
		return nil, false
	}
	h.forget(rec)
	reason, started := rec.child.Ended()
	return gone{rec.of, started || rec.count.begun(), reason, time.Now(), pid.GetId()}, true
}

func (h *shell) forget(rec *record) {
	delete(h.byPID, rec.child.PID)
	h.current.remove(rec.gen)
	rec.lose()
	h.left = rec
}

func (h *shell) perform(ctx actor.Context, f effect) {
	switch f := f.(type) {
	case spawn:
		h.spawn(ctx, f)
	case spawnLot:
		h.spawnLot(ctx, f)
	case stop:
		h.stop(ctx, f.gen)
	case stopAll:
		for _, gen := range f.gens {
			h.stop(ctx, gen)
		}
	case abandon:
		if rec := h.current.get(f.gen); rec != nil {
			h.forget(rec)
			process.Abandon(ctx, rec.child.PID)
		}
	case arm:
		h.disarm(f.gen)
		h.timers[f.gen] = process.After(ctx, f.after, expired{of: f.of, phase: f.phase})
	case disarm:
		h.disarm(f.gen)
	case wait:
		process.After(ctx, f.after, waited{hold: f.hold})
	case watch:
		process.After(ctx, f.after, overdue{})
	case muster:
		ctx.Send(ctx.Self(), h.muster(f.lot))
	case answer:
		h.answer(f)
	case land:
		h.land(ctx, f)
	case describe:
		h.describe(f)
	case tell:
		h.tell(ctx, f)
	case exit:
		process.Exit(ctx, f.reason)
	}
}

func (h *shell) spawn(ctx actor.Context, f spawn) {
	rec := &record{of: f.of}
	system, self := ctx.ActorSystem(), ctx.Self()
	begun := func() {
		rec.begin()
		system.Root.Send(self, began{of: f.of})
	}
	nursery := h.nurseryOf(f.child)
	rec.props, rec.nursery = f.child.Props, nursery
	err := h.bear(ctx, rec, nursery, f.name, begun)
	if errors.Is(err, actor.ErrNameExists) { // one that an earlier incarnation of this supervisor abandoned
		err = h.bear(ctx, rec, nursery, f.name+"~"+system.ProcessRegistry.NextId(), begun)
	}
	if err != nil {
		ctx.Send(self, unspawned{f.of, err, time.Now()})
	}
}

// nurseryOf prepares a child's Props, which costs more than to use them: a restart takes those of the last incarnation.
func (h *shell) nurseryOf(c Child) *process.Nursery {
	if h.left != nil && h.left.id == c.ID && h.left.props == c.Props {
		return h.left.nursery
	}
	return process.NewNursery(c.Props)
}

// bear spawns an incarnation and enters it. Begun is called in the child's turn.
func (h *shell) bear(ctx actor.Context, rec *record, nursery *process.Nursery, name string, begun func()) error {
	child, err := nursery.Spawn(ctx, name, begun)
	if err != nil {
		return err
	}
	rec.child = child
	h.current.put(rec.gen, rec)
	h.byPID[child.PID] = rec
	if child.Plain() {
		ctx.Request(child.PID, &actor.Touch{}) // answered when it has started
	}
	return nil
}

// stop tells an incarnation to stop. If there is none, word that its spawn failed is on the way.
func (h *shell) stop(ctx actor.Context, gen uint64) {
	if rec := h.current.get(gen); rec != nil {
		ctx.Stop(rec.child.PID)
	}
}

func (h *shell) disarm(gen uint64) {
	if cancel, ok := h.timers[gen]; ok {
		cancel()
		delete(h.timers, gen)
	}
}

func (h *shell) pidOf(gen uint64) *actor.PID {
	if rec := h.current.get(gen); rec != nil {
		return rec.child.PID
	}
	if h.left != nil && h.left.gen == gen {
		return h.left.child.PID
	}
	return nil
}

func (h *shell) tell(ctx actor.Context, f tell) {
	h.publish(ctx, f.notice, h.pidOf(f.gen))
}

func (h *shell) publish(ctx actor.Context, n Notice, pid *actor.PID) {
	if h.spec.Report != nil {
		h.spec.Report(n)
	}
	ctx.ActorSystem().EventStream.Publish(&Event{Supervisor: ctx.Self(), PID: pid, Notice: n})
	if n.What == Started || process.EndingOf(n.Reason) != process.Abnormal {
		return
	}
	ctx.Logger().Warn("child changed", slog.String("to", n.What.String()),
		slog.String("supervisor", ctx.Self().GetId()), slog.String("child", n.Child), slog.Any("reason", n.Reason))
}
