package process

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/process/internal/wire"
)

// kept is for how many rounds of resending a link that is over is remembered, so that the repeated word of its end is not
// taken for the end of another one.
const kept = 20

// A bond is where one side of a link across members is.
type bond int

const (
	bound   bond = iota
	leaving      // taken back or ended here, which the other side has not seen yet
	over         // ended there
)

// farLink is the other member's end of a link: as a process it stands for the actor there, and has that actor's entry in
// the table of links. Beside the entry it is what the two members have to tell each other.
type farLink struct {
	port  *Port
	key   farRef      // the reference is of the side that made the link
	made  *wire.Link  // set if that is ours
	bond  bond        // this and the rest belongs to the port's lock
	say   *wire.Frame // until it is seen
	round int         // of being remembered
}

var _ actor.Process = (*farLink)(nil)

// linkFar binds an actor of ours to one of another member.
func (p *plane) linkFar(me named, target *actor.PID) {
	t := p.port.Load()
	if t == nil {
		p.refuseLink(me, target, ErrNodeDown)
		return
	}
	ref := p.newRef()
	f := &farLink{port: t, key: farRef{target.GetAddress(), ref}}
	f.made = &wire.Link{Ref: wireRef(ref), From: me.pid.GetId(), To: target.GetId()}
	f.say = &wire.Frame{What: &wire.Frame_Link{Link: f.made}}
	if !p.bind(me, named{pid: target, proc: f}) {
		return // they are linked already
	}
	t.mu.Lock()
	t.links[f.key] = f
	t.again()
	err := t.send(f.key.address, f.say)
	if err != nil {
		delete(t.links, f.key)
	}
	t.mu.Unlock()
	if err != nil {
		p.lose(f, ErrNodeDown)
	}
}

// bind enters a link to a far actor and says whether it is new.
func (p *plane) bind(me, far named) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.links[me.proc] {
		other := k.other(me.proc)
		if _, isFar := other.proc.(*farLink); isFar && samePID(other.pid, far.pid) {
			return false
		}
	}
	k := &link{a: me, b: far}
	p.addLink(me.proc, k)
	p.addLink(far.proc, k)
	return true
}

// linked enters a link that another member's actor has made, unless this is only its repetition.
func (t *Port) linked(address string, l *wire.Link) {
	key := farRef{address, refOf(l.GetRef())}
	t.mu.Lock()
	t.saySeen(address, key.ref, false)
	_, known := t.links[key]
	if known || key.ref.Incarnation == t.plane.incarnation {
		t.mu.Unlock()
		return
	}
	f := &farLink{port: t, key: key}
	t.links[key] = f
	t.mu.Unlock()
	f.enter(l)
}

// enter binds the far actor to its target here and says whether there is one; if not, the far one is told.
func (f *farLink) enter(l *wire.Link) bool {
	p := f.port.plane
	from := named{pid: actor.NewPID(f.key.address, l.GetFrom()), proc: f}
	pt, isNew := p.link(from, actor.NewPID(p.system.Address(), l.GetTo()))
	switch {
	case pt == nil:
		f.leave(ErrNoProc)
	case isNew:
		pt.watch()
	}
	return pt != nil
}

// exited takes word that the far end of a link has ended. It comes again until we say that we have seen it.
func (t *Port) exited(address string, e *wire.Exited) {
	key := farRef{address, refOf(e.GetRef())}
	t.mu.Lock()
	t.saySeen(address, key.ref, true)
	f, known := t.links[key]
	if !known {
		if e.GetLink() == nil || key.ref.Incarnation == t.plane.incarnation {
			t.mu.Unlock()
			return // a former incarnation's, or long over
		}
		f = &farLink{port: t, key: key} // word of the link was lost
		t.links[key] = f
	}
	wasBound := f.bond == bound
	f.finish()
	t.mu.Unlock()
	if !known && !f.enter(e.GetLink()) {
		return
	}
	if wasBound {
		t.plane.lose(f, errorOf(e.GetReason()))
	}
}

