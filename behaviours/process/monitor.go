package process

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/asynkron/protoactor-go/actor"
)

// A Down tells a watcher that the actor it monitors has ended.
type Down struct {
	Ref         Ref
	Who         *actor.PID
	Incarnation uint64 // of the system that Who ran in
	Reason      error
}

// IgnoreDeadLetterLogging keeps protoactor quiet when the watcher is gone too.
func (*Down) IgnoreDeadLetterLogging() {}

// Monitor watches target. A *Down with the returned Ref arrives in the caller's user lane exactly once, when target's
// incarnation ends (a restart by protoactor is an end), after everything target sent to the caller before. If there is
// no target, a Down with ErrNoProc arrives at once. Each call is a monitor of its own.
//
// The target may be on another member (see Connect); if there is no connection to it, or as soon as that is lost, Down
// has ErrNodeDown, and Incarnation 0. Other reasons come as errors do in Call. What the target sent by Send, before, is
// handled before; a connection that is replaced at once, without the member being down, may lose that, but no Down.
//
// Down of a plain actor has ErrUnknown for reason. If the caller is made with Props, its end takes its monitors back.
func Monitor(ctx actor.Context, target *actor.PID) Ref {
	p := planeOf(ctx.ActorSystem())
	if w, ok := newWatcher(ctx, p); ok {
		p.monitor(w, target)
		return w.ref
	}
	return p.newRef()
}

// SpawnMonitor spawns a child and monitors it in one step, so that Down has the true reason however soon the child
// ends. The name is relative to the caller's, as in SpawnNamed. On an error there is no monitor.
func SpawnMonitor(ctx actor.Context, props *actor.Props, name string) (*actor.PID, Ref, error) {
	p := planeOf(ctx.ActorSystem())
	w, ok := newWatcher(ctx, p)
	if !ok {
		return nil, Ref{}, fmt.Errorf("process: spawn of %q: %w: %s has ended", name, ErrShutdown, ctx.Self().GetId())
	}
	var pt *point
	var isNew bool
	early := actor.WithOnInit(func(child actor.Context) { pt, isNew = p.add(w, child.Self()) })
	pid, err := ctx.SpawnNamed(props.Clone(early), name)
	switch {
	case err != nil:
		Demonitor(ctx, w.ref)
		return nil, Ref{}, fmt.Errorf("process: spawn of %q: %w", name, err)
	case pt == nil: // a spawn function of the user's
		p.monitor(w, pid)
	case isNew: // not before: the child's mailbox was not connected yet
		pt.watch()
	}
	return pid, w.ref, nil
}

// Demonitor takes a monitor back. After it returns no Down with this ref is handled by an actor made with Props; a
// plain actor may still find one that was in its mailbox already. An unknown ref is ignored.
func Demonitor(ctx actor.Context, ref Ref) {
	if l, ok := lifeOf(ctx); ok {
		delete(l.watching, ref)
	}
	p := planeOf(ctx.ActorSystem())
	if !p.take(ref) {
		p.demonitorFar(ref)
	}
}

type watcher struct {
	ref  Ref
	pid  *actor.PID
	proc actor.Process
}

// newWatcher makes a monitor of the calling actor's, unless that has ended.
func newWatcher(ctx actor.Context, p *plane) (watcher, bool) {
	w := watcher{ref: p.newRef(), pid: ctx.Self()}
	l, ours := lifeOf(ctx)
	if !ours {
		w.proc, _ = ctx.ActorSystem().ProcessRegistry.Get(ctx.Self())
		return w, true
	}
	if l.phase > exiting {
		return watcher{}, false
	}
	w.proc = l.proc
	if l.watching == nil {
		l.watching = make(map[Ref]struct{})
	}
	l.watching[w.ref] = struct{}{}
	return w, true
}

func (w watcher) tell(who *actor.PID, incarnation uint64, reason error) {
	w.proc.SendUserMessage(w.pid, &Down{Ref: w.ref, Who: who, Incarnation: incarnation, Reason: reason})
}

// A point stands for one monitored process. protoactor tells it once of the process's end, and it lives until then; an
// actor of ours has fired it with the true reason by that time.
type point struct {
	plane    *plane
	target   *actor.PID
	proc     actor.Process
	me       *actor.PID
	watchers map[Ref]watcher
	names    []string
}

var _ actor.Process = (*point)(nil)

