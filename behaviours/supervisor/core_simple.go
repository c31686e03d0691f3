package supervisor

import (
	"time"

	"github.com/gendac/gendac/behaviours/process"
)

// An instance is one child of a simple_one_for_one. It is in the pool while it lives or waits to be started again.
type instance struct {
	gen      uint64
	arg      any
	phase    Phase
	starts   uint64
	lot      *lot // that it was started in, until that has landed
	late     bool
	dying    bool   // Stopping by itself after a panic, which has been dealt with
	revive   bool   // while dying: to be started again when it is gone, and its hold is over
	over     bool   // Stopping, and not to be started again
	again    bool   // restarted: a failed start is tried again
	known    string // while it is restarted: the PID of its last incarnation that had started
	hold     uint64 // the back-off before it is started again, which may begin while it is dying; zero for none
	reason   error
	stoppers []process.From
}

// A lot is what one launch starts. The shell says when all of it have begun or ended: landed. One message for thousands,
// where a message each would cost more than the start itself.
type lot struct {
	id, first uint64
	n         int
	ask       process.From
	deadline  time.Time
	ended     map[uint64]error // those who ended before it landed; an error if they had not begun
}

// pool is the state of a simple_one_for_one. A pool that was stepped must not be used again.
type pool struct {
	spec      Spec
	phase     phase
	instances table[instance] // by gen
	over      int             // how many of them are over
	lots      map[uint64]*lot // in flight
	queue     []*lot          // the same by deadline; may have landed since
	watching  bool
	held      map[uint64]*instance // by hold
	former    map[string]*instance // by known
	window    window
	gens      uint64
	lastLot   uint64
	holds     uint64
	reason    error
}

func newPool(s Spec) *pool {
	return &pool{
		spec: s, window: window{max: s.MaxRestarts, period: s.Period},
		instances: newTable[instance](), lots: make(map[uint64]*lot), held: make(map[uint64]*instance),
		former: make(map[string]*instance),
	}
}

func (p *pool) template() *Child { return &p.spec.Children[0] }

func (p *pool) of(gen uint64) of { return of{p.template().ID, gen} }

// step absorbs one event. It ends when it is to end, nothing lives, and whoever asked for a start knows how that went.
func (p *pool) step(ev event) []effect {
	fx := p.absorb(ev)
	if p.phase == stopping && p.instances.n == 0 && len(p.lots) == 0 {
		p.phase = done
		fx = append(fx, exit{p.reason})
	}
	return fx
}

func (p *pool) absorb(ev event) []effect {
	switch ev := ev.(type) {
	case boot:
		if p.phase == booting {
			p.phase = running // there is nothing to start
		}
	case halt:
		return p.giveUp(ev.reason)
	case landed:
		return p.landed(ev.lot)
	case overdue:
		return p.overdue(ev.at)
	case mustered:
		return p.mustered(ev)
	case waited:
		if in, ok := p.held[ev.hold]; ok {
			return p.holdOver(in, ev.at)
		}
	case command:
		return p.command(ev)
	case expired:
		if ev.gen == 0 {
			return p.abandonAll(ev.at)
		}
		return p.expired(ev)
	case childEvent:
		_, gen := ev.which()
		if in := p.instances.get(gen); in != nil {
			return p.happened(in, ev)
		}
	}
	return nil
}

func (p *pool) happened(in *instance, ev childEvent) []effect {
	switch ev := ev.(type) {
	case failed:
		in.reason = ev.reason
		return p.failed(in, ev)
	case gone:
		reason := ev.reason
		if in.reason != nil {
			reason = in.reason
		}
		if ev.started {
			in.known = ev.pid
		}
		if in.dying {
			return p.ended(in, ev.started, reason, ev.at) // it was told when it panicked
		}
		return append([]effect{tell{in.gen, Notice{p.template().ID, Ended, reason}}}, p.ended(in, ev.started, reason, ev.at)...)
	case unspawned:
		return append([]effect{tell{0, Notice{p.template().ID, Ended, ev.reason}}}, p.ended(in, false, ev.reason, ev.at)...)
	}
	return nil
}