// finish remembers a link that has ended there. The port is locked.
func (f *farLink) finish() {
	f.bond, f.say, f.round = over, nil, 0
	f.port.again()
}

// unlinked takes a link back that the other side does not want any more.
func (t *Port) unlinked(address string, u *wire.Unlink) {
	key := farRef{address, refOf(u.GetRef())}
	t.mu.Lock()
	t.saySeen(address, key.ref, true)
	f, known := t.links[key]
	delete(t.links, key)
	t.mu.Unlock()
	if known {
		t.plane.cutLinks(f)
	}
}

// cutLinks drops what is left of a far link from the table.
func (p *plane) cutLinks(f *farLink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k := range p.links[f] {
		p.dropLink(k.other(f).proc, k)
		p.dropLink(f, k)
	}
}

// lose tells the actor here that the far one has ended.
func (p *plane) lose(f *farLink, reason error) {
	p.mu.Lock()
	due := p.takeLinks(f)
	var twins []*farLink
	if !errors.Is(reason, ErrNoProc) {
		twins = p.takeTwins(due, f)
	}
	p.mu.Unlock()
	f.port.mu.Lock()
	for _, twin := range twins {
		twin.finish()
	}
	f.port.mu.Unlock()
	signalAll(due, f, reason)
}

// takeTwins removes the other links between the same two actors: both may have made one at the same moment. The plane is
// locked.
func (p *plane) takeTwins(due []*link, f *farLink) (twins []*farLink) {
	for _, k := range due {
		here, far := k.other(f).proc, k.other(k.other(f).proc)
		for other := range p.links[here] {
			end := other.other(here)
			if twin, ok := end.proc.(*farLink); ok && other != k && samePID(end.pid, far.pid) {
				p.dropLink(here, other)
				p.dropLink(twin, other)
				twins = append(twins, twin)
			}
		}
	}
	return twins
}

// leave tells the other side that our end has ended.
func (f *farLink) leave(reason error) {
	f.part(&wire.Frame{What: &wire.Frame_Exited{Exited: &wire.Exited{
		Ref: wireRef(f.key.ref), Reason: failureOf(reason), Link: f.made,
	}}})
}

// unlink tells the other side that our end has taken the link back.
func (f *farLink) unlink() {
	f.part(&wire.Frame{What: &wire.Frame_Unlink{Unlink: &wire.Unlink{Ref: wireRef(f.key.ref)}}})
}

func (f *farLink) part(word *wire.Frame) {
	t := f.port
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[f.key] != f || f.bond != bound {
		return // it has ended there, or its member is down
	}
	f.bond, f.say = leaving, word
	t.again()
	t.say(f.key.address, word)
}

// seenLink takes word that a frame about a link has arrived, and says whether it was about one.
func (t *Port) seenLink(key farRef, ended bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.links[key]
	switch {
	case !ok:
		return false
	case ended && f.bond == leaving:
		delete(t.links, key)
	case !ended && f.bond == bound:
		f.say = nil
	}
	return true
}

// sayLinks says again what has not been seen, and forgets what has been over for long. The port is locked.
func (t *Port) sayLinks() {
	for key, f := range t.links {
		switch {
		case f.bond == over:
			if f.round++; f.round > kept {
				delete(t.links, key)
				continue
			}
			t.again()
		case f.say != nil:
			t.again()
			t.say(key.address, f.say)
		}
	}
}

// takeLinksTo removes the links to a member's actors. The port is locked.
func (t *Port) takeLinksTo(address string) []*farLink {
	var lost []*farLink
	for key, f := range t.links {
		if key.address == address {
			delete(t.links, key)
			lost = append(lost, f)
		}
	}
	return lost
}

// SendUserMessage takes the end of the actor here.
func (f *farLink) SendUserMessage(_ *actor.PID, msg any) {
	if x, ok := msg.(*Exited); ok {
		f.port.plane.cutLinks(f)
		f.leave(x.Reason)
	}
}

// SendSystemMessage ignores what strays here.
func (f *farLink) SendSystemMessage(*actor.PID, any) {}

// Stop does nothing: it ends with its link.
func (f *farLink) Stop(*actor.PID) {}
