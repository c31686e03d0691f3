package process

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
)

// ErrNameTaken says that another actor has the name.
var ErrNameTaken = errors.New("process: name taken")

// named is who has a name.
type named struct {
	pid  *actor.PID
	proc actor.Process
}

// Register gives an actor of this system a name, which is its alone until it ends (a restart by protoactor is an end)
// or Unregister. An actor may have many names; to give it one that it has already does nothing. The error is
// ErrNameTaken, or ErrNoProc if there is no such actor here. The name is free before any monitor hears of the end.
func Register(system *actor.ActorSystem, name string, pid *actor.PID) error {
	p := planeOf(system)
	if pid == nil || !p.local(pid) {
		return fmt.Errorf("process: register %q: %w: %v is not of this system", name, ErrNoProc, pid)
	}
	pt, isNew, err := p.register(name, pid)
	if err != nil {
		return fmt.Errorf("process: register %q for %s: %w", name, pid.GetId(), err)
	}
	if isNew {
		pt.watch()
	}
	return nil
}

func (p *plane) register(name string, pid *actor.PID) (pt *point, isNew bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc, ok := p.system.ProcessRegistry.Get(pid)
	if !ok {
		return nil, false, ErrNoProc
	}
	if had, taken := p.names[name]; taken {
		if had.proc == proc {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("%w by %s", ErrNameTaken, had.pid.GetId())
	}
	pt, isNew = p.pointOf(pid, proc)
	p.names[name] = named{pid: pid, proc: proc}
	pt.names = append(pt.names, name)
	return pt, isNew, nil
}

// Unregister frees a name, whoever has it, and reports whether somebody had.
func Unregister(system *actor.ActorSystem, name string) bool {
	p := planeOf(system)
	p.mu.Lock()
	defer p.mu.Unlock()
	had, ok := p.names[name]
	if !ok {
		return false
	}
	delete(p.names, name)
	if pt, ok := p.points[had.proc]; ok {
		pt.dropName(name)
	}
	return true
}

// WhereIs returns the actor that has the name now.
func WhereIs(system *actor.ActorSystem, name string) (*actor.PID, bool) {
	p := planeOf(system)
	p.mu.Lock()
	defer p.mu.Unlock()
	had, ok := p.names[name]
	return had.pid, ok
}

// RegisterSelf gives the calling actor a name: Register, for use in Init.
func RegisterSelf(ctx actor.Context, name string) error {
	return Register(ctx.ActorSystem(), name, ctx.Self())
}

func (pt *point) dropName(name string) {
	for i, n := range pt.names {
		if n == name {
			pt.names = append(pt.names[:i], pt.names[i+1:]...)
			return
		}
	}
}
