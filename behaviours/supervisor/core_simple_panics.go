package supervisor

import (
	"time"

	"github.com/gendac/gendac/behaviours/process"
)

// failed decides what a panic means. The instance is Stopping until it is gone, and only then started again.
func (p *pool) failed(in *instance, ev failed) []effect {
	if p.phase >= stopping || in.phase != Up && (in.phase != Starting || !ev.started) {
		return nil // its going decides
	}
	p.leaveLot(in, true, ev.reason)
	p.unknow(in)
	in.phase, in.dying, in.known = Stopping, true, ev.pid
	who, id := p.of(in.gen), p.template().ID
	fx := []effect{tell{in.gen, Notice{id, Ended, ev.reason}}}
	switch after := p.template().Shutdown; after {
	case Infinity:
	case BrutalKill: // it is on its way by itself
		fx = append(fx, arm{who, Stopping, DefaultShutdown})
	default:
		fx = append(fx, arm{who, Stopping, after})
	}
	if p.template().Restart.again(process.EndingOf(ev.reason)) {
		return append(fx, p.restart(in, ev.reason, ev.at)...)
	}
	p.markOver(in)
	return append(fx, p.concluded(ev.reason)...)
}

// died is when one that had panicked is gone, or abandoned. What that means has been decided.
func (p *pool) died(in *instance, at time.Time) []effect {
	in.dying = false
	if !in.revive || p.phase >= stopping {
		return nil
	}
	in.revive = false
	return p.await(in, at)
}

// concluded is the end of an instance that is not started again. If it was significant it may be the supervisor's as well.
func (p *pool) concluded(reason error) []effect {
	if !p.template().Significant || p.spec.AutoShutdown != AnySignificant && p.instances.n > p.over {
		return nil
	}
	return p.giveUp(&SignificantError{ID: p.template().ID, Reason: reason})
}

// markOver says of one that is Stopping, and still there, that a supervisor which ends with the last of its significant
// children need not wait for it.
func (p *pool) markOver(in *instance) {
	if !in.over {
		in.over = true
		p.over++
	}
}

// remove takes an instance out of the pool.
func (p *pool) remove(in *instance) {
	p.instances.remove(in.gen)
	if in.over {
		in.over = false
		p.over--
	}
}
