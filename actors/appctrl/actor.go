package appctrl

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/gendac/gendac/actors/app"
	"github.com/gendac/gendac/behaviours/lease"
	"github.com/gendac/gendac/behaviours/process"
)

// A Config describes one instance and its rules. Instance, App and Lease must be set.
type Config struct {
	Instance     string         // group/application, unique on the member
	Member       string         // the name of this member
	App          func() app.App // makes a fresh value of the application; may panic, which is a failed start
	Lease        *lease.Lease   // the member's lease
	StartTimeout time.Duration  // bounds App.Start; default 10 s
	StopTimeout  time.Duration  // bounds App.Stop; default 5 s
	MaxRestarts  int            // restarts in place, as Limits has it; zero means none
	Within       time.Duration  // of running; default 10 s
	Report       func(Report)   // called in the controller's turn, in order; must not block; nil ignores
	Logger       *slog.Logger   // nil discards
}

// setDefaults fills in what was left zero. A Config without its three needed fields is a bug of the caller.
func (c *Config) setDefaults() {
	if c.Instance == "" || c.App == nil || c.Lease == nil {
		panic("appctrl: Config needs Instance, App and Lease")
	}
	if c.StartTimeout <= 0 {
		c.StartTimeout = 10 * time.Second
	}
	if c.StopTimeout <= 0 {
		c.StopTimeout = 5 * time.Second
	}
	if c.Within <= 0 {
		c.Within = 10 * time.Second
	}
	if c.Report == nil {
		c.Report = func(Report) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = c.Logger.With(slog.String("instance", c.Instance), slog.String("member", c.Member))
}

// Props describes the controller actor of one instance. It takes Goal, Lapsed and Shutdown, by value. A stop from outside
// is an orderly Shutdown too, a second one ends it at once: the Context is left and the instance gets its Stop on its own
// time. The controller starts Idle and reports nothing until it was given a goal. Props panics if cfg lacks Instance, App
// or Lease.
func Props(cfg Config) *actor.Props {
	cfg.setDefaults()
	limits := Limits{
		StartTimeout: cfg.StartTimeout, StopTimeout: cfg.StopTimeout,
		MaxRestarts: cfg.MaxRestarts, Within: cfg.Within,
	}
	return process.Props(func(actor.Context) process.Machine[state, input, effect] {
		h := &shell{cfg: cfg, leave: func() {}, disarm: func() {}, gens: map[string]uint64{}}
		return process.Machine[state, input, effect]{
			State: newState(cfg.Instance, limits), Step: step,
			Lift: h.lift, Perform: h.perform, Stop: h.stop, Terminate: h.terminate,
		}
	})
}

// shell acts for one controller. It decides nothing.
type shell struct {
	cfg    Config
	told   Report
	system *actor.ActorSystem
	inst   *actor.PID        // the current value's actor
	gens   map[string]uint64 // by actor id: the generation it was spawned as
	leave  func()            // leaves the current Context; may be called again
	disarm func()
	asked  bool // a stop from outside has become a Shutdown
}

func (h *shell) lift(ctx actor.Context) (input, bool) {
	switch msg := ctx.Message().(type) {
	case *actor.Started:
		h.system = ctx.ActorSystem()
		return input{}, false
	case *actor.Terminated:
		gen := h.gens[msg.Who.GetId()]
		delete(h.gens, msg.Who.GetId())
		return h.input(exited{Gen: gen, Reason: "its actor ended"}), true
	case event:
		return h.input(msg), true
	}
	return input{}, false
}

// input adds the facts of the moment to an event.
func (h *shell) input(ev event) input {
	in := input{At: time.Now(), Event: ev}
	h.cfg.Lease.NoticeSuspend() // no order is carried out under a lease from before a suspend
	if term, _ := h.cfg.Lease.Current(); h.cfg.Lease.Holds(term) {
		in.Held = term
	}
	return in
}

func (h *shell) stop(actor.Context) (input, bool) {
	again := h.asked
	h.asked = true
	return h.input(Shutdown{}), !again
}

func (h *shell) terminate(error) {
	h.leave()
	if h.inst != nil {
		h.system.Root.Stop(h.inst)
	}
}

func (h *shell) perform(ctx actor.Context, effect effect) {
	switch fx := effect.(type) {
	case spawnInstance:
		h.spawn(ctx, fx.Gen)
	case enterRole:
		h.leave()
		entry, leave := app.Enter(h.entry(ctx, fx))
		h.leave = leave
		ctx.Send(h.inst, &enter{gen: fx.Gen, ctx: entry, start: fx.Start})
	case revoke:
		h.leave()
	case leaveRole:
		h.leave()
		ctx.Send(h.inst, &leave{gen: fx.Gen})
	case killInstance:
		h.leave()
		ctx.Stop(h.inst)
		h.inst = nil
	case arm:
		h.disarm()
		h.disarm = process.After(ctx, fx.After, expired{Gen: fx.Gen, What: fx.What})
	case disarm:
		h.disarm()
	case tellReport:
		h.tell(fx.Report)
	case endController:
		process.Exit(ctx, process.ErrNormal)
	}
}

// spawn starts the instance's actor beside the controller, not below it: a parent cannot end before its children, and a
// callback that never returns must not keep the controller from ending.
func (h *shell) spawn(ctx actor.Context, gen uint64) {
	i := &instance{newApp: h.cfg.App, control: ctx.Self(), log: h.cfg.Logger}
	props := actor.PropsFromProducer(func() actor.Actor { return i })
	h.inst = h.system.Root.SpawnPrefix(props, ctx.Self().GetId()+"/")
	h.gens[h.inst.GetId()] = gen
	ctx.Watch(h.inst)
}

func (h *shell) entry(ctx actor.Context, fx enterRole) app.Entry {
	self, root := ctx.Self(), h.system.Root
	return app.Entry{
		Instance: h.cfg.Instance, Member: h.cfg.Member,
		Role: fx.Start.Role, Epoch: fx.Start.Epoch,
		Lease: h.cfg.Lease, Term: fx.Term, StopTimeout: h.cfg.StopTimeout,
		Logger: h.cfg.Logger, Self: h.inst, System: h.system,
		Fail: func(err error) { root.Send(self, broke{Gen: fx.Gen, Reason: text(err)}) },
	}
}

func (h *shell) tell(r Report) {
	level := slog.LevelInfo
	if r.Err != "" {
		level = slog.LevelWarn
	}
	h.cfg.Logger.Log(context.Background(), level, "instance changed", slog.String("from", h.told.Phase.String()), slog.String("to", r.Phase.String()), slog.String("role", r.Role.String()), slog.Uint64("epoch", r.Epoch), slog.String("err", r.Err))
	h.told = r
	h.cfg.Report(r)
}

func text(err error) string {
	if err == nil {
		return "no reason given"
	}
	return err.Error()
}
