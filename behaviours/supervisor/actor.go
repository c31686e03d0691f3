package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// Props describes how to spawn a supervisor. One with a Spec that does not Validate ends at once with the *SpecError.
// Its end by itself is a *StartError or an *IntensityError, after its children's; told to stop it ends with
// process.ErrShutdown.
func Props(spec Spec, opts ...actor.PropsOption) *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[state, event, effect] {
		if err := spec.Validate(); err != nil {
			process.Exit(ctx, err)
			return process.Machine[state, event, effect]{}
		}
		return newHands(spec.withDefaults()).machine()
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

// Children returns what a supervisor knows of its children, in start order. Deadlines and errors are those of
// process.Call.
func Children(ctx context.Context, system *actor.ActorSystem, sup *actor.PID) ([]Info, error) {
	return process.Call[[]Info](ctx, system, sup, askChildren{})
}

type askChildren struct{}

// hands is the shell of one incarnation: it knows which actor is which child.
type hands struct {
	spec    Spec
	phase   phase // the core's, for Ready
	props   map[string]*actor.Props
	current map[string]incarnation // by child id
	byPID   map[string]of          // by actor id
	byRef   map[process.Ref]of
	timers  map[string]func() // by child id
}

type incarnation struct {
	of
	pid *actor.PID
	ref process.Ref
}

func newHands(spec Spec) *hands {
	h := &hands{
		spec:    spec,
		props:   make(map[string]*actor.Props),
		current: make(map[string]incarnation),
		byPID:   make(map[string]of),
		byRef:   make(map[process.Ref]of),
		timers:  make(map[string]func()),
	}
	for _, c := range spec.Children {
		h.props[c.ID] = c.Props
	}
	return h
}

func (h *hands) machine() process.Machine[state, event, effect] {
	return process.Machine[state, event, effect]{
		State: newState(h.spec),
		Step: func(s state, ev event) (state, []effect) {
			s, fx := step(s, ev)
			h.phase = s.phase
			return s, fx
		},
		Lift:    h.lift,
		Perform: h.perform,
		Ready:   func() bool { return h.phase == running },
		Stop:    func(actor.Context) (event, bool) { return halt{process.ErrShutdown}, true },
		Failed: func(_ actor.Context, pid *actor.PID, reason error) (event, bool) {
			who, ok := h.byPID[pid.GetId()]
			return failed{who, reason}, ok
		},
	}
}

func (h *hands) lift(ctx actor.Context) (event, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		return boot{}, true
	case *actor.Touched:
		who, ok := h.byPID[msg.GetWho().GetId()]
		return began{who}, ok
	case *actor.Terminated:
		who, ok := h.byPID[msg.GetWho().GetId()]
		delete(h.byPID, msg.GetWho().GetId())
		return gone{who, time.Now()}, ok
	case *process.Down:
		who, ok := h.byRef[msg.Ref]
		delete(h.byRef, msg.Ref)
		return down{who, msg.Reason, time.Now()}, ok
	case expired:
		msg.at = time.Now()
		return msg, true
	case unspawned:
		return msg, true
	case *process.Request:
		_, ok := msg.Body.(askChildren)
		return asked{msg.From}, ok
	}
	return nil, false
}

func (h *hands) perform(ctx actor.Context, f effect) {
	switch f := f.(type) {
	case spawn:
		h.spawn(ctx, f)
	case stop:
		if inc, ok := h.current[f.id]; ok { // if not, word that its spawn failed is on the way
			ctx.Stop(inc.pid)
		}
	case arm:
		h.disarm(f.id)
		h.timers[f.id] = process.After(ctx, f.after, expired{of: of{f.id, f.gen}, phase: f.phase})
	case disarm:
		h.disarm(f.id)
	case abandon:
		h.abandon(ctx, f)
	case describe:
		for i := range f.children {
			if c := f.children[i]; c.Phase == Starting || c.Phase == Up || c.Phase == Stopping {
				f.children[i].PID = h.current[c.ID].pid
			}
		}
		process.Respond(f.ask, f.children, nil)
	case tell:
		h.tell(ctx, f.notice)
	case exit:
		process.Exit(ctx, f.reason)
	}
}

func (h *hands) spawn(ctx actor.Context, f spawn) {
	who := of{f.id, f.gen}
	delete(h.current, f.id)
	pid, ref, err := spawnRecovering(ctx, h.props[f.id], f.name)
	if err != nil {
		ctx.Send(ctx.Self(), unspawned{who, err, time.Now()})
		return
	}
	h.current[f.id] = incarnation{who, pid, ref}
	h.byPID[pid.GetId()], h.byRef[ref] = who, who
	ctx.Request(pid, &actor.Touch{}) // answered when the child has started
}

// spawnRecovering makes an error of a panic in a producer, which runs in the turn of the one that spawns.
func spawnRecovering(ctx actor.Context, props *actor.Props, name string) (pid *actor.PID, ref process.Ref, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("supervisor: spawn of %q: %w", name, &process.PanicError{Value: v})
		}
	}()
	return process.SpawnMonitor(ctx, props, name)
}

func (h *hands) disarm(id string) {
	if cancel, ok := h.timers[id]; ok {
		cancel()
		delete(h.timers, id)
	}
}

// abandon forgets a child. protoactor would keep the supervisor from ending as long as it counts the child among its
// own, so it is told what it will not hear from the child.
func (h *hands) abandon(ctx actor.Context, f abandon) {
	inc, ok := h.current[f.id]
	if !ok {
		return
	}
	delete(h.current, f.id)
	delete(h.byPID, inc.pid.GetId())
	delete(h.byRef, inc.ref)
	process.Demonitor(ctx, inc.ref)
	if self, ok := ctx.ActorSystem().ProcessRegistry.Get(ctx.Self()); ok {
		self.SendSystemMessage(ctx.Self(), &actor.Terminated{Who: inc.pid})
	}
}

func (h *hands) tell(ctx actor.Context, n Notice) {
	if h.spec.Report != nil {
		h.spec.Report(n)
	}
	if n.What == Started || n.What == Ended && process.EndingOf(n.Reason) != process.Abnormal {
		return
	}
	ctx.Logger().Warn("supervisor: child "+n.What.String(),
		"supervisor", ctx.Self().GetId(), "child", n.Child, "reason", n.Reason)
}
