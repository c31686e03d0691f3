package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/behaviours/genleader"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

// writeTimeout bounds one write of the leader. Its outcome is read from the dictionary, so an unknown one does no harm.
const writeTimeout = 2 * time.Second

// A Leader configures the controller that plans while this member leads.
type Leader struct {
	Spec *spec.Spec
	Dict *gdict.Dict
	View func() genleader.View // tests hold the controller up in it
	// Withhold has the group give these members no leases, for as long as this member leads in that term; nil: it cannot.
	Withhold func(term uint64, members []genleader.Member)
	Started  func(self *actor.PID) // called first
	Logger   *slog.Logger
}

// Look makes the leader's controller look at the state of things again. Send it when the group's view has changed.
type Look struct{}

// Switchover orders a group's standby to take over. Reply is called once, when the order is stored or refused; it must
// not block.
type Switchover struct {
	Group string
	Reply func(error)
}

// Props spawns the leader's controller. It takes Look and Switchover.
func (cfg Leader) Props() *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[leader, leaderEvent, leaderEffect] {
		h := &leaderShell{Leader: cfg, self: ctx.Self(), system: ctx.ActorSystem(), waiting: map[uint64]func(error){}, timer: func() {}}
		h.watch = cfg.Dict.Watch(Reserved)
		go h.follow(h.watch)
		cfg.Started(ctx.Self())
		return process.Machine[leader, leaderEvent, leaderEffect]{
			State: leader{spec: cfg.Spec}, Step: stepLeader, Lift: h.lift, Perform: h.perform, Terminate: h.terminate,
		}
	})
}

// ring is the alarm that a look asked for.
type ring struct{}

type leaderShell struct {
	Leader
	self    *actor.PID
	system  *actor.ActorSystem
	watch   *gdict.Watch
	waiting map[uint64]func(error)
	lastID  uint64
	timer   func()
}

// follow turns changes of the dictionary into looks. Changes that come close together need one look.
func (h *leaderShell) follow(w *gdict.Watch) {
	for range w.Events() {
		for more := true; more; {
			select {
			case _, more = <-w.Events():
			default:
				more = false
			}
		}
		h.system.Root.Send(h.self, Look{})
	}
}

func (h *leaderShell) lift(ctx actor.Context) (leaderEvent, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started, Look:
		return h.look(), true
	case ring:
		ev := h.look()
		ev.woken = true
		return ev, true
	case Switchover:
		h.lastID++
		h.waiting[h.lastID] = msg.Reply
		return commanded{command{id: h.lastID, group: msg.Group}}, true
	case written:
		return msg, true
	default:
		return nil, false
	}
}

// look reads everything a plan is made from, the time first: see lookAt. Orders and reports come from one snapshot of the
// dictionary.
func (h *leaderShell) look() looked {
	now := time.Now()
	view := h.View()
	entries, _ := h.Dict.ToList(Reserved)
	ev, bad := lookAt(now, view, entries)
	if len(bad) > 0 {
		h.Logger.Error("records that are not readable are ignored", slog.Any("records", bad))
	}
	return ev
}

func (h *leaderShell) perform(ctx actor.Context, e leaderEffect) {
	switch e := e.(type) {
	case write:
		go h.write(e)
	case lookAgain:
		if e.at.IsZero() {
			h.system.Root.Send(h.self, Look{})
			return
		}
		h.timer()
		h.timer = process.After(ctx, time.Until(e.at), ring{})
	case reply:
		if answer, waits := h.waiting[e.id]; waits {
			delete(h.waiting, e.id)
			answer(e.err)
		}
	case withhold:
		h.withhold(e)
	case complain:
		h.Logger.Warn("a write failed", slog.String("reason", e.what))
	case note:
		for _, s := range e.steps {
			h.Logger.Info("planned", slog.String("group", s.Group), slog.String("what", s.What), slog.String("reason", s.Why))
		}
	}
}

func (h *leaderShell) withhold(e withhold) {
	var members []genleader.Member
	for _, member := range e.members {
		members = append(members, genleader.Member{Name: member.Name, Incarnation: member.Incarnation})
	}
	h.Logger.Warn("leases are withheld from members that do not say that they have stopped", slog.Any("members", members))
	if h.Withhold != nil {
		h.Withhold(e.term, members)
	}
}

// write runs in a goroutine of its own; its only result is the written event.
func (h *leaderShell) write(w write) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	dict, done, failed := h.Dict.InTerm(w.term), written{gen: w.gen}, false
	for _, r := range w.records {
		var err error
		if r.value == "" {
			_, err = dict.Erase(ctx, r.key)
		} else {
			_, err = dict.CompareAndStore(ctx, r.key, r.revision, []byte(r.value))
		}
		var limit *gdict.LimitError
		tooLarge := errors.As(err, &limit)
		if tooLarge {
			done.refused = append(done.refused, r)
		}
		switch {
		case err == nil:
		case done.err == nil:
			done.err = fmt.Errorf("storing %s: %w", r.key, err)
		default:
			done.err = fmt.Errorf("%w; storing %s: %w", done.err, r.key, err)
		}
		if err != nil && !tooLarge {
			failed = true
			break
		}
	}
	done.onlyRefused = done.err != nil && !failed
	done.now = time.Now()
	h.system.Root.Send(h.self, done)
}

func (h *leaderShell) terminate(error) {
	h.watch.Close()
	for _, answer := range h.waiting {
		answer(ErrEnded)
	}
}
