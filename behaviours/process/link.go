package process

import (
	"github.com/asynkron/protoactor-go/actor"
)

// Exited is an exit signal as an actor that traps exits receives it: From, to which it was linked, ended with Reason.
type Exited struct {
	From   *actor.PID
	Reason error
	link   *link
}

// IgnoreDeadLetterLogging keeps protoactor quiet when the linked one is gone too.
func (*Exited) IgnoreDeadLetterLogging() {}

// A link binds two processes. It is in the table of both, and each side's entry goes when that side has dealt with it.
type link struct{ a, b named }

func (k *link) other(proc actor.Process) named {
	if k.a.proc == proc {
		return k.b
	}
	return k.a
}

// Link binds the calling actor and target to each other: when one ends, the other receives the reason. One that traps
// exits (TrapExit) receives *Exited, after everything that the ended one sent to it before. One that does not ends with
// the same reason, unless that is Normal (see EndingOf): after the message in hand, and before those that wait. Two actors
// have one link at most, and Link of self does nothing.
//
// If there is no target the caller is treated as if a linked one ended with ErrNoProc: the code after Link still runs. A plain protoactor actor always
// receives *Exited, and ends with ErrUnknown. Link panics if ctx is not the context of an actor made with Props.
//
// The target may be on another member (see Connect). If there is no connection to it, or as soon as that is lost, both
// ends are treated as if the other one had ended with ErrNodeDown. Other reasons come as errors do in Call. A connection
// that is replaced at once, without the member being down, may lose what the ended one sent before, but no exit.
func Link(ctx actor.Context, target *actor.PID) {
	l := mustLife(ctx, "Link")
	if l.phase > exiting {
		return
	}
	me := named{pid: l.self, proc: l.proc}
	if target != nil && !l.plane.local(target) {
		l.plane.linkFar(me, target)
		return
	}
	pt, isNew := l.plane.link(me, target)
	switch {
	case pt == nil:
		l.plane.refuseLink(me, target, ErrNoProc)
	case isNew:
		pt.watch()
	}
}

// Unlink takes a link back. After it returns no exit of target reaches the caller through it, nor the caller's target,
// unless target has heard of it already. It panics if ctx is not the context of an actor made with Props.
func Unlink(ctx actor.Context, target *actor.PID) {
	l := mustLife(ctx, "Unlink")
	var far []*farLink
	l.plane.mu.Lock()
	for k := range l.plane.links[l.proc] {
		other := k.other(l.proc)
		if samePID(other.pid, target) {
			l.plane.dropLink(l.proc, k)
			l.plane.dropLink(other.proc, k)
			if f, isFar := other.proc.(*farLink); isFar {
				far = append(far, f)
			}
		}
	}
	l.plane.mu.Unlock()
	for _, f := range far {
		f.unlink()
	}
}

// TrapExit says whether the calling actor receives the ends of those it is linked to as *Exited, instead of ending with
// them. It panics if ctx is not the context of an actor made with Props.
func TrapExit(ctx actor.Context, trap bool) { mustLife(ctx, "TrapExit").trap = trap }

func samePID(a, b *actor.PID) bool { return a.GetId() == b.GetId() && a.GetAddress() == b.GetAddress() }

func (p *plane) refuseLink(me named, target *actor.PID, why error) {
	k := &link{a: me}
	p.mu.Lock()
	p.addLink(me.proc, k)
	p.mu.Unlock()
	me.proc.SendUserMessage(me.pid, &Exited{From: target, Reason: why, link: k})
}

// link returns nil if there is no target.
func (p *plane) link(me named, target *actor.PID) (pt *point, isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	proc, ok := p.system.ProcessRegistry.Get(target)
	if !ok {
		return nil, false
	}
	pt, isNew = p.pointOf(target, proc)
	if proc == me.proc {
		return pt, isNew
	}
	for k := range p.links[me.proc] {
		if k.other(me.proc).proc == proc {
			return pt, isNew
		}
	}
	k := &link{a: me, b: named{pid: target, proc: proc}}
	p.addLink(me.proc, k)
	p.addLink(proc, k)
	return pt, isNew
}

func (p *plane) addLink(proc actor.Process, k *link) {
	if p.links[proc] == nil {
		p.links[proc] = make(map[*link]struct{})
	}
	p.links[proc][k] = struct{}{}
}

func (p *plane) dropLink(proc actor.Process, k *link) bool {
	_, ok := p.links[proc][k]
	delete(p.links[proc], k)
	if len(p.links[proc]) == 0 {
		delete(p.links, proc)
	}
	return ok
}

// takeLinks empties the table of one that has ended; the other sides keep their entries until they have dealt with the
// exit, so that Unlink still works. The plane is locked.
func (p *plane) takeLinks(proc actor.Process) []*link {
	links := p.links[proc]
	if links == nil {
		return nil
	}
	delete(p.links, proc)
	due := make([]*link, 0, len(links))
	for k := range links {
		if _, waits := p.links[k.other(proc).proc][k]; waits {
			due = append(due, k)
		}
	}
	return due
}

func signalAll(due []*link, proc actor.Process, reason error) {
	for _, k := range due {
		from, to := k.other(k.other(proc).proc), k.other(proc)
		to.proc.SendUserMessage(to.pid, &Exited{From: from.pid, Reason: reason, link: k})
	}
}

// signalled takes the end of a linked one ahead of all messages, and says whether it is to be a message itself: then it
// joins the queue, behind what the ended one sent before.
func (l *life) signalled(ctx actor.Context, x *Exited) (asMessage bool) {
	switch {
	case l.phase != live:
		return false
	case l.trap:
		return true
	case l.hears(x) && EndingOf(x.Reason) != Normal:
		Exit(ctx, x.Reason)
	}
	return false
}

// hears says whether an exit still concerns this actor: its link was not taken back meanwhile.
func (l *life) hears(x *Exited) bool {
	if x.link == nil {
		return true
	}
	l.plane.mu.Lock()
	defer l.plane.mu.Unlock()
	return l.plane.dropLink(l.proc, x.link)
}
