package process

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Info is what Inspect tells of an actor, all of it at one moment between two of its messages.
type Info struct {
	PID         *actor.PID
	Behaviour   string // Machine.Name
	Phase       string // starting, running, exiting, ended (waits for its children), buried
	State       any    // what Machine.Status returns, or the core's state without one
	Mailbox     int    // messages waiting
	LastMessage string // type of the last message handled; of a call or a cast, that of its body
	Handled     uint64 // messages of the user lane handled, over all incarnations of this PID
	Restarts    uint64 // by protoactor; a supervisor of ours makes a new actor instead
	Links       int
	Monitors    int // actors that it monitors
	MonitoredBy int
	Started     time.Time // of this incarnation
}

// Inspect asks an actor made with Props about itself. It is answered between two messages, ahead of those that wait, so
// that a long mailbox does not hide itself; one that never returns from Receive cannot answer: ErrTimeout, after the
// deadline of ctx or DefaultTimeout. Other errors are ErrNoProc as in Call, and ErrUnsupported for a plain protoactor
// actor.
//
// The actor may be on another member (see Connect): State is then its text, unless it is a protobuf message whose type
// both members know, and ErrNodeDown is an error more, as in Call.
func Inspect(ctx context.Context, system *actor.ActorSystem, pid *actor.PID) (Info, error) {
	p := planeOf(system)
	if pid != nil && !p.local(pid) {
		return p.inspectFar(ctx, pid)
	}
	proc, ok := system.ProcessRegistry.Get(pid)
	if !ok {
		return Info{}, fmt.Errorf("%w: inspection of %s", ErrNoProc, pid.GetId())
	}
	// A plain actor does not know the probe, but it, too, answers the touch that follows.
	value, err := p.exchange(ctx, pid, proc, probe{}, func(from From) any {
		touch := &actor.Touch{}
		proc.SendSystemMessage(pid, &probe{from, touch})
		return touch
	})
	if err != nil {
		return Info{}, err
	}
	info, ok := value.(Info)
	if !ok {
		return Info{}, notOurs(pid)
	}
	return info, nil
}

func notOurs(pid *actor.PID) error {
	return fmt.Errorf("%w: inspection of %s: it is no actor made with process.Props", ErrUnsupported, pid.GetId())
}

// probe is a question of Inspect.
type probe struct {
	from  From
	touch *actor.Touch // follows, and is for nobody by then
}

func (m *mailbox) inspect(a alive) Info {
	l := a.lifeOf()
	info := Info{
		PID:       m.ctx.Self(),
		Behaviour: "process",
		Phase:     l.phase.String(),
		Mailbox:   m.waiting(),
		Handled:   m.handled,
		Restarts:  uint64(m.restarts),
	}
	if m.last != nil {
		info.LastMessage = inside(m.last).String()
	}
	if l.plane == nil {
		return info // not begun
	}
	info.Behaviour, info.State = a.status()
	info.Started = time.Unix(0, l.started)
	info.Monitors = len(l.watching)
	l.plane.mu.Lock()
	defer l.plane.mu.Unlock()
	info.Links = len(l.plane.links[l.proc])
	if pt, ok := l.plane.points[l.proc]; ok {
		info.MonitoredBy = len(pt.watchers)
	}
	return info
}

// status must not hurt the actor, whatever the user's function does.
func (i *interpreter[S, E, F]) status() (name string, state any) {
	name = i.machine.Name
	if name == "" {
		name = "process"
	}
	if i.machine.Status == nil {
		return name, i.machine.State
	}
	defer func() {
		if v := recover(); v != nil {
			state = &PanicError{Value: v}
		}
	}()
	return name, i.machine.Status()
}

// inside is the type of what a behaviour's envelope holds, as far as that can be seen from its own type.
func inside(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Struct && t.NumField() == 1 && t.Field(0).Type.Kind() != reflect.Interface && t.Implements(reflect.TypeFor[Carried]()) {
		return t.Field(0).Type
	}
	return t
}

// typeOf keeps the type of a message, not the message, which may be large.
func typeOf(envelope any) reflect.Type {
	switch msg := actor.UnwrapEnvelopeMessage(envelope).(type) {
	case *Request:
		return reflect.TypeOf(msg.Body)
	case *fired:
		return reflect.TypeOf(msg.msg)
	default:
		return reflect.TypeOf(msg)
	}
}

func (ph phase) String() string {
	switch ph {
	case unborn:
		return "starting"
	case live:
		return "running"
	case exiting:
		return "exiting"
	case ended:
		return "ended"
	case buried:
		return "buried"
	}
	return fmt.Sprintf("phase(%d)", int(ph))
}
