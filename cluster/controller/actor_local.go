package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/gendac/gendac/cluster/model"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/actors/appctrl"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process"
	"github.com/gendac/gendac/cluster/spec"
	"github.com/gendac/gendac/gdict"
)

// publishTimeout bounds one publication of a report; it is tried again until it succeeds or is out of date.
const publishTimeout = time.Second

// A Local configures the controller that carries out orders on its member. Watch must be a watch of the dictionary that
// began before the group did, so that every order comes with the lease term under which it was learned.
type Local struct {
	Spec    *spec.Spec
	Self    model.Member
	Dict    *gdict.Dict
	Watch   *gdict.Watch
	Lease   *lease.Lease
	Apps    app.Registry
	Started func(self *actor.PID) // called first
	Ended   func(reason error)    // called last; must not block
	Here    *Here                 // shows what runs here; nil: nobody looks
	Logger  *slog.Logger
}

// ErrNotStopped is why a local controller ended whose patience was over while instances were still starting or stopping.
// What they do is not over before their lease is.
var ErrNotStopped = errors.New("controller: instances have not stopped in time")

// LeaseEnded tells the local controller that a lease term is over.
type LeaseEnded struct{ Term lease.Term }

// Renumbered tells the local controller that its member is heard under another incarnation. It comes before any order that
// names the member.
type Renumbered struct{ Self model.Member }

// Stop makes the local controller leave in order. It says that this member is about to leave, carries out orders until what
// is active here has been handed over, stops all instances, tells so, and ends. Patience bounds the handing over, and then
// the stopping.
type Stop struct{ Patience time.Duration }

// Props spawns the member's own controller. It takes LeaseEnded and Stop. After Stop it ends with process.ErrNormal, which
// promises that no instance runs any more, heard or not, or with ErrNotStopped, which names those that may.
func (cfg Local) Props() *actor.Props {
	return process.Props(func(ctx actor.Context) process.Machine[*local, localEvent, localEffect] {
		h := &localShell{Local: cfg, self: ctx.Self(), system: ctx.ActorSystem(), pids: map[model.Instance]*actor.PID{}, names: map[string]model.Instance{}, reasons: map[string]error{}}
		go h.follow()
		cfg.Started(ctx.Self())
		return process.Machine[*local, localEvent, localEffect]{
			State: newLocal(cfg.Spec, cfg.Self), Step: h.step, Lift: h.lift, Perform: h.perform,
			Failed: h.failed, Terminate: h.terminate,
		}
	})
}

// gone says that an instance's controller has ended.
type gone struct{ id string }

type localShell struct {
	Local
	self    *actor.PID
	system  *actor.ActorSystem
	pids    map[model.Instance]*actor.PID
	names   map[string]model.Instance // by actor id
	reasons map[string]error          // why a controller failed, by actor id
}

func (h *localShell) follow() {
	for ev := range h.Watch.Events() {
		if ev.Synced || !strings.HasPrefix(ev.Key, orderKeys) {
			continue
		}
		order := model.Order{Group: strings.TrimPrefix(ev.Key, orderKeys)}
		if !ev.Erased {
			if err := json.Unmarshal(ev.Value, &order); err != nil {
				h.Logger.Error("an order that is not readable is ignored", slog.String("key", ev.Key), slog.Any("err", err))
				continue
			}
		}
		h.system.Root.Send(h.self, ordered{order: order, term: ev.Term})
	}
}

// step shows what the core has come to say of the instances before anybody else hears of it.
func (h *localShell) step(l *local, ev localEvent) (*local, []localEffect) {
	l, effects := stepLocal(l, ev)
	switch ev.(type) {
	case ordered, reported, ended:
		if h.Here != nil {
			h.Here.show(l)
		}
	}
	return l, effects
}

func (h *localShell) lift(ctx actor.Context) (localEvent, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		return began{}, true
	case localEvent:
		return msg, true
	case Renumbered:
		return renumbered{msg.Self}, true
	case LeaseEnded:
		return lapsed{msg.Term}, true
	case Stop:
		return stop{patience: msg.Patience}, true
	case *actor.Terminated:
		h.system.Root.Send(h.self, gone{id: msg.Who.Id}) // it has overtaken the last reports, which are in the mailbox
		return nil, false
	case gone:
		instance, known := h.names[msg.id]
		if !known {
			return nil, false
		}
		err := h.reasons[msg.id]
		delete(h.names, msg.id)
		delete(h.reasons, msg.id)
		delete(h.pids, instance)
		return ended{instance: instance, err: err}, true
	default:
		return nil, false
	}
}

func (h *localShell) terminate(reason error) {
	h.Watch.Close()
	h.Ended(reason)
}

func (h *localShell) failed(_ actor.Context, child *actor.PID, reason error) (localEvent, bool) {
	h.reasons[child.Id] = reason
	return nil, false // Terminated follows
}

func (h *localShell) perform(ctx actor.Context, e localEffect) {
	switch e := e.(type) {
	case spawn:
		h.spawn(ctx, e)
	case tell:
		h.Logger.Info("ordered", slog.String("instance", e.instance.String()), slog.String("goal", e.goal.String()))
		ctx.Send(h.pids[e.instance], e.goal)
	case tellLapsed:
		ctx.Send(h.pids[e.instance], appctrl.Lapsed{Term: e.term})
	case shutDown:
		ctx.Send(h.pids[e.instance], appctrl.Shutdown{})
	case publish:
		go h.publish(e)
	case hurry:
		process.After(ctx, e.patience, giveUp{during: e.during})
	case pauseFor:
		process.After(ctx, e.pause, pauseOver{key: e.key})
	case complain:
		h.Logger.Error("a report was refused", slog.String("reason", e.what))
	case quiet:
		if len(e.left) > 0 {
			process.Exit(ctx, fmt.Errorf("%w: %s", ErrNotStopped, names(e.left)))
			return
		}
		process.Exit(ctx, process.ErrNormal)
	}
}

func (h *localShell) spawn(ctx actor.Context, e spawn) {
	rules := h.Spec.Applications[e.instance.App]
	pid := ctx.SpawnPrefix(appctrl.Props(appctrl.Config{
		Instance: e.instance.String(), Member: h.Self.Name, App: h.Apps[e.instance.App], Lease: h.Lease,
		StartTimeout: time.Duration(rules.StartTimeout), StopTimeout: time.Duration(rules.StopTimeout),
		MaxRestarts: rules.MaxRestarts(), Within: time.Duration(rules.Within),
		Report: func(r appctrl.Report) { h.system.Root.Send(h.self, reported{reportOf(e.instance, r), time.Now()}) },
		Logger: h.Logger,
	}), e.instance.String())
	h.pids[e.instance], h.names[pid.Id] = pid, e.instance
}

// publish runs in a goroutine of its own; its only result is the published event.
func (h *localShell) publish(p publish) {
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	var err error
	if p.value == "" {
		_, err = h.Dict.Erase(ctx, p.key)
	} else {
		_, err = h.Dict.Store(ctx, p.key, []byte(p.value))
	}
	if err != nil {
		err = fmt.Errorf("publishing %s: %w", p.key, err)
	}
	h.system.Root.Send(h.self, published{key: p.key, value: p.value, err: err})
}
