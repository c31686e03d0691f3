package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/gendac/gendac/examples/pair/observer"
)

// epochsOf2020 is below the epochs of any cluster that begins now: they count from its bootstrap, in milliseconds since 1970.
const epochsOf2020 = 1_577_836_800_000

// begin starts the three members and expects the pair in its first positions.
func (s *script) begin(ctx context.Context) error {
	const event = "start"
	for _, name := range names {
		if err := s.cluster.start(name); err != nil {
			return err
		}
	}
	s.out.note("started %v, specification and logs in %s", names, s.cluster.dir)
	var first observer.Spell
	want := "a1 to act with normal, in an epoch of the time of the bootstrap"
	err := s.await(ctx, unmet{event, want, ""}, formWithin, pollActs, func() (string, error) {
		r, err := s.judge.ask(0)
		if err != nil || len(r.Spells) == 0 {
			return "nobody acts", err
		}
		first = r.Spells[0]
		return "", nil
	})
	if err != nil {
		return err
	}
	if first.Member != "a1" || first.Start != "normal" || first.Epoch < epochsOf2020 {
		return &unmet{event, want, first.String()}
	}
	s.active, s.epoch = first.Member, first.Epoch
	if err := s.record(Event{Event: event, To: "a1", Start: first.Start, Epoch: first.Epoch, At: first.First.Millis()}, 0); err != nil {
		return err
	}
	return s.settle(ctx, event, formWithin)
}

// kill ends the active process without warning and expects the standby to fail over.
func (s *script) kill(ctx context.Context) error {
	const event = "kill"
	if err := s.settle(ctx, event, moveWithin); err != nil {
		return err
	}
	victim := s.active
	if err := s.signal(victim, syscall.SIGKILL, "kill -9"); err != nil {
		return err
	}
	<-s.cluster.running[victim].ended
	delete(s.cluster.running, victim) // nobody is surprised that it ended
	before, after, err := s.moved(ctx, event, "failover("+victim+")")
	if err != nil {
		return err
	}
	if err := s.recordMove(event, before, after, 0); err != nil {
		return err
	}
	timing := s.cluster.spec.Timing
	bound := timing.Lease.Std() // fast: anything longer waited for the lease
	if s.opt.failover == "safe" {
		bound = timing.StartAfter.Std() + safeSlack
		if err := notEarly(event, after); err != nil {
			return err
		}
	}
	return notLonger(event, after, bound)
}

// restart starts the killed process again and expects it back as standby while nothing else moves.
func (s *script) restart(ctx context.Context) error {
	const event = "restart"
	back := other(s.active)
	s.out.note("starting %s again", back)
	if err := s.cluster.start(back); err != nil {
		return err
	}
	if err := s.settle(ctx, event, formWithin); err != nil {
		return err
	}
	if err := s.still(ctx, event, stillFor); err != nil {
		return err
	}
	return s.record(Event{Event: event, From: s.active, To: s.active, Epoch: s.epoch}, 0)
}

// switchover orders the pair to swap and expects the counter to go on where it was. Every member takes such orders; they
// are asked in turn.
func (s *script) switchover(ctx context.Context) error {
	const event = "switchover"
	if err := s.settle(ctx, event, moveWithin); err != nil {
		return err
	}
	asked := names[s.round%len(names)]
	s.out.note("switchover ordered from %s", asked)
	if err := s.cluster.admin(asked).Switchover(ctx, group); err != nil {
		return &unmet{event, "the order to be accepted by " + asked, err.Error()}
	}
	before, after, err := s.moved(ctx, event, "takeover("+s.active+")")
	if err != nil {
		return err
	}
	if after.FirstN != before.LastN+1 {
		return &unmet{
			event, fmt.Sprintf("the counter to go on with %d", before.LastN+1),
			fmt.Sprintf("it went on with %d", after.FirstN),
		}
	}
	return s.recordMove(event, before, after, 0)
}

// pause stops the active process beyond its lease. The other one must not begin before that lease is over for certain,
// and the paused one must not act when it wakes up.
func (s *script) pause(ctx context.Context) error {
	const event = "pause"
	if err := s.settle(ctx, event, moveWithin); err != nil {
		return err
	}
	paused := s.active
	if err := s.signal(paused, syscall.SIGSTOP, "SIGSTOP"); err != nil {
		return err
	}
	before, after, err := s.moved(ctx, event, "failover("+paused+")")
	if err != nil {
		return err
	}
	if err := notEarly(event, after); err != nil {
		return err
	}
	s.active, s.epoch = after.Member, after.Epoch
	if err := s.still(ctx, event, s.cluster.spec.Timing.Lease.Std()); err != nil {
		return err
	}
	if err := s.signal(paused, syscall.SIGCONT, "SIGCONT"); err != nil {
		return err
	}
	if err := s.settle(ctx, event, formWithin); err != nil {
		return err
	}
	if err := s.still(ctx, event, stillFor); err != nil {
		return err
	}
	return s.recordMove(event, before, after, fencedByPause)
}

// hold expects that nothing moves for as long as was asked for, whatever is done to the discovery meanwhile.
func (s *script) hold(ctx context.Context) error {
	const event = "hold"
	if err := s.settle(ctx, event, moveWithin); err != nil {
		return err
	}
	s.out.note("holding still for %s", s.opt.hold)
	if err := s.still(ctx, event, s.opt.hold); err != nil {
		return err
	}
	s.out.note("held still")
	if err := s.settle(ctx, event, moveWithin); err != nil {
		return err
	}
	return s.record(Event{Event: event, From: s.active, To: s.active, Epoch: s.epoch}, 0)
}

// still watches for d that the active one goes on and that nobody else acts.
func (s *script) still(ctx context.Context, event string, d time.Duration) error {
	until := time.Now().Add(d)
	want := fmt.Sprintf("nothing to move for %s", d)
	return s.await(ctx, unmet{event, want, ""}, d+time.Second, pollStatus, func() (string, error) {
		if _, err := s.same(event); err != nil {
			return "", err
		}
		if time.Now().Before(until) {
			return "it is not over", nil
		}
		return "", nil
	})
}

// recordMove notes a change of the active member. From here on the other one is it.
func (s *script) recordMove(event string, before, after observer.Spell, fenced uint64) error {
	s.active, s.epoch = after.Member, after.Epoch
	return s.record(Event{
		Event: event, From: before.Member, To: after.Member, Start: after.Start, Epoch: after.Epoch, Leader: s.led,
		At: after.First.Millis(), Outage: after.Outage.Millis(), Margin: after.Margin.Millis(),
	}, fenced)
}

func notEarly(event string, after observer.Spell) error {
	if after.Margin >= 0 {
		return nil
	}
	return &unmet{
		event, fmt.Sprintf("%s to begin no earlier than the lease of its predecessor had ended", after.Member),
		fmt.Sprintf("it began %.1f ms earlier", -after.Margin.Millis()),
	}
}

func notLonger(event string, after observer.Spell, bound time.Duration) error {
	if after.Outage <= observer.Micros(bound.Microseconds()) {
		return nil
	}
	return &unmet{event, fmt.Sprintf("an outage of at most %s", bound), fmt.Sprintf("%.1f ms", after.Outage.Millis())}
}
