package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/gendac/gendac/examples/pair/observer"
)

const (
	formWithin    = 20 * time.Second // first start of the cluster, and return of a member
	moveWithin    = 10 * time.Second // from a disturbance to the other member's first act
	pollActs      = 5 * time.Millisecond
	pollStatus    = 20 * time.Millisecond
	stillFor      = 500 * time.Millisecond // after a return, to see that nothing else moves
	safeSlack     = 300 * time.Millisecond // allowed on top of start_after in a safe failover
	fencedByPause = 1                      // acts past their check when the signal came
)

// A script does the steps and keeps what came of them.
type script struct {
	opt     options
	cluster *cluster
	judge   *judge
	out     *timeline
	round   int
	active  string // as the judge saw it last
	epoch   uint64
	led     string // who led when the last move was made
	events  []Event
}

// unmet is an expectation that did not hold.
type unmet struct{ event, want, got string }

func (u *unmet) Error() string { return fmt.Sprintf("%s: expected %s; saw %s", u.event, u.want, u.got) }

func other(name string) string {
	if name == "a1" {
		return "b1"
	}
	return "a1"
}

// play goes through all rounds.
func (s *script) play(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	for s.round = 1; s.round <= s.opt.rounds; s.round++ {
		for _, step := range []func(context.Context) error{s.kill, s.restart, s.switchover, s.pause} {
			if err := step(ctx); err != nil {
				return err
			}
		}
		if s.round == 1 && s.opt.hold > 0 {
			if err := s.hold(ctx); err != nil {
				return err
			}
		}
	}
	return s.end(ctx)
}

// await asks check every so often until it is content, and fails when it is not in time or a member died meanwhile.
func (s *script) await(ctx context.Context, u unmet, within, every time.Duration, check func() (got string, err error)) error {
	s.out.detail("waiting for %s", u.want)
	deadline := time.Now().Add(within)
	for {
		got, err := check()
		if err != nil || got == "" {
			return err
		}
		if err := s.cluster.dead(); err != nil {
			return &unmet{u.event, u.want, err.Error()}
		}
		if time.Now().After(deadline) {
			return &unmet{u.event, fmt.Sprintf("%s within %s", u.want, within), got}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted during %s: %w", u.event, context.Cause(ctx))
		case <-time.After(every):
		}
	}
}

// settle waits until everything is in place around the member that acts, and checks that it is still the same one.
func (s *script) settle(ctx context.Context, event string, within time.Duration) error {
	want := fmt.Sprintf("%s active and %s standby in epoch %d, with all three up and voting", s.active, other(s.active), s.epoch)
	err := s.await(ctx, unmet{event, want, ""}, within, pollStatus, func() (string, error) {
		return s.cluster.settled(ctx, s.active, other(s.active), s.epoch), nil
	})
	if err != nil {
		return err
	}
	_, err = s.same(event)
	return err
}

// same checks that the judge saw no other member act since the last move, and that the active one still does.
func (s *script) same(event string) (observer.Report, error) {
	want := fmt.Sprintf("%s to go on acting in epoch %d", s.active, s.epoch)
	r, err := s.judge.ask(s.epoch)
	if err != nil {
		return r, err
	}
	if len(r.Spells) != 1 || r.Spells[0].Member != s.active {
		return r, &unmet{event, want, fmt.Sprint(r.Spells)}
	}
	if quiet := r.Now - r.Spells[0].Last; quiet > observer.Micros(s.cluster.spec.Timing.Lease.Std().Microseconds()) {
		return r, &unmet{event, want, fmt.Sprintf("no act for %.0f ms", quiet.Millis())}
	}
	return r, nil
}

// moved waits until somebody acts in a newer epoch and returns the spells before and after.
func (s *script) moved(ctx context.Context, event, start string) (before, after observer.Spell, err error) {
	want := fmt.Sprintf("%s to act with %s", other(s.active), start)
	err = s.await(ctx, unmet{event, want, ""}, moveWithin, pollActs, func() (string, error) {
		r, err := s.judge.ask(s.epoch)
		if err != nil {
			return "", err
		}
		if len(r.Spells) < 2 {
			return fmt.Sprintf("nobody in an epoch above %d", s.epoch), nil
		}
		before, after = r.Spells[0], r.Spells[1]
		return "", nil
	})
	if err != nil {
		return before, after, err
	}
	if after.Member != other(s.active) || after.Start != start {
		return before, after, &unmet{event, want, after.String()}
	}
	s.led = s.cluster.leader
	s.out.move(after, s.led)
	return before, after, nil
}

// record checks what every event has to keep, and notes it. fenced is how many acts may have been refused.
func (s *script) record(e Event, fenced uint64) error {
	r, err := s.judge.ask(s.epoch)
	if err != nil {
		return err
	}
	e.Round = s.round
	for _, was := range s.events {
		r.Overlaps -= was.Overlap
		r.Fenced -= was.Fenced
	}
	e.Overlap, e.Fenced = r.Overlaps, r.Fenced
	s.events = append(s.events, e)
	s.out.event(e)
	if e.Overlap != 0 || e.Fenced > fenced || r.Malformed != 0 {
		return &unmet{e.Event, fmt.Sprintf("no overlap, at most %d acts fenced, none malformed", fenced), fmt.Sprintf(
			"%d overlaps, %d fenced, %d malformed", e.Overlap, e.Fenced, r.Malformed)}
	}
	return nil
}

// signal sends sig to a member and notes it.
func (s *script) signal(name string, sig syscall.Signal, does string) error {
	m := s.cluster.running[name]
	s.out.note("%s %s (pid %d)", does, name, m.pid)
	return m.signal(sig)
}

// end stops everything in order.
func (s *script) end(ctx context.Context) error {
	if err := s.settle(ctx, "shutdown", moveWithin); err != nil {
		return err
	}
	s.round = 0
	s.out.note("SIGTERM to all")
	if err := s.cluster.stop(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		return &unmet{"shutdown", "exit status 0 of all members", err.Error()}
	}
	if err := s.record(Event{Event: "shutdown", From: s.active}, 0); err != nil {
		return err
	}
	return checkBounds(s.opt, s.events)
}
