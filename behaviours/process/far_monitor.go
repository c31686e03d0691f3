package process

import (
	"cmp"
	"slices"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// farWatch is a monitor of ours of an actor on another member.
type farWatch struct {
	watcher
	target *actor.PID
	seen   bool // the other member knows
}

func watchFrame(ref Ref, target *actor.PID) *wire.Frame {
	return &wire.Frame{What: &wire.Frame_Watch{Watch: &wire.Watch{Ref: wireRef(ref), Target: target.GetId()}}}
}

func (p *plane) monitorFar(w watcher, target *actor.PID) {
	t := p.port.Load()
	if t == nil {
		w.tell(target, 0, ErrNodeDown)
		return
	}
	t.mu.Lock()
	t.watching[w.ref] = &farWatch{watcher: w, target: target}
	t.again()
	t.mu.Unlock()
	if err := t.send(target.GetAddress(), watchFrame(w.ref, target)); err != nil && t.takeWatch(w.ref) != nil {
		w.tell(target, 0, ErrNodeDown)
	}
}

// takeWatch removes a monitor of ours. Whoever gets it is the only one to tell its watcher.
func (t *Port) takeWatch(ref Ref) *farWatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.watching[ref]
	delete(t.watching, ref)
	return w
}

// takeWatches removes the monitors of one member's actors, oldest first. The port is locked.
func (t *Port) takeWatches(address string) []*farWatch {
	var lost []*farWatch
	for ref, w := range t.watching {
		if w.target.GetAddress() == address {
			delete(t.watching, ref)
			lost = append(lost, w)
		}
	}
	slices.SortFunc(lost, func(a, b *farWatch) int { return cmp.Compare(a.ref.Seq, b.ref.Seq) })
	return lost
}

func (p *plane) demonitorFar(ref Ref) {
	t := p.port.Load()
	if t == nil {
		return
	}
	if w := t.takeWatch(ref); w != nil {
		t.sayUnwatch(w.target.GetAddress(), ref)
	}
}

func (t *Port) sayUnwatch(address string, ref Ref) {
	t.say(address, &wire.Frame{What: &wire.Frame_Unwatch{Unwatch: &wire.Unwatch{Ref: wireRef(ref)}}})
}

// ended takes word that a target of ours has ended. It comes again until we say that we have seen it.
func (t *Port) ended(address string, e *wire.Ended) {
	ref := refOf(e.GetRef())
	t.saySeen(address, ref, true)
	if ref.Incarnation != t.plane.incarnation {
		return
	}
	if w := t.takeWatch(ref); w != nil {
		w.tell(w.target, e.GetIncarnation(), errorOf(e.GetReason()))
	}
}

func (t *Port) saySeen(address string, ref Ref, ended bool) {
	t.say(address, &wire.Frame{What: &wire.Frame_Seen{Seen: &wire.Seen{Ref: wireRef(ref), Ended: ended}}})
}

func (t *Port) seen(address string, s *wire.Seen) {
	ref := refOf(s.GetRef())
	if t.seenLink(farRef{address, ref}, s.GetEnded()) {
		return
	}
	if s.GetEnded() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.watched, farRef{address, ref})
		return
	}
	t.mu.Lock()
	w, ok := t.watching[ref]
	if ok {
		w.seen = true
	}
	t.mu.Unlock()
	if !ok { // taken back meanwhile, and that got lost (nothing, to a link that is over)
		t.sayUnwatch(address, ref)
	}
}

// farTarget is a monitor that another member has of an actor of ours. As a process it is the watcher.
type farTarget struct {
	port  *Port
	key   farRef
	local Ref
	end   *wire.Frame // what is said until it is seen; nil while the target lives
}

var _ actor.Process = (*farTarget)(nil)

// watch begins a monitor for another member, unless this is only its repetition.
func (t *Port) watch(address string, w *wire.Watch) {
	key := farRef{address, refOf(w.GetRef())}
	t.saySeen(address, key.ref, false)
	t.mu.Lock()
	if _, known := t.watched[key]; known {
		t.mu.Unlock()
		return
	}
	target := &farTarget{port: t, key: key, local: t.plane.newRef()}
	t.watched[key] = target
	t.mu.Unlock()
	pid := actor.NewPID(t.plane.system.Address(), w.GetTarget())
	t.plane.monitor(watcher{ref: target.local, pid: pid, proc: target}, pid)
}

func (t *Port) unwatch(key farRef) {
	t.mu.Lock()
	target, ok := t.watched[key]
	delete(t.watched, key)
	t.mu.Unlock()
	if ok {
		t.plane.take(target.local)
	}
}

// SendUserMessage takes the Down.
func (f *farTarget) SendUserMessage(_ *actor.PID, msg any) {
	down, ok := msg.(*Down)
	if !ok {
		return
	}
	t := f.port
	frame := &wire.Frame{What: &wire.Frame_Ended{Ended: &wire.Ended{
		Ref: wireRef(f.key.ref), Incarnation: down.Incarnation, Reason: failureOf(down.Reason),
	}}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watched[f.key] != f {
		return // taken back
	}
	f.end = frame
	t.again()
	t.say(f.key.address, frame)
}

// SendSystemMessage ignores what strays here.
func (f *farTarget) SendSystemMessage(*actor.PID, any) {}

// Stop does nothing: it ends with its target.
func (f *farTarget) Stop(*actor.PID) {}
