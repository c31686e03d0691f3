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
	again    bool // restarted: a failed start is tried again
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
	lots      map[uint64]*lot // in flight
	queue     []*lot          // the same by deadline; may have landed since
	watching  bool
	held      map[uint64]*instance // by hold
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
	}
}

func (p *pool) template() *Child { return &p.spec.Children[0] }

func (p *pool) of(gen uint64) of { return of{p.template().ID, gen} }

// step absorbs one event, and ends when it is to end and nothing lives.
func (p *pool) step(ev event) []effect {
	fx := p.absorb(ev)
	if p.phase == stopping && p.instances.n == 0 {
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
			delete(p.held, ev.hold)
			return p.relaunch(in, ev.at)
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
	case gone:
		reason := ev.reason
		if in.reason != nil {
			reason = in.reason
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
	return append([]effect{spawnLot{lot: l.id, first: l.first, args: cmd.args}}, p.watch(l, cmd.at)...)
}

// relaunch starts an instance again, as another one.
func (p *pool) relaunch(in *instance, at time.Time) []effect {
	p.instances.remove(in.gen)
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
			if in.phase == Starting {
				in.phase = Up
			}
		}
	}
	return []effect{land{lot: id, ask: l.ask, ended: l.ended}}
}

// ended decides what an end means.
func (p *pool) ended(in *instance, started bool, reason error, at time.Time) (fx []effect) {
	p.instances.remove(in.gen)
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
	retry := in.again && (!begun || in.late)
	switch {
	case p.phase >= stopping, len(in.stoppers) > 0:
		return fx
	case !begun && isIgnore(reason), !begun && !retry, in.late && !in.again:
		return fx
	case retry, p.template().Restart.again(process.EndingOf(reason)):
		return append(fx, p.restart(in, reason, at)...)
	case p.template().Significant && (p.spec.AutoShutdown == AnySignificant || p.instances.n == 0):
		return append(fx, p.giveUp(&SignificantError{ID: p.template().ID, Reason: reason})...)
	}
	return fx
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
	in.late, in.reason, in.stoppers = false, nil, nil
	delay := p.spec.Backoff.before(n)
	if delay == 0 {
		return append(fx, p.relaunch(in, at)...)
	}
	p.holds++
	in.phase = Waiting
	p.instances.put(in.gen, in)
	p.held[p.holds] = in
	return append(fx, wait{p.holds, delay})
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
	fx := lastWord(reason)
	var gens []uint64
	for _, in := range p.instances.all() {
		if in.phase == Waiting {
			p.instances.remove(in.gen)
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

func (p *pool) command(cmd command) []effect {
	switch cmd := cmd.(type) {
	case asked:
		return []effect{describe{ask: cmd.ask, infos: p.infos(), strategy: SimpleOneForOne}}
	case counted:
		return []effect{answer{ask: cmd.ask, value: p.count()}}
	case specAsked:
		if cmd.id != p.template().ID {
			return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.id, Err: ErrNotFound}}}
		}
		return []effect{answer{ask: cmd.ask, value: *p.template()}}
	}
	if p.phase >= stopping {
		return []effect{answer{ask: cmd.from(), err: errStopping}}
	}
	switch cmd := cmd.(type) {
	case launch:
		return p.launch(cmd)
	case terminatePID:
		in := p.instances.get(cmd.gen)
		if in == nil {
			return []effect{answer{ask: cmd.ask, err: &CommandError{ID: cmd.text, Err: ErrNotFound}}}
		}
		in.stoppers = append(in.stoppers, cmd.ask)
		if in.phase == Stopping {
			return nil
		}
		return p.stop(in, timeless)
	}
	return []effect{answer{ask: cmd.from(), err: &CommandError{ID: p.template().ID, Err: ErrSimple}}}
}

func (p *pool) count() Counts {
	n := Counts{Specs: 1}
	for _, in := range p.instances.all() {
		if in.phase != Waiting {
			n.Active++
		}
	}
	if p.template().Type == Supervisor {
		n.Supervisors = p.instances.n
	} else {
		n.Workers = p.instances.n
	}
	return n
}

func (p *pool) infos() []Info {
	infos := make([]Info, 0, p.instances.n)
	for _, in := range p.instances.all() {
		infos = append(infos, Info{
			ID: p.template().ID, Phase: in.phase, Incarnations: in.starts,
			Type: p.template().Type, Restart: p.template().Restart, gen: in.gen,
		})
	}
	return infos
}
