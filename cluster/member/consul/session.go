package consul

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gendac/gendac/cluster/member"
)

// A session is the shell of the core: one goroutine that steps it, and at most two requests under way.
type session struct {
	agent  *agent
	feed   *member.Feed
	events chan event
	ctx    context.Context // ends with Leave
	cancel context.CancelFunc
	busy   sync.WaitGroup // the loop, the requests and the timers

	abort context.CancelFunc // gives up the refresh or registration under way

	leave    sync.Once
	leaveErr error
}

// open starts the session of a member that has been registered and has read members.
func open(c config, a *agent, members []member.Member) *session {
	s := &session{agent: a, feed: member.NewFeed(), events: make(chan event), abort: func() {}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	st := state{self: a.self, agent: c.addr, heartbeat: c.ttl / 3, grace: c.grace}
	st.self.Health = member.Unknown
	st, fx := step(st, opened{now: time.Now(), members: members})
	s.perform(fx)
	s.busy.Go(func() { s.loop(st) })
	return s
}

func (s *session) loop(st state) {
	for {
		select {
		case <-s.ctx.Done():
			return
		case ev := <-s.events:
			was := st
			var fx []effect
			st, fx = step(st, ev)
			s.log(was, st, ev)
			s.perform(fx)
		}
	}
}

// perform carries out effects in order; none of it waits.
func (s *session) perform(fx []effect) {
	for _, f := range fx {
		switch f := f.(type) {
		case publish:
			s.feed.Publish(f.view)
		case query:
			s.start(s.ctx, f.after, func(ctx context.Context) event { return s.query(ctx, f) })
		case refresh:
			s.converse(f.after, func(ctx context.Context) event { return s.outcome(f.gen, s.agent.refresh(ctx)) })
		case register:
			s.converse(f.after, func(ctx context.Context) event { return s.outcome(f.gen, s.agent.announce(ctx)) })
		case rest:
			s.abort()
		case arm:
			s.start(s.ctx, f.after, func(context.Context) event { return recovered{f.until} })
		}
	}
}

// start posts the event that do returns, after a pause and off the loop, unless ctx ends first.
func (s *session) start(ctx context.Context, after time.Duration, do func(context.Context) event) {
	s.busy.Go(func() {
		if !sleep(ctx, after) {
			return
		}
		ev := do(ctx)
		select {
		case s.events <- ev:
		case <-ctx.Done():
		}
	})
}

// converse starts the next request of the conversation about our registration and gives up the one before.
func (s *session) converse(after time.Duration, do func(context.Context) event) {
	s.abort()
	ctx, cancel := context.WithCancel(s.ctx)
	s.abort = cancel
	s.start(ctx, after, do)
}

func (s *session) query(ctx context.Context, f query) event {
	wait := s.agent.wait
	if f.index == 0 {
		wait = 0
	}
	members, index, err := s.agent.list(ctx, f.index, wait)
	if err != nil {
		return queryFailed{err: err, members: members, roll: roll()}
	}
	return answered{now: time.Now(), index: index, members: members}
}

func (s *session) outcome(gen uint64, err error) event {
	var conflict *member.ConflictError
	switch {
	case err == nil:
		return taken{gen}
	case errors.As(err, &conflict):
		return displaced{gen, conflict.Theirs}
	}
	return refused{now: time.Now(), gen: gen, lost: errors.Is(err, errLost), err: err, roll: roll()}
}

// log writes one line for each change that an operator wants to know of; a healthy session is silent.
func (s *session) log(was, now state, ev event) {
	l := s.agent.logger.With(slog.String("member", now.self.Name), slog.String("consul", now.agent))
	level := slog.LevelInfo
	if now.source == member.Unreachable || now.trouble != nil {
		level = slog.LevelWarn
	}
	if was.source != now.source {
		l.Log(s.ctx, level, "Consul as a source changed", slog.Any("from", was.source), slog.Any("to", now.source), slog.Any("err", now.publish().view.Err))
	}
	if (was.trouble == nil) != (now.trouble == nil) {
		l.Log(s.ctx, level, "announcement to Consul changed", slog.Any("err", now.trouble))
	}
	if was.phase != now.phase {
		l.Info("registration with Consul changed", slog.Any("from", was.phase), slog.Any("to", now.phase), slog.Any("on", ev), slog.Any("err", now.err))
	}
}

func (s *session) Views() <-chan member.View { return s.feed.Views() }

// Leave ends the session and deregisters. When the agent does not answer, the error says so; the others then see the
// member turn critical after its TTL and disappear about a minute later.
func (s *session) Leave(ctx context.Context) error {
	s.leave.Do(func() {
		s.cancel()
		s.busy.Wait()
		s.feed.Close()
		if err := s.agent.withdraw(ctx); err != nil {
			s.leaveErr = fmt.Errorf("consul: %s: left without deregistering, Consul drops %q after %v: %w",
				s.agent.addr, s.agent.self.Name, s.agent.ttl+s.agent.forget, err)
		}
		s.agent.close()
	})
	return s.leaveErr
}

// sleep waits for d and reports whether ctx still stands.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func roll() float64 { return rand.Float64() }