// launch starts a lot.
func (p *pool) launch(cmd launch) []effect {
	p.lastLot++
	l := &lot{id: p.lastLot, first: p.gens + 1, n: len(cmd.args), ask: cmd.ask}
	p.lots[l.id] = l
	instances := make([]instance, len(cmd.args))
	for i, arg := range cmd.args {
		p.gens++
		instances[i] = instance{gen: p.gens, arg: arg, phase: Starting, starts: 1, lot: l}
		p.instances.put(p.gens, &instances[i])
	}
	return append([]effect{spawnLot{lot: l.id, first: l.first, args: cmd.args, ask: l.ask}}, p.watch(l, cmd.at)...)
}

// relaunch starts an instance again, as another one.
func (p *pool) relaunch(in *instance, at time.Time) []effect {
	p.remove(in)
	p.lastLot++
	p.gens++
	in.gen, in.phase, in.again, in.starts = p.gens, Starting, true, in.starts+1
	in.lot = &lot{id: p.lastLot, first: in.gen, n: 1}
	p.lots[in.lot.id] = in.lot
	p.instances.put(in.gen, in)
	return append([]effect{spawnLot{lot: in.lot.id, first: in.gen, args: []any{in.arg}}}, p.watch(in.lot, at)...)
}

// watch sees to it that a lot does not take for ever. One timer does for all.
func (p *pool) watch(l *lot, at time.Time) []effect {
	if p.template().Start == Infinity {
		return nil
	}
	l.deadline = at.Add(p.template().Start)
	p.queue = append(p.queue, l)
	if p.watching {
		return nil
	}
	p.watching = true
	return []effect{watch{p.template().Start}}
}

// overdue looks at the oldest lots, those that have landed aside.
func (p *pool) overdue(at time.Time) (fx []effect) {
	p.watching = false
	for i, l := range p.queue {
		switch {
		case p.lots[l.id] == nil:
		case l.deadline.After(at):
			p.queue, p.watching = p.queue[i:], true
			return append(fx, watch{l.deadline.Sub(at)})
		default:
			fx = append(fx, muster{l.id})
		}
	}
	p.queue = nil
	return fx
}

// mustered stops those who did not begin in time. Their lot need not wait for them any more.
func (p *pool) mustered(ev mustered) (fx []effect) {
	for _, gen := range ev.absent {
		if in := p.instances.get(gen); in != nil && in.phase == Starting && p.phase < stopping {
			in.late = true
			p.leaveLot(in, false, process.ErrTimeout)
			fx = append(fx, p.stop(in, ev.at)...)
		}
	}
	return append(fx, p.landed(ev.lot)...)
}

// landed answers a launch.
func (p *pool) landed(id uint64) []effect {
	l, ok := p.lots[id]
	if !ok {
		return nil
	}
	delete(p.lots, id)
	for gen := l.first; gen < l.first+uint64(l.n); gen++ {
		if in := p.instances.get(gen); in != nil && in.lot == l {
			in.lot = nil
			p.unknow(in)
			if in.phase == Starting {
				in.phase = Up
			}
		}
	}
	return []effect{land{lot: id, ask: l.ask, ended: l.ended}}
}

// ended decides what an end means.
func (p *pool) ended(in *instance, started bool, reason error, at time.Time) (fx []effect) {
	p.remove(in)
	delete(p.former, in.known)
	if in.phase == Stopping && p.phase < stopping {
		fx = append(fx, disarm{p.of(in.gen)})
	}
	if in.phase == Starting && started {
		in.phase = Up
	}
	begun := in.phase == Up || started
	if in.late {
		reason = process.ErrTimeout
	}
	p.leaveLot(in, begun, reason)
	fx = append(fx, respond(in.stoppers, nil)...)
	if in.dying {
		return append(fx, p.died(in, at)...)
	}
	retry := in.again && (!begun || in.late)
	switch {
	case p.phase >= stopping, len(in.stoppers) > 0:
		return fx
	case !begun && isIgnore(reason), !begun && !retry, in.late && !in.again:
		return fx
	case retry, p.template().Restart.again(process.EndingOf(reason)):
		return append(fx, p.restart(in, reason, at)...)
	default:
		return append(fx, p.concluded(reason)...)
	}
}

