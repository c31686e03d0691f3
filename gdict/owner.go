package gdict

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process"
)

// roundEvery is how often a leader looks for owners that have ended, while anybody owns anything.
const roundEvery = 250 * time.Millisecond

// A StoreOption says more about a key that is stored; see OwnedBy.
type StoreOption func(*Owner) *Owner

// OwnedBy binds a key to an owner: it is erased when the owner has ended, once the leader knows that. An owner ends
//
//   - as a member: when its process is known to be gone (its address refuses connections) or has left; or when a newer
//     process has its name, or the group has removed it, and its lease is certainly over. A member that is only silent has
//     not ended: its keys stay, however long.
//   - with Owner.WhileLeased: also when it is silent and its lease is certainly over. If it comes back it may store again.
//   - as an actor: when that actor has ended, and with its member.
//
// Store, StoreIfMissing and CompareAndStore bind the key to the owner they name, or to none; every other operation leaves
// it to the one it has. Binding to an owner that has ended, or that is no member, fails with an *OwnerError.
func OwnedBy(owner Owner) StoreOption { return func(*Owner) *Owner { return &owner } }

func ownerFrom(options []StoreOption) (owner *Owner) {
	for _, set := range options {
		owner = set(owner)
	}
	return owner
}

// OwnerOf returns the owner of a local entry, if it has one.
func (d *Dict) OwnerOf(key string) (Owner, bool) {
	if o := d.now.Load().ownerOf(key); o != nil {
		return *o, true
	}
	return Owner{}, false
}

// A lookRound asks the leader's own instance to look for owners that have ended.
type lookRound struct{}

// An ownerReaper is what a member knows of its group for the sake of owners.
type ownerReaper struct {
	mu     sync.Mutex
	group  *genleader.Group // nil: not attached to one, and nobody is watched
	self   genleader.Member
	timer  *time.Timer
	guards map[*actor.ActorSystem]*actor.PID
	actors uint64 // how many owners have begun here
	over   bool
}

func (w *ownerReaper) attach(caller Caller) {
	group, _ := caller.(*genleader.Group)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.group, w.over = group, false
}

func (w *ownerReaper) meet(self genleader.Member) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.self = self
}

// watch has the leader look round after a while, if it is not about to.
func (w *ownerReaper) watch(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	group := w.group
	if w.timer != nil || w.over || group == nil {
		return
	}
	w.timer = time.AfterFunc(after, func() {
		w.mu.Lock()
		w.timer = nil
		w.mu.Unlock()
		group.Cast(lookRound{})
	})
}

func (w *ownerReaper) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	for system, guard := range w.guards {
		system.Root.Stop(guard)
	}
	clear(w.guards)
}

func (w *ownerReaper) attached() (*genleader.Group, genleader.Member) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.group, w.self
}

// watchOwners sees to it that a leader looks round while there is anybody to look for.
func (d *Dict) watchOwners() {
	if !d.log.state.owned.watched() {
		return
	}
	if group, _ := d.reaper.attached(); group != nil && group.View().Phase == genleader.Leading {
		d.reaper.watch(roundEvery)
	}
}

// lookRound says which owners have ended, if this member leads. What an entry of the log has not done yet is said again.
func (d *Dict) lookRound(e *genleader.Election) {
	group, _ := d.reaper.attached()
	s := d.now.Load()
	if group == nil || !s.owned.watched() {
		return
	}
	v := group.View()
	if v.Phase == genleader.Electing { // it was asked by the election itself, and may have been quicker
		d.reaper.watch(roundEvery)
	}
	if v.Phase != genleader.Leading {
		return
	}
	for _, said := range overdue(v, s.owned.members(), group.Config().Leases, time.Now()) {
		e.Broadcast(d.ordered(encodeRequest(said, requestID{})))
	}
	d.reaper.watch(roundEvery)
}

// admitOwners tells whether the leader knows better than the log about the owners that an operation names.
func (d *Dict) admitOwners(o op) error {
	group, _ := d.reaper.attached()
	if group == nil {
		return nil
	}
	var owner *Owner
	switch o := o.(type) {
	case store:
		owner = o.owner
	case compareAndStore:
		owner = o.owner
	case ownActor:
		owner = &o.owner
	case txn:
		for _, branch := range [][]op{o.then, o.otherwise} {
			for _, part := range branch {
				if err := d.admitOwners(part); err != nil {
					return err
				}
			}
		}
	}
	if owner == nil {
		return nil
	}
	return mayBegin(group.View(), *owner, group.Config().Leases, time.Now())
}

// OwnActor makes an actor of this member an owner, for OwnedBy. The keys that are bound to it are erased when it has
// ended, and when this member's process has. If it has ended already, the error is an *OwnerError, or the owner ends at
// once. Each call makes another owner, and MaxOwners bounds how many there are.
func (d *Dict) OwnActor(ctx context.Context, system *actor.ActorSystem, pid *actor.PID) (Owner, error) {
	group, self := d.reaper.attached()
	if group == nil || self == (genleader.Member{}) {
		return Owner{}, fmt.Errorf("gdict: an owner for %v: %w", pid, ErrNotAttached)
	}
	d.reaper.mu.Lock()
	d.reaper.actors++
	owner := Owner{Member: self, actor: d.reaper.actors}
	guard := d.reaper.guards[system]
	if guard == nil {
		guard = system.Root.Spawn(actor.PropsFromFunc((&actorReaper{dict: d, owners: map[process.Ref]Owner{}}).receive))
		if d.reaper.guards == nil {
			d.reaper.guards = map[*actor.ActorSystem]*actor.PID{}
		}
		d.reaper.guards[system] = guard
	}
	d.reaper.mu.Unlock()
	if _, err := d.write(ctx, ownActor{owner: owner}); err != nil {
		if errors.Is(err, genleader.ErrUncertain) { // it may own nothing, and must not stay for ever
			go d.endOwner(owner)
		}
		return Owner{}, err
	}
	system.Root.Send(guard, guarded{owner: owner, pid: pid})
	return owner, nil
}

// guarded asks an actor reaper to watch an actor.
type guarded struct {
	owner Owner
	pid   *actor.PID
}

// An actorReaper ends owners whose actors have ended.
type actorReaper struct {
	dict   *Dict
	owners map[process.Ref]Owner
}

func (g *actorReaper) receive(ctx actor.Context) {
	switch msg := ctx.Message().(type) {
	case guarded:
		g.owners[process.Monitor(ctx, msg.pid)] = msg.owner
	case *process.Down:
		if owner, known := g.owners[msg.Ref]; known {
			delete(g.owners, msg.Ref)
			go g.dict.endOwner(owner)
		}
	case *actor.Stopping: // or the actors that it watches would keep it, and the dictionary, until their end
		for ref := range g.owners {
			process.Demonitor(ctx, ref)
		}
	}
}

// endOwner says that an owner has ended until the group has heard it, or has ended here: then this process is about to
// end as well, and its keys with it.
func (d *Dict) endOwner(owner Owner) {
	for pause := pauseBefore; ; pause = min(2*pause, maxPause) {
		_, err := d.write(context.Background(), disown{owner: owner})
		if err == nil || errors.Is(err, genleader.ErrStopped) || errors.Is(err, ErrNotAttached) || errors.Is(err, ErrOwnerGone) {
			return
		}
		time.Sleep(pause)
	}
}
