package process

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// A Nursery spawns children of one actor from one Props, for supervisors. It costs nothing per child beyond the spawn:
// no monitor, no message; what a child leaves behind is read when *actor.Terminated of it arrives, which every parent
// gets. It belongs to the turns of that actor.
type Nursery struct {
	props *actor.Props
	begun func()
	pid   *actor.PID
	born  *life
}

// NewNursery prepares props for many spawns.
func NewNursery(props *actor.Props) *Nursery {
	n := &Nursery{}
	n.props = props.Clone(actor.WithOnInit(n.receive))
	return n
}

func (n *Nursery) receive(child actor.Context) {
	n.pid = child.Self()
	if a, ours := child.Actor().(alive); ours {
		n.born = a.lifeOf()
		n.born.begun, n.born.nursed = n.begun, true
	}
}

// Spawn spawns a child of the calling actor; an empty name means a fresh one. Begun is called in the child's turn, once,
// when it has started (see Machine.Ready), and must not block; never if the child ends before, and never for a plain
// actor. A panic of the producer, which runs here, is an error.
func (n *Nursery) Spawn(ctx actor.Context, name string, begun func()) (c Child, err error) {
	if name == "" {
		name = ctx.ActorSystem().ProcessRegistry.NextId()
	}
	defer func() {
		n.begun, n.pid, n.born = nil, nil, nil
		if v := recover(); v != nil {
			err = fmt.Errorf("process: spawn of %q: %w", name, reasonOf(v))
		}
	}()
	n.begun = begun
	pid, err := ctx.SpawnNamed(n.props, name)
	if err != nil {
		return Child{}, fmt.Errorf("process: spawn of %q: %w", name, err)
	}
	if n.pid != nil {
		pid = n.pid
	}
	return Child{PID: pid, life: n.born}, nil
}

// A Child is what its parent holds of an actor spawned by a Nursery.
type Child struct {
	PID  *actor.PID // the very pointer that its *actor.Terminated has; an earlier actor of that name has another
	life *life      // nil for a plain actor
}

// Plain says that the child is no actor made with Props: it does not tell when it has started, nor why it ended.
func (c Child) Plain() bool { return c.life == nil }

// Ended returns why the child ended, and whether it had started: exactly if begun was called. Its parent may ask once
// it has received *actor.Terminated of the child, not before. Of a plain actor neither is known: ErrUnknown, false.
func (c Child) Ended() (reason error, started bool) {
	if c.Plain() {
		return ErrUnknown, false
	}
	return c.life.reason, c.life.isReady
}

// Abandon gives up on a child of the calling actor that does not end. To everybody else it has ended with ErrKilled:
// monitors and links hear of it, and its registered names are free. Its PID stays its own, and it may run on; the stop
// that it was told waits in its mailbox. The calling actor need not wait for it any more to end itself, and hears nothing
// of it but perhaps a late *actor.Terminated.
func Abandon(ctx actor.Context, child *actor.PID) {
	registry := ctx.ActorSystem().ProcessRegistry
	if proc, ok := registry.Get(child); ok {
		planeOf(ctx.ActorSystem()).fire(proc, ErrKilled)
	}
	// protoactor keeps a parent from ending as long as it counts the child among its own.
	if self, ok := registry.Get(ctx.Self()); ok {
		self.SendSystemMessage(ctx.Self(), &actor.Terminated{Who: child})
	}
}