func (p *plane) monitor(w watcher, target *actor.PID) {
	if target != nil && !p.local(target) {
		p.monitorFar(w, target)
		return
	}
	pt, isNew := p.add(w, target)
	switch {
	case pt == nil:
		w.tell(target, p.incarnation, ErrNoProc)
	case isNew: // not under the lock: protoactor may answer within this call
		pt.watch()
	}
}

// add returns nil if there is no target. An actor leaves the registry before it fires its monitors, for which it needs
// the lock: one that is found here under the lock has that still to do.
func (p *plane) add(w watcher, target *actor.PID) (pt *point, isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc, ok := p.system.ProcessRegistry.Get(target)
	if !ok {
		return nil, false
	}
	pt, isNew = p.pointOf(target, proc)
	pt.watchers[w.ref] = w
	p.refs[w.ref] = pt
	return pt, isNew
}

// pointOf returns the point of a process. A new one must be told to watch once the plane, locked here, is not any more.
func (p *plane) pointOf(target *actor.PID, proc actor.Process) (pt *point, isNew bool) {
	if pt, ok := p.points[proc]; ok {
		return pt, false
	}
	pt = &point{plane: p, target: target, proc: proc, watchers: make(map[Ref]watcher)}
	pt.me, _ = p.system.ProcessRegistry.Add(pt, p.monitorPrefix+strconv.FormatUint(p.seq.Add(1), 36))
	p.points[proc] = pt
	return pt, true
}

// take removes a monitor and says whether it was there. Whoever takes it is the only one to tell its watcher.
func (p *plane) take(ref Ref) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	pt, ok := p.refs[ref]
	if ok {
		delete(p.refs, ref)
		delete(pt.watchers, ref)
	}
	return ok
}

func (p *plane) forget(refs map[Ref]struct{}) {
	for ref := range refs {
		if !p.take(ref) {
			p.demonitorFar(ref)
		}
	}
}

// fire tells all who monitor proc, or are linked to it, that its incarnation has ended.
func (p *plane) fire(proc actor.Process, reason error) {
	p.mu.Lock()
	var due []watcher
	pt, ok := p.points[proc]
	if ok {
		due = pt.takeAll()
	}
	links := p.takeLinks(proc)
	p.mu.Unlock()
	pt.tellAll(due, reason)
	signalAll(links, proc, reason)
}

func (pt *point) watch() { pt.proc.SendSystemMessage(pt.target, &actor.Watch{Watcher: pt.me}) }

// takeAll empties the point and frees the names, oldest monitor first. The plane is locked.
func (pt *point) takeAll() []watcher {
	for _, name := range pt.names {
		delete(pt.plane.names, name)
	}
	pt.names = nil
	due := make([]watcher, 0, len(pt.watchers))
	for ref, w := range pt.watchers {
		due = append(due, w)
		delete(pt.plane.refs, ref)
	}
	clear(pt.watchers)
	slices.SortFunc(due, func(a, b watcher) int { return cmp.Compare(a.ref.Seq, b.ref.Seq) })
	return due
}

func (pt *point) tellAll(due []watcher, reason error) {
	for _, w := range due {
		w.tell(pt.target, pt.plane.incarnation, reason)
	}
}

// SendUserMessage ignores what strays here.
func (pt *point) SendUserMessage(*actor.PID, any) {}

// SendSystemMessage takes protoactor's word that the process has ended.
func (pt *point) SendSystemMessage(_ *actor.PID, message any) {
	gone, ok := message.(*actor.Terminated)
	if !ok {
		return
	}
	p := pt.plane
	p.mu.Lock()
	reason, ours := p.ending[pt.proc]
	if !ours {
		reason = terminatedReason(gone)
	}
	delete(p.points, pt.proc)
	due, links := pt.takeAll(), p.takeLinks(pt.proc)
	p.mu.Unlock()
	p.system.ProcessRegistry.Remove(pt.me)
	pt.tellAll(due, reason)
	signalAll(links, pt.proc, reason)
}

// Stop does nothing: a point ends with its target.
func (pt *point) Stop(*actor.PID) {}

func (p *plane) markEnding(proc actor.Process, reason error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ending[proc] = reason
}

func (p *plane) unmarkEnding(proc actor.Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ending, proc)
}

func (p *plane) endingOf(proc actor.Process) (error, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	reason, ok := p.ending[proc]
	return reason, ok
}
