package supervisor

import (
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/gendac/gendac/behaviours/process"
)

// Commands are calls: their deadlines, and the errors of calls that fail as such, are those of process.Call; do not use
// them within Receive. A command that its caller has given up on is done all the same. Commands wait for their turn (see
// the package's overview), questions (Children, CountChildren, GetChildSpec, Tree) do not; a supervisor that is stopping
// refuses commands with an error that is process.ErrNoProc.

// StartChild adds a child after all others, starts it, and waits until it has started. If it does not start the child is
// not added, and the error is a *StartError. Other errors are *SpecError and *CommandError: ErrAlreadyStarted (with its
// PID) or ErrAlreadyPresent if there is a child with this ID, ErrSimple. The PID is nil if the child ended with ErrIgnore.
func StartChild(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, child Child) (*actor.PID, error) {
	return start(ctx, system, sup, startChild{child: child})
}

// RestartChild starts a child that does not run, and waits until it has started. If it does not start, the error is a
// *StartError, and the child stays as it was. Other errors are *CommandError: ErrNotFound, ErrRunning, ErrRestarting (it
// is being restarted already), ErrSimple. The PID is nil if the child ended with ErrIgnore.
func RestartChild(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, id string) (*actor.PID, error) {
	return start(ctx, system, sup, restartChild{id: id})
}

// TerminateChild stops a child, waits until it has stopped or been abandoned, and calls off a restart of it. Its spec is
// kept, unless it is Temporary; a restart of a sibling, or RestartChild, can start it again. One that does not run is no
// error. Errors are *CommandError: ErrNotFound, and ErrSimple, for which see TerminatePID.
func TerminateChild(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, id string) error {
	return do(ctx, system, sup, terminateChild{id: id})
}

// DeleteChild forgets a child that does not run. Errors are *CommandError: ErrNotFound, ErrRunning, ErrRestarting,
// ErrSimple.
func DeleteChild(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, id string) error {
	return do(ctx, system, sup, deleteChild{id: id})
}

// StartOne starts one instance of the template of a simple_one_for_one, which is Made with arg, and waits until it has
// started. Errors are *StartError, and *CommandError: ErrSimple. The PID is nil if it ended with ErrIgnore.
func StartOne(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, arg any) (*actor.PID, error) {
	pids, err := StartMany(ctx, system, sup, arg)
	if err != nil {
		return nil, err
	}
	return pids[0], nil
}

// StartMany starts an instance for each argument and waits until all have started, or failed to. It is how to start
// thousands: one call, one answer. The PIDs are in the order of args; those who did not start are nil there, and the
// error joins a *StartError for each. They are no reason to stop the others. One that ended with ErrIgnore is nil as well,
// and no error.
func StartMany(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, args ...any) ([]*actor.PID, error) {
	l, err := process.Call[launched](ctx, system, sup, launch{args: args})
	if err != nil {
		return nil, err
	}
	return l.pids, l.err
}

// TerminatePID stops an instance of a simple_one_for_one and waits until it has stopped or been abandoned. If the instance
// is to be started again, pid is that of its last incarnation, and TerminatePID calls the restart off. One that is gone is
// no error. The error is a *CommandError with ErrNotFound if pid is that of another process: also of an abandoned
// instance, which may still run.
func TerminatePID(ctx context.Context, system *actor.ActorSystem, sup, pid *actor.PID) error {
	return do(ctx, system, sup, terminatePID{text: pid.GetId(), pid: pid})
}

// Children returns what a supervisor knows of its children, in start order: OTP's which_children.
func Children(ctx context.Context, system *actor.ActorSystem, sup *actor.PID) ([]Info, error) {
	s, err := process.Call[snapshot](ctx, system, sup, asked{})
	return s.infos, err
}

// CountChildren counts a supervisor's children.
func CountChildren(ctx context.Context, system *actor.ActorSystem, sup *actor.PID) (Counts, error) {
	return process.Call[Counts](ctx, system, sup, counted{})
}

// GetChildSpec returns the spec of a child, with its defaults. For a simple_one_for_one that is the template's.
func GetChildSpec(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, id string) (Child, error) {
	return process.Call[Child](ctx, system, sup, specAsked{id: id})
}

func start(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, cmd any) (*actor.PID, error) {
	value, err := process.Call[any](ctx, system, sup, cmd)
	pid, _ := value.(*actor.PID) // none of one that ended with ErrIgnore
	return pid, err
}

func do(ctx context.Context, system *actor.ActorSystem, sup *actor.PID, cmd any) error {
	_, err := process.Call[any](ctx, system, sup, cmd)
	return err
}

// request gives a command its asker.
func (h *shell) request(ctx actor.Context, req *process.Request) (event, bool) {
	ask := asker{req.From}
	switch cmd := req.Body.(type) {
	case startChild:
		cmd.asker = ask
		return cmd, true
	case restartChild:
		cmd.asker = ask
		return cmd, true
	case terminateChild:
		cmd.asker = ask
		return cmd, true
	case deleteChild:
		cmd.asker = ask
		return cmd, true
	case launch:
		cmd.asker, cmd.at = ask, time.Now()
		return cmd, true
	case terminatePID:
		cmd.asker = ask
		h.identify(ctx, &cmd)
		return cmd, true
	case asked:
		return asked{ask}, true
	case counted:
		return counted{ask}, true
	case specAsked:
		cmd.asker = ask
		return cmd, true
	}
	return nil, false
}

func (h *shell) answer(f answer) {
	var refused *CommandError
	if errors.As(f.err, &refused) {
		refused.PID = h.pidOf(f.child.gen)
	}
	value := f.value
	if f.child.gen != 0 && f.err == nil {
		value = h.pidOf(f.child.gen)
	}
	process.Respond(f.ask, value, f.err)
}

// snapshot is the answer to asked.
type snapshot struct {
	strategy Strategy
	infos    []Info
}

func (h *shell) describe(f describe) {
	for i := range f.infos {
		if c := &f.infos[i]; c.Phase == Starting || c.Phase == Up || c.Phase == Stopping {
			c.PID = h.pidOf(c.gen)
		}
	}
	process.Respond(f.ask, snapshot{f.strategy, f.infos}, nil)
}

// identify says whom a PID means.
func (h *shell) identify(ctx actor.Context, cmd *terminatePID) {
	pid := cmd.pid.(*actor.PID)
	cmd.gen, cmd.alive = h.genOf(pid), true
	if pid != nil && pid.GetAddress() == ctx.Self().GetAddress() {
		cmd.known = pid.GetId()
		_, cmd.alive = ctx.ActorSystem().ProcessRegistry.Get(pid)
	}
}

// genOf returns the incarnation that has a PID, whose pointer may be a copy; zero for none.
func (h *shell) genOf(pid *actor.PID) uint64 {
	if rec, ok := h.byPID[pid]; ok {
		return rec.gen
	}
	for own, rec := range h.byPID {
		if own.Equal(pid) {
			return rec.gen
		}
	}
	return 0
}