// leaveLot lets the lot know what became of one that ended before it landed.
func (p *pool) leaveLot(in *instance, begun bool, reason error) {
	l := in.lot
	if l == nil {
		return
	}
	in.lot = nil
	if l.ended == nil {
		l.ended = make(map[uint64]error)
	}
	switch {
	case begun:
		l.ended[in.gen] = nil
	case isIgnore(reason):
		l.ended[in.gen] = ErrIgnore
	default:
		l.ended[in.gen] = &StartError{ID: p.template().ID, Reason: reason}
	}
}

func (p *pool) restart(in *instance, reason error, at time.Time) []effect {
	id := p.template().ID
	n, ok := p.window.add(at)
	if !ok {
		return p.giveUp(&IntensityError{ID: id, MaxRestarts: p.spec.MaxRestarts, Period: p.spec.Period, Reason: reason})
	}
	fx := []effect{tell{0, Notice{id, Restarting, reason}}}
	in.late, in.reason, in.stoppers, in.hold = false, nil, nil, 0
	if delay := p.spec.Backoff.before(n); delay > 0 {
		p.holds++
		in.hold = p.holds
		p.held[in.hold] = in
		fx = append(fx, wait{p.holds, delay})
	}
	if in.dying {
		in.revive = true
		return fx
	}
	return append(fx, p.await(in, at)...)
}

// await starts again one that is gone, when its back-off is over.
func (p *pool) await(in *instance, at time.Time) []effect {
	if in.known != "" {
		p.former[in.known] = in
	}
	if in.hold == 0 {
		return p.relaunch(in, at)
	}
	in.phase = Waiting
	p.instances.put(in.gen, in)
	return nil
}

// holdOver is the end of a back-off. One that is still dying is started again when it is gone.
func (p *pool) holdOver(in *instance, at time.Time) []effect {
	delete(p.held, in.hold)
	in.hold = 0
	if in.dying {
		return nil
	}
	return p.relaunch(in, at)
}

func (p *pool) stop(in *instance, at time.Time) []effect {
	who := p.of(in.gen)
	in.phase = Stopping
	fx := []effect{stop{who}}
	switch after := p.template().Shutdown; after {
	case BrutalKill:
		return append(fx, p.abandon(in, at)...)
	case Infinity:
		return fx
	default:
		return append(fx, arm{who, Stopping, after})
	}
}

func (p *pool) expired(ev expired) []effect {
	in := p.instances.get(ev.gen)
	if in == nil || in.phase != Stopping || p.phase >= stopping {
		return nil // of all that stop together there is one deadline
	}
	return p.abandon(in, ev.at)
}

func (p *pool) abandon(in *instance, at time.Time) []effect {
	fx := []effect{abandon{p.of(in.gen)}, tell{in.gen, Notice{p.template().ID, Forsaken, process.ErrKilled}}}
	return append(fx, p.ended(in, false, process.ErrKilled, at)...)
}

func (p *pool) abandonAll(at time.Time) (fx []effect) {
	for _, in := range p.instances.all() {
		fx = append(fx, p.abandon(in, at)...)
	}
	return fx
}

// giveUp begins the end: all instances are stopped, all at once, as OTP does, for they may be many.
func (p *pool) giveUp(reason error) []effect {
	if p.phase >= stopping {
		return nil
	}
	p.phase, p.reason = stopping, reason
	clear(p.held) // their timers are running still
	clear(p.former)
	fx := lastWord(reason)
	var gens []uint64
	for _, in := range p.instances.all() {
		if in.phase == Waiting {
			p.remove(in)
			continue
		}
		in.phase = Stopping
		gens = append(gens, in.gen)
	}
	if len(gens) == 0 {
		return fx
	}
	fx = append(fx, stopAll{gens})
	switch after := p.template().Shutdown; after {
	case BrutalKill:
		return append(fx, p.abandonAll(timeless)...)
	case Infinity:
		return fx
	default:
		return append(fx, arm{p.of(0), Stopping, after})
	}
}

func (p *pool) ready() bool { return p.phase == running }
